"""Run zipline-reloaded in an environment of its own: it requires pandas 2, and this project pandas 3.

Nothing of this project is imported. Each argument is a workload that ``benchmarks.apart`` saved. They are run
one after the other, so that what is loaded once is loaded before the last; of that one, peak memory in MB,
processor seconds and final equity are printed. The seconds include ingesting a bundle, as those of others
include making a feed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from zipline import run_algorithm
from zipline.api import order_target_percent, set_commission, set_slippage, symbols
from zipline.data import bundles
from zipline.finance import commission, slippage

Saved = Mapping[str, Any]


def ingest(name: str, saved: Saved, environ: Mapping[str, str]) -> None:
    """Write the prices as a bundle, which is how zipline is given data; it keeps them in tenths of a cent."""
    days = pd.DatetimeIndex(saved["sessions"])
    bars = {field: saved[field] for field in ("open", "high", "low", "close", "volume")}

    def write(
        environ: Any,
        asset_db_writer: Any,
        minute_bar_writer: Any,
        daily_bar_writer: Any,
        adjustment_writer: Any,
        *others: Any,
    ) -> None:
        traded = pd.DataFrame({"symbol": saved["symbols"], "exchange": "NYSE"})
        traded["start_date"], traded["end_date"] = days[0], days[-1]
        traded["auto_close_date"] = days[-1] + pd.Timedelta(days=1)
        frames = (
            (sid, pd.DataFrame({field: rows[:, sid] for field, rows in bars.items()}, days))
            for sid in traded.index
        )
        daily_bar_writer.write(frames)
        asset_db_writer.write(equities=traded)
        adjustment_writer.write()

    bundles.register(name, write, start_session=days[0], end_session=days[-1])
    bundles.ingest(name, environ)


def final_equity(name: str, saved: Saved, environ: Mapping[str, str]) -> float:
    """Target percent orders at the close, without slippage, sells first; they fill at the next close."""
    days = pd.DatetimeIndex(saved["sessions"])
    plan = dict(zip(days[saved["decisions"]], saved["targets"], strict=True))

    def initialize(context: Any) -> None:
        set_commission(commission.PerDollar(float(saved["rate"])))
        set_slippage(slippage.NoSlippage())
        context.assets = symbols(*saved["symbols"].tolist())

    def handle_data(context: Any, data: Any) -> None:
        row = plan.get(data.current_session)
        if row is None:
            return
        value = context.portfolio.portfolio_value
        held = np.zeros(len(row))
        for asset, position in context.portfolio.positions.items():
            held[asset.sid] = position.amount * position.last_sale_price / value
        for column in np.argsort(row > held, kind="stable").tolist():
            if row[column] > 0 or held[column] > 0:
                order_target_percent(context.assets[column], row[column])

    grown = run_algorithm(
        start=days[0],
        end=days[-1],
        initialize=initialize,
        handle_data=handle_data,
        capital_base=float(saved["capital"]),
        bundle=name,
        environ=environ,
    )
    return float(grown["portfolio_value"].iloc[-1])


def peak_memory() -> float:
    """Peak resident size of this process in MB; NaN where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), float("nan"))


def main(paths: list[str]) -> None:
    """Run saved workloads and print what the last one took."""
    with TemporaryDirectory() as folder:
        environ = {"ZIPLINE_ROOT": folder}
        for path in paths:
            name = Path(path).stem
            with np.load(path) as archive:
                saved = dict(archive)
            began = time.process_time()
            ingest(name, saved, environ)
            ended = final_equity(name, saved, environ)
            taken = time.process_time() - began
    print(peak_memory(), taken, ended)


if __name__ == "__main__":
    main(sys.argv[1:])
