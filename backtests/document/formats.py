"""How a value becomes text: one place for every rendering."""

from __future__ import annotations

import math
import re
from typing import Literal

import numpy as np

Value = float | int | str | np.datetime64 | None
Format = Literal[
    "text",
    "date",
    "percent",
    "percent2",
    "signed",
    "number",
    "ratio",
    "bps",
    "integer",
    "money",
    "multiple",
    "points",
]

MISSING = "–"
MINUS = "\N{MINUS SIGN}"


def formatted(value: Value, form: Format = "text") -> str:
    """`value` as readers see it.

    Parameters
    ----------
    value : float, int, str, datetime64 or None
        None and values that are not finite show as a dash.
    form : str
        ``percent`` one decimal, ``percent2`` two, ``signed`` one with its sign, ``number`` two decimals,
        ``ratio`` three,
        ``points`` two with their sign, ``bps`` one decimal, ``integer`` and ``money`` whole with thousands
        separated,
        ``multiple`` such as 12×, ``date`` ISO, ``text`` as it is.

    Returns
    -------
    str
    """
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, np.datetime64):
        return MISSING if np.isnat(value) else str(value.astype("datetime64[D]"))
    if not math.isfinite(value):
        return MISSING
    return _number(float(value), form).replace("-", MINUS)


def typeset(sentence: str) -> str:
    """A sentence with true minus signs before its negative numbers; dates keep their hyphens."""
    return re.sub(r"(?<![\w-])-(?=[\d.])", MINUS, sentence)


def _number(value: float, form: Format) -> str:
    match form:
        case "percent":
            text = f"{value:.1%}"
        case "percent2":
            text = f"{value:.2%}"
        case "signed":
            text = f"{value:+.1%}"
        case "number":
            text = f"{value:,.2f}"
        case "points":
            text = f"{value:+.2f}"
        case "ratio":
            text = f"{value:,.3f}"
        case "bps":
            text = f"{value:,.1f}"
        case "integer" | "money":
            text = f"{value:,.0f}"
        case "multiple":
            text = f"{value:,.2f}×" if abs(value) < 100 else f"{value:,.0f}×"
        case _:
            text = f"{value:g}"
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")
