"""A tearsheet's files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backtests.document.blocks import Document
from backtests.document.html import write_html
from backtests.document.pdf import Paper, content, typeset


def write_pages(document: Document, folder: Path, paper: Paper = "a4") -> None:
    """Write ``tearsheet.html`` and ``tearsheet.pdf`` to `folder`, the one made while the other is typeset."""
    with ThreadPoolExecutor(1) as beside:
        paged = beside.submit(typeset, content(document, paper))
        write_html(document, folder / "tearsheet.html")
        (folder / "tearsheet.pdf").write_bytes(paged.result())
