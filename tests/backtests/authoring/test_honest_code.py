"""Honest code passes: libraries, compiled functions, schedules and helpers of one's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from backtests.authoring.sealed.replay import SealedProcesses
from backtests.settings.strategies import build
from datafeeds.market import Market
from tests.backtests.authoring.cheaters import late_market, small_market
from tests.backtests.authoring.test_check_strategy import replayed

FRONT = """
from __future__ import annotations
import numpy as np
import pandas as pd
from strategies import AsOf, Schedule, Strategy, Target
"""

DECIDE = """
class Honest(Strategy):
    \"\"\"Hold the best by a score of its own.\"\"\"
    schedule = {schedule}
    def decide(self, see: AsOf) -> Target | None:
        returns = see.returns(60, symbols=see.members()).fillna(0.0)
        if len(returns) < 60:
            return None
        return Target({{str(self.score(see, returns).idxmax()): 1.0}}, why="best score")
    def score(self, see, returns):
{score}
"""

CODE = {
    "schedule of its own": (
        """
from dataclasses import dataclass
@dataclass(frozen=True)
class Fortnightly(Schedule):
    def period(self, days):
        return days.astype(np.int64) // 14
""",
        "return returns.sum()",
    ),
    "numba": (
        """
import numba
@numba.njit(cache=True)
def weighted(values):
    total = np.zeros(values.shape[1])
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            total[column] += values[row, column] * row
    return total
""",
        "return pd.Series(weighted(returns.to_numpy()), returns.columns)",
    ),
    "scikit-learn": (
        "from sklearn.linear_model import Ridge",
        """
time = np.arange(len(returns))[:, None]
return pd.Series(Ridge().fit(time, returns.cumsum()).coef_[:, 0], returns.columns)
""",
    ),
    "imported late": (
        "",
        """
from sklearn.decomposition import PCA
from scipy import stats
load = PCA(1).fit(returns).components_[0]
return pd.Series(stats.zscore(load), returns.columns)
""",
    ),
    "statsmodels": (
        "import statsmodels.api as sm",
        """
market = sm.add_constant(returns.mean(axis=1))
return pd.Series({name: sm.OLS(column, market).fit().params.iloc[0] for name, column in returns.items()})
""",
    ),
    "cvxpy": (
        "import cvxpy",
        """
weights = cvxpy.Variable(returns.shape[1], nonneg=True)
risk = cvxpy.quad_form(weights, cvxpy.psd_wrap(returns.cov().to_numpy()))
cvxpy.Problem(cvxpy.Minimize(risk), [cvxpy.sum(weights) == 1]).solve(solver="CLARABEL")
return pd.Series(np.round(weights.value, 3), returns.columns)
""",
    ),
    "polars": (
        "import polars",
        "return pd.Series(polars.DataFrame(returns.to_numpy()).mean().row(0), returns.columns)",
    ),
    "logging": (
        "import logging, warnings",
        """
logging.getLogger("honest").warning("deciding on %s", see.today)
print(see.today)
return returns.sum()
""",
    ),
    "helper beside": ("import helper_of_the_honest", "return helper_of_the_honest.score(returns)"),
    "memo": (
        "",
        """
memo = {}
for name in [*returns, *returns]:
    memo.setdefault(name, returns[name].std())
return pd.Series(memo)
""",
    ),
    "time zones": (
        "from zoneinfo import ZoneInfo\nSEOUL = ZoneInfo('Asia/Seoul')",
        """
close = see.today.tz_localize("America/New_York") + pd.Timedelta(hours=16)
index = returns.index.tz_localize("Europe/London").tz_convert("UTC").tz_convert("America/Argentina/Salta")
return returns[index < close.astimezone(SEOUL)].sum()
""",
    ),
    "thread": (
        "from concurrent.futures import ThreadPoolExecutor",
        """
with ThreadPoolExecutor(2) as pool:
    return pd.Series(dict(zip(returns, pool.map(lambda name: returns[name].sum(), returns))))
""",
    ),
}
ASKED = {
    "series": "see.series('late', 20), see.has_series('late')",
    "newest fact": "see.latest('late'), see.has('late'), see.arrays.latest('late', see.members())",
    "past of a fact": "see.history('late', 9).iloc[:, :0], see.arrays.history('late', 9, SYMBOLS)",
    "median": "see.group_median('late', 9, 'new')",
    "unknown series": "said(lambda: see.series('latf'))",
    "unknown fact": "said(lambda: see.latest('latf'))",
    "unknown group": "said(lambda: see.members('nev'))",
    "unknown symbol": "said(lambda: see.companies(['AAB']))",
    "members": "see.members('new'), see.members('core'), see.groups",
    "industries": "see.members(industries=['New Industry']), see.members(industries=['Old Industry'])",
    "group and industries": "see.members('core', industries=iter(['New Industry', 'Old Industry']))",
    "kinds": "see.members(kind='stock'), see.members(kind=('etf', 'index'))",
    "sectors": "see.sectors, see.sector_of(SYMBOLS)",
    "companies": "see.companies(SYMBOLS), see.arrays.companies(SYMBOLS)",
    "own table": "see.table('late').dtypes, see.table('late')",
    "caps": "Capped(EqualWeighted(), New=0.5, Old=0.6, new=0.4).decide(see)",
    "unknown cap": "said(lambda: Capped(EqualWeighted(), Nev=0.5).decide(see))",
}
"""What can be asked of what begins later."""

ASKING = """
import pandas as pd
from strategies import AsOf, Capped, EqualWeighted, Strategy, Target

SYMBOLS = ["AAA", "BBB", "FFF"]

def said(ask):
    try:
        return ask()
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"

class Asking(Strategy):
    \"\"\"Say what is known.\"\"\"
    schedule = "monthly"
    tables = {{"late": "late.csv"}}
    def decide(self, see: AsOf) -> Target:
        answers = {asked},
        frames = (each.to_dict("split") if isinstance(each, pd.DataFrame) else each for each in answers)
        return Target({{"AAA": 1.0}}, why=repr(list(frames)))
"""

NEEDS = {"polars": "polars", "cvxpy": "cvxpy"}


@pytest.fixture(scope="module")
def small() -> Market:
    return small_market()


@pytest.fixture(scope="module")
def processes() -> Iterator[SealedProcesses]:
    with SealedProcesses() as started:
        yield started


@pytest.mark.parametrize("name", CODE)
def test_honest_code_passes(name: str, small: Market, tmp_path: Path, processes: SealedProcesses) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"{NEEDS[name]} is not installed")
    top, score = CODE[name]
    lines = "\n".join(f"        {line}" for line in score.strip().splitlines())
    schedule = "Fortnightly()" if name == "schedule of its own" else '"monthly"'
    (tmp_path / "helper_of_the_honest.py").write_text("def score(returns):\n    return returns.mean()\n")
    file = tmp_path / "honest.py"
    file.write_text(f"{FRONT}{top}{DECIDE.format(schedule=schedule, score=lines)}")
    report = replayed(build(f"{file}:Honest", {}), small, processes, 12)
    assert report.passed, report.failures
    assert report.sampled == 12


@pytest.fixture(scope="module")
def late() -> Market:
    return late_market()


@pytest.mark.parametrize("name", ASKED)
def test_what_begins_later_is_known_by_name_on_both_sides(
    name: str, late: Market, tmp_path: Path, processes: SealedProcesses
) -> None:
    (tmp_path / "late.csv").write_text("available,word,score\n2019-05-01,one,1.5\n2019-06-01,other,\n")
    file = tmp_path / "asking.py"
    file.write_text(ASKING.format(asked=ASKED[name]))
    report = replayed(build(f"{file}:Asking", {}), late, processes)
    assert report.passed, report.failures
