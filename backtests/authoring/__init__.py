"""The strategy author's kit: a new strategy in one command, and a check that it can't look ahead.

What each check catches:

*   **Look-ahead** replays decisions on markets whose every later price, figure and series value is replaced.
    It catches whatever reaches the market through what `decide` is given, private parts included.
*   **Determinism** replays them again, in reverse order and in another process. It catches what is kept
    between decisions, which later poison can't reach: caches in classes, modules and closures.
*   **Purity** reads the source, and blocks files, network and clock while the code runs. It catches a second
    way to the market: a module that loads the sample by itself, a file of prices, results of earlier runs.

What none can see is what the author knew when writing: a literal list of the winners of the past.
"""

from backtests.authoring.check import check_strategy
from backtests.authoring.lookahead import sampled_lookahead
from backtests.authoring.report import Check, CheckReport, Offence

__all__ = ["Check", "CheckReport", "Offence", "check_strategy", "sampled_lookahead"]
