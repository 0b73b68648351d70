"""A strategy as backtrader users write it, unchanged: it holds feeds and sends orders."""

from __future__ import annotations

from typing import Any

import backtrader as bt


class GoldenCross(bt.Strategy):  # type: ignore[misc]
    """Hold each symbol while its 50-session average is above its 200-session average."""

    params = (("fast", 50), ("slow", 200), ("invested", 0.95))

    def __init__(self) -> None:
        self.above: dict[Any, Any] = {
            data: bt.ind.SMA(data, period=self.p.fast) > bt.ind.SMA(data, period=self.p.slow)
            for data in self.datas
        }

    def next(self) -> None:
        """Send orders for the symbols whose averages have crossed."""
        share = self.broker.getvalue() / len(self.datas)
        for data, above in self.above.items():
            if above[0] and not self.getposition(data).size:
                # More than the cash at the next open, and backtrader rejects the whole order.
                self.order_target_value(data, self.p.invested * min(share, self.broker.getcash()))
            elif not above[0] and self.getposition(data).size:
                self.close(data)
