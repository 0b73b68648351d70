"""A document as one self-contained HTML file: inline style, SVG and one small script; no network.

Without the script everything can still be read; it sorts and copies tables and switches the theme. The page
allows this one script by its hash, and no other.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backtests.document.blocks import AreaChart, Document, Figure, LineChart
from backtests.document.formats import formatted
from backtests.document.legend import legend
from backtests.document.palette import variables
from backtests.document.svg import inline_svg

TEMPLATES = Path(__file__).parent / "templates"


def html(document: Document) -> str:
    """Render the document as HTML.

    Every text of the document is escaped.
    """
    return _environment().get_template("document.html.jinja").render(sheet=document)


def write_html(document: Document, path: Path | str) -> Path:
    """Write the document to `path` and return it."""
    target = Path(path)
    target.write_text(html(document), encoding="utf-8", newline="\n")
    return target


def pages_of(folder: Path) -> Environment:
    """Templates of a folder, set so that every text is escaped and every unknown name an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _environment() -> Environment:
    environment = pages_of(TEMPLATES)
    environment.globals.update(
        kind=lambda block: type(block).__name__,
        svg=_svg,
        legend=_legend,
        style=lambda: Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=_script(),
        script_hash=base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode(),
        variables=variables(),
    )
    environment.filters["formatted"] = formatted
    return environment


@cache
def _script() -> Markup:
    return Markup((TEMPLATES / "document.js").read_text(encoding="utf-8"))


def _svg(figure: Figure) -> Markup:
    # Safe: matplotlib escapes its texts, which are ticks only, and keys come from this package.
    return Markup(inline_svg(figure.chart, figure.key, f"{figure.key}-alt"))


def _legend(chart: LineChart | AreaChart) -> list[tuple[str, str, str, str]]:
    """Label, shape, colour and dash array of each entry of a chart's legend."""
    return [
        (each.label, each.shape, _variable(each.color), " ".join(f"{length:g}" for length in each.dashes))
        for each in legend(chart)
    ]


def _variable(color: str) -> str:
    """The page's variable for a colour of the light palette."""
    return next(f"var({name})" for name, pair in variables().items() if pair[0] == color)
