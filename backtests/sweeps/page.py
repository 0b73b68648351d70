"""A self-contained HTML page of texts, tables and drawings, in the tearsheet's style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup

from backtests.document.html import TEMPLATES as TEARSHEET
from backtests.document.html import pages_of
from backtests.document.palette import variables

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    head : tuple of str
        Column labels.
    body : sequence of sequence of str
        Cells by row.
    left : tuple of str
        Labels of the columns that hold words.
    """

    head: tuple[str, ...]
    body: Sequence[Sequence[str]]
    left: tuple[str, ...] = ()

    @property
    def rows(self) -> list[list[tuple[str, str]]]:
        """Each row's cells with their column labels."""
        return [list(zip(self.head, row, strict=True)) for row in self.body]


@dataclass(frozen=True)
class Section:
    """A headline with texts, then a drawing, then a table.

    Attributes
    ----------
    title : str
    texts : tuple of str
    svg : str
        Markup that is known to be safe, or empty.
    table : Table, optional
    """

    title: str
    texts: tuple[str, ...] = ()
    svg: str = ""
    table: Table | None = None


@dataclass(frozen=True)
class Page:
    """What stands on a page; every text is escaped.

    Attributes
    ----------
    kind, title, subtitle : str
    sections : list of Section
    """

    kind: str
    title: str
    subtitle: str
    sections: list[Section] = field(default_factory=list)

    def html(self) -> str:
        """Render the page as an HTML document."""
        marked = [
            {"title": each.title, "texts": each.texts, "svg": Markup(each.svg), "table": each.table}
            for each in self.sections
        ]
        page = {"kind": self.kind, "title": self.title, "subtitle": self.subtitle, "sections": marked}
        style = Markup((TEARSHEET / "style.css").read_text(encoding="utf-8"))
        return _template().render(page=page, style=style, variables=variables())


@cache
def _template() -> Template:
    return pages_of(TEMPLATES).get_template("page.html.jinja")
