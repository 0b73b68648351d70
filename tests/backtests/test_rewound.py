"""The embedded market cut at a day: decisions, fills and balances up to then are the same to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.rewound import first_difference
from backtests.runner import run
from backtests.settings.run_file import load
from datafeeds.market import Market
from datafeeds.sources import sample


def cut_sample(monkeypatch: pytest.MonkeyPatch, day: str) -> Market:
    """The embedded market of what was public by `day`; NVIDIA's prices keep the basis of the whole one."""
    last = pd.Timestamp(day)
    prices, figures, series, nvidia = sample._prices, sample._figures, sample._series, sample._nvidia
    end = prices("sp500_dataset").index[-1]
    with monkeypatch.context() as cut:
        cut.setattr(sample, "_prices", lambda name: prices(name).loc[:last])
        cut.setattr(sample, "_nvidia", lambda _: nvidia(end))
        cut.setattr(sample, "_figures", lambda: figures()[lambda table: table["filed"] <= last])
        cut.setattr(
            sample, "_series", lambda *asked: series(*asked)[lambda table: table["available"] <= last]
        )
        return sample.sample_market()


@pytest.mark.parametrize("day", ["2014-08-15", "2020-03-23"])
def test_the_blueprint_on_the_sample_cut_at_a_day(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    config = load("blueprint").model_copy(update={"engine": "ledger"})
    cut = cut_sample(monkeypatch, day)
    assert cut.sessions[-1] == np.datetime64(day)
    whole, part = run(config, market=sample.sample_market()), run(config, market=cut)
    assert len(part.book.ledger.decisions) > 40
    found = {
        ours.label: first_difference(ours, theirs)
        for ours, theirs in zip(whole.books, part.books, strict=True)
    }
    assert set(found.values()) == {""}, found


def test_the_first_difference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["start=2018-01-02", "end=2018-12-31", "benchmarks=[]"]
    book = run(load("valuation_cut", overrides)).book
    assert first_difference(book, book) == ""

    def said(**changes: object) -> str:
        return first_difference(book, replace(book, ledger=replace(book.ledger, **changes)))

    ledger = book.ledger
    assert said(decisions=ledger.decisions[1:]).startswith(f"{len(ledger.decisions)} decisions, and ")
    target = ledger.decisions[0].target
    symbol = next(iter(target.weights))
    other = replace(target, weights={**target.weights, symbol: 0.0}, changes=())
    changed = (replace(ledger.decisions[0], target=other), *ledger.decisions[1:])
    assert f"differs: {symbol} " in said(decisions=changed)
    silent = (replace(ledger.decisions[0], target=replace(target, state={"seen": 1})), *ledger.decisions[1:])
    assert said(decisions=silent).endswith("differs: its reasons")
    done = ledger.executions
    dearer = replace(done, numbers=done.numbers + 1.0)
    assert said(executions=dearer) == "the fills differ"
    assert said(equity=ledger.equity + 1.0) == f"equity differs from {ledger.sessions[0]} on"
    fees = np.zeros(len(ledger.sessions))
    short = replace(book, ledger=replace(ledger, borrow=fees))
    assert first_difference(short, short) == ""
    dearer = replace(book, ledger=replace(ledger, borrow=fees + 1.0))
    assert first_difference(short, dearer) == "the fees for borrowed stock differ"
