"""A tearsheet's files."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from backtests.document.blocks import Document
from backtests.document.html import load_template, write_html
from backtests.document.pdf import Paper, content, load_fonts, typeset


@contextmanager
def writing_pages(document: Document, folder: Path, paper: Paper = "a4") -> Iterator[None]:
    """Write ``tearsheet.html`` and ``tearsheet.pdf``; the PDF is typeset while the block works."""
    with ThreadPoolExecutor(1) as beside:
        paged = beside.submit(typeset, content(document, paper))
        write_html(document, folder / "tearsheet.html")
        yield
        (folder / "tearsheet.pdf").write_bytes(paged.result())


def get_ready() -> None:
    """Load templates and fonts, while something else is waited for."""
    load_template()
    load_fonts()


def write_pages(document: Document, folder: Path, paper: Paper = "a4") -> None:
    """Write ``tearsheet.html`` and ``tearsheet.pdf`` to `folder`."""
    with writing_pages(document, folder, paper):
        pass
