"""The day behind the blueprint, 4 June 2026, as shocks to a portfolio."""

from __future__ import annotations

from dataclasses import replace

from strategies.exhibit import Scenario

_NOTES = (
    "AVGO, GS, JPM, UNH and JNJ: their own moves; one company's move is not taken for its group's.",
    "ai_hardware, software, nasdaq: Nasdaq Composite -0.09%.",
    "small_cap: Russell 2000 +1.4%.",
    "Everything else: Dow +1.73% (874.86 points to 51,561.93). No move of the S&P 500 is on record here.",
)

JUNE_2026 = Scenario(
    name="4 June 2026, J&J as reported",
    symbols={"AVGO": -0.126, "GS": 0.049, "JPM": 0.033, "UNH": 0.052, "JNJ": 0.046},
    groups={
        "ai_hardware": -0.0009,
        "software": -0.0009,
        "nasdaq": -0.0009,
        "small_cap": 0.014,
        "small_caps": 0.014,
        "dow": 0.0173,
        "cap_weighted": 0.0173,
    },
    rest=0.0173,
    notes=(
        *_NOTES,
        "JNJ: +4.6% as reported on the day; three price records show +2.21% (see the other scenario).",
    ),
)
"""The shocks of 2026-06-04, with Johnson & Johnson at the +4.6% that was reported."""

JUNE_2026_PRICE_RECORD = replace(
    JUNE_2026,
    name="4 June 2026, J&J by price records",
    symbols={**JUNE_2026.symbols, "JNJ": 0.0221},
    notes=(
        *_NOTES,
        "JNJ: +2.21% as in three price records; +4.6% was reported on the day (see the other scenario).",
    ),
)
"""The same with Johnson & Johnson at the +2.21% of three price records."""

JUNE_2026_SCENARIOS: tuple[Scenario, ...] = (JUNE_2026, JUNE_2026_PRICE_RECORD)
"""Both."""
