"""A result as a document that a risk committee can sign.

`build` makes the document, independent of its rendering; `write_html` and `write_pdf` render it.
"""

from backtests.document.blocks import Document
from backtests.document.html import html, write_html
from backtests.document.pdf import Paper, pdf, write_pdf
from backtests.tearsheet.assembly import build

__all__ = ["Document", "Paper", "build", "html", "pdf", "write_html", "write_pdf"]
