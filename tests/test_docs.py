"""Every Python block of the README and the docs runs, each page from top to bottom in one namespace."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from strategies.strategy import REGISTRY
from tests.places import HOUSE

PAGES = [HOUSE / "README.md", HOUSE / "CONTRIBUTING.md", *sorted((HOUSE / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script.py", "sample"])
    known = dict(REGISTRY)
    # A class finds its module by name when its type hints are read.
    module = ModuleType(f"docs_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    try:
        for block in blocks(page):
            exec(compile(block, str(page), "exec"), module.__dict__)
    finally:
        # What the blocks wrote goes; what they imported stays, for it is imported once only.
        imported = {name: cls for name, cls in REGISTRY.items() if cls.__module__ != module.__name__}
        REGISTRY.clear()
        REGISTRY.update(imported | known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:backtests|datafeeds|strategies|tests|docs)/[^`\s]*)`", page.read_text(encoding="utf-8")
    )
    assert [name for name in named if not any(HOUSE.glob(name.rstrip("/")))] == []
