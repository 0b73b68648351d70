"""The tearsheet on paper."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from backtests.analysis.definitions import DEFINITIONS
from backtests.document.blocks import (
    AreaChart,
    Beside,
    Bullets,
    Cell,
    Check,
    Column,
    DecisionLog,
    Details,
    Document,
    Fact,
    Facts,
    Figure,
    Glossary,
    HeatMap,
    Highlight,
    Highlights,
    Line,
    LineChart,
    LogEntry,
    Marks,
    Move,
    Paragraph,
    Row,
    Scorecard,
    Section,
    Signature,
    Table,
    Unchanged,
)
from backtests.document.html import html
from backtests.document.pdf import column_width, pdf, plain
from backtests.tearsheet.pages import write_pages

HOSTILE = (
    '#panic("no") #{1/0} $x^2$ *bold* _low_ `raw` @missing <label> = head '
    '\\ "quoted" // gone /* too */ [b] #import'
)
SHARES = np.array([[0.1, 0.2]])
DATES = np.arange("2019-01-01", "2021-01-01", dtype="datetime64[D]")


def document(text: str) -> Document:
    """Every kind of block, with `text` wherever text from outside can stand."""
    line = Line(text, DATES, np.linspace(1.0, 2.0, len(DATES)))
    chart = LineChart((line,), "multiple", marks=(Marks(text, DATES[:2], np.ones(2)),))
    share = Line(text, DATES, np.full(len(DATES), 0.5))
    table = Table(
        text,
        (Column(text, "left"), Column("Sharpe", term="sharpe", strong=True), Column(text)),
        tuple(
            Row((Cell(text), Cell(0.5, "number", shade), Cell(text)), "sharpe" if shade else "", shade == 2)
            for shade in range(-5, 6)
        ),
        text,
    )
    entry = LogEntry(np.datetime64("2020-01-02"), 0.1, (Move(text, 0.1, 0.2),), (text, text))
    blocks = (
        *(Paragraph(text, tone) for tone in ("plain", "lead", "note", "warning")),
        Bullets(text, (text, text), "warning"),
        Facts((Fact(text, text),)),
        Highlights((Highlight("sharpe", Cell(0.5, "number"), text),)),
        table,
        Figure("line", chart, text, text),
        Figure("area", AreaChart((share, share)), text, text),
        DecisionLog(text, (entry, Unchanged(DATES[0], DATES[1], 2))),
        Scorecard(text, tuple(Check(text, outcome, text) for outcome in ("pass", "warn", "fail"))),
        Beside(
            (HeatMap(text, text, text, (text, text), (text,), np.array([[0.1, 0.2]]), "percent", 0.1, 0.2),)
        ),
        Signature(text, (text, text)),
        Details(text, (Paragraph(text),)),
        Details(text, (Paragraph("only on screen"),), paper=False),
        Glossary((DEFINITIONS["sharpe"],)),
    )
    sections = (
        Section("first", text, blocks),
        Section("second", "Second", (Paragraph(text),)),
        Section("third", "Third", (Details(text, (Paragraph(text),)),), appendix=True),
    )
    return Document(
        text, text, sections, {"sharpe": DEFINITIONS["sharpe"]}, f"run 0123456789ab {text}", kind=text
    )


@pytest.fixture(scope="module")
def hostile() -> bytes:
    return pdf(document(HOSTILE))


def words(content: bytes, tmp_path: Path) -> str:
    """The text of a PDF, spaces made one."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext")
    path = tmp_path / "page.pdf"
    path.write_bytes(content)
    said = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True
    ).stdout
    return " ".join(said.split())


def test_no_text_acts_as_markup(hostile: bytes, tmp_path: Path) -> None:
    said = words(hostile, tmp_path)
    for part in (
        '#panic("no")',
        "#{1/0}",
        "$x^2$",
        "*bold*",
        "`raw`",
        "@missing",
        "<label>",
        "// gone",
        "#import",
    ):
        assert said.count(part) > 20, part
    assert "only on screen" not in said


def test_the_same_document_gives_the_same_bytes(hostile: bytes) -> None:
    assert pdf(document(HOSTILE)) == hostile
    assert b"CreationDate" not in hostile or b"1970" in hostile


def test_bookmarks_page_numbers_and_run(tmp_path: Path) -> None:
    content = pdf(document("plain"))
    assert b"/Title(Second)" in content
    assert b"/Outlines" in content
    said = words(content, tmp_path)
    pages = int(re.search(rb"/Type/Pages/Count (\d+)", content)[1])  # type: ignore[index]
    numbers = re.findall(r"(\d+) ?/ ?(\d+)", said)
    assert numbers == [(str(page), str(pages)) for page in range(1, pages + 1)]
    assert said.count("run 0123456789ab plain") == pages


def test_paper_sizes() -> None:
    sheet = document("plain")
    assert b"/MediaBox[0 0 595.27" in pdf(sheet)
    assert b"/MediaBox[0 0 612 792]" in pdf(sheet, "letter")


def test_fonts_are_embedded_and_not_the_systems(hostile: bytes) -> None:
    fonts = set(re.findall(rb"/BaseFont/[A-Z]{6}\+([A-Za-z]+)", hostile))
    assert fonts
    assert fonts <= {b"LibertinusSerif", b"DejaVuSans", b"DejaVuSansMono"}


def test_words_and_numbers_are_those_of_the_content() -> None:
    said = plain(document("text"))
    table = next(block for block in said["sections"][0]["blocks"] if block["kind"] == "Table")
    # Its own label, with a way to the definition.
    assert (table["columns"][1]["text"], table["columns"][1]["term"]) == ("Sharpe", "sharpe")
    assert table["rows"][0]["cells"][0]["text"] == DEFINITIONS["sharpe"].term
    assert table["rows"][5]["cells"][0]["text"] == "text"
    assert [row["cells"][1]["shade"] for row in table["rows"]] == list(range(-5, 6))


def test_what_is_folded_stands_among_the_appendices(tmp_path: Path) -> None:
    said = plain(document("text"))
    assert [section["key"] for section in said["sections"]] == ["first", "second"]
    assert [section["key"] for section in said["appendices"]] == ["first-folded", "third"]
    assert {"kind": "Reference", "text": "text", "key": "first-folded"} in said["sections"][0]["blocks"]
    printed = words(pdf(document("plain")), tmp_path)
    page = re.search(r"plain: page (\d+)\.", printed)
    assert page is not None
    assert f"plain, in detail {page[1]}" in printed


def test_a_scorecard_of_too_many_lines_is_a_table() -> None:
    with pytest.raises(ValueError, match="at most 10 lines, this one 11"):
        Scorecard("", (Check("a", "pass", "b"),) * 11)


def test_column_widths() -> None:
    assert column_width("Year", ["2020"]) == 6
    assert column_width("Cap-weighted universe", ["1.0%"]) == 14
    assert column_width("Note", ["x" * 200]) == 36


def test_file(tmp_path: Path) -> None:
    write_pages(document("plain"), tmp_path)
    assert (tmp_path / "tearsheet.pdf").read_bytes() == pdf(document("plain"))
    assert (tmp_path / "tearsheet.html").read_text(encoding="utf-8") == html(document("plain"))
