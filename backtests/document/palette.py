"""Colours of charts: told apart by readers who confuse red and green, and by lightness on paper.

After Okabe and Ito (2008). Charts are drawn in the light colours; HTML swaps each for a variable, so that the
dark theme can replace it.
"""

from __future__ import annotations

SERIES_LIGHT = ("#0b5fa5", "#d1590a", "#00805f", "#a8457f", "#b07d00", "#2f93c4", "#6b5bb5", "#7a5230")
SERIES_DARK = ("#6db3f2", "#ff9a57", "#3fc79a", "#e58cc0", "#e6b93f", "#8fd3f5", "#b3a6f2", "#cfa37c")
PAGE_LIGHT, PAGE_DARK = "#ffffff", "#14181d"
CASH_LIGHT, CASH_DARK = "#c3c9d0", "#4a525c"
INK_LIGHT, INK_DARK = "#3d4650", "#c9d1d9"
GRID_LIGHT, GRID_DARK = "#dfe3e8", "#2c333b"


CASH = -1
"""Position of the quiet colour: cash, and what is shaded."""


def series_color(slot: int) -> str:
    """Light colour of a palette position; -1 is cash."""
    return CASH_LIGHT if slot < 0 else SERIES_LIGHT[slot % len(SERIES_LIGHT)]


def variable_of(slot: int) -> str:
    """CSS variable of a palette position; -1 is cash."""
    return "--series-cash" if slot < 0 else f"--series-{slot % len(SERIES_LIGHT)}"


def variables() -> dict[str, tuple[str, str]]:
    """CSS variable of every chart colour with its light and its dark value."""
    series = {
        f"--series-{slot}": pair for slot, pair in enumerate(zip(SERIES_LIGHT, SERIES_DARK, strict=True))
    }
    return {
        **series,
        "--page": (PAGE_LIGHT, PAGE_DARK),
        "--series-cash": (CASH_LIGHT, CASH_DARK),
        "--ink": (INK_LIGHT, INK_DARK),
        "--grid": (GRID_LIGHT, GRID_DARK),
    }
