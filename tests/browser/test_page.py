"""The tearsheet in a browser: offline, by keyboard, on a telephone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backtests.records.results import write
from backtests.runner import run
from backtests.settings.run_file import load

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e .[browser]")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one short run."""
    folder = tmp_path_factory.mktemp("results")
    write(run(load("blueprint", ("start=2020-06-01", "end=2021-07-30"))), folder)
    return folder


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        yield started.chromium


@pytest.fixture
def opened(engine: Any, results: Path, tmp_path: Path) -> Iterator[Any]:
    """Opens a page offline; fails on anything that the console or the network says."""
    complaints: list[str] = []
    contexts = []

    def open_page(name: str = "tearsheet.html", width: int = 1280, **settings: Any) -> Any:
        context = engine.launch_persistent_context(
            str(tmp_path / f"profile{len(contexts)}"),
            executable_path=BROWSER,
            args=ARGUMENTS,
            viewport={"width": width, "height": 900},
            offline=True,
            **settings,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        (path,) = results.glob(f"*/{name}") if name != "index.html" else [results / name]
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def first_column(table: Any) -> list[str]:
    return [text.strip() for text in table.locator("tbody th").all_inner_texts()]


def test_tables_sort_there_and_back(opened: Any) -> None:
    page = opened()
    table = page.locator("#calendar figure.table", has_text="Calendar-year returns").locator("table")
    before = first_column(table)
    button = table.get_by_role("button", name="Sort by Blueprint")
    button.click()
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    values = [
        float(text.replace("−", "-").rstrip("%")) for text in table.locator("td.strong").all_inner_texts()
    ]
    assert values == sorted(values, reverse=True)
    button.press("Enter")
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert table.locator("th[aria-sort]").count() == 0
    assert first_column(table) == before


def test_what_is_missing_sorts_last(opened: Any) -> None:
    table = opened().locator("#drawdowns table")
    for _ in range(2):
        table.get_by_role("button", name="Sort by Recovery").click()
        recoveries = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        known = [text for text in recoveries if text != "–"]
        assert recoveries[: len(known)] == known
        assert known in (sorted(known), sorted(known, reverse=True))


def test_tables_are_copied(opened: Any) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    figure = page.locator("#verdict figure.table").first
    figure.get_by_role("button", name="Copy table").click()
    page.get_by_text("Table copied").wait_for(state="attached")
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert lines[0].startswith("Statistic\tBlueprint\tCap-weighted universe")
    assert lines[1].startswith("Return a year (CAGR)\t")
    assert len(lines) == figure.locator("tr").count()


def test_theme_switches_and_is_remembered(opened: Any) -> None:
    page = opened(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Dark theme").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(background) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) == light


def test_the_system_decides_the_theme_until_asked(opened: Any) -> None:
    page = opened(color_scheme="dark")
    assert page.get_by_role("button", name="Light theme").is_visible()


def test_definitions_open_by_keyboard(opened: Any) -> None:
    page = opened()
    term = page.locator("#verdict").get_by_role("button", name="Sharpe ratio", exact=True)
    term.focus()
    page.keyboard.press("Enter")
    definition = page.locator("#define-sharpe")
    assert definition.is_visible()
    assert "standard deviation" in definition.inner_text()
    page.keyboard.press("Escape")
    assert not definition.is_visible()


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("name", ["tearsheet.html", "index.html"])
def test_no_sideways_scroll(opened: Any, width: int, name: str) -> None:
    page = opened(name, width)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_can_be_read_without_script(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("h1").is_visible()
    assert not page.locator("#theme").is_visible()
    assert page.locator(".sort").count() == 0
    page.locator("#decisions summary").first.click()
    assert page.locator("#decisions table").first.is_visible()


def test_every_control_has_a_name(opened: Any) -> None:
    unnamed = opened().evaluate(
        """[...document.querySelectorAll('button, a')].filter(each =>
        !(each.getAttribute('aria-label') || each.textContent.trim())).length"""
    )
    assert unnamed == 0
