"""A new strategy: one commented file, its test and a run file that runs at once."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from pathlib import Path
from string import Template

import strategies
from backtests.settings.strategies import registered, snake_case

HOUSE = Path(strategies.__file__).parent.parent


class ScaffoldError(ValueError):
    """A new strategy can't be written; the message says why and what to do."""


STRATEGY = Template('''\
"""$words: say in one sentence what it bets on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strategies import AsOf, Monthly, Strategy, Target


class $name(Strategy):
    """Hold every stock in equal weight, until `decide` says better.

    Attributes
    ----------
    invested : float
        Share of equity that is not cash.
    sessions : int
        How much history a stock needs.
    """

    # When to decide: Daily(), Weekly(), Monthly(), Quarterly() or Once(); always at the session's close.
    schedule = Monthly()

    # Parameters are class attributes with a type and a default. A run file sets them under [strategy];
    # a value out of range is refused with a sentence.
    invested: Annotated[float, Field(gt=0, le=1)] = 1.0
    sessions: Annotated[int, Field(ge=2)] = 126

    def decide(self, see: AsOf) -> Target | None:
        """What to hold from the next session on."""
        # `see` is the market as it was known at today's close: closes, returns, volumes, history,
        # latest("price_to_sales"), series("vix"), members("healthcare"), weights (what is held), previous
        # (the last target).
        closes = see.closes(self.sessions, symbols=see.members(kind="stock")).dropna(axis=1)
        if len(closes) < self.sessions or closes.empty:
            return None  # hold: not enough is known yet
        # Your idea goes here: a number for each stock, and which of them are worth holding.
        chosen = closes.columns
        # Weights are shares of equity; what they don't use is cash. The reason goes into the decision log.
        # To carry something to the next decision: Target(...).remember(key=value), then see.previous.state.
        return Target(
            dict.fromkeys(chosen, self.invested / len(chosen)),
            why=f"all {len(chosen)} stocks with {self.sessions} sessions of history",
        )
''')

TEST = Template('''\
"""$name does what it says, and can't look ahead."""

$imports


${fixture}def test_a_decision_needs_no_engine(sample):
    see = AsOf(sample, sample.index_of("2020-06-30"))
    target = $name(invested=0.9).decide(see)
    assert abs(target.cash - 0.1) < 1e-9
    assert target.changes[0].why.startswith("all ")


def test_it_holds_while_too_little_is_known(sample):
    assert $name().decide(AsOf(sample, 5)) is None


def test_it_cannot_look_ahead(sample):
    report = check_strategy($name(), sample, decisions=24)
    assert report.passed, report.failures
''')

FIXTURE = """\
@pytest.fixture
def sample():
    return sample_market()


"""
"""Of a test that stands outside the checkout, whose own fixtures it doesn't have."""

RUN = Template("""\
# $words. Run it with `backtest run $run`, check it with `backtest check-strategy $check`.
name = "$module"
description = "$words"
market = "sample"
start = 2011-03-01
capital = 1_000_000

[strategy]
name = "$place"
invested = 1.0
sessions = 126

[costs]
commission_bps = 1.0
half_spread_bps = 2.0

[[benchmarks]]
label = "Equal-weighted universe"
name = "EqualWeighted"

[[benchmarks]]
label = "Cap-weighted universe"
name = "CapWeighted"
""")


def new_strategy(name: str, house: Path = HOUSE) -> tuple[Path, ...]:
    """Write a strategy called `name`, its test and its run file.

    Parameters
    ----------
    name : str
        A class name in CamelCase.
    house : Path
        The checkout that gets the files.

    Returns
    -------
    tuple of Path
        Strategy, test and run file.

    Raises
    ------
    ScaffoldError
        If the name can't be used or is taken, or a file can't be written; then nothing is.
    """
    module = _module(name)
    files = (
        house / "strategies" / f"{module}.py",
        house / "tests" / "strategies" / f"test_{module}.py",
        house / "backtests" / "runs" / f"{module}.toml",
    )
    imports = (
        "from backtests.authoring.check import check_strategy\n"
        f"from strategies.asof import AsOf\nfrom strategies.{module} import {name}"
    )
    for path in files:
        if not path.parent.is_dir():
            raise ScaffoldError(
                f"{path.parent} does not exist: new-strategy writes into a checkout; say --here for the "
                "folder that you are in"
            )
    return _written(files, name, imports, "", place=name, run=module, check=name)


def new_strategy_here(name: str, folder: Path) -> tuple[Path, ...]:
    """Write a strategy called `name`, its test and its run file into one folder, outside of any checkout.

    Parameters
    ----------
    name : str
        A class name in CamelCase.
    folder : Path

    Returns
    -------
    tuple of Path
        Strategy, test and run file.

    Raises
    ------
    ScaffoldError
        As `new_strategy`.
    """
    module = _module(name)
    files = (folder / f"{module}.py", folder / f"test_{module}.py", folder / f"{module}.toml")
    imports = (
        f"import pytest\nfrom {module} import {name}\n\n"
        "from backtests.authoring.check import check_strategy\n"
        "from datafeeds.sources.sample import sample_market\nfrom strategies.asof import AsOf"
    )
    place = f"{module}.py:{name}"
    return _written(files, name, imports, FIXTURE, place=place, run=f"{module}.toml", check=place)


def _module(name: str) -> str:
    _check_name(name)
    return snake_case(name)


def _written(
    files: tuple[Path, Path, Path], name: str, imports: str, fixture: str, **words: str
) -> tuple[Path, ...]:
    for path in files:
        if path.exists():
            raise ScaffoldError(f"{path} exists already; choose another name or remove it")
    module = snake_case(name)
    said = {"name": name, "module": module, "words": module.replace("_", " ").capitalize(), **words}
    texts = (
        template.substitute(said, imports=imports, fixture=fixture) for template in (STRATEGY, TEST, RUN)
    )
    _write_all(dict(zip(files, texts, strict=True)))
    return files


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]{1,49}", name) or name.upper() == name:
        words = re.findall(r"[A-Za-z][a-z0-9]*", name)
        hint = "".join(word.capitalize() for word in words)
        also = f", such as {hint}" if re.fullmatch(r"[A-Z][A-Za-z0-9]+", hint) and hint != name else ""
        raise ScaffoldError(
            f"{name!r} is no class name: write it in CamelCase, letters and digits only{also}"
        )
    module = snake_case(name)
    if keyword.iskeyword(module) or keyword.issoftkeyword(module) or keyword.iskeyword(name):
        raise ScaffoldError(f"{name}: {module!r} is a word of the language Python; choose another name")
    if hasattr(builtins, name) or hasattr(builtins, module):
        raise ScaffoldError(f"{name} is built into Python; choose another name")
    if module in sys.stdlib_module_names:
        raise ScaffoldError(f"{name}: {module!r} is a module of Python's own; choose another name")
    taken = {known.casefold(): known for known in (*registered(), *strategies.__all__)}
    if name.casefold() in taken:
        raise ScaffoldError(f"{name}: there is {taken[name.casefold()]} already; choose another name")


def _write_all(texts: dict[Path, str]) -> None:
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise ScaffoldError(f"{error.filename}: {error.strerror}; nothing was written") from None
