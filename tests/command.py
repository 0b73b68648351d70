"""The `backtest` command as a user calls it, in this process."""

from __future__ import annotations

import sys

import pytest

from backtests import cli


def backtest(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit status of ``backtest ARGUMENTS``."""
    monkeypatch.setattr(sys, "argv", ["backtest", *arguments])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0
