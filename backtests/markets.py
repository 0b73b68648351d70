"""Markets by the name or path that a run file gives."""

from __future__ import annotations

from datafeeds.market import Market, MarketError
from datafeeds.names import unknown_name

BUILT_IN = ("sample",)


def open_market(market: str) -> Market:
    """The market called `market`.

    Raises
    ------
    MarketError
        If there is none, or its data can't be used.
    """
    if market == "sample":
        from datafeeds.sample import sample_market

        return sample_market()
    raise MarketError(unknown_name("market", market, BUILT_IN))
