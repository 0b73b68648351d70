"""What is wrong with this data: errors stop the load, wrong figures are quarantined, the rest is reported."""

from __future__ import annotations

from collections.abc import Iterable

from datafeeds.checks.basis import CENTS_SESSIONS, check_split_basis, whole_cents_ratio
from datafeeds.checks.facts import FACT_CHECKS, SHARE_STEPS, FactCheck, check_facts, consistent
from datafeeds.checks.prices import PRICE_CHECKS, check_prices
from datafeeds.market import Finding, MarketError

__all__ = [
    "CENTS_SESSIONS",
    "FACT_CHECKS",
    "PRICE_CHECKS",
    "SHARE_STEPS",
    "FactCheck",
    "check_facts",
    "check_prices",
    "check_split_basis",
    "consistent",
    "raise_errors",
    "whole_cents_ratio",
]


def raise_errors(name: str, findings: Iterable[Finding]) -> None:
    """Stop at data that cannot be used.

    Parameters
    ----------
    name : str
        Name of the market, for the message.
    findings : iterable of Finding

    Raises
    ------
    MarketError
        If any finding is an error, quoting the first ten.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f"\nand {len(errors) - 10} more" if len(errors) > 10 else ""
        quoted = "\n".join(str(finding) for finding in errors[:10])
        raise MarketError(f"market {name!r} cannot be used:\n{quoted}{more}")
