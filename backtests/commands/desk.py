"""The commands `today` and `live-check`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from backtests.commands.pages import write_page
from backtests.desk.live_check import live_check, read_fills
from backtests.desk.orders import DeskError, as_csv, read_holdings, require_fresh, todays_orders
from backtests.desk.page import check_sentences, check_table, decided, list_sentence, order_page, order_table
from backtests.desk.record import newest, of_session, record
from backtests.document.html import html
from backtests.document.terminal import print_block
from backtests.settings.markets import open_market
from backtests.settings.run_file import load


def today_command(
    file: str, overrides: Sequence[str], holdings: Path, cash: float, stale: bool, results: Path
) -> None:
    """Write today's order list as CSV and page, put it on record, and print it."""
    if cash < 0:
        raise DeskError(f"--cash {cash:g}: must be at least 0; nothing is bought on credit")
    config = load(file, overrides)
    market = open_market(config.market)
    if not stale:
        require_fresh(market, dt.date.today())
    listed = todays_orders(config, market, read_holdings(holdings), cash)
    folder = results / "orders" / listed.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orders.csv").write_text(as_csv(listed), encoding="utf-8", newline="\n")
    write_page(folder / "orders.html", html(order_page(listed)))
    new = record(results, listed)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{decided(listed)}.")
    for note in listed.notes:
        console.print(note)
    if listed.orders:
        print_block(Console(), order_table(listed))
    else:
        console.print("Nothing to trade.")
    console.print(f"Orders: {folder / 'orders.csv'}, {folder / 'orders.html'}")
    console.print("Put on record." if new else "The same list is on record already.")


def live_check_command(file: str, overrides: Sequence[str], fills: Path, results: Path) -> None:
    """Print the newest order list on record beside its fills."""
    config = load(file, overrides)
    filled = read_fills(fills)
    market = open_market(config.market)
    first = min(fill.date for fill in filled)
    listed = newest(results, config.name, first, market.name)
    checked = live_check(listed, filled, config, market)
    print_block(Console(), check_table(checked))
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(list_sentence(listed, of_session(results, listed), first))
    for sentence in check_sentences(checked):
        console.print(sentence)
