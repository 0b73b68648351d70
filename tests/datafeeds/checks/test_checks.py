"""Checks take away what is wrong, say so once for each, and leave good figures alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from datafeeds.calendars import exchange_sessions
from datafeeds.checks import Trading, check_prices, check_split_basis, judged_facts, raise_errors
from datafeeds.checks.basis import block_ratios
from datafeeds.checks.history import readings, step_costs
from datafeeds.checks.turnover import SHARE_STEPS
from datafeeds.market import Finding, MarketError
from tests.datafeeds.folders import NO_BASIS, NO_SPLITS

COLUMNS = ["symbol", "concept", "fiscal_year", "fiscal_period", "filed", "value"]


def history(concept, quarter_values, annual_values=(), symbol="AAA", start=2015):
    """Filed a month after each quarter's end; years that end in December."""
    rows = []
    for place, value in enumerate(quarter_values):
        year, quarter = start + place // 3, place % 3
        rows.append(
            (symbol, concept, year, f"Q{quarter + 1}", f"{year}-{('05', '08', '11')[quarter]}-05", value)
        )
    rows += [
        (symbol, concept, start + place, "FY", f"{start + 1 + place}-02-10", value)
        for place, value in enumerate(annual_values)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("filed", ignore_index=True)


def counts(values):
    return history("shares_outstanding", values)


def judged(facts, splits=NO_SPLITS):
    """Figures used at some time, and findings, where no volume is known."""
    sessions = exchange_sessions("2010-01-04", "2010-01-29")
    symbols = tuple(sorted(set(facts["symbol"])))
    shape = (len(sessions), len(symbols))
    trading = Trading(sessions, symbols, np.ones(shape, bool), np.full(shape, np.nan), splits, NO_BASIS)
    return judged_facts(facts, trading)


def wrong(facts, splits=NO_SPLITS):
    """Which rows do not count in the end, or not as filed, checked against one finding for each."""
    used, findings = judged(facts.assign(row=np.arange(len(facts))), splits)
    last = used[used["withdrawn"].isna()]
    kept = last["row"][(last["value"] == facts["value"].to_numpy()[last["row"]]).to_numpy()]
    off = facts[~np.isin(np.arange(len(facts)), kept)]
    said = {(finding.symbol, finding.date) for finding in findings}
    assert said >= set(zip(off["symbol"], off["filed"], strict=True))
    assert len(findings) == len({str(finding) for finding in findings})
    assert all("fiscal 20" in finding.message for finding in findings)
    return off.index.tolist()


GOOD = [100e6, 101e6, 99e6, 98e6, 97e6, 97.5e6, 96e6, 95e6, 94e6]


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("places", [[4], [0], [8], [0, 1, 2], [6, 7, 8], [3, 4, 5], [1, 4, 7]])
def test_share_counts_off_by_thousands_alone_and_in_runs(factor, places):
    values = list(GOOD)
    for place in places:
        values[place] *= factor
    assert wrong(counts(values)) == places


def test_mixed_scales_at_once():
    values = list(GOOD)
    values[1] *= 1e3
    values[2] *= 1e6
    values[6] *= 1e-3
    assert wrong(counts(values)) == [1, 2, 6]


def test_the_message_says_what_it_was_compared_with():
    values = list(GOOD)
    values[4] *= 13
    (finding,) = judged(counts(values))[1]
    assert str(finding) == (
        "quarantined: share count scale: AAA 2016-08-05: shares_outstanding of fiscal 2016 Q2 is "
        "1,261,000,000: it stands at 1,261,000,000, 13 times the figures that agree, 98,000,000 (2016 Q1, "
        "filed 2016-05-05) and 97,500,000 (2016 Q3, filed 2016-11-05); left out"
    )


def test_a_count_in_thousands_is_mended_with_a_note():
    values = list(GOOD)
    values[4] /= 1e3
    used, (finding,) = judged(counts(values))
    assert sorted(used["value"]) == sorted(GOOD)
    assert (finding.severity, finding.check) == ("note", "share count scale")
    assert finding.message.endswith("is 97,000: off by a thousand; taken as 97,000,000")


def test_verdicts_have_days():
    """Ten times the count: withheld while it is alone, used once the cheaper reading is that it lasts."""
    values = [*GOOD[:2], *(value * 10 for value in GOOD), *(value * 10 for value in GOOD)]
    used, findings = judged(counts(values))
    first = used[used["value"] > 5e8].iloc[0]
    assert first["filed"] == pd.Timestamp("2015-11-05")
    assert first["known"] == pd.Timestamp("2016-08-05")  # three against two
    assert used["withdrawn"].dropna().unique().tolist() == [pd.Timestamp("2016-08-05")]
    assert "used until 2016-08-05, which showed it" in findings[0].message
    assert "withheld until 2016-08-05, which bore it out" in findings[2].message


@pytest.mark.parametrize("place", range(1, 9))
def test_later_figures_change_no_verdict_of_before(place):
    values = [1e8, 1e5, 9.9e7, 1.3e9, 1.2e9, 1.25e9, 9.6e7, 9.5e10, 9.4e7]
    whole, _ = judged(counts(values))
    cut, _ = judged(counts(values[:place]))
    last = pd.Timestamp(counts(values)["filed"].iloc[place - 1])
    whole["withdrawn"] = whole["withdrawn"].where(whole["withdrawn"] <= last)
    known = whole[(whole["known"] <= last).to_numpy()].reset_index(drop=True)
    pd.testing.assert_frame_equal(known, cut)


@pytest.mark.parametrize("ratio", [4.0, 20.0, 50.0, 0.05])
def test_a_split_is_not_a_scale_error(ratio):
    values = [value * (ratio if place >= 4 else 1) for place, value in enumerate(GOOD)]
    splits = pd.DataFrame({"symbol": ["AAA"], "date": ["2016-07-01"], "ratio": [ratio]})
    assert wrong(counts(values), splits) == []


@pytest.mark.parametrize("step", [0.4, 2.5, 4.0, 7.0])
def test_a_merger_or_a_conversion_that_lasts_is_believed(step):
    values = [value * (step if place >= 6 else 1) for place, value in enumerate([*GOOD, *GOOD[-3:]])]
    assert wrong(counts(values)) == []


def test_a_wrong_line_is_not_a_share_count():
    values = list(GOOD)
    values[5] = 1.3e9  # net income, say: 13 times the count
    assert wrong(counts(values)) == [5]


def test_thousands_in_most_filings_are_told_by_revenue_per_share():
    values = [value / 1e3 if place not in {2, 5, 7} else value for place, value in enumerate(GOOD)]
    facts = pd.concat([counts(values), history("revenue", [], [40e9, 42e9, 41e9])], ignore_index=True)
    assert wrong(facts) == [0, 1, 3, 4, 6, 8]


def test_few_dear_shares_are_believed():
    facts = pd.concat([counts([1.6e6] * 9), history("revenue", [], [240e9] * 3)], ignore_index=True)
    assert wrong(facts) == []


def test_share_counts_must_be_positive_and_revenue_not_negative():
    facts = pd.concat(
        [counts([*GOOD[:7], 0.0, -5.0]), history("revenue", [9.0, 9.0, -1.0])], ignore_index=True
    )
    assert wrong(facts) == [7, 8, 11]


def test_values_must_be_finite():
    assert wrong(counts([*GOOD[:5], np.nan, *GOOD[6:8], np.inf])) == [5, 8]


def test_amd_as_the_sec_has_it():
    """Cover counts of AMD as machine-readable in its filings; the fourth is a million times too large."""
    rows = [
        ("AMD", "shares_outstanding", 2011, "Q3", "2011-11-02", 696_000_000.0),
        ("AMD", "shares_outstanding", 2011, "FY", "2012-02-24", 697_000_000.0),
        ("AMD", "shares_outstanding", 2012, "Q1", "2012-05-09", 705_000_000.0),
        ("AMD", "shares_outstanding", 2012, "Q2", "2012-08-02", 707_555_106_000_000.0),
        ("AMD", "shares_outstanding", 2012, "Q3", "2012-11-07", 711_000_000.0),
    ]
    assert wrong(pd.DataFrame(rows, columns=COLUMNS)) == [3]


QUARTERS = [100.0, 110.0, 105.0, 120.0, 130.0, 125.0, 140.0, 150.0, 145.0]
YEARS = [430.0, 510.0, 590.0]


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
def test_revenue_off_by_thousands_in_a_quarter(factor):
    values = list(QUARTERS)
    values[4] *= factor
    facts = history("revenue", values, YEARS)
    assert [facts["value"][row] for row in wrong(facts)] == [values[4]]


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_revenue_off_by_thousands_in_a_year(factor):
    values = list(YEARS)
    values[1] *= factor
    facts = history("revenue", QUARTERS, values)
    assert [facts["value"][row] for row in wrong(facts)] == [values[1]]


def test_a_quarter_in_the_place_of_a_year():
    facts = history("revenue", QUARTERS, [430.0, 140.0, 590.0])
    assert [facts["value"][row] for row in wrong(facts)] == [140.0]
    (finding,) = judged(facts)[1]
    assert "the first three quarters add to 375, the year is 140" in finding.message


def test_another_line_in_the_place_of_quarters():
    facts = history("revenue", [*QUARTERS[:3], 12.0, 13.0, 12.5, *QUARTERS[6:]], YEARS)
    assert sorted(facts["value"][row] for row in wrong(facts)) == [12.0, 12.5, 13.0]


def test_revenue_that_collapses_for_real_is_kept():
    """Norwegian Cruise Line's quarters of 2019 to 2022, in millions: down 99% and back."""
    values = [1403.6, 1664.3, 1913.9, 1246.9, 16.9, 6.5, 3.1, 4.4, 153.1, 521.9, 1187.2, 1615.5]
    assert wrong(history("revenue", values, [6462.4, 1279.9, 648.0, 4843.8], start=2019)) == []


def test_a_first_quarter_labelled_as_a_fourth():
    facts = history("revenue", QUARTERS, YEARS)
    facts.loc[(facts["fiscal_year"] == 2017) & (facts["fiscal_period"] == "Q1"), "fiscal_period"] = "Q4"
    (row,) = wrong(facts)
    assert facts["filed"][row] == "2017-05-05"


def test_a_whole_year_labelled_a_year_ahead_is_kept():
    facts = history("revenue", [*QUARTERS, *QUARTERS], [*YEARS, *YEARS])
    facts.loc[facts["fiscal_year"] == 2020, "fiscal_year"] = 2021
    assert wrong(facts) == []


def test_filed_before_the_period_ends():
    facts = history("revenue", QUARTERS).assign(period_end="2015-03-31")
    facts.loc[0, "period_end"] = "2015-06-30"
    kept, findings = judged(facts)
    assert [finding.date for finding in findings] == ["2015-05-05"]
    assert "before the end of its period" in findings[0].message
    assert len(kept) == len(facts) - 1


def test_nothing_to_check():
    kept, findings = judged(pd.DataFrame(columns=COLUMNS))
    assert kept.empty
    assert findings == ()


def test_what_is_in_force_stays_until_more_speaks_against_it():
    levels = np.log([1.0, 1e6, 1e6])
    found = readings(
        lambda place, before: 0.0,
        lambda place, start: step_costs(np.abs(levels[start:place] - levels[place]), SHARE_STEPS),
        np.array([False, False, True]),
    )
    assert found == [(0,), (0,), (1, 2)]


SESSIONS = exchange_sessions("2020-01-02", "2020-03-31")


def prices(**changes):
    rows = np.arange(len(SESSIONS))
    close = np.column_stack([50 + rows % 7, 20 + rows % 3, 30 + rows % 5]).astype(float)
    close[-5:, 2] = np.nan  # delisted
    for (row, column), value in changes.pop("cells", {}).items():
        close[row, column] = value
    return close


def found(sessions, close):
    findings = check_prices(sessions, ("AAA", "BBB", "CCC"), close)
    return [(finding.severity, finding.check, finding.symbol, finding.date) for finding in findings]


def test_good_prices():
    assert found(SESSIONS, prices()) == []


def test_a_holiday_and_a_missing_session():
    days = SESSIONS.copy()
    days[11] = np.datetime64("2020-01-20")  # Martin Luther King Day instead of 2020-01-17
    days = np.sort(days)
    assert found(days, prices()) == [
        ("error", "not a session", "", "2020-01-20"),
        ("error", "missing session", "", "2020-01-17"),
    ]


def test_a_session_twice_and_out_of_order():
    days = SESSIONS.copy()
    days[5] = days[4]
    assert ("error", "duplicate session", "", str(days[4])) in found(days, prices())
    days = SESSIONS.copy()
    days[[4, 5]] = days[[5, 4]]
    assert found(days, prices()) == [("error", "session order", "", str(SESSIONS[4]))]


def test_a_session_without_prices():
    close = prices(cells={(7, column): np.nan for column in range(3)})
    assert found(SESSIONS, close) == [("error", "session without price", "", str(SESSIONS[7]))]


def test_prices_of_zero():
    checks = found(SESSIONS, prices(cells={(7, 1): 0.0}))
    assert ("error", "price not positive", "BBB", str(SESSIONS[7])) in checks


def test_a_jump_up_and_down():
    assert found(SESSIONS, prices(cells={(7, 1): 80.0})) == [
        ("suspicion", "price jump", "BBB", str(SESSIONS[7])),
        ("suspicion", "price jump", "BBB", str(SESSIONS[8])),
    ]


def test_a_stale_price():
    close = prices(cells={(row, 1): 20.0 for row in range(21, 32)})
    assert found(SESSIONS, close) == [("suspicion", "stale price", "BBB", str(SESSIONS[21]))]


def test_survivors_only():
    close = prices(cells={(row, 2): 30.0 + row % 2 for row in range(len(SESSIONS))})
    assert found(SESSIONS, close) == [("note", "survivorship", "", "2020-03-31")]


def test_errors_stop_a_load_and_are_quoted():
    with pytest.raises(MarketError, match="price not positive: AAA 2020-01-02: the close is 0"):
        raise_errors("toy", [Finding("error", "price not positive", "the close is 0", "AAA", "2020-01-02")])
    raise_errors("toy", [Finding("suspicion", "price jump", "news")])


RAW = np.array([488.30, 492.79, 494.17, 495.22, 488.90, 489.90, 495.22, 500.77, 475.06, 466.27] * 6)
"""NVIDIA's closes of late December 2023."""


def test_whole_cents_show_a_later_split():
    """Its closes adjusted for the split of ten for one of 2024-06-10."""
    assert block_ratios(np.float32(RAW / 10).astype(float)[None]).tolist() == [10]
    assert block_ratios(RAW[None]).tolist() == [1]
    assert block_ratios(RAW[None] / 1.2537).tolist() == [0]  # a spin-off


def test_now_and_then_a_price_in_half_cents_is_no_split():
    raw = np.round(np.linspace(20, 30, 60), 2)
    raw[::6] += 0.005
    assert block_ratios(raw[None]).tolist() == [0]


LONG = exchange_sessions("2019-01-02", "2020-12-31")


def test_a_split_that_prices_are_adjusted_for_is_read_from_them():
    """Known once thirty closes show it; a change is believed after three such blocks, and dated exactly."""
    cents = np.round(400 + 10 * np.sin(np.arange(len(LONG))), 2)
    adjusted = np.where(np.arange(len(LONG)) < 250, cents / 10, cents)
    basis, findings = check_split_basis(LONG, ("AAA", "BBB"), np.column_stack([adjusted, cents]), NO_SPLITS)
    assert basis["ratio"].tolist() == [10.0, 1.0]
    assert basis["known"].tolist() == [pd.Timestamp(LONG[29]), pd.Timestamp(LONG[359])]
    assert np.searchsorted(LONG, basis["since"].iloc[1].to_datetime64().astype("datetime64[D]")) == 250
    assert [(finding.severity, finding.symbol) for finding in findings] == [("suspicion", "AAA")]
    listed = pd.DataFrame({"symbol": ["AAA"], "date": [pd.Timestamp(LONG[250])], "ratio": [10.0]})
    again, nothing = check_split_basis(LONG, ("AAA",), adjusted[:, None], listed)
    assert again.empty
    assert nothing == ()
