"""Who checked what, and what came out: at most ten lines."""

from __future__ import annotations

from collections import Counter

from backtests.document.blocks import Check, Outcome, Scorecard
from backtests.result import Result
from backtests.tearsheet.wording import luck_verdict, standing


def scorecard(result: Result) -> Scorecard:
    """Every check of a run, those that say most about trust in it first."""
    checks = (
        _lookahead(result),
        _second_engine(result),
        _register(result),
        _luck(result),
        _fills(result),
        _survives(result),
        _data(result),
        _hindsight(result),
    )
    return Scorecard("Who checked", tuple(check for check in checks if check is not None))


def _lookahead(result: Result) -> Check:
    said = result.manifest.get("lookahead") or {}
    if not said or said.get("sampled") == 0:
        return Check("Replay of decisions", "warn", "not made")
    if not said.get("passed"):
        return Check("Replay of decisions", "fail", "a decision changed when the future was replaced")
    sampled, decisions = said.get("sampled"), said.get("decisions")
    tried = f"{sampled} of {decisions} decisions" if sampled is not None else "decisions"
    return Check("Replay of decisions", "pass", f"{tried} replayed without the future, none changed")


def _second_engine(result: Result) -> Check:
    said = result.manifest.get("verification")
    if said is None:
        return Check("Second engine", "warn", "not asked")
    if said["identical"]:
        return Check("Second engine", "pass", "the same books to the last bit")
    return Check("Second engine", "fail", f"other books for {', '.join(said['differences'])}")


def _register(result: Result) -> Check:
    said = result.manifest.get("trials") or {}
    if "count" not in said:
        return Check("Register of trials", "warn", "no record was kept")
    count = result.trials.recorded
    trials = f"{count:,} trial{'s' if count != 1 else ''} recorded"
    if not said.get("intact", True):
        return Check("Register of trials", "fail", f"{trials}, but the register can't be trusted")
    return Check("Register of trials", "pass", f"{trials}, unbroken")


def _luck(result: Result) -> Check | None:
    found = result.significance
    if found is None:
        return Check("Luck of the lead", "warn", "too short a run to test")
    if not result.benchmarks:
        return Check("Luck of the lead", "warn", "no benchmark was run")
    ahead = standing(float(result.relatives[0].excess_return)) == "ahead"
    return Check("Luck of the lead", "pass" if ahead and found.is_clear else "warn", luck_verdict(found))


def _fills(result: Result) -> Check | None:
    found = result.fill_check
    if not found.fills:
        return None
    if not found.known:
        return Check("Fills inside their bars", "warn", "highs and lows are unknown")
    if found.outside:
        return Check("Fills inside their bars", "fail", f"{found.outside:,} of {found.known:,} outside")
    beyond = f"; {found.beyond:,} beyond it with spread and impact" if found.beyond else ""
    return Check("Fills inside their bars", "pass", f"all {found.known:,}{beyond}")


def _survives(result: Result) -> Check | None:
    if not result.reruns or not result.benchmarks:
        return None
    first, *others = result.reruns
    if standing(first.lead) != "ahead":
        return None
    worst = min(others, key=lambda each: each.lead)
    share = worst.lead / first.lead
    outcome: Outcome = "pass" if share >= 0.5 else "warn" if share > 0 else "fail"
    return Check("Lead if filled otherwise", outcome, f"{share:.0%} of it survives {worst.name.lower()}")


def _data(result: Result) -> Check:
    counts = Counter(finding.severity for finding in result.market.findings)
    if counts["error"]:
        return Check("Data checks", "fail", f"{counts['error']:,} errors")
    if counts["quarantined"] or counts["suspicion"]:
        text = f"{counts['quarantined']:,} figures left out, {counts['suspicion']:,} suspicions"
        return Check("Data checks", "warn", text)
    return Check("Data checks", "pass", "nothing found that matters")


def _hindsight(result: Result) -> Check:
    if result.survivors_only:
        return Check("Choice of stocks", "warn", "every stock is known to have survived")
    return Check("Choice of stocks", "pass", "stocks that ended are among them")
