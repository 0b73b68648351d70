"""Markets by the name or path that a run file gives."""

from __future__ import annotations

from pathlib import Path

from datafeeds.market import Market, MarketError
from datafeeds.names import unknown_name
from datafeeds.sources.switch import finish

BUILT_IN = ("sample",)

DOWNLOADS = Path("data")
"""Where `backtest data fetch` puts the market folder of a universe, under the universe's name."""


def open_market(market: str, *, cached: bool = True, part: bool = False) -> Market:
    """The market called `market`.

    Parameters
    ----------
    market : str
        ``"sample"``, or the path of a market folder, relative to the working directory if not absolute. A
        folder of the name of a built-in market is opened as ``"./sample"``.
    cached : bool
        Whether a folder that was read before may come from the cache.
    part : bool
        Whether only the sessions of a run are used; `account_of` stops at days that are wrong among them.

    Raises
    ------
    MarketError
        If there is none, or its data can't be used.
    """
    if market == "sample":
        # A thirtieth of a second to import; folders do without.
        from datafeeds.sources.sample import sample_market

        return sample_market()
    try:
        path = Path(market).expanduser()
    except RuntimeError:
        raise MarketError(f"market {market!r}: there is no such user") from None
    finish(path)
    if path.parent == DOWNLOADS and not path.exists():
        # A seventieth of a second to import, which markets that are there do without.
        from datafeeds.universe import names

        if path.name in names():
            raise MarketError(
                f"market folder {market!r} is not there yet: `make data` (or `backtest data fetch --universe "
                f"{path.name}`) downloads it where there is a network, or --market PATH says where one lies"
            )
    if path.exists() or path.is_absolute() or len(path.parts) > 1:
        # A tenth of a second to import; the embedded market does without.
        from datafeeds.folder.cache import open_folder
        from datafeeds.folder.layout import load_folder

        return open_folder(path, part=part) if cached else load_folder(path, part=part)
    raise MarketError(
        unknown_name("market", market, BUILT_IN) + f"; nor is there a folder {market!r} in {Path.cwd()}"
    )
