"""Estimates of revenue in a market folder: known from the day after they were made, of the year to come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.facts import fact, names
from datafeeds.folder.layout import load_folder
from strategies.asof import AsOf


def folder(path: Path, estimates: str) -> Path:
    days = pd.DatetimeIndex(exchange_sessions("2023-01-03", "2024-12-31"))
    rows = [{"symbol": "AAA", "date": day.date(), "close": 20.0 + 0.01 * n} for n, day in enumerate(days)]
    pd.DataFrame(rows).to_csv(path / "prices.csv", index=False)
    (path / "facts.csv").write_text(
        "symbol,concept,fiscal_year,fiscal_period,filed,value\n"
        "AAA,revenue,2022,FY,2023-02-15,1000000\n"
        "AAA,revenue,2023,FY,2024-02-15,1200000\n"
    )
    if estimates:
        (path / "estimates.csv").write_text("symbol,period,made,revenue,source\n" + estimates)
    return path


def test_an_estimate_counts_from_the_day_after_it_was_made_until_its_year_is_reported(tmp_path: Path) -> None:
    estimates = (
        "AAA,2023,2023-03-01,1100000,consensus\n"
        "AAA,2024,2023-03-01,1500000,consensus\n"
        "AAA,2023,2023-09-01,1150000,guidance\n"
    )
    market = load_folder(folder(tmp_path, estimates))
    growth = fact(market, "forward_revenue_growth")[:, 0]

    def on(date: str) -> float:
        return float(growth[market.index_of(date)])

    assert np.isnan(on("2023-03-01"))
    assert on("2023-03-02") == pytest.approx(0.10)
    assert on("2023-09-01") == pytest.approx(0.10)
    assert on("2023-09-05") == pytest.approx(0.15)
    # Fiscal 2023 is reported: the year to come is 2024, of which the estimate is from March 2023.
    assert on("2024-02-16") == pytest.approx(0.25)
    assert np.isnan(on("2024-12-31"))  # too old
    see = AsOf(market, market.index_of("2023-06-30"))
    assert see.latest("forward_revenue_growth")["AAA"] == pytest.approx(0.10)


def test_a_folder_without_estimates_has_no_forward_growth(tmp_path: Path) -> None:
    assert "forward_revenue_growth" not in names(load_folder(folder(tmp_path, "")))


def test_a_broken_line_is_left_out_and_said(tmp_path: Path) -> None:
    market = load_folder(folder(tmp_path, "AAA,2023,soon,1100000,consensus\nBBB,2023,2023-03-01,5,x\n"))
    assert any("soon" in str(finding) for finding in market.findings)
    assert any("estimates of BBB, which have no prices" in str(finding) for finding in market.findings)
    assert "forward_revenue_growth" not in names(market)
