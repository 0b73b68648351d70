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
