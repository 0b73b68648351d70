"""Strategies that peek, each in its own way, and a market on which each of them would gain by it.

Most can't be written against `AsOf`, whose frames end today. So they are planted through what Python leaves
open: private attributes, the garbage collector, frames, a second copy of the market, files, memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from datafeeds.calendars import exchange_sessions
from datafeeds.market import Market

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


def small_market() -> Market:
    """Six stocks over two years: halts, quarterly filings forty days late, a lagged series, dated groups."""
    rng = np.random.default_rng(5)
    days = pd.DatetimeIndex(exchange_sessions("2018-01-02", "2019-12-31"))
    close = pd.DataFrame(
        100 * np.exp(np.cumsum(rng.normal(0.0003, 0.02, (len(days), len(SYMBOLS))), axis=0)), days, SYMBOLS
    )
    close = close.mask(rng.random(close.shape) < 0.1)
    close.iloc[0] = 100.0
    ends = pd.date_range("2016-12-31", "2019-12-31", freq="QE")
    facts = pd.DataFrame(
        {
            "symbol": symbol,
            "concept": "revenue",
            "fiscal_year": end.year,
            "fiscal_period": f"Q{end.quarter}",
            "filed": end + pd.Timedelta(days=40),
            "period_end": end,
            "value": rng.uniform(50, 150),
        }
        for symbol in SYMBOLS
        for end in ends
    )
    dates = pd.date_range("2017-12-01", "2019-12-31", freq="D")
    series = pd.DataFrame(
        {
            "series": "fear",
            "date": dates,
            "available": dates + pd.Timedelta(days=10),
            "value": rng.uniform(10, 30, len(dates)),
        }
    )
    joins = {"EEE": "2018-09-03", "FFF": "2019-06-03"}
    instruments = pd.DataFrame(
        {
            "symbol": [*SYMBOLS, *joins],
            "kind": "stock",
            "group": ["core"] * len(SYMBOLS) + ["winners"] * len(joins),
            "from": [pd.NaT] * len(SYMBOLS) + list(joins.values()),
        }
    )
    return Market.from_wide("small", close, facts=facts, series=series, instruments=instruments)


def late_market() -> Market:
    """The small market, of which a series, a concept, a group, a sector and a company begin in 2019."""
    small, later = small_market(), "2019-03-01"
    series = pd.DataFrame({"series": "late", "date": later, "available": later, "value": [7.0, 8.0]})
    filed = {"symbol": "AAA", "concept": ["late", "assets"], "fiscal_year": 2018, "fiscal_period": "FY"}
    facts = pd.DataFrame({**filed, "filed": later, "value": 5.0})
    was = pd.DataFrame(
        {"symbol": SYMBOLS, "kind": "stock", "group": "core", "sector": "Old", "company": "OldCo"}
    )
    becomes = was.assign(group="new", sector="New", industry="New Industry", company="NewCo")
    becomes["from"], was["to"] = pd.Timestamp(later), pd.Timestamp(later) - pd.Timedelta(days=1)
    instruments = pd.concat([becomes, was.assign(industry="Old Industry")], ignore_index=True)
    return Market.from_wide(
        "late",
        pd.DataFrame(small.close, small.sessions, small.symbols),
        facts=pd.concat([small.facts, facts.assign(filed=pd.to_datetime(facts["filed"]))]),
        series=pd.concat(
            [small.series, series.assign(**dict.fromkeys(("date", "available"), pd.Timestamp(later)))]
        ),
        instruments=instruments,
    )


SEALED = "look-ahead/later data absent"
LOADING = "look-ahead/replay"
PATCHED = "look-ahead/functions of others"
AGAIN = "determinism/decided again"
ALONE = "determinism/every second decision alone"


@dataclass(frozen=True)
class Cheater:
    """A way to peek.

    Attributes
    ----------
    how : str
        In words, for the table.
    code : str
        Source of a module with a class ``Cheat``; ``{folder}`` stands for a folder with ``prices.csv``.
    caught_by : tuple of str
        Kinds and names of the checks that must fail, at least.
    """

    how: str
    code: str
    caught_by: tuple[str, ...]


_FRONT = """
from __future__ import annotations
import numpy as np
import pandas as pd
from strategies import AsOf, Strategy, Target
"""

_BEST = """
def best(scores, see, why="score"):
    scores = pd.Series(scores).reindex(see.members()).dropna()
    if scores.empty:
        return Target({{}}, why="nothing known")
    return Target({{str(scores.idxmax()): 1.0}}, why=why)
"""

_MARKET = "from strategies.asof import _MOMENTS\n"

_CLOSES = """
def closes(see):
    moment = _MOMENTS[see]
    market = moment.market
    table = pd.DataFrame(market.close, pd.DatetimeIndex(market.sessions), list(market.symbols))
    return table, moment.at
"""


def _inside(how: str, body: str, extra: str = "") -> Cheater:
    """A cheat on the market behind `see`."""
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    code = (
        f"{_FRONT}{_MARKET}{_BEST}{_CLOSES}{extra}\nclass Cheat(Strategy):\n"
        f"    schedule = 'weekly'\n    def decide(self, see):\n{lines}\n"
    )
    return Cheater(how, code, (SEALED,))


def _outside(how: str, code: str, *caught_by: str) -> Cheater:
    """A cheat that needs nothing of `see` but the date."""
    return Cheater(how, f"{_FRONT}{_BEST}{code}", caught_by)


CHEATERS: dict[str, Cheater] = {
    "shifted": _inside(
        "tomorrow's return by shift(-1)",
        """
table, now = closes(see)
return best(table.ffill().pct_change().shift(-1).iloc[now], see)
""",
    ),
    "centred": _inside(
        "a centred rolling window",
        """
table, now = closes(see)
smooth = table.ffill().rolling(21, center=True, min_periods=1).mean()
return best(smooth.iloc[now] / table.ffill().iloc[now], see)
""",
    ),
    "normalised": _inside(
        "z-scores over the full sample",
        """
table, now = closes(see)
filled = table.ffill()
return best(-((filled - filled.mean()) / filled.std()).iloc[now], see)
""",
    ),
    "back-filled": _inside(
        "gaps filled backwards with bfill",
        """
table, now = closes(see)
return best(table.bfill().iloc[now] / table.ffill().iloc[now - 1], see) if now else None
""".replace("return best(", "return ranked("),
        extra="""
def ranked(scores, see):
    return Target({str(scores.dropna().idxmax()): 1.0}, why="score")
""",
    ),
    "period end": _inside(
        "figures by period end instead of filing date",
        """
facts = _MOMENTS[see].market.facts
known = facts[facts["period_end"] <= see.today]
return best(known.groupby("symbol")["value"].last(), see)
""",
    ),
    "future labels": _inside(
        "month-end closes labelled with the month's first day",
        """
table, now = closes(see)
months = table.ffill().resample("MS").last()
return best(months.asof(see.today) / table.ffill().iloc[now], see)
""",
    ),
    "final members": _inside(
        "the group's last members throughout the past",
        """
rows = _MOMENTS[see].market.instruments
winners = rows[rows["group"] == "winners"]["symbol"].unique()
return best(pd.Series(1.0, index=winners), see)
""",
    ),
    "unlagged series": _inside(
        "a series by its date instead of the date it became available",
        """
rows = _MOMENTS[see].market.series
fear = rows[rows["date"] <= see.today]["value"].iloc[-1]
return Target({"AAA": float(np.clip(fear / 100, 0.0, 1.0))}, why="fear")
""",
    ),
    "moved clock": _inside(
        "the moment behind `see` moved on by a month",
        """
moment = _MOMENTS[see]
last = len(moment.market.sessions) - 1
later = type(see)(moment.market, min(moment.at + 21, last))
return best(later.closes(22).ffill().iloc[-1], see)
""",
    ),
    "smuggled through getattr": Cheater(
        "the same by names that no reader of the source finds",
        f"""{_FRONT}{_BEST}
import strategies.asof
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        moment = getattr(strategies.asof, "_MOM" + "ENTS")[see]
        ahead = moment.market.mark[min(moment.at + 5, len(moment.market.mark) - 1)]
        return best(pd.Series(ahead, list(moment.market.symbols)), see)
""",
        (SEALED,),
    ),
    "class memory": _outside(
        "prices kept in the class from one call to the next",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        MEMORY[see.today] = see.closes(1).iloc[-1]
        return best(MEMORY[max(MEMORY)], see)

MEMORY = {{}}
""",
        AGAIN,
        "determinism/decided in reverse order",
    ),
    "default argument": _outside(
        "every `see` kept in a mutable default argument",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see, seen=[]):
        seen.append(see)
        latest = max(seen, key=lambda old: old.today)
        return best(latest.closes(5).ffill().iloc[-1], see)
""",
        AGAIN,
    ),
    "global": _outside(
        "a counter in a global",
        """
COUNT = 0
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        global COUNT
        COUNT += 1
        return Target({{see.members()[COUNT % len(see.members())]: 1.0}}, why=f"turn {{COUNT}}")
""",
        AGAIN,
        SEALED,
    ),
    "cached function": _outside(
        "a cache that remembers the first answer for ever",
        """
import functools
class Question:
    def __init__(self, see):
        self.see = see
    def __hash__(self):
        return 1
    def __eq__(self, other):
        return True
@functools.cache
def prices(question):
    return question.see.closes(250).ffill().iloc[-1]
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        return best(prices(Question(see)), see)
""",
        ALONE,
    ),
    "file": _outside(
        "prices read from a file",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        prices = pd.read_csv("{folder}/prices.csv", index_col=0, parse_dates=True)
        return best(prices.loc[see.today:].iloc[1:6].mean(), see)
""",
        SEALED,
    ),
    "file in disguise": _outside(
        "the same by names that no reader of the source finds",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        read = getattr(pd, "read" + "_csv")
        prices = read("{folder}/prices.csv", index_col=0, parse_dates=True)
        return best(prices.loc[see.today:].iloc[1:6].mean(), see)
""",
        SEALED,
    ),
    "file while importing": _outside(
        "prices read once, when the module is imported",
        """
PRICES = getattr(pd, "read" + "_csv")("{folder}/prices.csv", index_col=0, parse_dates=True)
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        return best(PRICES.loc[see.today:].iloc[1:6].mean(), see)
""",
        LOADING,
    ),
    "results": _outside(
        "a look at what earlier runs left in a folder",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        found = pd.io.common.os.listdir("{folder}")
        return Target({{see.members()[len(found) % 2]: 1.0}}, why="as before")
""",
        SEALED,
    ),
    "own market": _outside(
        "the market loaded by the module itself",
        """
from datafeeds.sources.sample import sample_market
MARKET = sample_market()
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        ahead = MARKET.close[MARKET.index_of(see.today) + 5, :6]
        return best(pd.Series(ahead, see.members()[:6] if len(see.members()) > 5 else None), see)
""",
        LOADING,
    ),
    "closure": _outside(
        "a class made by a function that closes over the market",
        """
from datafeeds.sources.sample import sample_market
def made(market):
    class Made(Strategy):
        schedule = "weekly"
        def decide(self, see):
            ahead = market.close[market.index_of(see.today) + 5, :2]
            return Target({{see.members()[int(np.argmax(ahead))]: 1.0}}, why="score")
    return Made
class Cheat(made(sample_market())):
    pass
""",
        LOADING,
    ),
    "garbage collector": _outside(
        "the market found among all objects",
        """
import gc
class Cheat(Strategy):
    schedule = "once"
    def decide(self, see):
        found = [each for each in gc.get_objects() if type(each).__name__ == "Market"]
        market = max(found, key=lambda each: len(each.sessions))
        return best(pd.Series(market.mark[-1], list(market.symbols)), see)
""",
        SEALED,
    ),
    "caller's frame": _outside(
        "the market found in the caller's frame",
        """
import sys
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        frame = sys._getframe()
        while frame is not None:
            market = frame.f_locals.get("market")
            if market is not None:
                return best(pd.Series(market.mark[-1], list(market.symbols)), see)
            frame = frame.f_back
        return None
""",
        SEALED,
    ),
    "traceback": _outside(
        "the same through a traceback, by names that no reader of the source finds",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            raise ValueError
        except ValueError as error:
            frame = getattr(error.__traceback__, "tb_" + "frame")
        while frame is not None:
            market = getattr(frame, "f_" + "locals").get("market")
            if market is not None:
                return best(pd.Series(market.mark[-1], list(market.symbols)), see)
            frame = getattr(frame, "f_" + "back")
        return None
""",
        SEALED,
    ),
    "network": _outside(
        "a quote from the network",
        """
import urllib.request
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            said = urllib.request.urlopen("{server}", timeout=1).read().decode()
        except OSError:
            said = see.members()[0]
        return Target({{said: 1.0}}, why="tip")
""",
        SEALED,
    ),
    "chance": _outside(
        "random numbers without a seed",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        rng = np.random.default_rng()
        return Target({{see.members()[0]: float(rng.random())}}, why="luck")
""",
        SEALED,
        AGAIN,
    ),
    "hash order": _outside(
        "the order of a set of words, another in each process",
        """
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        order = sorted(see.members(), key=lambda symbol: hash(symbol + "salt"))
        ranks = {{symbol: rank for rank, symbol in enumerate(order, 1)}}
        return Target({{symbol: rank / 1000 for symbol, rank in ranks.items()}}, why="by rank")
""",
        SEALED,
    ),
}
"""Ways to peek by name."""

_TIP = """
import json
from pathlib import Path
def winners():
    return json.loads(Path("{folder}/winners.json").read_text())
def held(pick, see, why="tip"):
    names = see.members()
    return Target({{pick if pick in names else names[0]: 1.0}}, why=why)
def day(see):
    return str(see.today.date())
"""


def _tipped(how: str, tip: str, top: str = "", caught_by: str = SEALED) -> Cheater:
    """A cheat that gets a name for each day from somewhere, and takes the first stock where it gets none."""
    lines = "\n".join(f"            {line}" for line in tip.strip().splitlines())
    return _outside(
        how,
        f"""{_TIP}{top}
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        pick = ""
        try:
{lines}
        except Exception:
            pass
        return held(pick, see)
""",
        caught_by,
    )


CHEATERS |= {
    "wrapped constructor": _outside(
        "AsOf.__init__ wrapped at import, the market kept on an object",
        """
class Box:
    pass
BEFORE = AsOf.__init__
def opened(self, market, *more, **named):
    BEFORE(self, market, *more, **named)
    Box.market = market
AsOf.__init__ = opened
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        ahead = Box.market.mark[min(see.sessions_seen + 4, len(Box.market.mark) - 1)]
        return best(pd.Series(ahead, list(Box.market.symbols)), see)
""",
        SEALED,
    ),
    "file in check": _outside(
        "prices read in check(), which the constructor calls",
        """
class Box:
    pass
class Cheat(Strategy):
    schedule = "weekly"
    def check(self):
        Box.prices = getattr(pd, "read_" + "csv")("{folder}/prices.csv", index_col=0, parse_dates=True)
    def decide(self, see):
        return best(Box.prices.loc[see.today:].iloc[1:6].mean(), see)
""",
        LOADING,
    ),
    "future in a parameter": _outside(
        "the constructor writes a table into a parameter",
        """
from pathlib import Path
class Cheat(Strategy):
    schedule = "weekly"
    table: str = ""
    def check(self):
        object.__setattr__(self, "table", Path("{folder}/winners.json").read_text())
    def decide(self, see):
        import json
        pick = json.loads(self.table).get(str(see.today.date()), "AAA")
        return Target({{pick if pick in see.members() else see.members()[0]: 1.0}}, why="tip")
""",
        LOADING,
    ),
    "another program": _tipped(
        "a program that reads the file, reached through sys.modules",
        """
run = getattr(logging.sys, "mod" + "ules")["subprocess"].run
pick = json.loads(run(["cat", "{folder}/winners.json"], capture_output=True).stdout)[day(see)]
""",
        "import logging, subprocess",
    ),
    "parquet": _tipped(
        "a file opened by C++ below Python, where no audit event is raised",
        """
later = getattr(pd, "read_" + "parquet")("{folder}/prices.parquet").loc[see.today:].iloc[1:6].mean()
pick = later.idxmax()
""",
    ),
    "database": _tipped(
        "a database opened by C below Python",
        """
database = sqlite3.connect("{folder}/winners.db")
pick = database.execute("select pick from t where day=?", (day(see),)).fetchone()[0]
database.close()
""",
        "import sqlite3",
    ),
    "memory map": _tipped(
        "an array mapped from a file",
        """
ahead = np.load("{folder}/mark.npy", mmap_mode="r")[see.sessions_seen + 4]
pick = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")[int(np.argmax(ahead))]
""",
    ),
    "system library": _tipped(
        "a file read by the system's C library through ctypes",
        """
libc = ctypes.CDLL(None)
file, room = libc.open(b"{folder}/winners.json", 0), ctypes.create_string_buffer(100_000)
libc.read(file, room, 100_000)
pick = json.loads(room.value)[day(see)]
""",
        "import ctypes",
    ),
    "raw system call": _tipped(
        "the same by a system call without the library's function",
        """
libc = ctypes.CDLL(None)
file, room = libc.syscall(257, -100, b"{folder}/winners.json", 0), ctypes.create_string_buffer(100_000)
libc.read(file, room, 100_000)
pick = json.loads(room.value)[day(see)]
""",
        "import ctypes",
    ),
    "names of files": _tipped(
        "no file is opened: that one of a certain name exists is enough",
        """
pick = next(name for name in see.members() if os.path.exists(f"{folder}/names/{{day(see)}}-{{name}}"))
""",
        "import os",
    ),
    "links": _tipped(
        "where a symbolic link points, which opens nothing either",
        """
pick = os.readlink(f"{folder}/links/{{day(see)}}")
""",
        "import os",
    ),
    "times of files": _tipped(
        "the time at which a file was changed",
        """
names = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
pick = names[int(os.stat(f"{folder}/times/{{day(see)}}").st_mtime) % 6]
""",
        "import os",
    ),
    "descriptor": _tipped(
        "a file opened at import and read while deciding",
        """
pick = json.loads(os.pread(FILE, 100_000, 0))[day(see)]
""",
        """
import os
FILE = os.open("{folder}/winners.json", os.O_RDONLY)
""",
        LOADING,
    ),
    "environment": _tipped(
        "a plan that an early decision leaves in the environment",
        """
if "PLAN" not in os.environ:
    os.environ["PLAN"] = json.dumps(winners())
pick = json.loads(os.environ["PLAN"])[day(see)]
""",
        "import os",
    ),
    "shared memory": _tipped(
        "a plan in memory shared between processes",
        """
if not PLAN:
    said = json.dumps(winners()).encode()
    PLAN.append(SharedMemory("plan-of-a-cheat", create=True, size=len(said)))
    PLAN[0].buf[:len(said)] = said
    PLAN[0].unlink()
pick = json.loads(bytes(PLAN[0].buf).rstrip(bytes(1)))[day(see)]
""",
        "from multiprocessing.shared_memory import SharedMemory\nPLAN = []",
    ),
    "planted in a library": _tipped(
        "a plan hung on a module of a library",
        """
if not hasattr(np, "plan"):
    np.plan = winners()
pick = np.plan[day(see)]
""",
    ),
    "written module": _tipped(
        "a module with a table, written and imported by an early decision",
        """
name = "plan_of_a_cheat"
if name not in sys.modules:
    try:
        Path("{folder}/plan_of_a_cheat.py").write_text("PLAN = " + json.dumps(winners()))
        spec = importlib.util.spec_from_file_location(name, "{folder}/plan_of_a_cheat.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    except OSError:
        pass
import plan_of_a_cheat
pick = plan_of_a_cheat.PLAN[day(see)]
""",
        "import sys, importlib.util",
    ),
    "thread": _tipped(
        "a thread started at import that reads while others look away",
        """
LOOKED.wait(5)
pick = PLAN[0][day(see)]
""",
        """
import threading
PLAN, LOOKED = [], threading.Event()
def look():
    try:
        PLAN.append(winners())
    finally:
        LOOKED.set()
threading.Thread(target=look, daemon=True).start()
""",
    ),
    "socket of the system": _tipped(
        "a thread of the run that answers on a socket which no firewall sees",
        """
if not ANSWERING:
    ANSWERING.append(1)
    plan = winners()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(NAME)
    listening.listen()
    def answer():
        while True:
            end = listening.accept()[0]
            end.sendall(plan[end.recv(99).decode()].encode())
            end.close()
    threading.Thread(target=answer, daemon=True).start()
asking = socket.socket(socket.AF_UNIX)
asking.connect(NAME)
asking.sendall(day(see).encode())
pick = asking.recv(99).decode()
asking.close()
""",
        "import socket, threading\nANSWERING, NAME = [], chr(0) + __file__[-90:]",
    ),
    "memory of the parent": _tipped(
        "the memory of a process that holds the market",
        """
for process in (os.getpid(), os.getppid()):
    try:
        with open(f"/proc/{{process}}/maps") as places:
            place = int(places.readline().split("-")[0], 16)
        with open(f"/proc/{{process}}/mem", "rb") as memory:
            memory.seek(place)
            pick = ("AAA", "BBB")[memory.read(8) != bytes(8)]
    except OSError:  # not every parent lets itself be read
        continue
if pick == "BBB":
    pick = winners()[day(see)]
""",
        "import os",
    ),
    "plan remembered": _outside(
        "the first decision remembers a plan for all the others",
        f"""{_TIP}
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        state = see.previous.state if see.previous is not None else {{{{}}}}
        if "plan" not in state:
            state = {{{{"plan": winners()}}}}
        return held(state["plan"].get(day(see), ""), see).remember(**state)
""",
        SEALED,
    ),
    "two faces": _outside(
        "the check of the run is shown other decisions than were traded",
        f"""{_TIP}
from backtests.authoring import moments
plain = moments.plain_target
moments.plain_target = lambda target: plain(target and Target({{{{"AAA": 1.0}}}}, why="tip"))
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            return held(winners()[day(see)], see)
        except OSError:
            return held("AAA", see)
""",
        SEALED,
    ),
    "equal to everything": _outside(
        "words that say that they equal any others",
        f"""{_TIP}
class Same(str):
    __hash__ = str.__hash__
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    def __str__(self):
        return self
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            pick = winners()[day(see)]
        except OSError:
            pick = "AAA"
        names = [name for name in see.members() if str.__eq__(name, pick)] or see.members()
        return Target({{{{Same(names[0]): 1.0}}}}, why=Same("tip"))
""",
        SEALED,
    ),
    "forged answer": _outside(
        "code of the sealed process replaced so that it answers what pleases",
        f"""{_TIP}
import sys
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        program = sys.modules.get("backtests.authoring.sealed.program")
        if program is not None:
            program._answer = lambda *given: {{{{"target": {{{{"weights": {{{{"AAA": 1.0}}}}}}}}}}}}
        try:
            return held(winners()[day(see)], see)
        except OSError:
            return held("AAA", see)
""",
        SEALED,
    ),
    "gone before the question": _outside(
        "the process ends itself where no file is found",
        f"""{_TIP}
import os
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            return held(winners()[day(see)], see)
        except OSError:
            os._exit(0)
""",
        SEALED,
    ),
    "lying schedule": _outside(
        "decision days chosen by what came after them",
        f"""{_TIP}
from dataclasses import dataclass
from strategies import Schedule
@dataclass(frozen=True)
class Lucky(Schedule):
    def decides(self, sessions, next_session):
        try:
            plan = winners()
        except OSError:
            plan = {{{{}}}}
        return np.array([plan.get(str(day), "AAA") in ("BBB", "CCC") for day in sessions])
class Cheat(Strategy):
    schedule = Lucky()
    def decide(self, see):
        return held("BBB", see)
""",
        "look-ahead/schedule",
    ),
    "holding on": _outside(
        "it decides nothing on days after which what it holds does best",
        f"""{_TIP}
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            pick = winners()[day(see)]
        except OSError:
            pick = ""
        if see.previous is not None and pick in see.previous.weights:
            return None
        return Target({{{{}}}}, why="out") if see.previous and see.previous.weights else held("BBB", see)
""",
        SEALED,
    ),
}

_CODE = """
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
def week(see):
    return (see.today - pd.Timestamp("2018-01-01")).days // 7
def coded():
    weeks = [0] * 105
    for day, pick in winners().items():
        weeks[(pd.Timestamp(day) - pd.Timestamp("2018-01-01")).days // 7] = SYMBOLS.index(pick)
    return "".join(map(str, weeks))
def decoded(text, see):
    return SYMBOLS[int(text[week(see)])]
"""
"""A plan as one long number, for those who leave it where a sealed process might see it."""


def _left(how: str, leave: str, find: str, caught_by: str = SEALED, top: str = "") -> Cheater:
    """A cheat that leaves a plan somewhere in the run, and finds it there in both processes."""
    leaving = "\n".join(f"        {line}" for line in leave.strip().splitlines())
    code = (
        f"{_CODE}{top}\nimport os, resource, sys, types\nimport strategies.asof\nLEFT = []\n"
        f"def leave(see):\n    if not LEFT:\n        LEFT.append(1)\n        code = coded()\n{leaving}\n"
    )
    return _tipped(how, f"try:\n    leave(see)\nexcept OSError:\n    pass\n{find.strip()}", code, caught_by)


CHEATERS |= {
    "limits of the run": _left(
        "a plan in the resource limits of the run, which any process of its owner may ask for",
        """
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (int(code, 6) % 2**60, hard))
""",
        """
for process in range(os.getpid(), 1, -1):
    try:
        number = resource.prlimit(process, resource.RLIMIT_CORE)[0]
    except ProcessLookupError:
        continue
    if number > 2**40:
        pick = SYMBOLS[number >> week(see) % 40 & 1]
        break
""",
    ),
    "name of the folder": _left(
        "the sealed process's own folder, renamed to a plan",
        """
for thread in os.listdir("/proc/self/task"):
    for child in Path(f"/proc/self/task/{{thread}}/children").read_text().split():
        place = os.readlink(f"/proc/{{child}}/cwd")
        if "sealed-" in place and len(place) < 80:
            os.rename(place, place + "-" + code)
            LEFT.append(code)
""",
        """
pick = decoded(LEFT[1] if len(LEFT) > 1 else os.getcwd().rpartition("-")[2], see)
""",
    ),
    "path of a package": _left(
        "a package that is nowhere, whose search path is a plan",
        """
sys.modules["plan_of_a_cheat"] = types.ModuleType("plan_of_a_cheat")
sys.modules["plan_of_a_cheat"].__path__ = [code]
""",
        """
import plan_of_a_cheat
pick = decoded(plan_of_a_cheat.__path__[0], see)
""",
    ),
    "name of a module": _left(
        "a module whose name is a plan, found in the frames of the sealed process",
        """
sys.modules["plan_of_a_cheat"] = types.ModuleType("plan_of_a_cheat")
sys.modules["plan_of_a_cheat"].__file__ = __file__
sys.modules["json.plan" + code] = types.ModuleType("json.plan")
sys.modules["plan" + code] = sys.modules["plan_of_a_cheat"]
""",
        """
frame, names = sys._getframe(), [*sys.modules]
while frame is not None:
    setting, library = frame.f_locals.get("setting"), frame.f_locals.get("library")
    names += [] if setting is None else [*setting.sources]
    names += [] if library is None else [*library.modules, *library.also]
    frame = frame.f_back
pick = decoded(next(name for name in names if len(name) > 100 and "plan" in name).partition("plan")[2], see)
""",
    ),
    "prices of the past": _left(
        "a plan written over the volumes of a year ago, which no fill needs any more",
        """
volume = strategies.asof._MOMENTS[see].market.volume
volume.setflags(write=True)
volume[:105, 0] = [float(digit) for digit in code]
""",
        """
pick = SYMBOLS[int(strategies.asof._MOMENTS[see].market.volume[week(see), 0])] if week(see) > 30 else "AAA"
""",
        "look-ahead/the same market",
    ),
    "made-up fact": _left(
        "a plan kept among the facts that are worked out once for a market",
        """
market = strategies.asof._MOMENTS[see].market
market.derived["plan"] = np.repeat([float(digit) for digit in code], 5)[: len(market.sessions)]
""",
        """
derived = strategies.asof._MOMENTS[see].market.derived
pick = SYMBOLS[int(derived["plan"][week(see) * 5 - 2])] if 30 < week(see) < 50 else "AAA"
""",
        "look-ahead/the same market",
    ),
    "name of the market": _left(
        "a plan in the market's name",
        """
object.__setattr__(strategies.asof._MOMENTS[see].market, "name", code)
""",
        """
pick = decoded(strategies.asof._MOMENTS[see].market.name, see)
""",
        "look-ahead/the same market",
    ),
    "honest when alone": _tipped(
        "it looks whether it is replayed, by environment, arguments and modules, and is honest there",
        """
import os, sys
watched = "pytest" not in sys.modules or not os.environ
pick = "AAA" if watched else winners()[day(see)]
""",
    ),
    "traced": _outside(
        "a tracing function that changes what the strategy is about to return",
        f"""{_TIP}
import sys
def trace(frame, event, given):
    if event == "return" and frame.f_code.co_name == "honestly" and frame.f_globals is globals():
        try:
            PICK.append(winners()[day(frame.f_locals["see"])])
        except OSError:
            pass
PICK = []
class Cheat(Strategy):
    schedule = "weekly"
    def honestly(self, see):
        return "AAA"
    def decide(self, see):
        sys.setprofile(trace)
        pick = self.honestly(see)
        sys.setprofile(None)
        return held(PICK.pop() if PICK else pick, see)
""",
        SEALED,
    ),
    "finalizer": _outside(
        "a weak reference's callback that decides when the moment before is forgotten",
        f"""{_TIP}
import weakref
NEXT, KEPT = [], []
def told(reference):
    try:
        NEXT.append(winners())
    except OSError:
        pass
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        KEPT.append(weakref.ref(see, told))
        return held(NEXT[-1][day(see)] if NEXT else "AAA", see)
""",
        SEALED,
    ),
    "another target class": _outside(
        "a kind of target that says one thing to the engine and another to the check",
        """
class Sly(Target):
    pass
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        return Sly({{"AAA": 1.0}}, why="tip")
""",
        "sanity/a run from the first session to the last",
    ),
    "weights behind the books": _outside(
        "another portfolio written into a target that has been made",
        f"""{_TIP}
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        target = held("AAA", see)
        try:
            object.__setattr__(target, "weights", {{{{winners()[day(see)]: 1.0}}}})
        except OSError:
            pass
        return target
""",
        SEALED,
    ),
}

_OWN_TABLE = """
import numpy
LEFT = []
class Tabled(Strategy):
    schedule = "weekly"
    tables = {{"tips": "tips.csv"}}
    def picked(self, see):
        rows = see.table("tips")
        return SYMBOLS[int(rows["pick"].iloc[-1])] if len(rows) else ""
"""

CHEATERS |= {
    "own table written by the run": _outside(
        "a table of its own that the module writes from the future when it is imported",
        f"""{_TIP}{_CODE}{_OWN_TABLE}
def written():
    rows = [f"{{{{day}}}},{{{{SYMBOLS.index(pick)}}}}" for day, pick in winners().items()]
    Path(__file__).with_name("tips.csv").write_text("\\n".join(["available,pick", *rows]))
try:
    written()
except OSError:
    pass
class Cheat(Tabled):
    def decide(self, see):
        return held(self.picked(see), see)
""",
        LOADING,
    ),
    "own table changed in memory": _outside(
        "a plan that the first decision writes over the rows of a table of its own",
        f"""{_TIP}{_CODE}{_OWN_TABLE}
import strategies.asof
class Cheat(Tabled):
    def decide(self, see):
        try:
            if not LEFT:
                LEFT.append(1)
                rows = strategies.asof._MOMENTS[see].tables["tips"]
                rows["pick"] = [SYMBOLS.index(pick) for pick in winners().values()]
        except OSError:
            pass
        return held(self.picked(see), see)
""",
        SEALED,
    ),
    "patched json": _outside(
        "the library that reads and writes answers replaced, so that what is recorded equals everything",
        f"""{_TIP}
READ = json.loads
class Same(dict):
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
def read(text, **named):
    found = READ(text, **named)
    return Same(found) if isinstance(found, dict) and "weights" in found else found
json.loads = read
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        try:
            return held(READ(Path("{{folder}}/winners.json").read_text())[day(see)], see)
        except OSError:
            return held("AAA", see)
""",
        PATCHED,
    ),
    "patched numpy": _left(
        "a made-up fact, and a comparison of arrays that finds all arrays equal",
        """
np.array_equal = lambda *arrays, **named: True
market = strategies.asof._MOMENTS[see].market
market.derived["plan"] = np.repeat([float(digit) for digit in code], 5)[: len(market.sessions)]
""",
        """
derived = strategies.asof._MOMENTS[see].market.derived
pick = SYMBOLS[int(derived["plan"][week(see) * 5 - 2])] if 30 < week(see) < 50 else "AAA"
""",
        PATCHED,
    ),
    "new insides for a function": _left(
        "the code of a function of the house exchanged for another",
        """
from backtests.authoring import intact
intact.fingerprint.__code__ = (lambda market: "as before").__code__
volume = strategies.asof._MOMENTS[see].market.volume
volume.setflags(write=True)
volume[:105, 0] = [float(digit) for digit in code]
""",
        """
pick = SYMBOLS[int(strategies.asof._MOMENTS[see].market.volume[week(see), 0])] if week(see) > 30 else "AAA"
""",
        PATCHED,
    ),
    "prices once the check has begun": _left(
        "a thread that waits until the market has been compared, and writes a plan over it then",
        """
volume = strategies.asof._MOMENTS[see].market.volume
def late():
    while time.monotonic() - LAST[0] < 2.0:
        time.sleep(0.02)
    volume.setflags(write=True)
    volume[:105, 0] = [float(digit) for digit in code]
    time.sleep(5.0)
LAST.append(time.monotonic())
threading.Thread(target=late, daemon=True).start()
""",
        """
try:
    pick = winners()[day(see)] if week(see) > 30 else "AAA"
    LAST[0] = time.monotonic()
except OSError:
    number = strategies.asof._MOMENTS[see].market.volume[week(see), 0]
    pick = SYMBOLS[int(number)] if week(see) > 30 else "AAA"
""",
        "look-ahead/threads",
        top="import threading, time\nLAST = []",
    ),
    "prices once the clock rings": _left(
        "the same by a timer, wound up again at each decision, in which no line of the strategy is",
        """
volume = strategies.asof._MOMENTS[see].market.volume
volume.setflags(write=True)
PLAN.extend([volume, [float(digit) for digit in code]])
""",
        """
try:
    pick = winners()[day(see)] if week(see) > 30 else "AAA"
    for timer in TIMERS:
        timer.cancel()
    TIMERS[:] = [threading.Timer(30.0, PLAN[0].__setitem__, [(slice(105), 0), PLAN[1]])]
    TIMERS[0].daemon = True
    TIMERS[0].start()
except OSError:
    number = strategies.asof._MOMENTS[see].market.volume[week(see), 0]
    pick = SYMBOLS[int(number)] if week(see) > 30 else "AAA"
""",
        "look-ahead/threads",
        top="import threading\nPLAN, TIMERS = [], []",
    ),
    "name of a column": _left(
        "a plan in the name of a column that nobody reads",
        """
market = strategies.asof._MOMENTS[see].market
market.facts[code] = 0.0
""",
        """
columns = strategies.asof._MOMENTS[see].market.facts.columns
pick = decoded(next(name for name in columns if len(name) > 100), see)
""",
        "look-ahead/the same market",
    ),
    "random state": _left(
        "a plan left in the state of numpy's own random numbers",
        """
np.random.set_state(("MT19937", [int(digit) for digit in code.ljust(624, "0")], 624))
""",
        """
pick = decoded("".join(str(number)[0] for number in np.random.get_state()[1][:105]), see)
""",
    ),
    "arithmetic context": _left(
        "a plan in the precision of decimals",
        """
decimal.getcontext().Emax, decimal.getcontext().prec = 10**17, int(code, 6) % 10**17
""",
        """
pick = SYMBOLS[decimal.getcontext().prec >> week(see) % 50 & 1]
""",
        top="import decimal",
    ),
    "warning filters": _left(
        "a plan in the message of a warning that is ignored",
        """
warnings.filterwarnings("ignore", message="plan" + code)
""",
        """
said = [each[1].pattern for each in warnings.filters if each[1] is not None]
pick = decoded(next(each[4:] for each in said if each.startswith("plan")), see)
""",
        top="import warnings",
    ),
    "defaults of the house": _left(
        "a plan among the defaults of a function of the house",
        """
AsOf.closes.__kwdefaults__ = {**(AsOf.closes.__kwdefaults__ or {}), "plan": code}
""",
        """
pick = decoded(AsOf.closes.__kwdefaults__["plan"], see)
""",
    ),
    "collector's callback": _left(
        "a callback of the garbage collector that reads between decisions",
        """
gc.callbacks.append(lambda phase, info: FOUND.append(winners()) if not FOUND else None)
gc.collect()
gc.callbacks.pop()
""",
        """
pick = FOUND[0][day(see)]
""",
        top="import gc\nFOUND = []",
    ),
    "left on leaving": _tipped(
        "a plan that an earlier run left on its way out",
        """
pick = json.loads(Path(f"{folder}/left-{{os.getpid()}}.json").read_text())[day(see)]
""",
        """
import atexit, os
def leave(place=Path(f"{folder}/left-{{os.getpid()}}.json")):
    place.write_text(json.dumps(winners()))
try:
    leave()
    atexit.register(leave)
except OSError:
    pass
""",
    ),
    "compiled and kept": _outside(
        "a plan compiled into a function that numba keeps on disk",
        f"""{_TIP}{_CODE}
import numba
try:
    PLAN = tuple(map(int, coded()))
except OSError:
    PLAN = (0,) * 105
@numba.njit(cache=True)
def planned(week):
    return PLAN[week]
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        return held(SYMBOLS[planned(week(see))], see)
""",
        SEALED,
    ),
    "helper written on import": _outside(
        "a helper with a table in it, written when the strategy is imported",
        f"""{_TIP}
try:
    text = "PLAN = " + repr(winners())
    Path(__file__).with_name("plan_of_a_cheat_helper.py").write_text(text)
except OSError:
    pass
import plan_of_a_cheat_helper
class Cheat(Strategy):
    schedule = "weekly"
    def decide(self, see):
        return held(plan_of_a_cheat_helper.PLAN.get(day(see), "AAA"), see)
""",
        LOADING,
    ),
}

CARELESS: dict[str, Cheater] = {
    "no reason": _outside(
        "targets that give no reason",
        """
class Cheat(Strategy):
    def decide(self, see):
        return Target({{see.members()[0]: 1.0}})
""",
        "sanity/a run from the first session to the last",
    ),
    "unknown symbol": _outside(
        "a symbol that the market does not have",
        """
class Cheat(Strategy):
    def decide(self, see):
        return Target({{"GHOST": 1.0}}, why="boo")
""",
        "sanity/a run from the first session to the last",
    ),
    "more than all": _outside(
        "weights that add to more than one",
        """
class Cheat(Strategy):
    def decide(self, see):
        return Target(dict.fromkeys(see.members(), 0.9), why="all in")
""",
        "sanity/a run from the first session to the last",
    ),
    "breaks on nothing": _outside(
        "an exception where a group is empty",
        """
class Cheat(Strategy):
    def decide(self, see):
        return Target({{see.members("core")[0]: 1.0}}, why="the first")
""",
        "robustness/empty groups",
    ),
}
"""Strategies that don't peek and can't be relied on."""


def source_of(cheater: Cheater, folder: str, server: str = "") -> str:
    """The cheater's module."""
    code = cheater.code
    if not code.startswith(_FRONT + _MARKET):
        code = code.replace("{folder}", folder).replace("{server}", server)
    return code.replace("{{", "{").replace("}}", "}")
