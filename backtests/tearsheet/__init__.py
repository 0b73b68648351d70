"""A result as a document that a risk committee can sign.

`build` makes the document, independent of its rendering; `write_pages` renders it as HTML and as PDF.
"""

from backtests.document.blocks import Document
from backtests.document.html import html, write_html
from backtests.document.pdf import Paper, pdf
from backtests.tearsheet.assembly import build
from backtests.tearsheet.pages import write_pages

__all__ = ["Document", "Paper", "build", "html", "pdf", "write_html", "write_pages"]
