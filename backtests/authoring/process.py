"""Decisions made again in another process, with another hash seed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backtests.authoring.replay import Failed, Moment, decided
from datafeeds.market import Market
from strategies.strategy import Strategy
from strategies.target import StrategyError, Target

HASH_SEED = "20111"
"""Of the other process; this one has its own."""


def decided_elsewhere(
    strategy: Strategy, market: Market, moments: Sequence[Moment]
) -> list[Target | Failed | None]:
    """What `strategy` decides at `moments` in a process of its own, where nothing was computed before.

    Raises
    ------
    StrategyError
        If the strategy can't be pickled or imported there, saying why.
    """
    bare = replace(market, derived={})
    asked = [replace(moment, target=None) for moment in moments]
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "question"), Path(folder, "answer")
        try:
            question.write_bytes(pickle.dumps((strategy, bare, asked)))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StrategyError(f"can't travel to another process: {error}") from None
        start = f"import sys; sys.path += {sys.path!r}; from {__name__} import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", start, question, answer],
            env={**os.environ, "PYTHONHASHSEED": HASH_SEED},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise StrategyError(f"another process could not decide: {said}")
        made: list[Target | Failed | None] = pickle.loads(answer.read_bytes())
        return made


def main() -> None:
    """Answer the question, in the other process: its file and that of the answer are the arguments."""
    question, answer = map(Path, sys.argv[1:])
    strategy, market, moments = pickle.loads(question.read_bytes())
    answer.write_bytes(pickle.dumps([decided(strategy, market, moment) for moment in moments]))
