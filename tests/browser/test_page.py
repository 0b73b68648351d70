"""The tearsheet in a browser: offline, by keyboard, on a telephone."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from backtests.records.results import write
from backtests.runner import run
from backtests.settings.run_file import CASH, load
from tests.places import ANSWERS

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e .[browser]")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"
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
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any, results: Path) -> Iterator[Any]:
    """Opens a page offline; fails on anything that the console or the network says.

    Each page has a context of its own, whose storage is in memory: a profile on disk hands what a page stored
    to the next process only later, so that a page loaded again could miss it.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(name: str = "tearsheet.html", width: int = 1280, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **settings)
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
    page.evaluate(OPEN)
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
    page = opened()
    page.evaluate(OPEN)
    button = page.get_by_role("button", name="Sort by Recovery")
    table = page.locator("#drawdowns table").filter(has=button)
    for _ in range(2):
        button.click()
        recoveries = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        known = [text for text in recoveries if text != "–"]
        assert known
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
    playwright.expect(page.get_by_role("button", name="Light theme")).to_be_visible()
    page.emulate_media(color_scheme="light")
    playwright.expect(page.get_by_role("button", name="Dark theme")).to_be_visible()


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
    page.evaluate(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_can_be_read_without_script(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("h1").is_visible()
    assert not page.locator("#theme").is_visible()
    assert page.locator(".sort").count() == 0
    page.locator("#decisions summary").first.click()
    assert page.locator("#decisions table").first.is_visible()


# Charts ----------------------------------------------------------------------------------------------


def chart(page: Any, key: str = "equity") -> Any:
    """A chart, live."""
    figure = page.locator(f"figure[data-chart={key}]")
    figure.scroll_into_view_if_needed()
    figure.locator(".u-over").wait_for()
    return figure


def hover(page: Any, figure: Any, share: float) -> tuple[float, float]:
    """Move the pointer to a share of the chart's width."""
    box = figure.locator(".u-over").bounding_box()
    place = box["x"] + box["width"] * share, box["y"] + box["height"] / 2
    page.mouse.move(*place)
    return place


def test_the_pointer_shows_every_line_s_value_on_every_chart(opened: Any, results: Path) -> None:
    page = opened()
    figure, other = chart(page), chart(page, "drawdown")
    figure.scroll_into_view_if_needed()
    hover(page, figure, 0.999)
    playwright.expect(figure.locator(".at")).to_have_text("2021-07-30")
    said = figure.locator(".legend output").all_inner_texts()
    (path,) = results.glob("*/returns.parquet")
    ends = (1 + pd.read_parquet(path).drop(columns=CASH)).prod()
    assert said == [f"{end:.2f}×" for end in ends]
    playwright.expect(other.locator(".at")).to_have_text("2021-07-30")


def test_dragging_zooms_every_chart_and_a_double_click_goes_back(opened: Any) -> None:
    page = opened()
    figure = chart(page)
    span = page.locator(".ranges output")
    playwright.expect(span).to_have_text("2020-06-01 to 2021-07-30")
    hover(page, figure, 0.5)
    page.mouse.down()
    hover(page, figure, 0.9)
    page.mouse.up()
    begin, end = span.inner_text().split(" to ")
    assert "2020-12-15" < begin < "2021-01-15"
    assert "2021-06-01" < end < "2021-07-01"
    other = chart(page, "drawdown")
    hover(page, other, 0.001)
    playwright.expect(other.locator(".at")).to_have_text(re.compile("2020-12|2021-01"))
    figure.scroll_into_view_if_needed()
    figure.locator(".u-over").dblclick()
    playwright.expect(span).to_have_text("2020-06-01 to 2021-07-30")


def test_ranges_by_button(opened: Any) -> None:
    page = opened()
    page.get_by_role("group", name="Range of time").get_by_role("button", name="1 year").click()
    playwright.expect(page.locator(".ranges output")).to_have_text("2020-07-30 to 2021-07-30")


def test_a_line_is_hidden_and_comes_back(opened: Any) -> None:
    page = opened()
    figure = chart(page)
    drawn = "figure => figure.querySelector('canvas').toDataURL()"
    before = figure.evaluate(drawn)
    button = figure.get_by_role("button", name="Cap-weighted universe")
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    playwright.expect(figure.locator("canvas")).to_have_count(1)
    assert figure.evaluate(drawn) != before
    hover(page, figure, 0.5)
    outputs = figure.locator(".legend output").all_inner_texts()
    assert outputs[0] != ""
    assert outputs[1] == ""
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"


def test_scale_and_base_are_chosen(opened: Any) -> None:
    page = opened()
    figure = chart(page)
    drawn = "figure => figure.querySelector('canvas').toDataURL()"
    logarithmic = figure.evaluate(drawn)
    figure.get_by_role("button", name="Logarithmic").click()
    assert figure.get_by_role("button", name="Logarithmic").get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(50)
    assert figure.evaluate(drawn) != logarithmic
    figure.get_by_label("Relative to").select_option("Cap-weighted universe")
    hover(page, figure, 0.7)
    outputs = figure.locator(".legend output").all_inner_texts()
    assert outputs[1] == "1.00×"
    assert all(text.endswith("×") for text in outputs)


def test_paper_has_the_static_charts_and_what_is_folded(opened: Any) -> None:
    page = opened()
    figure = chart(page)
    assert not figure.locator("svg.chart").is_visible()
    page.emulate_media(media="print")
    assert figure.locator("svg.chart").is_visible()
    for part in (".live", ".controls"):
        assert not figure.locator(part).is_visible()
    assert not page.locator(".ranges").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_without_script_charts_are_drawn(opened: Any) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("figure[data-chart=equity] svg.chart").is_visible()
    assert page.locator(".ranges").count() == 0


def test_a_telephone_scrolls_past_charts_and_tables_say_that_they_scroll(opened: Any) -> None:
    page = opened(width=390, has_touch=True, is_mobile=True)
    figure = chart(page)
    box = figure.locator(".live").bounding_box()
    assert box["x"] + box["width"] <= 390
    figure.locator(".u-over").tap()
    playwright.expect(figure.locator(".at")).to_have_text(re.compile(r"\d{4}-\d\d-\d\d"))
    silent = page.evaluate(
        """[...document.querySelectorAll('figure.table .scroll')]
        .filter(it => !it.closest('details:not([open])'))
        .filter(it => it.scrollWidth > it.clientWidth + 1 != !!it.closest('figure').querySelector('.hint'))
        .length"""
    )
    assert silent == 0


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: npm install --no-save axe-core")
@pytest.mark.parametrize("name", ["tearsheet.html", "index.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened: Any, name: str, scheme: str) -> None:
    page = opened(name, color_scheme=scheme)
    page.evaluate(OPEN)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then(outcome => outcome.violations)")
    serious = [
        f"{fault['id']}: {fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_every_control_has_a_name(opened: Any) -> None:
    unnamed = opened().evaluate(
        """[...document.querySelectorAll('button, a')].filter(each =>
        !(each.getAttribute('aria-label') || each.textContent.trim())).length"""
    )
    assert unnamed == 0


def test_page_one_fits_one_screen(opened: Any) -> None:
    page = opened()
    page.locator("#summary canvas").nth(1).wait_for()
    assert page.evaluate("document.querySelector('#summary').getBoundingClientRect().bottom") <= 900


def test_page_one_looks_as_it_was_approved(opened: Any) -> None:
    """Blurred to blocks of ten pixels, so that another machine's fonts make no difference."""
    page = opened()
    page.locator("#summary canvas").nth(1).wait_for()
    shot = page.screenshot()
    seen = np.asarray(
        Image.open(io.BytesIO(shot)).convert("L").resize((128, 90), Image.Resampling.BOX), np.float64
    )
    approved = np.asarray(Image.open(ANSWERS / "page_one.png"), np.float64)
    assert np.abs(seen - approved).mean() < 3
    shifted = np.roll(approved, 3, axis=0)
    assert np.abs(shifted - approved).mean() > 6
