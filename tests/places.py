"""Where tests find the house, values from outside, and the real market folder (which may be absent)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).resolve().parents[1]
ANSWERS = HOUSE / "tests" / "answers"
SHARED = HOUSE.parent / "shared"

needs_shared_market = pytest.mark.skipif(
    not (SHARED / "market").exists(), reason="the real market folder is not here"
)


def answers(name: str) -> dict[str, Any]:
    """Values from outside; tested code never writes them."""
    content: dict[str, Any] = json.loads((ANSWERS / name).read_text(encoding="utf-8"))
    return content
