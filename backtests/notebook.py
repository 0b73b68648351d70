"""Runs from Python: a run file's name, and what to change about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backtests import config as run_files
from backtests import runner
from backtests.result import Result
from datafeeds.market import Market
from strategies.base import Strategy


def run(
    file: str | Path = "blueprint",
    *,
    strategy: Strategy | str | None = None,
    market: Market | str | None = None,
    verify: bool = False,
    check: bool = False,
    **settings: Any,
) -> Result:
    """Run a run file, or a variation of it.

    Parameters
    ----------
    file : str or Path
        Name of a shipped run file, or path of one.
    strategy : Strategy or str, optional
        Instead of the file's: an instance, or a name with its default parameters.
    market : Market or str, optional
        Instead of the file's: a market, ``"sample"``, or the path of a market folder.
    verify, check : bool
        See `backtests.runner.run`.
    **settings
        Further keys of the run file: ``start="2015-01-02"``, ``lag=1``, ``costs={"commission_bps": 5}``,
        ``benchmarks=()``.

    Returns
    -------
    Result
        Nothing is written; `backtests.results.write` does that.

    Examples
    --------
    >>> result = run("blueprint", start="2015-01-02", lag=1)  # doctest: +SKIP
    >>> result.stats()  # doctest: +SKIP
    """
    document: dict[str, Any] = run_files.load(file).model_dump(mode="python", exclude_none=True)
    if isinstance(strategy, Strategy):
        document["strategy"] = {"name": type(strategy).__name__, **strategy.values()}
    elif strategy is not None:
        document["strategy"] = {"name": strategy}
    opened = market if isinstance(market, Market) else None
    if market is not None:
        document["market"] = opened.name if opened is not None else market
    config = run_files.parse({**document, **settings}, str(file))
    return runner.run(config, market=opened, verify=verify, check=check)
