"""No bytes make a reader end in a traceback, hang or give a part of a result."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.places import HOUSE
from tests.readers import READERS, read

TOKENS = (
    *(b"", b"\0", b"\x1b[31m", b"[/red]", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\xef\xbb\xbf", b"\r"),
    *(b"\n\n", b'"', b"'", b",", b",,,,", b"=", b"{", b"}", b"[", b"]", b"#", b"\\", b"[" * 5_000),
    *(b"a." * 300, b"9" * 5_000, b"1e999", b"1e-320", b"nan", b"inf", b"-0.0", b"0", b"-1", b"1" * 20),
    *(b"true", b"null", b"[]", b"{}", b"0001-01-01", b"9999-12-31", b"2020-02-30", b"~nosuchuser"),
    *(b"../..", b"/dev/zero", b"\xf0\x9f\x92\xa9"),
)
"""What readers are known to stumble over."""


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Something accepted with a few pieces cut out, doubled, or replaced by a token or any bytes."""
    content = whole
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = draw(st.integers(begin, min(len(content), begin + 40)))
        piece = content[begin:end]
        new = draw(st.sampled_from((*TOKENS, piece * 2)) | st.binary(max_size=8))
        content = content[:begin] + new + content[end:]
    return content


def _fuzz(name: str, examples: int) -> None:
    with TemporaryDirectory() as place:

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(damaged(READERS[name][1]))
        def every(content: bytes) -> None:
            read(name, content, Path(place))

        every()


@pytest.mark.parametrize("name", READERS)
def test_what_they_accept(name: str, tmp_path: Path) -> None:
    reader, whole = READERS[name]
    reader(whole, tmp_path)


@pytest.mark.parametrize("name", READERS)
def test_some_damaged_bytes(name: str) -> None:
    _fuzz(name, 15)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_bytes(name: str) -> None:
    _fuzz(name, 300)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_bytes_led_by_coverage(name: str, tmp_path: Path) -> None:
    """Atheris (`pip install .[fuzz]`) looks for bytes that reach lines that no others reached."""
    pytest.importorskip("atheris")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "whole").write_bytes(READERS[name][1])
    command = [sys.executable, "-m", "tests.led_by_coverage", name, str(tmp_path / "corpus")]
    limits = ["-max_total_time=30", "-timeout=20", "-rss_limit_mb=4000", "-max_len=20000"]
    done = subprocess.run(
        [*command, *limits],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
    )
    assert done.returncode == 0, done.stderr[-3_000:]
