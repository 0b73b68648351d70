"""What is wrong with this data: errors stop the load, wrong figures are quarantined, the rest is reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from datafeeds.checks.basis import check_split_basis
from datafeeds.checks.facts import BY_HAND, Verdicts, check_facts, days_of, used, verdict_findings
from datafeeds.checks.prices import PRICE_CHECKS, check_prices, of_calendar
from datafeeds.checks.turnover import Trading, check_share_counts
from datafeeds.market import Finding, MarketError

__all__ = [
    "EVER",
    "PRICE_CHECKS",
    "Trading",
    "check_facts",
    "check_prices",
    "check_split_basis",
    "chosen",
    "judged_facts",
    "of_calendar",
    "raise_errors",
    "verdicts_on",
]


def judged_facts(facts: pd.DataFrame, trading: Trading) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Filed figures that can be used some time, each with the days from and to which it counts.

    Parameters
    ----------
    facts : DataFrame
        As filed; where there is a column `BY_HAND`, its figures are used whatever the checks say.
    trading : Trading

    Returns
    -------
    used : DataFrame
        Columns as `market.FACT_COLUMNS`.
    findings : tuple of Finding
        One for each figure that is left out, withheld, mended or withdrawn.
    """
    return chosen(*verdicts_on(facts, trading))


def chosen(
    ordered: pd.DataFrame, verdicts: Verdicts, high: Sequence[Finding]
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """What `judged_facts` returns, from what `verdicts_on` found."""
    return used(ordered, verdicts), (*verdict_findings(ordered, verdicts), *high)


def verdicts_on(facts: pd.DataFrame, trading: Trading) -> tuple[pd.DataFrame, Verdicts, list[Finding]]:
    """Filed figures in order of filing, what is known of each, and further findings."""
    ordered, verdicts = check_facts(facts)
    high = check_share_counts(ordered, verdicts, trading)
    if BY_HAND in ordered:
        fixed = ordered[ordered[BY_HAND]]
        for place, filed, value in zip(fixed.index, days_of(fixed["filed"]), fixed["value"], strict=True):
            verdicts.decided(place, int(filed), value)
    return ordered, verdicts, high


EVER = ("0000-01-01", "9999-12-31")
"""From the first date to the last."""


def raise_errors(name: str, findings: Iterable[Finding], span: tuple[str, str] | None = EVER) -> None:
    """Stop at data that cannot be used.

    Parameters
    ----------
    name : str
        Name of the market, for the message.
    findings : iterable of Finding
    span : tuple of str, optional
        First and last ISO date between which days that the calendar of the exchange does not have, or has and
        the prices do not, stop too; all of them if not given, none for None.

    Raises
    ------
    MarketError
        If any finding is an error, quoting the first ten.
    """
    errors = [
        finding
        for finding in findings
        if finding.severity == "error"
        and (not of_calendar(finding) or (span is not None and span[0] <= finding.date <= span[1]))
    ]
    if errors:
        more = f"\nand {len(errors) - 10} more" if len(errors) > 10 else ""
        quoted = "\n".join(str(finding) for finding in errors[:10])
        raise MarketError(f"market {name!r} cannot be used:\n{quoted}{more}")
