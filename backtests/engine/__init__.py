"""Engines turn decisions into books by the same `rules`: `backtrader` and a compiled `kernel`."""
