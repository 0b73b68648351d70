"""Measure the engines side by side and write ``benchmarks/RESULTS.md``.

Counted is processor time, all threads together, which a busy machine disturbs less than it does the clock.
Engines take turns, so that a slow moment slows all of them; figures are the middle of the turns with the
least and the most, and what counts are their ratios.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import numpy as np

from backtests.engine import kernel as ledger
from benchmarks import growth, tearsheet
from benchmarks.apart import Apart
from benchmarks.bare_loop import bare_loop
from benchmarks.peers import CAPITAL, LEFT_OUT, PEERS, RATE, SWEEPS, Peer, SweepPeer, account
from benchmarks.timing import figures, seconds
from benchmarks.workloads import Workload, five_hundred_symbols, random_walks, twenty_stocks

RESULTS = Path(__file__).parent / "RESULTS.md"
WORKLOADS: dict[str, Callable[[], Workload]] = {"twenty": twenty_stocks, "walks": five_hundred_symbols}
TURNS = 7
SWEEP_TURNS = 3


def said(times: Sequence[float]) -> str:
    """The middle of some times, with the least and the most where there are several."""
    middle = f"{statistics.median(times):.4f}"
    return f"{middle} ({min(times):.4f} to {max(times):.4f})" if len(times) > 1 else middle


def missing(needs: Sequence[str], environment: Path | None = None) -> list[str]:
    """Distributions that are not installed, here or in another environment."""
    return [name for name in needs if not _version(name, environment)]


def _version(name: str, environment: Path | None = None) -> str:
    if environment is None:
        found = distributions(name=name)
    else:
        found = distributions(name=name, path=[str(each) for each in environment.glob("lib/*/site-packages")])
    return next((each.version for each in found), "")


def present(peers: Sequence[Peer]) -> list[Peer]:
    """Those that can be measured here."""
    return [peer for peer in peers if not missing(peer.needs, peer.environment)]


def measured(
    workload: Workload, peers: Sequence[Peer]
) -> tuple[dict[str, list[list[float]]], dict[str, float]]:
    """Seconds of each quick peer with ready-made decisions and with its own, and its final equity."""
    workload.targets  # noqa: B018 (made before anything is timed)
    times: dict[str, list[list[float]]] = {peer.name: [[], []] for peer in peers}
    final: dict[str, float] = {}
    for peer in peers:  # what is compiled is compiled here
        final[peer.name] = peer.run(workload)
        (peer.deciding or peer.run)(workload.undecided())
    for _ in range(TURNS):
        for peer in peers:
            made, own = times[peer.name]
            made.append(seconds(partial(peer.run, workload)))
            own.append(seconds(partial(peer.deciding or peer.run, workload.undecided())))
    return times, final


def engines(key: str, workload: Workload) -> list[str]:
    """The table of a workload."""
    peers = present(PEERS)
    times, final = measured(workload, [peer for peer in peers if not peer.slow])
    base = [statistics.median(each) for each in times[peers[0].name]]
    lines = [
        "| engine | decisions ready-made, s | ratio | decisions timed, s | ratio | peak memory, MB | final "
        "equity | why it differs |",
        "|---|---|---:|---|---:|---:|---:|---|",
    ]
    for peer in peers:
        memory, once, ended = alone(key, peer.name)
        if peer.slow:
            times[peer.name], final[peer.name] = [[once], []], ended
        made, own = (
            f"{said(each)} | {statistics.median(each) / first:,.2f}" if each else " | "
            for each, first in zip(times[peer.name], base, strict=True)
        )
        lines.append(
            f"| {peer.name} | {made} | {own} | {memory:,.0f} | {final[peer.name]:,.2f} | {peer.note} |"
        )
    return lines


def sweeps(key: str, workload: Workload, title: str, peers: Sequence[SweepPeer]) -> list[str]:
    """The table of a sweep."""
    peers = [peer for peer in peers if not missing(peer.needs)]
    ended = {peer.name: peer.run(workload) for peer in peers}
    times: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for _ in range(SWEEP_TURNS):
        for peer in peers:
            times[peer.name].append(seconds(partial(peer.run, workload.undecided())))
    base = statistics.median(times[peers[0].name])
    lines = [
        f"| {title} | seconds | ratio | peak memory, MB | middle final equity |",
        "|---|---|---:|---:|---:|",
    ]
    for peer in peers:
        taken = times[peer.name]
        lines.append(
            f"| {peer.name} | {said(taken)} | {statistics.median(taken) / base:,.1f} | "
            f"{alone(key, peer.name, title)[0]:,.0f} | {np.median(ended[peer.name]):,.0f} |"
        )
    return lines


def kernel_against_bare_loop(workload: Workload) -> str:
    """Our kernel alone and the bare loop, in turns, in a sentence."""
    market = workload.market
    ours, bare = [], []
    for _ in range(15):
        books = ledger._Run(market, account(workload.market), workload.targets, workload.sessions + 1)
        ours.append(seconds(partial(books.advance, len(market.sessions) - 1, len(workload.sessions))))
        loop = partial(
            bare_loop, market.fill_price, market.close, workload.targets, workload.sessions, CAPITAL, RATE
        )
        bare.append(seconds(loop))
        if not np.array_equal(loop(), books.curves.equity):
            raise SystemExit(f"{workload.name}: the bare loop and the kernel do not agree")
    kernel, least = statistics.median(ours), statistics.median(bare)
    return (
        f"The kernel alone takes {1000 * kernel:.2f} ms, a bare loop without features {1000 * least:.2f} ms, "
        f"with the same equity to the last bit: ratio {kernel / least:.2f}."
    )


def own_peak_memory() -> float:
    """Peak resident size of this process in MB; NaN where the system does not tell.

    ``getrusage`` would count what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak) / 1024


def alone(workload: str, peer: str, sweep: str = "") -> tuple[float, float, float]:
    """Peak resident size in MB, seconds and final equity of a fresh process that runs one peer once."""
    return figures([sys.executable, "-m", "benchmarks.run", "--alone", workload, peer, sweep])


def _alone(key: str, name: str, sweep: str) -> None:
    among: Sequence[Peer | SweepPeer] = SWEEPS[sweep] if sweep else PEERS
    peer = next(peer for peer in among if peer.name == name)
    workload = WORKLOADS[key]()
    if isinstance(peer, Peer) and peer.slow:  # its time counts: what is loaded once is loaded before
        workload.targets  # noqa: B018
        few = Workload("a few", random_walks(4, 2019, 2019))
        if isinstance(peer.run, Apart):
            print(*peer.run.measured(few, workload))
            return
        peer.run(few)
    ended: list[float] = []
    taken = seconds(lambda: ended.append(float(np.median(peer.run(workload)))))
    print(own_peak_memory(), taken, *ended)


def installed() -> list[str]:
    """What was measured, with versions, and what could not be."""
    beside = dict.fromkeys(name for peer in PEERS if not peer.environment for name in peer.needs)
    there = [f"{name} {_version(name)}" for name in beside if not missing([name])]
    apart = [
        "in an environment of its own "
        + " with ".join(f"{name} {_version(name, peer.environment)}" for name in peer.needs)
        for peer in present(PEERS)
        if peer.environment
    ]
    absent = [peer.name for peer in PEERS if missing(peer.needs, peer.environment)]
    lines = [f"Measured: {'; '.join([', '.join(there), *apart])}.", "", LEFT_OUT, ""]
    return [*lines, f"Not installed, so not measured: {', '.join(absent)}.", ""] if absent else lines


def main() -> None:
    """Run everything and write the page."""
    if "--alone" in sys.argv:
        _alone(*sys.argv[-3:])
        return
    lines = [
        "# Results",
        "",
        f"`make bench` on {os.cpu_count()} cores, Python {platform.python_version()}. Processor seconds, the "
        f"middle of {TURNS} interleaved turns (the least to the most); ratios are to the first row. The "
        "workload: each month, hold the half of the symbols with the best 126-session return, in equal "
        "weight; decided at the close, filled at the next open, 5 bps, whole shares. With decisions timed, "
        "the others' are one NumPy expression over all months. Ours come from a strategy class, asked as "
        "sweeps ask it: month by month, when it sees nothing later and gives a reason; or, where the row "
        "says so, for all weights at once, which are held to five decisions made alone, and of which any is "
        "made alone when its reason is asked for.",
        "",
        *installed(),
    ]
    for key, make in WORKLOADS.items():
        workload = make()
        print(workload.name, flush=True)
        lines += [f"## {workload.name}", "", *engines(key, workload), ""]
        lines += [kernel_against_bare_loop(workload), ""]
        if key == "twenty":
            for title, peers in SWEEPS.items():
                print(title, flush=True)
                lines += [*sweeps(key, workload, title, peers), ""]
    if missing(["quantstats"]):
        lines += ["Not installed, so the tearsheet was not measured against it: quantstats.", ""]
    else:
        mine, other = tearsheet.measured()
        lines += [
            "## Tearsheet",
            "",
            f"HTML and PDF of 8,313 sessions with five benchmarks and live charts, all computed anew: "
            f"{mine:.2f} s. HTML of quantstats with one benchmark: {other:.2f} s. Ratio {mine / other:.2f}.",
            "",
        ]
    print("growth", flush=True)
    lines += [
        "## Growth",
        "",
        "Processor seconds, the least of three; the exponent is between the two largest sizes: 1 is in "
        "proportion.",
        "",
        *growth.table(),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
