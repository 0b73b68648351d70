"""From a backtest to a desk: today's orders, and what became of them."""
