"""How long the tearsheet takes, HTML and PDF, against quantstats' HTML of one benchmark.

The run is the longest that the embedded market has (1990 to 2022), with five benchmarks. Both are measured
in this process on the same returns, in turns, imports and a first call left out. Counted is processor time,
which a busy machine disturbs less than it does the clock; the middle round counts.

    python -m benchmarks.tearsheet
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from backtests.result import Result
from backtests.runner import run
from backtests.settings.run_file import RunConfig
from backtests.tearsheet.assembly import build
from backtests.tearsheet.pages import write_pages
from benchmarks.timing import seconds

ROUNDS = 5
CONFIG = RunConfig.model_validate(
    {
        "name": "bench",
        "engine": "ledger",
        "capital": 10_000_000,
        "strategy": {"name": "EqualWeighted"},
        "benchmarks": [
            {"name": "BuyAndHold", "label": "S&P 500", "symbols": ["SP500"]},
            {"name": "PriceWeighted", "label": "Price-weighted"},
            {"name": "BuyAndHold", "label": "Apple", "symbols": ["AAPL"]},
            {"name": "BuyAndHold", "label": "JPMorgan", "symbols": ["JPM"]},
            {"name": "BuyAndHold", "label": "Microsoft", "symbols": ["MSFT"]},
        ],
        "costs": {"commission_bps": 1.0, "half_spread_bps": 2.0},
    }
)


def uncounted(result: Result) -> Result:
    """The same run with no statistic computed yet."""
    books = [replace(book, ledger=replace(book.ledger)) for book in result.books]
    return replace(result, book=books[0], benchmarks=tuple(books[1:]))


def ours(result: Result, folder: Path) -> None:
    """Every statistic, the HTML and the PDF; nothing is left from the turn before."""
    write_pages(build(uncounted(result)), folder)


def theirs(result: Result, folder: Path) -> None:
    """The HTML of quantstats, one benchmark."""
    import quantstats

    quantstats.reports.html(
        result.book.ledger.returns,
        benchmark=result.benchmarks[0].ledger.returns.rename("S&P 500"),
        output=str(folder / "quantstats.html"),
    )


def measured() -> tuple[float, float]:
    """Median seconds of our HTML and PDF with five benchmarks, and of quantstats' HTML with one."""
    result = run(CONFIG)
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    taken: dict[Callable[[Result, Path], None], list[float]] = {ours: [], theirs: []}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        for turn in range(ROUNDS + 1):
            for work, times in taken.items():
                spent = seconds(partial(work, result, Path(folder)))
                # The first turn pays for imports and caches.
                times += [spent] if turn else []
    mine, other = (statistics.median(times) for times in taken.values())
    return mine, other


if __name__ == "__main__":
    mine, other = measured()
    print(f"tearsheet, HTML and PDF, five benchmarks: {mine:.2f} s")
    print(f"quantstats, HTML, one benchmark: {other:.2f} s")
    print(f"ratio {mine / other:.2f}")
