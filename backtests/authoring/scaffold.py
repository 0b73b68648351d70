"""A new strategy: one commented file, its test and a run file that runs at once."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from pathlib import Path
from string import Template

import strategies
from backtests.settings.strategies import registered

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
    """Hold the stocks that rose most over the trailing months, in equal weight.

    Attributes
    ----------
    count : int
        How many stocks are held.
    sessions : int
        Over how many sessions the rise is measured.
    """

    # When to decide: Daily(), Weekly(), Monthly(), Quarterly() or Once(); always at the session's close.
    schedule = Monthly()

    # Parameters are class attributes with a type and a default. A run file sets them under [strategy];
    # a value out of range is refused with a sentence.
    count: Annotated[int, Field(ge=1)] = 5
    sessions: Annotated[int, Field(ge=2)] = 126

    def decide(self, see: AsOf) -> Target | None:
        """What to hold from the next session on."""
        # `see` is the market as it was known at today's close: closes, returns, volumes, history,
        # latest("price_to_sales"), series("vix"), members("healthcare"), weights (what is held), previous
        # (the last target).
        symbols = see.members(kind="stock")
        closes = see.closes(self.sessions, symbols=symbols).dropna(axis=1)
        if len(closes) < self.sessions or closes.empty:
            return None  # hold: not enough is known yet
        rise = closes.iloc[-1] / closes.iloc[0] - 1
        best = rise.nlargest(self.count)
        named = ", ".join(f"{symbol} {share:+.0%}" for symbol, share in best.items())
        # Weights are shares of equity; what they don't use is cash. The reason goes into the decision log.
        # To carry something to the next decision: Target(...).remember(key=value), then see.previous.state.
        return Target(
            dict.fromkeys(best.index, 1 / len(best)),
            why=f"rose most in {self.sessions} sessions: {named}",
        )
''')

TEST = Template('''\
"""$name does what it says, and can't look ahead."""

from backtests.authoring.check import check_strategy
from strategies.asof import AsOf
from strategies.$module import $name


def test_a_decision_needs_no_engine(sample):
    see = AsOf(sample, sample.index_of("2020-06-30"))
    target = $name(count=3).decide(see)
    assert len(target.weights) == 3
    assert abs(sum(target.weights.values()) - 1) < 1e-9
    assert target.changes[0].why.startswith("rose most")


def test_it_holds_while_too_little_is_known(sample):
    assert $name().decide(AsOf(sample, 5)) is None


def test_it_cannot_look_ahead(sample):
    report = check_strategy($name(), sample, decisions=24)
    assert report.passed, report.failures
''')

RUN = Template("""\
# $words. Run it with `backtest run $module`, check it with `backtest check-strategy $name`.
name = "$module"
description = "$words"
market = "sample"
start = 2011-03-01
capital = 1_000_000

[strategy]
name = "$name"
count = 5
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
    _check_name(name)
    module = snake_case(name)
    words = module.replace("_", " ").capitalize()
    files = {
        house / "strategies" / f"{module}.py": STRATEGY,
        house / "tests" / "strategies" / f"test_{module}.py": TEST,
        house / "backtests" / "runs" / f"{module}.toml": RUN,
    }
    for path in files:
        if not path.parent.is_dir():
            raise ScaffoldError(
                f"{path.parent} does not exist: new-strategy writes into a checkout; elsewhere write a file "
                "of your own and name it path/to/file.py:Class"
            )
        if path.exists():
            raise ScaffoldError(f"{path} exists already; choose another name or remove it")
    texts = {path: text.substitute(name=name, module=module, words=words) for path, text in files.items()}
    _write_all(texts)
    return tuple(files)


def snake_case(name: str) -> str:
    """A class name as a module is called.

    Examples
    --------
    >>> snake_case("MomentumCut"), snake_case("VIXTiming")
    ('momentum_cut', 'vix_timing')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


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
