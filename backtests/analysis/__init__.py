"""Judging the outcome of a run: performance, trading, exposure."""
