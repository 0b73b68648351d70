"""A run made again on its market folder as it stood on some day: the books up to then must be the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from backtests.result import Book
from backtests.runner import run
from backtests.settings.run_file import load
from datafeeds.folder.layout import load_folder
from datafeeds.folder.rewind import cut_folder, named_like


def rewound_books(name: str, folder: Path, days: Iterable[np.datetime64]) -> Iterator[tuple[str, bool]]:
    """Run on a folder, whole and cut at each of some days, and compare what happened up to the day.

    Parameters
    ----------
    name : str
        A run file, or the name of one that comes with the program.
    folder : Path
    days : iterable of datetime64

    Yields
    ------
    line : str
        What came of one book on one day.
    same : bool
    """
    config = load(name).model_copy(update={"market": str(folder)})
    market = load_folder(folder, part=True)
    whole = run(config, market=market)
    with TemporaryDirectory() as place:
        for day in days:
            cut = cut_folder(folder, day, Path(place) / str(day) / folder.resolve().name)
            part = run(config, market=named_like(load_folder(cut, part=True), market))
            for ours, theirs in zip(whole.books, part.books, strict=True):
                differing = first_difference(ours, theirs)
                yield f"{day}, {ours.label}: {differing or 'the same to the last bit'}", not differing


def first_difference(whole: Book, cut: Book) -> str:
    """The first decision, fill or balance that is not that of the book which ends earlier, or nothing."""
    ledger, other = whole.ledger, cut.ledger
    last = other.sessions[-1]
    decisions = [decision for decision in ledger.decisions if decision.session <= last]
    if len(decisions) != len(other.decisions):
        return f"{len(decisions)} decisions, and {len(other.decisions)} without what came later"
    for ours, theirs in zip(decisions, other.decisions, strict=True):
        if ours != theirs:
            weights, others = ours.target.weights, theirs.target.weights
            symbol = next((one for one in {**weights, **others} if weights.get(one) != others.get(one)), "")
            both = f"{symbol} {weights.get(symbol, 0.0):.12g} and {others.get(symbol, 0.0):.12g}"
            return f"the decision of {ours.session} differs: {both if symbol else 'its reasons'}"
    fills = ledger.fills[ledger.fills["session"] <= pd.Timestamp(last)].reset_index(drop=True)
    if not fills.equals(other.fills.reset_index(drop=True)):
        return "the fills differ"
    for figure in ("equity", "cash", "dividends", "interest"):
        mine, its = getattr(ledger, figure)[: len(other.sessions)], getattr(other, figure)
        if not np.array_equal(mine, its, equal_nan=True):
            return f"{figure} differs from {other.sessions[np.argmax(mine != its)]} on"
    fees, others_fees = ledger.borrow, other.borrow
    if fees is None or others_fees is None:
        return ""
    if not np.array_equal(fees[: len(other.sessions)], others_fees):
        return "the fees for borrowed stock differ"
    return ""
