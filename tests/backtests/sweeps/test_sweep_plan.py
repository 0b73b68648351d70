"""Which configurations a sweep runs, and what it says about those it can't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from backtests.settings.run_file import ConfigError, RunConfig, parse
from backtests.sweeps.plan import plan
from datafeeds.sources.sample import sample_market

BASE: dict[str, Any] = {"name": "test", "strategy": {"name": "EqualWeighted"}}


def config(parameters: dict[str, Any], strategy: str = "Blueprint", **sweep: Any) -> RunConfig:
    return parse(
        BASE | {"strategy": {"name": strategy}, "sweep": {"parameters": parameters, **sweep}}, "test.toml"
    )


def values(parameters: dict[str, Any], **sweep: Any) -> list[tuple[Any, ...]]:
    made = plan(config(parameters, **sweep)).configurations
    return [tuple(each.parameters.values()) for each in made]


def test_grid_takes_every_combination_in_order() -> None:
    assert values({"strategy.norm_years": [3, 5], "lag": {"from": 0, "to": 4, "step": 2}}) == [
        (3, 0), (3, 2), (3, 4), (5, 0), (5, 2), (5, 4)
    ]  # fmt: skip


def test_tables_in_tables_are_dotted_keys() -> None:
    nested = {"strategy": {"norm_years": [3]}, "costs": {"half_spread_bps": [1.5]}}
    assert plan(config(nested)).keys == ("strategy.norm_years", "costs.half_spread_bps")


def test_configurations_are_runs() -> None:
    planned = plan(config({"strategy.norm_years": [3], "costs.half_spread_bps": [7.0], "lag": [2]}))
    run = planned.configurations[0].config
    assert run.build_strategy().values()["norm_years"] == 3
    assert (run.costs.half_spread_bps, run.costs.commission_bps, run.lag) == (7.0, 1.0, 2)
    assert run.engine == "ledger"
    assert run.sweep is None


def test_range_has_no_dust() -> None:
    assert [each[0] for each in values({"strategy.max_cut": {"from": 0.1, "to": 0.7, "step": 0.1}})] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7
    ]  # fmt: skip


def test_a_sweep_does_not_change_the_record_of_a_run() -> None:
    assert (
        config({"lag": [1]}).model_dump()
        == parse(BASE | {"strategy": {"name": "Blueprint"}}, "x").model_dump()
    )


@pytest.mark.parametrize("method", ["random", "latin_hypercube"])
def test_draws_follow_their_distributions(method: str) -> None:
    drawn = values(
        {
            "strategy.max_cut": {"distribution": "uniform", "from": 0.2, "to": 0.8},
            "costs.half_spread_bps": {"distribution": "log_uniform", "from": 0.5, "to": 50},
            "strategy.realign_z": {"distribution": "normal", "mean": 1.0, "sd": 0.2},
            "strategy.norm_years": {"distribution": "integers", "from": 2, "to": 4},
            "strategy.margin_screen": [True, False],
        },
        method=method,
        samples=1500,
        seed=3,
    )
    cut, spread, limit, years, screen = (np.array(column) for column in zip(*drawn, strict=True))
    assert stats.kstest(cut, stats.uniform(0.2, 0.6).cdf).pvalue > 0.001
    assert stats.kstest(spread, stats.loguniform(0.5, 50).cdf).pvalue > 0.001
    assert stats.kstest(limit, stats.norm(1.0, 0.2).cdf).pvalue > 0.001
    assert sorted(set(years.tolist())) == [2, 3, 4]
    assert 0.45 < screen.mean() < 0.55


def test_latin_hypercube_fills_each_parameter_evenly() -> None:
    uniform = {"distribution": "uniform", "from": 0.0, "to": 1.0}
    parameters = {"costs.impact": uniform, "costs.cash_rate": uniform}
    drawn = np.array(values(parameters, method="latin_hypercube", samples=64))
    for column in drawn.T:
        assert sorted((column * 64).astype(int)) == list(range(64))


def test_normal_is_cut_off_at_its_bounds() -> None:
    domain = {"distribution": "normal", "mean": 0.5, "sd": 0.5, "from": 0.1, "to": 0.9}
    drawn = [each[0] for each in values({"strategy.max_cut": domain}, method="random", samples=500)]
    assert 0.1 <= min(drawn) < 0.15
    assert 0.85 < max(drawn) <= 0.9


def test_the_seed_decides_the_draws() -> None:
    domain = {"strategy.max_cut": {"distribution": "uniform", "from": 0.2, "to": 0.8}}
    one, again = values(domain, method="random", seed=1), values(domain, method="random", seed=1)
    assert one == again != values(domain, method="random", seed=2)


def test_draws_that_repeat_count_once() -> None:
    assert sorted(values({"lag": [0, 1]}, method="random", samples=50)) == [(0,), (1,)]


def test_configurations_that_differ_in_the_account_only_share_a_group() -> None:
    planned = plan(
        config({"strategy.norm_years": [3, 5], "lag": [0, 1], "costs.impact": [0.0, 1.0], "capital": [1e6]})
    )
    assert planned.groups() == ((0, 1, 2, 3), (4, 5, 6, 7))


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"parameters": {"lag": 5}}, "lag = 5: write a list, a range"),
        ({"parameters": {"lag": []}}, "lists no value"),
        ({"parameters": {"lag": [1, 1]}}, "lag: names 1 more than once"),
        ({"parameters": {}}, "names no parameter"),
        ({"parameters": {"lag": {"from": 0, "to": 4, "step": 0}}}, "step = 0 must be positive"),
        ({"parameters": {"lag": {"from": 4, "to": 0, "step": 1}}}, "from = 4 is above to = 0"),
        ({"parameters": {"lag": {"from": 0, "to": 1e9, "step": 1}}}, "more than 100000 values"),
        ({"parameters": {"lag": {"distribution": "unifrm"}}}, "did you mean 'uniform'"),
        ({"parameters": {"lag": {"distribution": "normal", "mean": 0}}}, "sd is missing"),
        ({"parameters": {"lag": {"distribution": "log_uniform", "from": 0, "to": 1}}}, "must be above 0"),
        ({"parameters": {"lag": {"distribution": "integers", "from": 0.5, "to": 1}}}, "whole numbers"),
        ({"parameters": {"lag": [1]}, "metod": "grid"}, "did you mean 'method'"),
        ({"parameters": {"lag": [1]}, "rank_by": "shape"}, "sweep.rank_by = 'shape'"),
    ],
)
def test_mistakes_in_the_table_are_named(sweep: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=r"^test\.toml: ") as error:
        parse(BASE | {"sweep": sweep}, "test.toml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"strategy.norm_years": [5, 40]},
            r"configuration 1 \(strategy.norm_years = 40\): .*norm_years = 40",
        ),
        ({"strategy.norm_yeers": [5]}, "did you mean 'norm_years'"),
        ({"costs.half_spread": [5]}, "did you mean 'half_spread_bps'"),
        ({"lagg": [5]}, "did you mean 'lag'"),
        ({"lag": [-1]}, r"configuration 0 \(lag = -1\): lag = -1"),
        ({"start": ["2015-01-01", "2016-01-01"]}, "start can't be swept"),
        ({"lag.x": [1]}, "not a table"),
        ({"lag": {"distribution": "integers", "from": 0, "to": 3}}, "lag is a distribution"),
        ({"strategy.financials_share": [0.5]}, "they must add to 1"),
    ],
)
def test_a_configuration_that_is_no_run_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(config(parameters))


def test_a_grid_out_of_hand_is_refused() -> None:
    wide = {"from": 0, "to": 250, "step": 1}
    with pytest.raises(ConfigError, match="grid has 15,813,251 configurations"):
        plan(config({"lag": wide, "strategy.max_cut": {"from": 1, "to": 251, "step": 1}, "capital": wide}))


def test_a_run_file_without_the_table_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"no table \[sweep\]"):
        plan(parse(BASE, "x"))


HELD = """
from strategies import Strategy, Target

class {name}(Strategy):
    share: float = 0.5

    def decide(self, see):
        return Target({{"{symbol}": self.share}}, why="held")
"""


def test_every_strategy_that_is_tried_is_part_of_the_hash(tmp_path: Path) -> None:
    market = sample_market()
    names = [f"{tmp_path / name}.py:{name.upper()}" for name in ("a", "b")]
    swept = {"strategy.name": names, "strategy.share": [0.5, 0.9]}

    def hashed(**symbols: str) -> str:
        for name, symbol in symbols.items():
            (tmp_path / f"{name}.py").write_text(HELD.format(name=name.upper(), symbol=symbol))
        return plan(config(swept, strategy=names[0])).hash(market)

    first = hashed(a="AAPL", b="GE")
    assert hashed(b="MSFT") != first
    assert hashed(b="GE") == first
    assert hashed(a="MSFT") != first


def test_a_swept_parameter_that_no_configuration_reads_is_said() -> None:
    swept = {"strategy.realign_z": [0.25, 0.5], "strategy.norm_years": [3, 5]}
    (said,) = plan(config(swept)).unread
    assert said == (
        "strategy.realign_z is swept and changes nothing: it is read only with exit = 'z' or 'one_sided'."
    )
    assert plan(config({**swept, "strategy.exit": ["level", "z"]})).unread == ()
