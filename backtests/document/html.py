"""A document as one self-contained HTML file: inline style, data, SVG and scripts; no network.

Without script everything can still be read; it sorts and copies tables, switches the theme and makes charts
live. The page allows its own scripts by their hashes, and no others.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from backtests.document.blocks import Document, Figure
from backtests.document.formats import formatted
from backtests.document.legend import legend
from backtests.document.live import chart_data, library
from backtests.document.palette import variable_of, variables
from backtests.document.svg import inline_svg

TEMPLATES = Path(__file__).parent / "templates"


def html(document: Document) -> str:
    """Render the document as HTML.

    Every text of the document is escaped.
    """
    figures = document.figures
    scripts = [_template("document.js")]
    if figures:
        scripts += [library("uPlot.iife.js"), _template("charts.js")]
    return load_template().render(
        sheet=document,
        # Safe: this package's, or uPlot's, or JSON without a "<".
        scripts=[Markup(script) for script in scripts],
        hashes=[_hash(script) for script in scripts],
        chart_data=Markup(chart_data(figures)) if figures else "",
        chart_style=Markup(library("uPlot.min.css")) if figures else "",
    )


def load_template() -> Template:
    """The page's template, compiled once a process."""
    return _environment().get_template("document.html.jinja")


def write_html(document: Document, path: Path | str) -> Path:
    """Write the document to `path` and return it."""
    target = Path(path)
    target.write_text(html(document), encoding="utf-8", newline="\n")
    return target


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        kind=lambda block: type(block).__name__,
        svg=_svg,
        legend=legend,
        variable_of=variable_of,
        style=Markup(_template("style.css")),
        variables=variables(),
    )
    environment.filters["formatted"] = formatted
    return environment


@cache
def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _svg(figure: Figure) -> Markup:
    # Safe: matplotlib escapes its texts, which are ticks only, and keys come from this package.
    return Markup(inline_svg(figure))
