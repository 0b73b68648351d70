"""Charts drawn in a process of their own, while a run waits for something else.

What draws takes longer to import than to draw with. The process is started before anything else is imported,
so this module imports nothing of the house until there is a document.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from backtests.document.blocks import Document

ROOT = Path(__file__).parents[2]


class DrawingProcess:
    """A process that imports what draws, then draws the charts of one document.

    Use it as a context that is entered as early as can be; at its end no process is left. Where it fails
    nothing is known of a chart, which is drawn by who wants it.

    Attributes
    ----------
    begun : bool
        Whether it was given its document.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from backtests.document.drawing import main; main()"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with suppress(OSError):  # it did not read all that it was told
            self._process.__exit__(kind, error, trace)

    def begin(self, document: Document) -> None:
        """Let it draw the charts of `document`."""
        # Not before the process has started: see the module.
        from backtests.document.svg import content_hash, size_of

        charts = [(figure.chart, size_of(figure)) for figure in document.figures]
        named = [(content_hash(*chart), *chart) for chart in charts]
        assert self._process.stdin is not None
        self.begun = True
        with suppress(OSError):  # it ended
            pickle.dump(named, self._process.stdin)
            self._process.stdin.close()

    def finish(self) -> None:
        """Wait for what was begun: charts that show the same as one of them are not drawn again."""
        # As in `begin`.
        from backtests.document.svg import know

        if self.begun:
            assert self._process.stdout is not None
            with suppress(OSError, EOFError, pickle.UnpicklingError):  # it ended
                know(pickle.load(self._process.stdout))


def main() -> None:
    """What the process does."""
    # Its own imports, of which who starts it wants none.
    from backtests.document.svg import load_drawing, standalone_svg

    load_drawing()
    named = pickle.load(sys.stdin.buffer)
    pickle.dump({name: standalone_svg(*chart) for name, *chart in named}, sys.stdout.buffer)
