"""Print what share of each module's lines the tests ran, and fail if one is below the floor.

`make coverage` collects the data first.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

FLOOR = 85.0
"""Percent of lines, for each module."""


def main() -> int:
    """Print the table; 1 if a module is below the floor."""
    subprocess.run([sys.executable, "-m", "coverage", "report", "--skip-covered"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", str(record)], check=True)
        files = json.loads(record.read_text())["files"]
    low = {
        name: found["summary"]["percent_covered"]
        for name, found in files.items()
        if found["summary"]["percent_covered"] < FLOOR
    }
    for name, percent in sorted(low.items()):
        print(f"{name}: {percent:.0f}% of its lines are run by a test, fewer than {FLOOR:.0f}%")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
