"""A result as a document that a risk committee can sign.

`build` makes the document, independent of its rendering; `write_html` renders it.
"""

from backtests.tearsheet.assembly import build
from backtests.tearsheet.content import Tearsheet
from backtests.tearsheet.html import html, write_html

__all__ = ["Tearsheet", "build", "html", "write_html"]
