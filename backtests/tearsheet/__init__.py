"""A result as a document that a risk committee can sign.

`build` makes the document, independent of its rendering; `write_html` and `write_pdf` render it.
"""

from backtests.tearsheet.assembly import build
from backtests.tearsheet.content import Tearsheet
from backtests.tearsheet.html import html, write_html
from backtests.tearsheet.pdf import Paper, pdf, write_pdf

__all__ = ["Paper", "Tearsheet", "build", "html", "pdf", "write_html", "write_pdf"]
