"""Strategies written for backtrader itself; those of this house are in `strategies/examples/`."""
