"""A chart as an SVG: for a file of its own, or to stand inside an HTML page."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from backtests.document.blocks import AreaChart, Figure, LineChart
from backtests.document.figures import SMALL, WIDE, draw
from backtests.document.palette import variables

Chart = LineChart | AreaChart
Size = tuple[int, int]

# Fixed salt and no metadata: the same chart gives the same bytes.
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "tearsheet", "path.simplify": True}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


# Drawing takes most of the time of a page, and the HTML and the PDF show the same charts.
_DRAWN: WeakKeyDictionary[Chart, dict[Size, str]] = WeakKeyDictionary()

_AHEAD: dict[str, str] = {}
"""Drawings that were made elsewhere, by what `content_hash` says of them."""


def load_drawing() -> None:
    """Import what draws charts; it would be when the first is drawn."""
    import matplotlib.backends.backend_svg  # as in `backtests.document.figures`
    import matplotlib.figure  # noqa: F401


def standalone_svg(chart: Chart, size: Size = WIDE) -> str:
    """Render the chart as an SVG document in the light palette; drawn once as long as the chart lives."""
    drawn = _DRAWN.setdefault(chart, {})
    if size not in drawn:
        ahead = _AHEAD.get(content_hash(chart, size)) if _AHEAD else None
        drawn[size] = _drawn(chart, size) if ahead is None else ahead
    return drawn[size]


def _drawn(chart: Chart, size: Size) -> str:
    import matplotlib as mpl  # as in `backtests.document.figures`

    target = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        draw(chart, size).savefig(target, format="svg", transparent=True, metadata=_NO_METADATA)
    return target.getvalue()


def content_hash(chart: Chart, size: Size) -> str:
    """SHA-256 over all that a drawing shows; another may stand for charts that show the same."""
    return hashlib.sha256(pickle.dumps((chart, size))).hexdigest()


def know(drawings: Mapping[str, str]) -> None:
    """Let `standalone_svg` take drawings that were made elsewhere, by their `content_hash`."""
    _AHEAD.update(drawings)


def size_of(figure: Figure) -> Size:
    """In points."""
    return SMALL if figure.small else WIDE


def inline_svg(figure: Figure) -> str:
    """Render the figure's chart as an SVG element that takes its colours and its font from the page.

    Returns
    -------
    str
        Markup, its ids unique in the page by the figure's key. It holds no text from outside besides numbers
        and dates.
    """
    width, height = size = size_of(figure)
    svg = standalone_svg(figure.chart, size)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", body, flags=re.S)
    body = _shorter(body)
    body = _own_ids(body, figure.key)
    for name, (light, _) in variables().items():
        body = body.replace(light, f"var({name})")
    kind = "small chart" if figure.small else "chart"
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{figure.key}-alt">{body}'
    )


def _shorter(body: str) -> str:
    """Coordinates to a tenth of a point, without line breaks and without the font that the page sets."""
    body = re.sub(r' (?:d|x|y|transform)="[^"]+"', lambda found: _rounded(found[0]), body)
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    return re.sub(r"\s*\n\s*", " ", body).replace("> <", "><")


def _rounded(attribute: str) -> str:
    return re.sub(r"-?\d+\.\d\d+", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), attribute)


def _own_ids(body: str, key: str) -> str:
    """Drop ids that nothing refers to and make the others unique in the page."""
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", body))
    names = {name for pair in used for name in pair if name}
    body = re.sub(
        r' id="([^"]+)"', lambda found: f' id="{key}-{found[1]}"' if found[1] in names else "", body
    )
    body = body.replace("url(#", f"url(#{key}-").replace('xlink:href="#', f'href="#{key}-')
    return re.sub(r"<g>\s*</g>", "", body)
