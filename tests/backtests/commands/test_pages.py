"""A page that a command writes replaces its own kind and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.commands.pages import write_page
from backtests.document.blocks import Document
from backtests.document.html import html
from backtests.records.finished import ResultsError


def test_its_own_page_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.html"
    write_page(path, html(Document("One", "", ())))
    write_page(path, html(Document("Two", "", ())))
    assert "Two" in path.read_text()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", ["mine", "x" * 9_000 + "style-rotation", "<!DOCTYPE html><p>thesis</p>"])
def test_anything_else_is_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(content)
    with pytest.raises(ResultsError, match="not written by this program"):
        write_page(path, html(Document("One", "", ())))
    assert path.read_text() == content
    with pytest.raises(ResultsError, match="can't be written: Is a directory"):
        write_page(tmp_path, "x")


def test_what_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="can't be written: "):
        write_page(tmp_path / "file" / "page.html", "x")
