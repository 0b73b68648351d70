"""What is read from a sweep: statistics, the plateau, heat maps, and whether a decision saw the account."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtests.analysis.performance import performance, relative
from backtests.engine.decisions import Recorder
from backtests.sweeps.heatmaps import MOST_SLICES, axis, effects, grid_of, slices
from backtests.sweeps.measures import best_of, measures, ranking
from backtests.sweeps.plateau import plateau
from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.strategy import Strategy
from strategies.target import Target


@pytest.mark.parametrize("count", [2, 30, 800])
def test_measures_are_those_of_the_tearsheet(count: int) -> None:
    random = np.random.default_rng(count)
    sessions = np.busday_offset("2015-01-05", np.arange(count + 1)).astype("datetime64[D]")
    returns = random.normal(0.0003, 0.01, (3, count))
    benchmark = random.normal(0.0003, 0.01, count)
    found = measures(returns, sessions, np.array([0.0, 0.02, 0.05]), benchmark)
    theirs = np.cumprod(np.append(1.0, 1 + benchmark))
    for row, rate in enumerate([0.0, 0.02, 0.05]):
        equity = np.cumprod(np.append(1.0, 1 + returns[row]))
        one = performance(equity, sessions, rate)
        against = relative(equity, theirs, sessions)
        expected = {
            "total_return": one.total_return,
            "cagr": np.nan if one.cagr is None else one.cagr,
            "volatility": one.volatility,
            "sharpe": one.sharpe,
            "max_drawdown": one.max_drawdown,
            "excess_cagr": against.excess_return,
            "tracking_error": against.tracking_error,
            "information_ratio": against.information_ratio,
            "worst_lead": np.nan if against.worst_lead is None else against.worst_lead,
        }
        got = {name: values[row] for name, values in found.columns().items()}
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)


def test_measures_of_nothing_are_unknown() -> None:
    sessions = np.busday_offset("2015-01-05", np.arange(4)).astype("datetime64[D]")
    found = measures(np.zeros((1, 3)), sessions)
    assert np.isnan(found.sharpe[0])
    assert (found.volatility[0], found.max_drawdown[0]) == (0.0, 0.0)


def test_less_volatility_is_better_and_the_unknown_is_last() -> None:
    values = np.array([0.2, np.nan, 0.1])
    assert best_of(values, "volatility") == 2
    assert best_of(values, "sharpe") == 0
    assert ranking(values, "volatility").tolist() == [2, 0, 1]


def surface(heights: dict[tuple[int, int], float]) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    points = [(x, y) for x in range(5) for y in range(5)]
    values = np.array([heights.get(point, 0.2) for point in points])
    common = np.random.default_rng(0).normal(0, 0.01, 2000)
    own = np.random.default_rng(1).normal(0, 0.001, (25, 2000))
    return pd.DataFrame(points, columns=["x", "y"]), values, common + own + values[:, None] * 0.001


def test_parameters_that_do_not_matter_are_told() -> None:
    parameters, values, returns = surface({(2, 2): 1.0})
    returns -= values[:, None] * 0.001
    found = plateau(parameters, values, returns, "sharpe", 0.1, True)
    assert found.verdict == "no difference"
    assert found.sentence().startswith("These parameters do not matter")


def test_a_spike_is_called_one() -> None:
    found = plateau(*surface({(2, 2): 1.0}), "sharpe", 0.1, True)
    assert (found.neighbours, found.close, found.verdict) == (8, 0, "a spike")
    assert "is a spike" in found.sentence()
    assert "0 of its 8 neighbours (0%) come within 10%" in found.sentence()


def test_a_plateau_is_called_one() -> None:
    hill = {(x, y): 0.95 for x in (1, 2, 3) for y in (1, 2, 3)} | {(2, 2): 1.0}
    found = plateau(*surface(hill), "sharpe", 0.1, True)
    assert (found.close, found.share, found.verdict) == (8, 1.0, "a plateau")
    assert found.edges == ()


def test_a_corner_is_told() -> None:
    found = plateau(*surface({(4, 2): 1.0, (4, 3): 0.95, (4, 1): 0.99, (3, 2): 0.92}), "sharpe", 0.1, True)
    assert (found.neighbours, found.close, found.verdict) == (5, 3, "a slope")
    assert found.edges == ("x",)
    assert "better ones may lie beyond" in found.sentence()


def test_neighbours_with_the_same_portfolio_are_told() -> None:
    parameters, values, returns = surface({(2, 2): 1.0, (2, 3): 1.0})
    returns[13] = returns[12]
    assert (
        "1 of them holds exactly the same"
        in plateau(parameters, values, returns, "sharpe", 0.1, True).sentence()
    )


def test_a_negative_best_has_close_ones_too() -> None:
    parameters, values, returns = surface({})
    found = plateau(parameters, values - 1.0, returns, "sharpe", 0.1, True)
    assert found.close == found.neighbours


def test_words_are_one_step_apart_and_draws_have_nearest_ones() -> None:
    random = np.random.default_rng(1)
    parameters = pd.DataFrame({"x": random.random(60), "way": ["cash", "rest"] * 30})
    values = -((parameters["x"] - 0.5) ** 2).to_numpy()
    found = plateau(parameters, values, random.normal(size=(60, 4)), "sharpe", 0.5, False)
    assert found.neighbours == 8
    words = pd.DataFrame({"way": ["a", "b", "c"]})
    assert plateau(words, np.array([1.0, 0.99, 0.1]), np.eye(3), "sharpe", 0.1, True).neighbours == 2


def test_one_configuration_stands_alone() -> None:
    found = plateau(pd.DataFrame({"x": [1]}), np.array([1.0]), np.zeros((1, 3)), "sharpe", 0.1, True)
    assert "no neighbours" in found.sentence()


def test_maps_hold_medians_over_the_others() -> None:
    frame = pd.DataFrame([(x, y, z) for x in (1, 2) for y in (1, 2) for z in (1, 2, 3)], columns=list("xyz"))
    values = (frame["x"] * 10 + frame["y"] + frame["z"] ** 2 * 0.1).to_numpy(dtype=float)
    across, up = axis(frame["x"]), axis(frame["y"])
    assert grid_of(across, up, values).tolist() == [[11.4, 21.4], [12.4, 22.4]]
    assert list(effects([axis(frame[key]) for key in frame], values)) == ["x", "y", "z"]


def test_many_values_are_binned() -> None:
    column = pd.Series(np.linspace(0.0, 1.0, 100), name="x")
    binned = axis(column)
    assert len(binned.labels) == 8
    assert binned.labels[0] == "0 to 0.125"
    assert np.bincount(binned.place).max() <= 13


@pytest.mark.parametrize("keys", [["x"], ["x", "way"], ["x", "way", "z", "a", "b", "c", "d", "e"]])
@pytest.mark.parametrize("is_grid", [True, False])
def test_slices_of_any_number_of_parameters(keys: list[str], is_grid: bool) -> None:
    random = np.random.default_rng(2)
    frame = pd.DataFrame({key: random.integers(0, 3, 80) for key in keys})
    values = random.normal(size=80)
    maps = slices(frame, values, "sharpe", int(values.argmax()), is_grid)
    assert len(maps) == (1 if len(keys) < 3 else MOST_SLICES)
    spans = [np.nanmax(each.values) - np.nanmin(each.values) for each in maps]
    assert spans == sorted(spans, reverse=True)
    assert len({(each.low, each.high) for each in maps}) == 1
    for each in maps:
        assert each.values.shape == (len(each.rows), len(each.columns))
        assert sum(cell.framed for row in each.table.rows for cell in row.cells) == 1


def test_a_slice_of_a_grid_goes_through_the_best() -> None:
    frame = pd.DataFrame([(x, y, z) for x in (1, 2) for y in (1, 2) for z in (1, 2, 3)], columns=list("xyz"))
    values = (frame["x"] * 10 + frame["y"] + frame["z"] ** 2 * 0.1).to_numpy(dtype=float)
    first = slices(frame, values, "sharpe", int(values.argmax()), is_grid=True)[0]
    assert (first.across, first.down, first.framed) == ("x", "y", (1, 1))
    assert first.values == pytest.approx(np.array([[11.9, 21.9], [12.9, 22.9]]))  # z held at 3
    assert [cell.shade for cell in first.table.rows[1].cells] == [0, 0, 5]


def test_differences_too_small_to_matter_look_flat() -> None:
    frame = pd.DataFrame([(x, y) for x in (1, 2) for y in (1, 2)], columns=list("xy"))
    (only,) = slices(frame, np.array([1.0, 1.001, 1.002, 1.003]), "sharpe", 3, is_grid=True)
    shades = [cell.shade for row in only.table.rows for cell in row.cells[1:]]
    assert max(shades) - min(shades) <= 1


def test_nothing_swept_draws_nothing() -> None:
    assert slices(pd.DataFrame({"x": [1, 1]}), np.array([0.1, 0.2]), "sharpe", 0, True) == ()


class Looks(Strategy):
    """Looks at the account on the third session only."""

    def decide(self, see: AsOf) -> Target | None:
        if see.sessions_seen == 3:
            assert see.weights.empty
        return None


def test_a_recorder_tells_whether_a_decision_looked_at_the_account() -> None:
    close = pd.DataFrame({"A": [1.0, 2.0, 3.0]}, index=pd.bdate_range("2020-01-01", periods=3))
    recorder = Recorder(Market.from_wide("m", close), Looks())
    for session, expected in enumerate([False, False, True]):
        recorder(session, np.zeros(1))
        assert recorder.read_account is expected
