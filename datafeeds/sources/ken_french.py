"""Files of Kenneth French's data library: a preamble, a line of names, and returns in percent.

The first table of a file is read; those that follow (annual returns, equal weights, counts) are not.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd

from datafeeds.market import SERIES_COLUMNS, MarketError
from datafeeds.sources.imported import Imported, text_in

MISSING = (-99.99, -999.0)
"""What stands where a return is not known."""

LATER = pd.DateOffset(months=2)
"""Until a return is taken as published: the library is brought up to date after the end of a month."""


def read_ken_french(path: Path, out: Imported) -> None:
    """Read the first table of a file as series, in percent as they stand.

    Parameters
    ----------
    path : Path
    out : Imported
        Gets a series for each column: ``mkt_rf`` for ``Mkt-RF``; those of a month end on its last day and are
        called ``mkt_rf_monthly``.

    Raises
    ------
    MarketError
        If there is no table of daily or monthly returns.
    """
    lines = text_in(path).splitlines()
    start = next(
        (place for place, line in enumerate(lines) if re.match(r"\s*(Date)?\s*,.*[A-Za-z]", line)), None
    )
    if start is None:
        raise MarketError(f"{path}: no line of names that begins with a comma, as in ,Mkt-RF,SMB,HML,RF")
    names = [name.strip() for name in next(csv.reader([lines[start]]))[1:]]
    rows = []
    for line in lines[start + 1 :]:
        if not re.match(r"\s*(\d{6}|\d{8})\s*,", line):
            break
        rows.append([cell.strip() for cell in line.split(",")])
    if not rows or not all(len(row) == len(names) + 1 for row in rows):
        raise MarketError(f"{path}: below line {start + 1} there is no table of daily or monthly returns")
    monthly = len(rows[0][0]) == 6
    form = "%Y%m" if monthly else "%Y%m%d"
    days = pd.Series(pd.to_datetime([row[0] for row in rows], format=form, errors="coerce"))
    if days.isna().any():
        raise MarketError(f"{path}: {rows[int(days.isna().argmax())][0]!r} is no date")
    if monthly:
        days = days + pd.offsets.MonthEnd(0)
    values = (
        pd.DataFrame([row[1:] for row in rows]).apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    )
    if not np.isfinite(values).any():
        raise MarketError(f"{path}: there are no numbers in the table")
    for place, name in enumerate(names):
        series = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + ("_monthly" if monthly else "")
        out.note("series are renamed", f"{name} to {series}")
        _keep(out, series, days, values[:, place])
    out.note("returns stay in percent", path.name)
    out.note(
        "returns are taken as published two months later; correct `available` if you know better", path.name
    )
    left = sum(bool(re.match(r"\s*\d{4,8}\s*,", line)) for line in lines[start + 1 + len(rows) :])
    if left:
        out.note("further tables of the file are dropped", f"{path.name} ({left} rows)")


def _keep(out: Imported, series: str, days: pd.Series, values: np.ndarray) -> None:
    known = np.isfinite(values) & ~np.isin(values, MISSING)
    if not known.all():
        out.note(
            "returns of -99.99 and -999 are missing ones and dropped", f"{series} ({int((~known).sum())})"
        )
    table = pd.DataFrame({"series": series, "date": days[known], "value": values[known]})
    table["available"] = table["date"] + LATER
    text = table.assign(**{key: table[key].dt.strftime("%Y-%m-%d") for key in ("date", "available")})
    out.series.append(text[list(SERIES_COLUMNS)])
