"""Returns by calendar month and year."""

from __future__ import annotations

import calendar

import numpy as np
import pandas as pd

from backtests.analysis.attribution import gross_returns
from backtests.analysis.through_time import period_returns, three_year_deviation
from backtests.document.blocks import Block, Cell, Column, Details, Row, Section, Table
from backtests.result import Result
from backtests.tearsheet.sections.verdict import columns

MONTHS = tuple(calendar.month_abbr[1:])
STEPS = (0.005, 0.015, 0.03, 0.05, 0.08)
"""Sizes of a month's return from which on its cell is shaded one step darker."""

YEAR_SCALE = 3.0
"""A year's return is shaded like a month's of a third of its size."""


def section(result: Result) -> Section:
    """Make the monthly heat map and the calendar-year table."""
    ours = result.book.ledger.equity
    months = period_returns(ours, result.sessions, "M")
    years = period_returns(ours, result.sessions, "Y")
    label = result.book.label
    blocks: list[Block] = [_heat_map(f"Monthly returns of {label}, %", months, years)]
    if result.primary is not None:
        theirs = result.primary.ledger.equity
        blocks.append(
            Details(
                f"Monthly returns against {result.primary.label}",
                (
                    _heat_map(
                        f"Monthly return of {label} less that of {result.primary.label}, points",
                        months - period_returns(theirs, result.sessions, "M"),
                        years - period_returns(theirs, result.sessions, "Y"),
                    ),
                ),
            )
        )
    blocks += [_years(result), _gross_and_net(result)]
    return Section("calendar", "Calendar returns", tuple(blocks))


def shade(value: float, scale: float = 1.0) -> int:
    """Step from -5 to 5 for the size of a return."""
    if not np.isfinite(value):
        return 0
    return int(np.sign(value)) * int(np.searchsorted(STEPS, abs(value) / scale, side="right"))


def _heat_map(caption: str, months: pd.Series[float], years: pd.Series[float]) -> Table:
    by_year: dict[int, dict[int, float]] = {}
    for date, value in months.items():
        day = pd.Timestamp(str(date))
        by_year.setdefault(day.year, {})[day.month] = float(value)
    year_of = {pd.Timestamp(str(date)).year: float(value) for date, value in years.items()}
    rows = [
        Row(
            (
                Cell(str(year)),
                *(_cell(found.get(month)) for month in range(1, 13)),
                _cell(year_of[year], YEAR_SCALE),
            )
        )
        for year, found in by_year.items()
    ]
    head = (Column("Year", "left"), *(Column(month) for month in MONTHS), Column("Year", strong=True))
    return Table(caption, head, tuple(rows), "The first and the last period may be part of one.", dense=True)


def _cell(value: float | None, scale: float = 1.0) -> Cell:
    if value is None:
        return Cell("")
    return Cell(value * 100, "bps", shade(value, scale))


def _years(result: Result) -> Table:
    returns = [period_returns(book.ledger.equity, result.sessions, "Y") for book in result.books]
    rows = []
    for position, date in enumerate(returns[0].index):
        values = [float(each.iloc[position]) for each in returns]
        rows.append(
            Row(
                (
                    Cell(str(pd.Timestamp(date).year)),
                    *(Cell(each, "percent", shade(each, YEAR_SCALE)) for each in values),
                )
            )
        )
    return Table(
        "Calendar-year returns after costs",
        (Column("Year", "left"), *columns(result)),
        tuple(rows),
        "The first and the last year may be part of one.",
    )


def _gross_and_net(result: Result) -> Table:
    """Gross and net returns by calendar year, with three-year standard deviations."""
    ledger = result.book.ledger
    grown = np.cumprod(np.append(1.0, 1.0 + gross_returns(ledger).to_numpy()))
    gross = period_returns(grown, result.sessions, "Y")
    net = period_returns(ledger.equity, result.sessions, "Y")
    deviations = [three_year_deviation(book.ledger.equity, result.sessions) for book in result.books]
    rows = tuple(
        Row(
            (
                Cell(str(pd.Timestamp(date).year)),
                Cell(float(gross.iloc[place]), "percent2"),
                Cell(float(net.iloc[place]), "percent2"),
                *(Cell(float(each.iloc[place]), "percent") for each in deviations),
            )
        )
        for place, date in enumerate(net.index)
    )
    return Table(
        f"Gross and net return of {result.labels[0]}, and three-year standard deviations of all",
        (
            Column("Year", "left"),
            Column("Gross", term="gross_return"),
            Column("Net", term="net_return"),
            *(Column(f"{label}, 3 years") for label in result.labels),
        ),
        rows,
        "Time-weighted. Hypothetical. Standard deviations of 36 monthly returns, a year; a dash while there "
        "are fewer.",
    )
