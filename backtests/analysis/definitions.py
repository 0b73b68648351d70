"""One named definition for every statistic: its term, formula and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Definition:
    """What a statistic means.

    Attributes
    ----------
    key : str
        Name of the field that holds it, such as ``"sharpe"``.
    term : str
        What readers see.
    formula : str
        How it is calculated, in words that can be checked.
    source : str
        Where the definition comes from.
    short_term : str
        What readers see when the run spans less than a year and nothing is annualised; empty if the same.
    """

    key: str
    term: str
    formula: str
    source: str
    short_term: str = ""


_EMPYRICAL = "empyrical-reloaded"
_LEDGER = "the run's ledger"
_SHORT = " Under a year of data: per session, without the factor for a year."

_ALL = (
    Definition(
        "total_return",
        "Total return",
        "Last equity / first equity - 1, after all costs.",
        f"{_EMPYRICAL} cum_returns_final",
    ),
    Definition(
        "cagr",
        "Return a year (CAGR)",
        "(Last equity / first equity)^(1 / years) - 1; years = calendar days / 365.25. "
        "Not stated when the run spans less than a year.",
        f"GIPS (2020): nothing annualised under a year; {_EMPYRICAL} cagr, by calendar instead of sessions",
    ),
    Definition(
        "volatility",
        "Volatility a year",
        "Standard deviation (n - 1) of session returns x sqrt(252)." + _SHORT,
        f"{_EMPYRICAL} annual_volatility",
        "Volatility a session",
    ),
    Definition(
        "sharpe",
        "Sharpe ratio",
        "Mean of (session return - cash return) / its standard deviation (n - 1) x sqrt(252). "
        "The cash return is the run's cash rate, actual/365." + _SHORT,
        f"Sharpe (1994); {_EMPYRICAL} sharpe_ratio",
        "Sharpe ratio, a session",
    ),
    Definition(
        "sortino",
        "Sortino ratio",
        "Mean session return x 252 / (root mean square of the returns below 0, over all sessions, x "
        "sqrt(252)). The target is 0." + _SHORT,
        f"Sortino and Price (1994); {_EMPYRICAL} sortino_ratio",
        "Sortino ratio, a session",
    ),
    Definition(
        "max_drawdown",
        "Maximum drawdown",
        "Lowest value of equity / highest equity so far - 1, at closes.",
        f"{_EMPYRICAL} max_drawdown",
    ),
    Definition(
        "drawdown_peak",
        "Peak before it",
        "Last session at the high from which the maximum drawdown fell.",
        "pyfolio gen_drawdown_table",
    ),
    Definition(
        "drawdown_trough",
        "Trough",
        "Session of the lowest close of the maximum drawdown.",
        "pyfolio gen_drawdown_table",
    ),
    Definition(
        "drawdown_recovery",
        "Recovery",
        "First session at or above the old high; a dash if that has not happened by the end of the run.",
        "pyfolio gen_drawdown_table",
    ),
    Definition(
        "calmar",
        "Calmar ratio",
        "Return a year / |maximum drawdown|, over the whole run.",
        f"Young (1991); {_EMPYRICAL} calmar_ratio, with this page's return a year",
    ),
    Definition(
        "value_at_risk",
        "Value at risk, 5%, a session",
        "5th percentile of session returns, linear between observations (historical, not a model).",
        f"{_EMPYRICAL} value_at_risk",
    ),
    Definition(
        "expected_shortfall",
        "Expected shortfall, 5%, a session",
        "Mean of the worst 5% of session returns: the lowest floor(0.05 x (n - 1)) + 1 of n.",
        f"{_EMPYRICAL} conditional_value_at_risk",
    ),
    Definition("best_day", "Best session", "Highest session return.", _LEDGER),
    Definition("worst_day", "Worst session", "Lowest session return.", _LEDGER),
    Definition(
        "best_month",
        "Best month",
        "Highest calendar-month return; the first and last month may be part of one.",
        f"{_EMPYRICAL} aggregate_returns",
    ),
    Definition(
        "worst_month",
        "Worst month",
        "Lowest calendar-month return; the first and last month may be part of one.",
        f"{_EMPYRICAL} aggregate_returns",
    ),
    Definition(
        "best_year",
        "Best calendar year",
        "Highest calendar-year return; the first and last year may be part of one.",
        f"{_EMPYRICAL} aggregate_returns",
    ),
    Definition(
        "worst_year",
        "Worst calendar year",
        "Lowest calendar-year return; the first and last year may be part of one.",
        f"{_EMPYRICAL} aggregate_returns",
    ),
    Definition(
        "excess_return",
        "Return a year above it",
        "Strategy's return a year - benchmark's return a year, arithmetic.",
        "Bacon (2008), arithmetic excess return",
        "Total return above it",
    ),
    Definition(
        "tracking_error",
        "Tracking error a year",
        "Standard deviation (n - 1) of (strategy's - benchmark's session return) x sqrt(252)." + _SHORT,
        f"{_EMPYRICAL} annual_volatility of the difference",
        "Tracking error a session",
    ),
    Definition(
        "information_ratio",
        "Information ratio",
        "Mean of (strategy's - benchmark's session return) / its standard deviation (n - 1) x sqrt(252)."
        + _SHORT,
        f"Grinold and Kahn (1999); {_EMPYRICAL} excess_sharpe x sqrt(252)",
        "Information ratio, a session",
    ),
    Definition(
        "beta",
        "Beta",
        "Covariance of the session returns above cash / variance of the benchmark's.",
        f"{_EMPYRICAL} beta",
    ),
    Definition(
        "alpha",
        "Alpha a year",
        "a = mean of (strategy's return above cash - beta x benchmark's return above cash); (1 + a)^252 - 1."
        + _SHORT,
        f"Jensen (1968); {_EMPYRICAL} alpha",
        "Alpha a session",
    ),
    Definition(
        "correlation",
        "Correlation",
        "Pearson correlation of session returns.",
        "numpy corrcoef",
    ),
    Definition(
        "up_capture",
        "Up capture",
        "Over the calendar months in which the benchmark rose: the strategy's compound return a year / "
        "the benchmark's.",
        f"Morningstar; {_EMPYRICAL} up_capture on monthly returns",
    ),
    Definition(
        "down_capture",
        "Down capture",
        "Over the calendar months in which the benchmark fell: the strategy's compound return a year / "
        "the benchmark's.",
        f"Morningstar; {_EMPYRICAL} down_capture on monthly returns",
    ),
    Definition(
        "turnover",
        "Turnover a year",
        "Lesser of all purchases and all sales in the run / average equity / years. One-sided; building the "
        "first portfolio is not turnover; payments for delisted shares are not sales.",
        "SEC Form N-1A, item 13, over the run instead of a fiscal year",
        "Turnover in the run",
    ),
    Definition(
        "cost_bps",
        "Cost drag a year (bps)",
        "(Commission + spread + impact) / average equity / years, in hundredths of a percent.",
        _LEDGER,
        "Cost drag in the run (bps)",
    ),
    Definition(
        "commission_bps",
        "Commission a year (bps)",
        "Commissions paid / average equity / years.",
        _LEDGER,
        "Commission in the run (bps)",
    ),
    Definition(
        "spread_bps",
        "Spread a year (bps)",
        "Half-spreads paid / average equity / years.",
        _LEDGER,
        "Spread in the run (bps)",
    ),
    Definition(
        "impact_bps",
        "Market impact a year (bps)",
        "Price moved against the own orders x shares / average equity / years.",
        f"{_LEDGER}; square-root law",
        "Market impact in the run (bps)",
    ),
    Definition(
        "cost", "Costs paid", "Commission + spread + impact, money of the day, not compounded.", _LEDGER
    ),
    Definition("fills", "Fills", "Executions of orders; payments for delisted shares not counted.", _LEDGER),
    Definition(
        "delistings",
        "Delisting payments",
        "Positions closed at the last known close because the symbol stopped trading.",
        _LEDGER,
    ),
    Definition(
        "unfilled", "Orders not or partly filled", "Orders that ended without all of their shares.", _LEDGER
    ),
    Definition("decisions", "Decisions", "Targets that the strategy gave; holding is not counted.", _LEDGER),
    Definition("dividends", "Dividends received", "Cash dividends after withholding tax.", _LEDGER),
    Definition("interest", "Interest received", "Interest on cash.", _LEDGER),
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
        "probabilistic_sharpe",
        "Probabilistic Sharpe ratio",
        "Probability that the true Sharpe ratio is above 0, from the measured one, the number of returns, "
        "their skewness and kurtosis.",
        "Bailey and Lopez de Prado (2012)",
    ),
    Definition(
        "trials",
        "Trials on this market",
        "Different strategies, parameters, costs or dates ever run on this data, this one included, as kept "
        "in the register of trials. Running one again is no further trial.",
        "the register of trials, one for each machine",
    ),
    Definition(
        "expected_maximum",
        "Best Sharpe ratio that luck gives",
        "Sharpe ratio that the best of so many worthless trials is expected to show. The variance of the "
        "trials is measured from ten on record; before, it is the sampling variance 1 / (returns - 1).",
        "Bailey and Lopez de Prado (2014)",
    ),
    Definition(
        "deflated_sharpe",
        "Deflated Sharpe ratio",
        "Probability that the true Sharpe ratio is above the best that luck gives: the probabilistic ratio "
        "with that as its threshold.",
        "Bailey and Lopez de Prado (2014)",
    ),
    Definition(
        "least_years",
        "Years of record needed",
        "Least length of record at which a Sharpe ratio like this one is above 0 with 95% confidence.",
        "Bailey and Lopez de Prado (2012), minimum track record length",
    ),
    Definition(
        "bootstrap_interval",
        "95% interval",
        "Range of the middle 95% of resampled histories: blocks of sessions of random length, drawn with "
        "replacement, the same for the strategy and every benchmark.",
        "Politis and Romano (1994), stationary bootstrap; block length by Politis and White (2004); arch",
    ),
    Definition(
        "above_zero",
        "Draws above zero",
        "Share of the resampled histories in which the statistic is above zero.",
        "arch",
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
        "What the factors leave of the mean session return above cash, x 252.",
        "ordinary least squares, statsmodels",
    ),
    Definition(
        "t_value",
        "t",
        "Coefficient / standard error, robust to autocorrelation and changing variance.",
        "Newey and West (1987); statsmodels HAC, Bartlett kernel",
    ),
    Definition(
        "guessed_weight",
        "By the rule for the rest",
        "Weight of holdings for which the scenario has neither a symbol nor a group.",
        "the scenario",
    ),
    Definition(
        "price_to_sales",
        "Price-to-sales (P/S)",
        "Market value / revenue of the trailing twelve months; a filing counts from the session after it.",
        "the market's filed figures",
    ),
    Definition(
        "software_norm",
        "Software norm",
        "Median over the trailing years of the software group's median P/S each day, as known then.",
        "the strategy's rule",
    ),
    Definition(
        "kept_share",
        "Share kept",
        "Weight of the group in the target / its weight in the decision's starting weights.",
        "the decision log",
    ),
)

DEFINITIONS: Mapping[str, Definition] = MappingProxyType({each.key: each for each in _ALL})
"""Every definition by its key."""
