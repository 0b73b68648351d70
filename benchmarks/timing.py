"""How long something takes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, all threads together."""
    began = time.process_time()
    work()
    return time.process_time() - began


def figures(command: Sequence[str]) -> tuple[float, float, float]:
    """Peak resident size in MB, seconds and final equity, which a command prints last."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    memory, taken, final = map(float, done.stdout.strip().splitlines()[-1].split())
    return memory, taken, final
