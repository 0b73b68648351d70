"""The `backtest` command.

Each command imports what it calls inside its function: all that a run imports takes more than a second,
`--help` without it a twentieth of that.
"""

from __future__ import annotations

from backtests import starting

starting.begin()

import atexit
import gc
import json
import math
import os
import sys
from pathlib import Path
from traceback import print_exc
from typing import Annotated, Any

import typer

from backtests.memory import collect_seldom, give_back, importing

REFUSED, FAILED = 1, 3
"""Exit statuses that are ours; 0, 2 (usage) and 130 (interrupted) are everyone's."""


class CommandError(ValueError):
    """A command that can't be carried out where, or as, it was given."""


app = typer.Typer(
    help="Portfolio backtests that cannot lie quietly.",
    epilog="Exit status: 0 done; 1 refused, an input can't be used or a file not be written; 2 wrong usage; "
    "3 done, and a check failed; 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

data = typer.Typer(help="Market folders: what is in them and what is wrong.", no_args_is_help=True)
app.add_typer(data, name="data")

TRACEBACK = "--traceback"


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # a fortieth of a second, which no other command needs

        typer.echo(f"style-rotation {version('style-rotation')}")
        raise typer.Exit


@app.callback()
def _everywhere(
    register: Annotated[
        Path | None,
        typer.Option(help="Register of trials to use instead of this machine's, as a team shares."),
    ] = None,
    traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Where an error came from, in full; may stand anywhere.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Portfolio backtests that cannot lie quietly."""
    if register is not None:
        os.environ["STYLE_ROTATION_REGISTER"] = str(register)


Results = Annotated[Path, typer.Option("--results", help="Folder that holds one folder a run.")]


Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a key, as in strategy.norm_years=7."),
]
MarketName = Annotated[str | None, typer.Option(help="Market name or folder instead of the file's.")]
Workers = Annotated[int | None, typer.Option(help="Processes; as many as there are cores if not given.")]
Cluster = Annotated[str, typer.Option(metavar="ADDRESS", help="Dask scheduler to use instead.")]


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not a finite number")
    return number


def _number(**settings: Any) -> Any:
    """An option that takes a finite number."""
    return typer.Option(callback=_finite, **settings)


@app.command()
def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file, or the name of a shipped one.")],
    settings: Settings = None,
    market: MarketName = None,
    engine: Annotated[str | None, typer.Option(help="Engine instead of the file's.")] = None,
    verify: Annotated[bool, typer.Option(help="Recompute every book with the other engine.")] = True,
    paper: Annotated[str, typer.Option(help="Paper of the PDF: a4 or letter.")] = "a4",
    strategy: Annotated[
        str | None,
        typer.Option(
            help="Instead of the file's, within its limits and hedge: a name or path/to/file.py:Class."
        ),
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Run a backtest and write its tearsheet; exit status 3 if a decision may know the future."""
    # It imports for a third of a second, as this process does: side by side.
    from backtests.document.drawing import DrawingProcess

    with DrawingProcess() as drawing:
        with importing():
            from backtests.commands.runs import run_command
            from backtests.settings.run_file import load

        overrides = _overrides(settings, market=market, engine=engine)
        config = load(file, overrides, strategy or "")
        if run_command(config, results, paper, verify, drawing):
            raise typer.Exit(FAILED)


@app.command()
def sweep(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file with a table [sweep].")],
    settings: Settings = None,
    market: MarketName = None,
    workers: Workers = None,
    cluster: Cluster = "",
    results: Results = Path("results"),
) -> None:
    """Run many configurations; interrupted, it goes on where it stopped."""
    with importing():
        from backtests.commands import sweeps as terminal

    overrides = _overrides(settings, market=market)
    config = terminal.config_of(file, overrides)
    if terminal.sweep_command(config, results, terminal.worker_count(workers, cluster), cluster):
        raise typer.Exit(FAILED)


@app.command("walk-forward")
def walk_forward(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file with [sweep] and [walk_forward].")],
    settings: Settings = None,
    market: MarketName = None,
    workers: Workers = None,
    cluster: Cluster = "",
    results: Results = Path("results"),
) -> None:
    """Choose configurations by the past alone and see what they earned after."""
    with importing():
        from backtests.commands import sweeps as terminal

    overrides = _overrides(settings, market=market)
    config = terminal.config_of(file, overrides)
    if terminal.walk_forward_command(config, results, terminal.worker_count(workers, cluster), cluster):
        raise typer.Exit(FAILED)


@app.command()
def event(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="An event file (TOML).")] = None,
    date: Annotated[str | None, typer.Option(help="The day, as 2026-06-04, instead of a file.")] = None,
    market: Annotated[str, typer.Option(help="Market name or folder.")] = "sample",
    html: Annotated[Path | None, typer.Option(help="Write the tables to this page too.")] = None,
) -> None:
    """Study a day: abnormal returns, leaders, and what followed days like it."""
    from backtests.commands.research import event_command

    event_command(market, date, file, html)


@app.command()
def claims(
    market: Annotated[list[str] | None, typer.Option(help="Market name or folder; may be repeated.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the scoreboard to this page.")] = None,
    text: Annotated[Path | None, typer.Option(help="Write the scoreboard to this Markdown file.")] = None,
) -> None:
    """Test the source analysis's claims and say which hold."""
    from backtests.commands.research import claims_command

    claims_command(market or ["sample"], html, text)


@app.command()
def ablation(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file of a strategy with elements.")],
    settings: Settings = None,
    market: MarketName = None,
    text: Annotated[Path | None, typer.Option(help="Write the table to this Markdown file.")] = None,
) -> None:
    """Switch each element of a strategy on alone, and all but one."""
    from backtests.commands.research import ablation_command

    ablation_command(file, _overrides(settings, market=market), text)


@app.command("new-strategy")
def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A class name, as in MomentumCut.")],
    here: Annotated[
        bool, typer.Option("--here", help="Into the current folder, not into the checkout.")
    ] = False,
) -> None:
    """Write a new strategy, its test and its run file."""
    from backtests.commands.authoring import new_strategy_command

    new_strategy_command(name, here)


@app.command("check-strategy")
def check_strategy(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A strategy, path/to/file.py:Class, or a run file.")
    ],
    settings: Settings = None,
    market: Annotated[str | None, typer.Option(help="Market name or folder.")] = None,
    decisions: Annotated[int, typer.Option(min=2, help="Decisions that are replayed.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of their draw.")] = 0,
    record: Annotated[Path | None, typer.Option("--json", help="Write the report to this file too.")] = None,
) -> None:
    """Check that a strategy can't look ahead and can be relied on."""
    from backtests.commands.authoring import check_strategy_command

    if not check_strategy_command(name, market, list(settings or []), decisions, seed, record):
        raise typer.Exit(FAILED)


@app.command("list")
def list_() -> None:
    """List strategies, markets and run files."""
    with importing():
        from backtests.commands.listing import list_command

    list_command()


@app.command()
def schema(
    page: Annotated[bool, typer.Option("--page", help="Print the reference for readers instead.")] = False,
) -> None:
    """Print the JSON Schema of run files, for editors."""
    from backtests.settings import reference

    text = reference.page() if page else json.dumps(reference.schema(), indent=2, ensure_ascii=False) + "\n"
    typer.echo(text, nl=False)


@app.command()
def show(
    result: Annotated[
        str, typer.Argument(metavar="RESULT", help="A run's folder, or the start of its name.")
    ],
    results: Results = Path("results"),
) -> None:
    """Print the summary of a finished run."""
    with importing():
        from backtests.commands.summary import show_command

    show_command(result, results)


Finished = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or the start of its name.")]


@app.command()
def reproduce(run: Finished, results: Results = Path("results")) -> None:
    """Run a finished run again and compare every number."""
    from backtests.commands.records import reproduce_command

    if not reproduce_command(run, results):
        raise typer.Exit(FAILED)


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Folders, or starts of names.")],
    results: Results = Path("results"),
) -> None:
    """Show finished runs side by side."""
    from backtests.commands.records import compare_command

    compare_command(runs, results)


@app.command()
def pyfolio(run: Finished, results: Results = Path("results")) -> None:
    """Write pyfolio's full tear sheet of a finished run beside ours."""
    from backtests.commands.records import pyfolio_command

    pyfolio_command(run, results)


@app.command()
def review(
    run: Finished,
    verdict: Annotated[str, typer.Option(help="approve or reject.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who reviews.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    results: Results = Path("results"),
) -> None:
    """Record a review of a finished run; it is kept in a hash chain."""
    from backtests.commands.records import review_command

    review_command(run, verdict, by, note, results)


@app.command()
def today(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A run file, or the name of a shipped one.")],
    holdings: Annotated[Path, typer.Option(metavar="CSV", help="What is held: columns symbol, shares.")],
    cash: Annotated[float, _number(help="Cash in the account.")] = 0.0,
    stale: Annotated[bool, typer.Option("--stale", help="Accept data older than two sessions.")] = False,
    settings: Settings = None,
    market: MarketName = None,
    results: Results = Path("results"),
) -> None:
    """Decide on the newest data and write the orders from what is held, as CSV and page."""
    from backtests.commands.desk import today_command

    today_command(file, _overrides(settings, market=market), holdings, cash, stale, results)


@app.command("live-check")
def live_check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The run file of the orders.")],
    fills: Annotated[
        Path, typer.Option(metavar="CSV", help="Fills: columns symbol, date, shares, price[, commission].")
    ],
    settings: Settings = None,
    market: MarketName = None,
    results: Results = Path("results"),
) -> None:
    """Compare fills with what the backtest assumes: slippage, missed, late."""
    from backtests.commands.desk import live_check_command

    live_check_command(file, _overrides(settings, market=market), fills, results)


@app.command("hedge-cost")
def hedge_cost(
    vix: Annotated[float, _number(help="VIX, in percent.")],
    skew: Annotated[float, _number(help="Cboe SKEW.")],
    spot: Annotated[float, _number(help="Price of the underlying.")] = 100.0,
    tenor: Annotated[float, _number(min=1, help="Calendar days to expiry.")] = 30.0,
    long: Annotated[float, _number(help="Strike of the put bought, over spot.")] = 0.95,
    short: Annotated[float, _number(help="Strike of the put sold, over spot.")] = 0.85,
    rate: Annotated[float, _number(help="Interest a year, as a fraction.")] = 0.0,
    dividend_yield: Annotated[float, _number(help="Dividends a year, as a fraction.")] = 0.0,
    market: Annotated[
        str | None, typer.Option(help="Market whose SKEW tells the percentiles of this one.")
    ] = None,
) -> None:
    """Price an outright put and a put spread on a skewed surface."""
    from backtests.commands.hedge_cost import hedge_cost_command
    from backtests.options.surface import spread_cost

    cost = spread_cost(vix, skew, spot, tenor, long, short, rate, dividend_yield)
    hedge_cost_command(cost, market)


Folder = Annotated[Path, typer.Argument(metavar="PATH", help="A market folder.")]


@data.command()
def check(
    path: Folder,
    every: Annotated[
        bool, typer.Option("--all", help="Print every finding, not the first of each check.")
    ] = False,
    repair: Annotated[
        Path | None,
        typer.Option(
            "--repair",
            metavar="TARGET",
            help="Write a repaired copy with a list of what was done; must be new.",
        ),
    ] = None,
) -> None:
    """Check a market folder; exit status 3 if a run would refuse it, or its repaired copy."""
    from backtests.commands.data import check_command, repair_command

    if not (check_command(path, every) if repair is None else repair_command(path, repair, every)):
        raise typer.Exit(FAILED)


@data.command()
def rewind(
    path: Folder,
    dates: Annotated[
        str, typer.Option("--dates", metavar="DATE,DATE", help="Days to cut at; three of them if not given.")
    ] = "",
    run: Annotated[
        str, typer.Option("--run", metavar="FILE", help="Run file whose decisions and books to compare too.")
    ] = "",
) -> None:
    """Cut a folder at some days: what was known by then must stay; exit status 3 if it does not."""
    from backtests.commands.data import rewind_command

    if not rewind_command(path, dates, run):
        raise typer.Exit(FAILED)


@data.command()
def report(
    path: Folder,
    html: Annotated[Path, typer.Option("--html", help="File to write.")] = Path("data_report.html"),
) -> None:
    """Write the check of a market folder as a page with pictures."""
    from backtests.commands.data import report_command

    if not report_command(path, html):
        raise typer.Exit(FAILED)


@data.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of files.")],
    kind: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="yahoo-csv, yfinance, stooq, tiingo, alpaca, lean, zipline-csvdir, fred or ken-french.",
        ),
    ],
    folder: Annotated[Path, typer.Option("--to", metavar="PATH", help="Market folder to write.")],
    calendar: Annotated[
        str, typer.Option(metavar="CODE", help="Of exchange_calendars, such as XLON, or 24/7; else New York.")
    ] = "",
    currency: Annotated[str, typer.Option(metavar="CODE", help="What prices are in, such as GBP.")] = "",
) -> None:
    """Make a market folder of other programs' and vendors' files, and check it; exit status 3 for errors."""
    from backtests.commands.data import import_command

    if not import_command(kind, path, folder, calendar, currency):
        raise typer.Exit(FAILED)


@data.command()
def fetch(
    universe: Annotated[str, typer.Option(help="A universe file, or the name of a shipped one.")] = "ai_era",
    start: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day of prices: a year or an ISO date.")
    ] = "2005",
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="PATH", help="Market folder; data/UNIVERSE if not given.")
    ] = None,
    contact: Annotated[
        str,
        typer.Option(
            envvar="STYLE_ROTATION_CONTACT", help="Your name and e-mail address: the SEC wants both."
        ),
    ] = "",
) -> None:
    """Download a universe into a market folder, or bring one up to date; run it again to go on."""
    from backtests.commands.data import fetch_command

    fetch_command(universe, start, folder, contact)


def _overrides(settings: list[str] | None, **options: str | None) -> list[str]:
    """What `--set` and options such as `--market` replace in a run file."""
    from backtests.settings.run_file import overrides_of  # with pydantic, which `--help` does without

    return overrides_of(settings or [], **options)


def main() -> None:
    """Entry point: errors that a person can mend are one line, without a traceback unless it is asked for."""
    try:
        starting.wait_for_imports()
        _main([argument for argument in sys.argv[1:] if argument != TRACEBACK])
    except KeyboardInterrupt:
        sys.exit(starting.INTERRUPTED)
    finally:
        starting.begun()


def _main(arguments: list[str]) -> None:
    collect_seldom()
    atexit.register(gc.freeze)  # nor at the end
    give_back()
    try:
        _refuse_surroundings(arguments)
        try:
            app(arguments)
        finally:
            _flush()
    except BrokenPipeError:  # whoever reads has enough
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an author's code may ask to end the program
        said = _sentence(error)
        if said is None:
            raise
        if len(arguments) < len(sys.argv) - 1:
            print_exc()
        typer.echo(f"error: {said}", err=True)
        sys.exit(REFUSED)


def _sentence(error: BaseException) -> str | None:
    """What to tell a person; None if the fault is the program's, or its own way to end."""
    if isinstance(error, SystemExit) and _is_typers(error):
        return None
    # Only where something went wrong.
    from backtests.engine.lines import authors_line, is_own, replaced, said_by
    from datafeeds.names import printable

    if is_own(error):
        return printable(str(error))
    if isinstance(error, OSError) and error.filename:
        return printable(f"{error.filename}: {error.strerror or error}")
    if line := authors_line(error):
        kind, said = type(error).__name__, said_by(error)
        where = f"{line[0]}, line {line[1]}: the code there failed: {kind}"
        return printable(f"{where}: {said}" if said else where)
    match error:
        case OSError():
            return printable(f"{error.strerror or error}")
        case MemoryError():
            return "the memory is not enough"
        case Exception() if changed := replaced():
            return printable(f"{changed}, which failed: {type(error).__name__}: {said_by(error)}")
    return None


def _is_typers(error: BaseException) -> bool:
    """Whether Typer itself raised an error: the way in which every command ends."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    home = str(Path(typer.__file__).parent)
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(home)


def _refuse_surroundings(arguments: list[str]) -> None:
    """Refuse Windows, Python without docstrings, a folder that is gone, and what is no UTF-8."""
    if sys.platform == "win32":
        raise CommandError("Windows can't close files and network to a replay; use WSL, which is Linux")
    if sys.flags.optimize > 1:
        raise CommandError("PYTHONOPTIMIZE=2 takes away docstrings, by which strategies are listed; unset it")
    try:
        place = os.getcwd()
    except FileNotFoundError:
        raise CommandError("the working directory was deleted; change to another one") from None
    for text in (place, *arguments):
        if not text.isascii() and text.encode("utf-8", "replace").decode("utf-8") != text:
            raise CommandError(f"{text!r} is not UTF-8, so that no file can name it")


def _flush() -> None:
    """Write what is still to be printed while its failure can be told."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # What could not be written is dropped, or Python would try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from None


starting.begun()
