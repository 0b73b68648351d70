"""Every number of a run, as ``metrics.json`` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtests.analysis.definitions import METRICS
from backtests.analysis.holdout import Part
from backtests.analysis.registry import Figures, figures
from backtests.result import Result
from strategies.exhibit import Exhibit

UNITS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "returns", "drawdowns", "total", "by_symbol", "by_group", "guessed", "annual_return",
            "annual_volatility", "weight", "benchmark_weight", "allocation", "selection", "interaction",
            "costs", "hedge", "residual", "portfolio", "benchmark_return", "excess", "active_share", "level",
            "above_zero",
            "drag", "rate", "turnover", "impact_rate", "capped", "participation", "share", "unknown_volume",
            "alpha_a_year", "r_squared", "adjusted_r_squared", "hedged", "unhedged", "hedged_fall",
            "unhedged_fall", "growth", "premium", "payoff", "pnl", "decay", "half_spread", "depth",
            "worst_loss", "move", "price", "parts", "end", "largest_weight", "held", "top", "risk",
            "active_risk",
            "predicted", "realised", "rest", "shrinkage", "participation", "typical", "ours", "theirs",
            "moved", "lead", "timing",
        ),
        "fraction",
    ),
    **dict.fromkeys(
        (
            "price_gain", "dividends", "commission", "spread", "impact", "options", "paid", "profit",
            "borrow", "trading_costs",
            "starting_capital", "largest_trade", "capital", "equity", "largest", "break_even", "received",
            "returned",
        ),
        "money",
    ),
    **dict.fromkeys(
        (
            "sessions", "trades", "observations", "dropped", "lags", "purchases", "short_of_cash",
            "short_of_budget", "rolls", "struck", "reached", "year", "periods", "draws", "seed", "known",
            "outside", "beyond", "started", "changed", "usually", "closed", "all", "days_to_sell",
            "count", "days", "months", "return_days", "lead_days",
        ),
        "count",
    ),
    **dict.fromkeys(
        ("coefficient", "error", "t", "p", "years", "block_length", "impact_coefficient", "effective"),
        "number",
    ),
    **dict.fromkeys(("estimate", "low", "high"), "as the statistic"),
    "size": "fraction, or points of a yield",
    "rows": "as the column says",
}  # fmt: skip
"""Unit of every number that is no metric of the registry, by its key."""


def metrics(result: Result) -> dict[str, Any]:
    """Every number of every table of a run.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict
        ``strategy`` and each of ``benchmarks`` with label, performance and trading; a benchmark also holds
        the strategy's statistics ``relative`` to it and the ``attribution`` against it. Then ``holdout``,
        ``luck``, ``stress``, ``factors``, ``costs_by_year``, ``symbols``, ``capacity`` and ``hedge``, empty
        where there is nothing, and ``units``: the unit of each number by its key. Dates are ISO text; what is
        not known is None.
    """
    books: list[dict[str, Any]] = [
        {"label": label, "performance": plain(alone), "trading": plain(traded)}
        for label, alone, traded in zip(result.labels, result.performances, result.tradings, strict=True)
    ]
    for place, entry in enumerate(books[1:]):
        entry["relative"] = plain(result.relatives[place])
        entry["attribution"] = _attribution(result, place)
    return {
        "first_session": str(result.sessions[0]),
        "last_session": str(result.sessions[-1]),
        "sessions": len(result.sessions),
        "annual": result.annual,
        "strategy": books[0],
        "benchmarks": books[1:],
        "holdout": holdout(result),
        "luck": _luck(result),
        "stress": _stress(result),
        "factors": _factors(result),
        "costs_by_year": _rows(result.costs.by_year),
        "symbols": _rows(result.profits.rename(columns={"price": "price_gain"})),
        "capacity": _capacity(result),
        "hedge": _hedge(result),
        **_sides(result),
        "holdings": _holdings(result),
        "fills": {**plain(result.fill_check), "filled_otherwise": [plain(each) for each in result.reruns]},
        "rule": plain(result.rule_changes),
        "steadiness": _steadiness(result),
        "exhibits": [exhibit_words(each) for each in result.exhibits],
        "units": {key: each.unit for key, each in METRICS.items()} | dict(UNITS),
    }


def _attribution(result: Result, place: int) -> dict[str, Any]:
    found, shares = result.attributions[place], result.active_shares[place]
    return {
        "groups": _rows(found.table()),
        "costs": plain(found.costs),
        "hedge": plain(found.hedge),
        "residual": plain(found.residual),
        "portfolio": plain(found.portfolio),
        "benchmark_return": plain(found.benchmark),
        "excess": plain(found.excess),
        "active_share": {"average": plain(shares.mean()), "last": plain(shares.iloc[-1])},
    }


def holdout(result: Result) -> dict[str, Any]:
    """What the run did before and after its holdout began; empty for a run without one.

    Returns
    -------
    dict
        ``begins``, then ``why`` it can't be told apart, or the parts ``before`` and ``after``: first and last
        session and ``books``, as in `metrics`.
    """
    found = result.held_out
    if found is None:
        return {}
    begins = {"begins": str(result.config.holdout)}
    if isinstance(found, str):
        return {**begins, "why": found}
    return {**begins, "before": _part(result, found.before), "after": _part(result, found.after)}


def _part(result: Result, part: Part) -> dict[str, Any]:
    books: list[dict[str, Any]] = [
        {"label": label, "performance": plain(each)}
        for label, each in zip(result.labels[: len(part.performances)], part.performances, strict=True)
    ]
    for entry, each in zip(books[1:], part.relatives, strict=True):
        entry["relative"] = plain(each)
    return {
        "first_session": str(part.first),
        "last_session": str(part.last),
        "annual": part.performances[0].annual,
        "books": books,
    }


def exhibit_words(exhibit: Exhibit) -> dict[str, Any]:
    """Words and table of what a strategy brings for its own tearsheet; ``first`` where page one has them."""
    listing = exhibit.table
    table = {} if listing is None else plain(listing)
    if listing is not None:
        table["columns"] = [{"label": label, "unit": unit} for label, unit in listing.columns]
    return {"title": exhibit.title, "text": exhibit.text, "first": exhibit.first, "table": table}


def _luck(result: Result) -> dict[str, Any]:
    found = result.significance
    if found is None:
        return {}
    bootstrap = plain(found.bootstrap)
    return {**plain(figures("luck", result.annual, found)), "bootstrap": bootstrap}


def _stress(result: Result) -> dict[str, Any]:
    return {
        "episodes": [
            {
                "name": each.episode.name,
                "start": str(each.start),
                "end": str(each.end),
                "whole": each.whole,
                "returns": plain(each.returns),
                "drawdowns": plain(each.drawdowns),
            }
            for each in result.episodes
        ],
        "by_beta": [
            {
                "name": each.shock.name,
                "told_by": each.beta.of,
                "size": plain(each.shock.size),
                "coefficient": plain(each.beta.value),
                "error": plain(each.beta.error),
                "total": plain(each.total),
            }
            for each in result.beta_outcomes
        ],
        "shocks": [
            {
                "name": outcomes[0].scenario.name,
                "total": dict(zip(result.labels, (plain(each.total) for each in outcomes), strict=True)),
                "by_group": plain(outcomes[0].by_group),
                "guessed": plain(outcomes[0].guessed),
            }
            for outcomes in result.shocks
        ],
        "worst_windows": [plain(each) for each in result.worst_windows],
        "regimes": [plain(each) for group in result.regime_outcomes for each in group],
    }


def _factors(result: Result) -> dict[str, Any]:
    found = result.regression
    if isinstance(found, str):
        return {"why": found}
    numbers = ("alpha_a_year", "r_squared", "adjusted_r_squared", "lags", "observations", "dropped")
    return {"table": _rows(found.table()), **{name: plain(getattr(found, name)) for name in numbers}}


def _capacity(result: Result) -> dict[str, Any]:
    found = result.sizing
    limit = plain(found.capacity)
    unknown = limit.pop("unknown")
    return {
        **limit,
        "unknown_volume": unknown,
        "impact_coefficient": found.impact,
        "sizes": [plain(each) for each in found.sizes],
        "break_even": plain(found.break_even),
    }


def _hedge(result: Result) -> dict[str, Any]:
    found = result.hedge
    if found is None:
        return {}
    cost = plain(found.cost)
    cost["half_spread"] = cost.pop("spread")
    return {
        "answer": found.verdict.answer,
        "verdict": plain(found.verdict),
        "cost": cost,
        "falls": [
            {"peak": str(each.fall.peak), "trough": str(each.fall.trough), "depth": plain(each.fall.depth)}
            | {"hedged": plain(each.hedged), "pnl": plain(each.pnl)}
            for each in found.falls
        ],
        "break_evens": [
            {**{key: value for key, value in plain(each).items() if key != "cost"}, "price": plain(each.cost)}
            for each in found.break_evens
        ],
        "sold": plain(found.sold),
        "parts": plain(found.parts),
    }


def _sides(result: Result) -> dict[str, Any]:
    """What the long and the short side earned; nothing where nothing was sold short."""
    if result.sides is None:
        return {}
    return {
        "sides": [
            {
                "side": each.name,
                "price_gain": each.price,
                "dividends": each.dividends,
                "trading_costs": each.trading_costs,
                "borrow": each.borrow,
                "profit": each.profit,
            }
            for each in result.sides
        ]
    }


def _holdings(result: Result) -> dict[str, Any]:
    average, last = result.concentrations
    risk = result.risk
    return {
        "concentration": {"average": plain(average), "last": plain(last)},
        "table": _rows(result.holdings.rename(columns={"largest": "largest_weight"})),
        "positions": {
            "closed": int(result.round_trips["closed"].notna().sum()),
            "all": len(result.round_trips),
        },
        "predicted": _rows(result.predicted),
        "risk": {}
        if risk is None
        else {
            "volatility": risk.volatility,
            "tracking_error": plain(risk.tracking_error),
            "shrinkage": risk.shrinkage,
            "table": _rows(risk.table),
        },
        "falls": [
            {
                "peak": str(each.fall.peak),
                "depth": each.fall.depth,
                "by_symbol": each.by_symbol,
                "rest": each.rest,
            }
            for each in result.fall_makers
        ],
    }


def _steadiness(result: Result) -> dict[str, Any]:
    halves = result.halves
    parts = (
        {"why": halves}
        if isinstance(halves, str)
        else {"first": _part(result, halves.before), "second": _part(result, halves.after)}
    )
    mixes = [
        {"label": label, **({} if mix is None else {**plain(mix), "timing": plain(mix.timing)})}
        for label, mix in zip(result.labels[:2], result.average_mixes, strict=True)
    ]
    return {"halves": parts, "without_best": plain(result.steadiness), "average_mix": mixes}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, the index under its name."""
    return [
        {str(key): plain(value) for key, value in row.items()}
        for row in table.reset_index().to_dict("records")
    ]


def plain(value: Any) -> Any:
    """A value as JSON knows it: dataclasses as mappings, dates as text, None for what is unknown."""
    if isinstance(value, Figures):
        return {key: plain(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value
