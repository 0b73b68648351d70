"""Filed figures that a person corrected by hand: ``corrections.csv`` of a market folder.

Each row names one filed figure and says what it is taken to be, or that it is dropped. A person's word stands
above the checks: a corrected figure counts from its filing on, and is never withheld, mended or withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from datafeeds.checks.facts import BY_HAND, IMPOSSIBLE, number, own_faults
from datafeeds.folder.tables import Column, written_number
from datafeeds.market import Finding
from datafeeds.names import unknown_name

CORRECTION_TABLE = (
    Column("symbol"),
    Column("concept"),
    Column("filed", "date"),
    Column("value"),
    Column("reason"),
    Column("fiscal_year", "whole", needed=False, blank=True),
    Column("fiscal_period", needed=False, blank=True),
)
"""The last two are needed where one filing holds several figures of a concept."""

DROP = "drop"
"""What stands for a value where a figure is left out."""

TOLD = 5
"""Corrections that the sentence for page one quotes."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """Filed figures after what was corrected by hand.

    Attributes
    ----------
    facts : DataFrame
        As filed, with the corrected values, without what is dropped, and with a column `BY_HAND`.
    findings : tuple of Finding
        An error for each row that can't be followed, else a note for each correction.
    limits : tuple of str
        The sentence for page one; none without corrections.
    """

    facts: pd.DataFrame
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]


def corrected(facts: pd.DataFrame, corrections: pd.DataFrame, symbols: tuple[str, ...]) -> Corrected:
    """Follow corrections.

    Parameters
    ----------
    facts : DataFrame
        Columns as `market.FILED_COLUMNS`.
    corrections : DataFrame
        Columns as `CORRECTION_TABLE`, and ``place``: where in its file each row stands, in words.
    symbols : tuple of str
        Those with prices.
    """
    table = facts.reset_index(drop=True).assign(**{BY_HAND: False})
    notes: list[Finding] = []
    errors: list[Finding] = []
    told: list[str] = []
    dropped: list[int] = []
    taken: dict[int, str] = {}
    for row in corrections.to_dict(orient="records"):
        places, problem = _figure(facts, row, symbols)
        value = written_number(row["value"])
        drop = row["value"].casefold() == DROP
        first = next((taken[place] for place in places if place in taken), "")
        if not problem and first:
            problem = f"this figure is corrected on {first} already; keep one of them"
        if not problem and not drop and (value is None or not np.isfinite(value)):
            problem = f"the value is {row['value']!r}; write a number, or {DROP} to leave the figure out"
        day = f"{row['filed']:%Y-%m-%d}"
        where = {"symbol": row["symbol"], "date": day}
        if problem:
            errors.append(Finding("error", "correction", f"corrections {row['place']}: {problem}", **where))
            continue
        taken.update(dict.fromkeys(places, row["place"]))
        was = number(table["value"].iloc[places[-1]])
        if drop:
            dropped += places
        else:
            table.loc[places, "value"] = value
            table.loc[places, BY_HAND] = True
        now = "dropped" if drop else number(table["value"].iloc[places[-1]])
        notes.append(
            Finding(
                "note",
                "corrected by hand",
                f"{row['concept']} is {was} as filed; {'dropped' if drop else f'taken as {now}'}: "
                f"{row['reason']}",
                **where,
            )
        )
        told.append(
            f"{row['symbol']} {row['concept']} filed {row['filed']:%Y-%m-%d} ({now}: {row['reason']})"
        )
    errors += _impossible(table, taken)
    kept = table.drop(index=dropped).reset_index(drop=True)
    return Corrected(kept, tuple(errors or notes), () if errors or not told else (_sentence(told),))


def _figure(facts: pd.DataFrame, row: Mapping[Any, Any], symbols: tuple[str, ...]) -> tuple[list[int], str]:
    """Places of the one figure that a correction means, or what is wrong with it."""
    if row["symbol"] not in symbols:
        return [], unknown_name("symbol", row["symbol"], symbols)
    concepts = set(facts["concept"])
    if row["concept"] not in concepts:
        return [], unknown_name("concept", row["concept"], concepts, "the facts")
    own = facts[(facts["symbol"] == row["symbol"]) & (facts["concept"] == row["concept"])]
    meant = own[own["filed"] == row["filed"]]
    day = f"{row['filed']:%Y-%m-%d}"
    if meant.empty:
        nearest = own["filed"].iloc[(own["filed"] - row["filed"]).abs().argsort()[:3]].dt.strftime("%Y-%m-%d")
        others = f"the nearest were filed {', '.join(sorted(set(nearest)))}" if len(own) else "none was filed"
        return [], f"no {row['concept']} of {row['symbol']} was filed on {day}; {others}"
    for name in ("fiscal_year", "fiscal_period"):
        if pd.notna(row.get(name)) and row[name] != "":
            meant = meant[meant[name] == row[name]]
    labels = facts.loc[facts.index.isin(meant.index), ["fiscal_year", "fiscal_period"]].drop_duplicates()
    if len(labels) != 1:
        there = own[own["filed"] == row["filed"]]
        listed = ", ".join(
            f"{year} {period}"
            for year, period in zip(there["fiscal_year"], there["fiscal_period"], strict=True)
        )
        return [], (
            f"{row['concept']} of {row['symbol']} filed {day} is there for {listed}; say which one in "
            "columns fiscal_year and fiscal_period"
        )
    return meant.index.tolist(), ""


def _impossible(table: pd.DataFrame, taken: Mapping[int, str]) -> Iterator[Finding]:
    """Corrected figures that are impossible by themselves, whoever says so."""
    fixed = table[table[BY_HAND]]
    for place, check, why in own_faults(fixed):
        if check in IMPOSSIBLE:
            row = fixed.iloc[place]
            line = taken[int(fixed.index[place])]
            text = f"corrections {line}: {row['concept']} can't be {number(row['value'])}: {why}"
            yield Finding("error", "correction", text, row["symbol"], f"{row['filed']:%Y-%m-%d}")


def _sentence(told: list[str]) -> str:
    count = "1 figure was" if len(told) == 1 else f"{len(told):,} figures were"
    more = f" and {len(told) - TOLD:,} more" if len(told) > TOLD else ""
    return f"{count} corrected by hand: {', '.join(told[:TOLD])}{more}."
