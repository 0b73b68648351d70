"""One named definition for every term: the metrics of the registry, and the terms that are no metric.

Whoever shows metrics takes them from here: every module that enters some is imported.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

# Importing them enters their metrics.
from backtests.analysis import performance as performance
from backtests.analysis import significance as significance
from backtests.analysis import trading as trading
from backtests.analysis.registry import METRICS as METRICS
from backtests.analysis.registry import Definition as Definition
from backtests.analysis.registry import metrics as metrics

_TERMS = (
    Definition(
        "gross_return",
        "Gross return",
        "Compound return before commission, spread and impact: each session's net return plus its trading "
        "costs over the equity before it.",
        "GIPS (2020), gross of fees; here only trading costs exist",
    ),
    Definition(
        "net_return",
        "Net return",
        "Compound, time-weighted return after all costs. No money comes in or goes out after the start, so "
        "it is also what an investor would have earned.",
        "GIPS (2020), net of fees",
    ),
    Definition(
        "three_year_deviation",
        "Three-year standard deviation",
        "Standard deviation (n - 1) of the trailing 36 monthly net returns x sqrt(12); a dash while there "
        "are fewer.",
        "GIPS (2020), three-year annualised ex-post standard deviation",
    ),
    Definition(
        "bootstrap_interval",
        "95% interval",
        "Range of the middle 95% of resampled histories: blocks of sessions of random length, drawn with "
        "replacement, the same for the strategy and every benchmark.",
        "Politis and Romano (1994), stationary bootstrap; block length by Politis and White (2004), as arch",
    ),
    Definition(
        "above_zero",
        "Draws above zero",
        "Share of the resampled histories in which the statistic is above zero.",
        "Politis and Romano (1994)",
    ),
    Definition(
        "allocation",
        "Allocation",
        "(Weight - benchmark's weight) x (group's return in the benchmark - benchmark's return), each "
        "session, linked.",
        "Brinson and Fachler (1985); linked by Carino (1999)",
    ),
    Definition(
        "selection",
        "Selection",
        "Benchmark's weight x (group's return - its return in the benchmark), each session, linked.",
        "Brinson and Fachler (1985); linked by Carino (1999)",
    ),
    Definition(
        "interaction",
        "Interaction",
        "(Weight - benchmark's weight) x (group's return - its return in the benchmark), each session, "
        "linked.",
        "Brinson and Fachler (1985); linked by Carino (1999)",
    ),
    Definition(
        "residual",
        "Residual",
        "What groups and costs don't explain: trading within a session, rounding, options, withheld tax.",
        "the difference of the compound returns less everything else",
    ),
    Definition(
        "active_share",
        "Active share",
        "Half the sum of the absolute differences of weights, cash included.",
        "Cremers and Petajisto (2009)",
    ),
    Definition(
        "factor_alpha",
        "Alpha a year",
        "What the factors leave of the mean session return above cash, x sessions a year (252, or 365 where "
        "every day is one).",
        "ordinary least squares",
    ),
    Definition(
        "t_value",
        "t",
        "Coefficient / standard error, robust to autocorrelation and changing variance.",
        "Newey and West (1987), Bartlett kernel",
    ),
    Definition(
        "without_best",
        "Without its own best",
        "Compound return if the days (or calendar months) with the highest returns above cash had earned "
        "what cash did. Nobody could have missed just these: it says how few of them made the return.",
        "Estrada (2008), Black Swans and Market Timing",
    ),
    Definition(
        "lead_without_best",
        "Lead without its best",
        "Return less the benchmark's, if on the days (or in the months) on which the strategy gained most on "
        "the benchmark it had earned what the benchmark did.",
        "as for the return without its best days, with the benchmark in the place of cash",
    ),
    Definition(
        "average_mix",
        "Average weights, held",
        "Return of the average of all sessions' weights, bought at the start and rebalanced at the end of "
        "each month, filled and charged as the run is. What does not trade yet, or no longer, is spread over "
        "the others.",
        "Brinson, Hood and Beebower (1986) take average weights for the policy; here by name",
    ),
    Definition(
        "timing",
        "Added by changing weights",
        "Return less that of the average weights held. Averages are known only afterwards and weigh most "
        "what has risen, which makes them hard to beat.",
        "Brinson, Hood and Beebower (1986), timing",
    ),
    Definition(
        "guessed_weight",
        "By the rule for the rest",
        "Weight of holdings for which the scenario has neither a symbol nor a group.",
        "the scenario",
    ),
)

TERMS: dict[str, Definition] = {each.key: each for each in _TERMS}
"""Terms that are no metric, by key."""

DEFINITIONS: Mapping[str, Definition] = ChainMap(METRICS, TERMS)  # type: ignore[arg-type]  # only read
"""Every definition by its key; metrics that are entered later are in it too."""
