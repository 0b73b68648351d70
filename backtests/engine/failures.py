"""What went wrong in an author's code, in one line: the error, the file and the line."""

from __future__ import annotations

import importlib
import traceback


def problem_in(error: BaseException, name: str) -> str:
    """Say in one line what went wrong in somebody's code, and where."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and frame.filename != __file__
    ]
    ours = [
        frame
        for frame in frames
        if "site-packages" not in frame.filename and frame.filename != importlib.__file__
    ]
    return f"{ours[-1].filename}:{ours[-1].lineno}: {said}" if ours else f"{name}: {said}"
