"""Calendars of other exchanges and of every day, against `exchange_calendars` itself."""

import warnings
from functools import cache

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from backtests import run
from backtests.settings.markets import open_market
from backtests.tearsheet.sections.summary import setup_section
from datafeeds import calendars
from datafeeds.calendars import CalendarError, calendar_named, exchange_sessions, next_exchange_session
from datafeeds.folder.frames import market_from_frames
from datafeeds.folder.layout import check_folder
from datafeeds.folder.repair import repair_folder
from strategies.schedule import SCHEDULES

FIRST, LAST = "2019-01-02", "2021-12-31"


@cache
def theirs(calendar):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about exchange_calendars
        return exchange_calendars.get_calendar(calendar, start="2018-01-01", end="2023-12-31")


def test_time_zones_are_those_of_exchange_calendars():
    zones = {str(theirs(name).tz) for name in calendars.NAMES}
    assert zones == set(calendars.TIME_ZONES)


def days_of(calendar):
    return theirs(calendar).sessions_in_range(FIRST, LAST)


def frame(calendar, seed=0):
    days = days_of(calendar)
    moves = np.random.default_rng(seed).normal(0.0003, 0.01, (len(days), 3))
    return pd.DataFrame(np.round(20 * np.exp(moves.cumsum(axis=0)), 4), days, ["AAA", "BBB", "CCC"])


def folder_of(tmp_path, calendar, source):
    rows = frame(calendar).rename_axis(index="date", columns="symbol").stack().rename("close").reset_index()
    rows.to_csv(tmp_path / "prices.csv", index=False, date_format="%Y-%m-%d")
    (tmp_path / "source.json").write_text(source)
    return tmp_path


@pytest.fixture
def london(tmp_path):
    return folder_of(tmp_path, "XLON", '{"source": "x", "calendar": "XLON", "currency": "GBP"}')


@pytest.mark.parametrize("calendar", ["XLON", "XTKS", "24/7"])
def test_next_sessions_are_those_of_exchange_calendars(calendar):
    every = np.arange("2018-12-01", "2021-12-01", dtype="datetime64[D]")
    sessions = theirs(calendar).sessions.to_numpy().astype("datetime64[D]")
    expected = sessions[np.searchsorted(sessions, every, side="right")]
    assert [next_exchange_session(day, calendar) for day in every[::7]] == list(expected[::7])


@pytest.mark.parametrize("calendar", ["XLON", "24/7"])
@pytest.mark.parametrize(("schedule", "period"), [("monthly", "M"), ("quarterly", "Q")])
def test_schedules_end_on_the_last_session_of_the_calendar(calendar, schedule, period):
    market = market_from_frames(frame(calendar), calendar=calendar, currency="GBP")
    deciding = market.sessions[SCHEDULES[schedule].decides(market.sessions, market.next_session)]
    days = pd.DatetimeIndex(theirs(calendar).sessions_in_range(FIRST, "2022-03-31"))
    last = pd.Series(days, days.to_period(period)).groupby(level=0).max()
    np.testing.assert_array_equal(deciding, last[last <= LAST].to_numpy().astype("datetime64[D]"))
    # Good Friday and the bank holiday of May ended months that New York's calendar ends elsewhere.
    assert (schedule, calendar) != ("monthly", "XLON") or "2021-05-28" in deciding.astype(str)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache of its own, and whether the library was asked since the last look."""
    monkeypatch.setenv("STYLE_ROTATION_CACHE", str(tmp_path / "cache"))
    asked, built = [], calendars._built
    monkeypatch.setattr(calendars, "_built", lambda *of: asked.append(of) or built(*of))

    def sessions(calendar="XLON"):
        calendars._whole_calendar.cache_clear()  # as another process begins
        found = calendars._whole_calendar(calendar, 1960, 2040)
        expected = theirs(calendar).sessions.to_numpy().astype("datetime64[D]")
        inside = (found.sessions >= expected[0]) & (found.sessions <= np.datetime64("2023-12-31"))
        np.testing.assert_array_equal(found.sessions[inside], expected)
        assert not found.sessions.flags.writeable
        assert found.sessions.dtype == "datetime64[D]"
        assert len(asked) <= 1
        return bool(asked) and not asked.clear()

    yield sessions
    calendars._whole_calendar.cache_clear()


def cached_calendars(tmp_path):
    return sorted((tmp_path / "cache" / "calendars").iterdir())


def test_a_calendar_is_built_once_for_its_years_and_versions(kept, tmp_path, monkeypatch):
    assert kept()
    assert not kept()
    assert kept("XTKS")
    assert not kept("XTKS")
    assert len(cached_calendars(tmp_path)) == 2
    version = calendars.metadata.version
    monkeypatch.setattr(
        calendars.metadata, "version", lambda name: version(name) + "9" * (name == "exchange_calendars")
    )
    assert kept()
    assert len(cached_calendars(tmp_path)) == 3


@pytest.mark.parametrize(
    "harm",
    [
        lambda file, other: file.write_bytes(b""),
        lambda file, other: file.write_bytes(file.read_bytes()[:-8]),
        lambda file, other: file.write_bytes(file.read_bytes() + bytes(3)),
        lambda file, other: file.write_bytes(file.read_bytes()[:-1] + b"\1"),
        lambda file, other: file.write_bytes(other.read_bytes()),
        lambda file, other: file.unlink(),
    ],
    ids=["empty", "cut short", "longer", "changed", "another's", "gone"],
)
def test_a_damaged_calendar_is_built_anew(kept, tmp_path, harm):
    assert kept("XTKS")
    (other,) = cached_calendars(tmp_path)
    assert kept()
    (file,) = {*cached_calendars(tmp_path)} - {other}
    whole = file.read_bytes()
    harm(file, other)
    assert kept()
    assert file.read_bytes() == whole
    assert not kept()


def test_calendars_are_built_where_there_is_no_place_to_keep_them(kept, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    assert kept()
    assert kept()


def test_an_expiry_on_a_holiday_moves_to_the_session_before():
    # The third Friday of April 2019 was Good Friday, on which London is closed and coins are not.
    for calendar, eve in (("XLON", "2019-04-17"), ("24/7", "2019-04-18")):
        days = exchange_sessions("2019-04-01", "2019-04-30", calendar)
        deciding = days[SCHEDULES["expiry"].decides(days, next_exchange_session(days[-1], calendar))]
        assert eve in deciding.astype(str)


def test_a_london_folder_has_no_errors_and_keeps_its_calendar_in_the_cache(london):
    assert check_folder(london).errors == ()
    for market in (
        open_market(str(london), cached=False),
        open_market(str(london)),
        open_market(str(london)),
    ):
        assert (market.calendar, market.currency, market.sessions_a_year) == ("XLON", "GBP", 252)
        assert str(market.next_session) == str(theirs("XLON").next_session(LAST).date())


def test_the_currency_and_the_calendar_are_part_of_a_markets_hash(london):
    first = open_market(str(london)).hash
    (london / "source.json").write_text('{"source": "x", "calendar": "XLON", "currency": "EUR"}')
    assert open_market(str(london)).hash != first


def test_prices_of_another_exchange_are_told_by_name(tmp_path):
    folder = folder_of(tmp_path, "XLON", '{"source": "x"}')
    found = next(each for each in check_folder(folder).findings if each.check == "another calendar")
    assert 'write "calendar": "XLON" into source.json' in found.message
    assert "the London Stock Exchange" in found.message


def test_a_price_on_a_bank_holiday_names_london_and_can_be_repaired(london, tmp_path_factory):
    with (london / "prices.csv").open("a") as stream:
        stream.write("2020-12-28,AAA,21\n")  # New York was open
    (error,) = check_folder(london).errors
    assert "the London Stock Exchange was closed on this Monday" in error.message
    repaired = repair_folder(london, tmp_path_factory.mktemp("copy") / "copy")
    assert [each.why for each in repaired.repairs] == ["the London Stock Exchange was closed"]
    assert repaired.checked.errors == ()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{"calendar": "XLOM"}', "XLON"),
        ('{"currency": "pounds"}', "three to five capital letters"),
        ('{"calendar": 7}', "calendar"),
    ],
)
def test_a_wrong_calendar_or_currency_is_one_sentence(tmp_path, source, said):
    errors = check_folder(folder_of(tmp_path, "XNYS", source)).errors
    assert len(errors) == 1
    assert said in errors[0].message


def test_other_names_of_an_exchange_and_the_ends_of_a_calendar():
    assert calendar_named("LSE") == "XLON"
    with pytest.raises(CalendarError, match="known from 1997-01-01"):
        exchange_sessions("1990-01-01", "1990-02-01", "XTKS")
    with pytest.raises(CalendarError, match=r'24/7" has every day'):
        calendar_named("crypto")


COINS = """
from strategies import Strategy, Target, Monthly


class HalfByVolatility(Strategy):
    '''Hold half, less where volatility a year is high.'''

    schedule = Monthly()

    def decide(self, see):
        yearly = float(see.returns(60, symbols=["AAA"])["AAA"].std() * see.sessions_a_year**0.5)
        return Target({"AAA": min(0.5, 0.05 / max(yearly, 0.01))}, why=f"volatility {yearly:.1%}")
"""


def test_every_day_of_a_coin_counts_and_the_sealed_replay_knows_it(tmp_path):
    (tmp_path / "coins.py").write_text(COINS)
    market = market_from_frames(frame("24/7"), calendar="24/7", currency="USDT")
    result = run(
        "blueprint", market=market, strategy=f"{tmp_path}/coins.py:HalfByVolatility", benchmarks=(),
        start=None, check=True, name="coins", capital=1000,
    )  # fmt: skip
    returns = pd.Series(result.equity.iloc[:, 0]).pct_change().dropna()
    assert result.performances[0].volatility == pytest.approx(returns.std() * np.sqrt(365))
    assert result.performances[0].sharpe == pytest.approx(returns.mean() / returns.std() * np.sqrt(365))
    assert result.periods == market.sessions_a_year == 365
    assert {window.sessions for window in result.worst_windows} == {30, 91, 365}
    lookahead = result.manifest["lookahead"]
    assert lookahead["passed"], lookahead


def test_the_tearsheet_states_calendar_and_currency(london):
    result = run("blueprint", market=str(london), strategy="EqualWeighted", benchmarks=(), start=None)
    text = repr(setup_section(result))
    assert "The London Stock Exchange (XLON), 252 sessions a year" in text
    assert "Fact(name='Currency', text='GBP'" in text.replace("label=", "name=")
    assert f"{result.config.capital:,.0f} GBP" in text
