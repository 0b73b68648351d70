"""Atheris on one reader: ``python -m tests.led_by_coverage READER CORPUS``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["backtests", "datafeeds"]):
    from tests.readers import READERS, read


def main() -> None:
    """Look for bytes at which the reader fails; ends with status 0 if none were found in time."""
    name = sys.argv.pop(1)
    assert name in READERS
    with tempfile.TemporaryDirectory() as place:
        atheris.Setup(sys.argv, lambda content: read(name, content, Path(place)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
