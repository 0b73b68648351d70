"""The kernel is compiled beside a run where no compiled code is kept, and only there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from backtests.engine import compilation


def test_code_is_kept_if_it_is_younger_than_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "ENGINE", tmp_path)
    source, kept = tmp_path / "compiled.py", tmp_path / "__pycache__" / "compiled.advance.nbi"
    source.touch()
    loop = replace(compilation.CASH, sources=(source,))
    assert not compilation.is_kept(loop)
    kept.parent.mkdir()
    kept.touch()
    os.utime(source, (1000, 1000))
    assert compilation.is_kept(loop)
    assert compilation.begin(loop) is None
    assert not compilation.is_kept(replace(loop, module="compiled_margin"))
    os.utime(kept, (999, 999))
    assert not compilation.is_kept(loop)


@pytest.mark.parametrize("loop", [compilation.CASH, compilation.MARGIN], ids=["cash", "margin"])
def test_a_process_compiles_and_keeps_the_code(
    loop: compilation.Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "is_kept", lambda loop: False)
    compiling = compilation.begin(loop)
    assert compiling is not None
    assert compiling.wait(timeout=120) == 0
    monkeypatch.undo()
    assert compilation.is_kept(loop)
