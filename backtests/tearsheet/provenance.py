"""What a manifest says about a run: who recomputed it, what was checked, how often one tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backtests.authoring.reading import Reading, in_words


def verification(manifest: Mapping[str, Any]) -> str:
    """Say in one sentence what the second engine found.

    Parameters
    ----------
    manifest : mapping
        Its ``verification`` holds ``engine``, ``identical`` and ``differences`` by book label; it is absent
        when the books were not recomputed. ``not_recomputed`` holds the reason where they can't be.
    """
    said = manifest.get("verification")
    if said is None:
        why = manifest.get("not_recomputed")
        return f"Not recomputed by a second engine: {why}." if why else "Not recomputed by a second engine."
    if said["identical"]:
        return f"Recomputed by an independent engine ({said['engine']}): identical to the last bit."
    found = "; ".join(f"{label}: {', '.join(lines)}" for label, lines in said["differences"].items())
    return f"Recomputed by an independent engine ({said['engine']}): NOT the same. {found}"


def lookahead(manifest: Mapping[str, Any], how: bool = True) -> str:
    """Say in one sentence whether decisions were made again without the future, and what came out.

    Parameters
    ----------
    manifest : mapping
    how : bool
        Whether it names what closed files and network.
    """
    said = manifest.get("lookahead")
    if not isinstance(said, Mapping):
        return "Look-ahead: not checked."
    if said.get("passed") and said.get("sampled") == 0:
        return "Look-ahead: not checked, for there was no decision to replay."
    if said.get("passed"):
        sampled, decisions = said.get("sampled"), said.get("decisions")
        count = f"all {decisions}" if sampled == decisions else f"{sampled} of {decisions}"
        walls = f" (closed by {', '.join(said['walls'])})" if how and said.get("walls") else ""
        tried = f": {count} decisions made again without the future, files or network{walls}, none changed"
        passed = f"Look-ahead check passed{tried if sampled is not None else ''}."
        return " ".join([passed, *benchmarks_made_again(manifest)])
    failed = [check for check in said.get("checks", ()) if check.get("outcome") == "fail"]
    what = "; ".join(f"{check.get('name')}: {check.get('summary')}" for check in failed[:1])
    told = f"Look-ahead check FAILED{': ' + what if what else ''}."
    return " ".join([told, *doubtful_benchmarks(manifest)])


def benchmarks_made_again(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What came out where benchmarks of somebody's own class were made to decide again, a sentence each."""
    said = []
    for label, each in manifest.get("lookahead", {}).get("benchmarks", {}).items():
        if each["passed"]:
            count = f"{each['sampled']} of {each['decisions']}"
            said.append(f"So were {count} decisions of the benchmark {label}, none changed.")
        else:
            why = (
                "decided otherwise, or not at all, when its decisions were made again without the future"
                if each["passed"] is False
                else "is a native backtrader strategy, whose decisions can't be made again without the future"
            )
            said.append(f"The benchmark {label} {why}: {PROVES_NOTHING}")
    return tuple(said)


PROVES_NOTHING = "what is compared with it proves nothing about the strategy."


def doubtful_benchmarks(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Benchmarks that know the future, or of which nobody can tell, a sentence each."""
    return tuple(said for said in benchmarks_made_again(manifest) if said.endswith(PROVES_NOTHING))


def rewound(manifest: Mapping[str, Any]) -> str:
    """Say in one sentence whether the market folder told the same when cut; empty if not tried."""
    said = manifest.get("rewound")
    if not isinstance(said, Mapping):
        return ""
    if "left_whole" in said:
        return (
            "The market folder was not cut at earlier days, which takes minutes with "
            f"{said['left_whole'] / 1e6:,.0f} million closes and figures: backtest data rewind does it."
        )
    days = " and ".join(said["days"])
    if said["differences"]:
        found = "; ".join(said["differences"])
        return f"What the market folder says of the past CHANGES with later data: {found}."
    return (
        f"The market folder, cut at {days}, told the same up to then: all {said['figures']} tables of it "
        "are equal."
    )


def knows_future(manifest: Mapping[str, Any]) -> bool:
    """Whether a decision of the run came out otherwise without the future, or could not be made at all."""
    return not manifest.get("lookahead", {}).get("passed", True)


def caution(manifest: Mapping[str, Any]) -> str:
    """What stands before everything else: that a run may know the future, or that nobody can tell."""
    if knows_future(manifest):
        return lookahead(manifest)
    why = manifest.get("not_recomputed")
    return f"UNCHECKED: {why}." if why else ""


def author_knew(manifest: Mapping[str, Any]) -> str:
    """Say how many companies and days the source and its parameters name."""
    said = manifest.get("hindsight")
    return in_words(Reading(**said["reading"])) if isinstance(said, Mapping) else ""


def too_good(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Ask for an explanation of what is too good to be taken on trust."""
    said = manifest.get("hindsight")
    if not isinstance(said, Mapping):
        return ()
    asked = []
    if said["sharpe"] is not None:
        asked.append(
            f"A Sharpe ratio of {said['sharpe']:.2f} asks for an explanation: what is above 3 is rare."
        )
    if said["month"]:
        asked.append(
            f"The month {said['month']} asks for an explanation: it earned {said['earned']:.1%}, more than "
            f"the best stock does in nine of ten months ({said['foreseen']:.1%})."
        )
    return tuple(asked)


def trials_on_record(manifest: Mapping[str, Any]) -> str:
    """Say how often one tried on this market, and whether the record of it can be trusted."""
    said = manifest.get("trials")
    if not isinstance(said, Mapping) or "count" not in said:
        return "No record of trials was kept: this run is taken as the only attempt, which flatters it."
    count = int(said["count"])
    tried = "1 trial on this market is" if count == 1 else f"{count:,} trials on this market are"
    since = f" since {said['since']}" if said.get("since") else ""
    return f"{tried} recorded on this machine{since}. {said.get('verdict', '')}".strip()
