import pickle
from typing import Annotated, ClassVar, Literal

import pandas as pd
import pytest
from pydantic import Field

from strategies import (
    REGISTRY,
    Blueprint,
    BuyAndHold,
    CapWeighted,
    EqualWeighted,
    Hedged,
    Monthly,
    PillarTilt,
    Quarterly,
    RotationRegime,
    Schedule,
    Strategy,
    StrategyError,
    Target,
    ValuationCut,
    Weekly,
    strategy_named,
    summary_of,
)


class Sized(Strategy):
    """Hold one symbol."""

    schedule = Weekly()
    symbol: str = "SPY"
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    side: Literal["long", "flat"] = "long"
    units: ClassVar[int] = 1

    def decide(self, see):
        return Target({self.symbol: self.share}, why="sized")


class Pinned(Strategy):
    """A strategy whose schedule is not for the run file to choose."""

    schedule: ClassVar[Schedule] = Quarterly()


@pytest.mark.parametrize(
    "name", ["Blueprint", "BuyAndHold", "CapWeighted", "EqualWeighted", "PriceWeighted", "ValuationCut"]
)
def test_shipped_strategies_are_registered_with_a_summary(name):
    assert strategy_named(name) is REGISTRY[name]
    assert summary_of(strategy_named(name)).endswith(".")


def test_subclass_registers_itself():
    assert strategy_named("Sized") is Sized


def test_unknown_strategy_names_the_nearest():
    with pytest.raises(StrategyError, match="did you mean 'Blueprint'"):
        strategy_named("blueprnt")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Sized(shar=0.1), "no parameter 'shar' in strategy Sized; did you mean 'share'"),
        (lambda: Sized(share=1.5), r"strategy.share = 1.5: .*less than or equal to 1"),
        (lambda: Sized(share="much"), r"strategy.share = 'much': .*number"),
        (lambda: Sized(share=float("nan")), "strategy.share = nan"),
        (lambda: Sized(side="short"), r"strategy.side = 'short': .*'long' or 'flat'"),
        (lambda: Sized(units=2), "no parameter 'units'"),
        (
            lambda: Sized(schedule="weely"),
            "strategy.schedule = 'weely': no schedule 'weely'; did you mean 'weekly'",
        ),
        (lambda: Pinned(schedule="daily"), "no parameter 'schedule'"),
        (lambda: Blueprint(norm_years=0), r"strategy.norm_years = 0: .*greater than or equal to 1"),
        (lambda: Blueprint(hardware=""), "strategy.hardware = ''"),
        (
            lambda: Blueprint(financials_share=0.5),
            r"strategy.financials_share, .* add to 1.1; they must add to 1",
        ),
        (lambda: Blueprint(healthcare_share=-0.1), "strategy.healthcare_share = -0.1"),
        (lambda: Blueprint(glide_month=3), "did you mean 'glide_months'"),
        (
            lambda: Blueprint(financials="ai_hardware"),
            "strategy.financials = 'ai_hardware' is strategy.hardware too",
        ),
        (lambda: ValuationCut(freed="bonds"), r"strategy.freed = 'bonds'"),
        (lambda: BuyAndHold(symbols=["A", "A"]), "name each symbol once"),
        (lambda: BuyAndHold(symbols=["A"], weights=[0.5, 0.5]), "2 numbers for 1 symbols"),
        (lambda: BuyAndHold(symbols=["A", "B"], weights=[0.7, 0.7]), "add to 1.4"),
        (lambda: BuyAndHold(symbols=["A"], group="x"), "exclude one another"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, words):
    with pytest.raises(StrategyError, match=words):
        make()


def test_parameters_are_read_from_words_as_a_command_line_gives_them():
    assert Sized(share="0.25").share == 0.25
    assert BuyAndHold(symbols="SP500").symbols == ("SP500",)


def test_a_parameter_without_default_is_refused():
    with pytest.raises(StrategyError, match=r"Bare\.size needs a default"):

        class Bare(Strategy):
            size: float


def test_parameters_of_dataclass_type_work():
    assert Sized(schedule=Monthly()).schedule == Monthly()


def test_the_schedule_is_a_parameter():
    assert Sized().schedule == Weekly()
    assert EqualWeighted(schedule="quarterly").schedule == Quarterly()
    assert EqualWeighted(schedule="quarterly").values() == {"group": None, "schedule": "quarterly"}


def test_parameters_cannot_be_changed_afterwards():
    strategy = Sized()
    with pytest.raises(StrategyError, match="can't be changed"):
        strategy.share = 0.9
    with pytest.raises(StrategyError, match=r"Target\.remember"):
        strategy.memory = []


@pytest.mark.parametrize(
    "strategy", [Blueprint(glide_months=3), CapWeighted(group="x"), BuyAndHold(symbols=["A"])]
)
def test_instances_pickle_and_compare_by_parameters(strategy):
    copy = pickle.loads(pickle.dumps(strategy))
    assert copy == strategy
    assert hash(copy) == hash(strategy)
    assert copy != Blueprint(glide_months=4)
    assert type(strategy)(**strategy.values()) == strategy


def test_values_without_a_hint_are_parameters_of_their_own_type():
    class Untyped(Strategy):
        """Hold a share of one symbol."""

        share = 0.5
        symbol = "SPY"
        _note = ("not", "a parameter")

        @property
        def half(self):
            return self.share / 2

        def decide(self, see):
            return Target({self.symbol: self.share}, why="a share")

    class Child(Untyped):
        """The same with another default."""

        share = 0.25

    try:
        assert set(Untyped.parameters) == {"share", "symbol", "schedule"}
        assert Untyped(share=1).values() == {"share": 1.0, "symbol": "SPY", "schedule": "monthly"}
        assert Child().decide(None).weights["SPY"] == 0.25
        assert Untyped(share=0.1) != Untyped()
        with pytest.raises(StrategyError, match=r"strategy.share = 'much'"):
            Untyped(share="much")
    finally:
        for name in ("Untyped", "Child"):
            REGISTRY.pop(name)


@pytest.mark.parametrize("value", [["AMD"], {"a": 1}, None, pd.Series([1.0])])
def test_other_attributes_without_a_hint_are_refused(value):
    with pytest.raises(StrategyError, match=r"Listed\.names, a .*has no type hint"):
        type("Listed", (Strategy,), {"names": value, "decide": lambda self, see: None})
    assert "Listed" not in REGISTRY


@pytest.mark.parametrize(
    ("strategy", "unread"),
    [
        (Blueprint(), set()),
        (Blueprint(realign_z=1.0, growth_quarters=8, exit="z"), set()),
        (Blueprint(realign_points=0.1, exit="z"), {"realign_points"}),
        (Blueprint(realign_z=1.0, growth_quarters=8), {"realign_z", "growth_quarters"}),
        (Blueprint(realign_z=1.0, realign_points=0.1, exit="norm"), {"realign_z", "realign_points"}),
        (Hedged(threshold=0.5, short=0.8), set()),
        (Hedged(threshold=0.5, short=0.8, structure="spread"), {"threshold"}),
        (Hedged(threshold=0.5, short=0.8, structure="outright"), {"threshold", "short"}),
        (Hedged(underlying="QQQ", technology=("software",)), {"underlying", "technology"}),
        (Hedged(underlying="QQQ", technology=("software",), ratio_by="beta"), {"technology"}),
        (RotationRegime(oil_change=0.1, calm_vix=30, strength=0.1), {"oil_change", "calm_vix", "strength"}),
        (RotationRegime(oil_change=0.1, strength=0.1, pillar_window=5, oil=True), set()),
        (RotationRegime(rate_change=0.2, pillar_window=5, floating_debt=True), set()),
        (RotationRegime(style_window=5, small_large=False), set()),
        (PillarTilt(oil_change=0.1, oil=False), {"oil_change"}),
    ],
)
def test_parameters_that_are_set_and_not_read_are_said(strategy, unread):
    assert set(strategy.unread()) == unread


def test_what_is_not_read_is_said_with_what_would_read_it():
    (said,) = Blueprint(realign_z=1.0).unread().values()
    assert said == (
        "Blueprint.realign_z = 1.0 changes nothing: it is read only with exit = 'z' or 'one_sided'."
    )


@pytest.mark.parametrize("cls", [cls for cls in REGISTRY.values() if cls.read_with])
def test_conditions_name_parameters_and_values_that_there_are(cls):
    for key, others in cls.read_with.items():
        assert key in cls.parameters
        for name, values in others.items():
            for value in values:
                assert getattr(cls(**{name: value}), name) == value
