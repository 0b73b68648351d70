"""Who checked, and what came out: the scorecard of page one."""

from __future__ import annotations

from collections import Counter

from backtests.analysis.trading import unfilled_by_reason
from backtests.document.blocks import Check, Outcome, Scorecard
from backtests.document.formats import typeset
from backtests.result import Result
from backtests.tearsheet.provenance import lookahead, rewound, trials_on_record, verification


def scorecard(result: Result) -> Scorecard:
    """Every check of the run, the most decisive first."""
    manifest = result.manifest
    verified, replayed, tried = (manifest.get(key, {}) for key in ("verification", "lookahead", "trials"))
    lead = _lead(result)
    cut = manifest.get("rewound")
    return Scorecard(
        "Who checked, and what came out",
        (
            *((lead,) if lead else ()),
            Check("Second engine", _outcome(verified.get("identical")), verification(manifest)),
            Check("Sealed replay", _outcome(replayed.get("passed")), lookahead(manifest)),
            *((Check("Data rewind", _outcome(not cut["differences"]), rewound(manifest)),) if cut else ()),
            Check("Trials", _outcome(tried.get("intact")), trials_on_record(manifest)),
            _data(result),
            _orders(result),
        ),
    )


def _outcome(passed: bool | None) -> Outcome:
    return "warn" if passed is None else "pass" if passed else "fail"


def _lead(result: Result) -> Check | None:
    """Whether the lead over the first benchmark is more than luck."""
    found = result.significance
    if found is None or result.primary is None:
        return None
    lead = found.bootstrap.interval("growth_difference", result.labels[1])
    outcome: Outcome = "pass" if lead.low > 0 else "fail" if lead.high < 0 else "warn"
    period = " a year" if result.annual else ""
    said = (
        f"{lead.estimate * 100:+.2f} points{period} on {result.labels[1]}, {lead.low * 100:+.2f} to "
        f"{lead.high * 100:+.2f} in {lead.level:.0%} of resampled histories."
    )
    return Check("Lead beyond luck", outcome, typeset(said))


def _data(result: Result) -> Check:
    counts = Counter(finding.severity for finding in result.market.findings)
    out, suspicious = counts["quarantined"], counts["suspicion"]
    said = f"{out:,} figures left out, {suspicious:,} suspicions used as they are."
    return Check("Data", "warn" if out or suspicious else "pass", said)


def _orders(result: Result) -> Check:
    count = int(unfilled_by_reason(result.book.ledger).sum())
    if count:
        return Check("Orders", "warn", f"{count:,} were not or only partly filled.")
    return Check("Orders", "pass", "Every order was filled in full.")
