"""How long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, all threads together."""
    began = time.process_time()
    work()
    return time.process_time() - began
