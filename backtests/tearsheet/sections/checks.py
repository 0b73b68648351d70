"""Who checked, and what came out: the scorecard of page one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from backtests.analysis.trading import unfilled_by_reason
from backtests.document.blocks import Check, Outcome, Scorecard
from backtests.document.formats import typeset
from backtests.result import Result
from backtests.tearsheet.provenance import lookahead, rewound, trials_on_record, verification
from backtests.tearsheet.wording import fills_sentence, luck_verdict, standing, survival_sentence

SURVIVES = 0.5
"""Share of the lead that other fills must leave."""

LARGE_FILL = 0.1
"""Share of a session's volume that a fill can't take without being noticed."""


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
            Check("Sealed replay", _outcome(replayed.get("passed")), lookahead(manifest, how=False)),
            *((Check("Data rewind", _kept(cut), rewound(manifest)),) if cut else ()),
            Check("Trials", _outcome(tried.get("intact")), trials_on_record(manifest)),
            *(each for each in (_fills(result), _survival(result)) if each is not None),
            _data(result),
            _choice(result),
            _orders(result),
        ),
    )


def _kept(cut: Mapping[str, Any]) -> Outcome:
    return _outcome(None if "left_whole" in cut else not cut["differences"])


def _outcome(passed: bool | None) -> Outcome:
    return "warn" if passed is None else "pass" if passed else "fail"


def _lead(result: Result) -> Check | None:
    """Whether the lead over the first benchmark is more than luck."""
    found = result.significance
    if found is None or result.primary is None:
        return None
    lead = found.bootstrap.interval("growth_difference", result.labels[1])
    ahead = standing(lead.estimate) == "ahead"
    outcome: Outcome = "pass" if ahead and found.is_clear else "fail" if lead.high < 0 else "warn"
    return Check("Lead beyond luck", outcome, typeset(luck_verdict(found)))


def _fills(result: Result) -> Check | None:
    """Whether every fill lies inside its bar, and none took much of its volume."""
    found = result.fill_check
    if not found.fills:
        return None
    doubtful = not found.known or found.participation > LARGE_FILL
    outcome: Outcome = "fail" if found.outside else "warn" if doubtful else "pass"
    return Check("Fills", outcome, typeset(fills_sentence(found)))


def _survival(result: Result) -> Check | None:
    """How much of the lead survives when the same decisions are filled otherwise."""
    if not result.reruns or not result.benchmarks:
        return None
    first, *others = result.reruns
    if standing(first.lead) != "ahead":
        return None
    least = min(each.lead for each in others) / first.lead
    outcome: Outcome = "pass" if least >= SURVIVES else "warn" if least > 0 else "fail"
    return Check("Lead if filled otherwise", outcome, typeset(survival_sentence(result)))


def _choice(result: Result) -> Check:
    """Whether the stocks were chosen with hindsight."""
    if result.survivors_only:
        return Check("Choice of stocks", "warn", "Every stock is known to have survived.")
    return Check("Choice of stocks", "pass", "Stocks that ended are among them.")


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
