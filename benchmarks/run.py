"""Measure the engines side by side and write ``benchmarks/RESULTS.md``.

Engines take turns, so that a slow moment slows all of them; figures are medians, and what counts
are their ratios.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from backtests.engine import kernel as ledger
from benchmarks import tearsheet
from benchmarks.bare_loop import bare_loop
from benchmarks.peers import CAPITAL, PEERS, RATE, Peer, account
from benchmarks.workloads import Workload, five_hundred_symbols, twenty_stocks

RESULTS = Path(__file__).parent / "RESULTS.md"
WORKLOADS: dict[str, Callable[[], Workload]] = {"twenty": twenty_stocks, "walks": five_hundred_symbols}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measured(workload: Workload, peers: list[Peer]) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds and final equity of each peer, which take turns."""
    final = {peer.name: peer.run(workload) for peer in peers if peer.runs > 1}
    times: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for turn in range(max(peer.runs for peer in peers)):
        for peer in peers:
            if turn < peer.runs:
                began = time.perf_counter()
                final[peer.name] = peer.run(workload)
                times[peer.name].append(time.perf_counter() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}, final


def kernel_against_bare_loop(workload: Workload) -> tuple[float, float]:
    """Median seconds of our kernel alone and of the bare loop, in turns."""
    market = workload.market
    ours, bare = [], []
    for _ in range(15):
        books = ledger._Run(market, account(workload), workload.targets, workload.sessions + 1)
        ours.append(seconds(partial(books.advance, len(market.sessions) - 1, len(workload.sessions))))
        loop = partial(
            bare_loop, market.fill_price, market.close, workload.targets, workload.sessions, CAPITAL, RATE
        )
        bare.append(seconds(loop))
        if not np.array_equal(loop(), books.curves.equity):
            raise SystemExit(f"{workload.name}: the bare loop and the kernel do not agree")
    return statistics.median(ours), statistics.median(bare)


def own_peak_memory() -> float:
    """Peak resident size of this process in MB; NaN where the system does not tell.

    ``getrusage`` would count what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak) / 1024


def peak_memory(workload: str, peer: str) -> float:
    """Peak resident size, in MB, of a fresh process that runs one peer once."""
    command = [sys.executable, "-m", "benchmarks.run", "--memory", workload, peer]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Run everything and write the page."""
    if "--memory" in sys.argv:
        workload, name = sys.argv[-2:]
        next(peer for peer in PEERS if peer.name == name).run(WORKLOADS[workload]())
        print(own_peak_memory())
        return
    present = [peer for peer in PEERS if importlib.util.find_spec(peer.needs)]
    missing = [peer.name for peer in PEERS if peer not in present]
    lines = [
        "# Results",
        "",
        f"`make bench` on {os.cpu_count()} cores, Python {platform.python_version()}. Medians of "
        "interleaved runs; the ratio is to the ledger engine. The workload: each month, hold the half of the "
        "symbols with the best 126-session return, in equal weight; decided at the close, filled at the next "
        "open, 5 bps, whole shares.",
        "",
    ]
    if missing:
        lines += [f"Not installed, so not measured: {', '.join(missing)}.", ""]
    for key, make in WORKLOADS.items():
        workload = make()
        print(workload.name, flush=True)
        times, final = measured(workload, present)
        base = times[present[0].name]
        lines += [
            f"## {workload.name}",
            "",
            "| engine | seconds | ratio | peak memory, MB | final equity | why it differs |",
            "|---|---:|---:|---:|---:|---|",
        ]
        for peer in present:
            row = (
                f"| {peer.name} | {times[peer.name]:.4f} | {times[peer.name] / base:,.0f} | "
                f"{peak_memory(key, peer.name):,.0f} | {final[peer.name]:,.2f} | {peer.note} |"
            )
            print(row, flush=True)
            lines.append(row)
        kernel, bare = kernel_against_bare_loop(workload)
        lines += [
            "",
            f"The kernel alone takes {1000 * kernel:.2f} ms, a bare loop without features "
            f"{1000 * bare:.2f} ms, with the same equity to the last bit: ratio {kernel / bare:.2f}.",
            "",
        ]
    if importlib.util.find_spec("quantstats"):
        mine, other = tearsheet.measured()
        lines += [
            "## Tearsheet",
            "",
            f"HTML and PDF of 8,313 sessions with five benchmarks and live charts, all computed anew: "
            f"{mine:.2f} s of processor time. HTML of quantstats with one benchmark: {other:.2f} s. "
            f"Ratio {mine / other:.2f}.",
            "",
        ]
    else:
        lines += ["Not installed, so the tearsheet was not measured against it: quantstats.", ""]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
