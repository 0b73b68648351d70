"""Messages for names that do not exist, with the nearest one that does."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown_name(kind: str, name: str, known: Iterable[str], place: str = "") -> str:
    """Sentence that says `name` is not a `kind`, and what was probably meant.

    Parameters
    ----------
    kind : str
        What the name should be: ``"fact"``, ``"strategy"``, ``"parameter"``.
    name : str
        The name that was asked for.
    known : iterable of str
        The names that exist.
    place : str
        Where they exist, such as ``"market 'sample'"``.

    Returns
    -------
    str
        For example ``no fact 'price_to_sale'; did you mean 'price_to_sales'?``

    Examples
    --------
    >>> unknown_name("fact", "price_to_sale", ["price_to_sales", "revenue"])
    "no fact 'price_to_sale'; did you mean 'price_to_sales'?"
    """
    choices = sorted(known)
    folded = {choice.casefold(): choice for choice in choices}
    where = f" in {place}" if place else ""
    close = get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"no {kind} {name!r}{where}; did you mean {folded[close[0]]!r}?"
    listed = ", ".join(choices[:12]) + (", ..." if len(choices) > 12 else "")
    return f"no {kind} {name!r}{where}; known: {listed or 'none'}"


def printable(text: str) -> str:
    r"""`text` with control characters, which a terminal would obey, written as escapes; line ends stay.

    Examples
    --------
    >>> printable("\x1b[31mvix")
    '\\x1b[31mvix'
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text
    )


ACRONYMS = {"ai": "AI", "us": "US", "it": "IT"}

SERIES = {
    "us10y": "10-year US yield",
    "us2y": "2-year US yield",
    "us3m": "3-month US yield",
    "brent": "Brent oil",
    "wti": "WTI oil",
    "vix": "VIX",
    "skew": "SKEW",
}
"""Names for people of the series that markets usually have."""


def named(identifier: str) -> str:
    """An identifier, such as a group's or a series', as a name for people.

    Examples
    --------
    >>> named("ai_hardware"), named("small_cap"), named("Energy"), named("cash"), named("us10y")
    ('AI hardware', 'Small cap', 'Energy', 'Cash', '10-year US yield')
    """
    if identifier in SERIES:
        return SERIES[identifier]
    words = [ACRONYMS.get(word, word) for word in identifier.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
