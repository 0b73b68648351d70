"""A chart as an SVG: for a file of its own, or to stand inside an HTML page."""

from __future__ import annotations

import io
import re
from typing import Any
from weakref import WeakKeyDictionary

from backtests.document.blocks import AreaChart, Figure, LineChart
from backtests.document.figures import SMALL, WIDE, draw
from backtests.document.palette import variables

# Fixed salt and no metadata: the same chart gives the same bytes.
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "tearsheet", "path.simplify": True}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


# Drawing takes most of the time of a page, and the HTML and the PDF show the same charts.
_DRAWN: WeakKeyDictionary[LineChart | AreaChart, dict[tuple[int, int], str]] = WeakKeyDictionary()


def load_drawing() -> None:
    """Import what draws charts; it would be when the first is drawn."""
    import matplotlib.backends.backend_svg  # as in `backtests.document.figures`
    import matplotlib.figure  # noqa: F401


def standalone_svg(chart: LineChart | AreaChart, size: tuple[int, int] = WIDE) -> str:
    """Render the chart as an SVG document in the light palette; drawn once as long as the chart lives."""
    import matplotlib as mpl  # as in `backtests.document.figures`

    drawn = _DRAWN.setdefault(chart, {})
    if size not in drawn:
        target = io.StringIO()
        with mpl.rc_context(_SETTINGS):
            draw(chart, size).savefig(target, format="svg", transparent=True, metadata=_NO_METADATA)
        drawn[size] = target.getvalue()
    return drawn[size]


def inline_svg(figure: Figure) -> str:
    """Render the figure's chart as an SVG element that takes its colours and its font from the page.

    Returns
    -------
    str
        Markup, its ids unique in the page by the figure's key. It holds no text from outside besides numbers
        and dates.
    """
    width, height = size = SMALL if figure.small else WIDE
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
