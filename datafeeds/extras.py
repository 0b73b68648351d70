"""What to say where a package is not installed that one command, page or strategy needs."""

from __future__ import annotations

import sys


def not_installed(what: str, package: str, extra: str) -> str:
    """Sentence that says what can't be done without a package, and how to install it.

    Parameters
    ----------
    what : str
        What needs it: ``"backtest pyfolio"``.
    package : str
    extra : str
        Extra of this project that holds it, as in ``setup.cfg``.

    Returns
    -------
    str
        With a command for the Python that is running: no environment need be active, and this project is
        there already, so that only what is missing is looked for.
    """
    return (
        f"{what} needs {package}, which is not installed: "
        f"{sys.executable} -m pip install 'style-rotation[{extra}]'"
    )
