"""The day behind the blueprint, 4 June 2026, as shocks to a portfolio."""

from __future__ import annotations

from dataclasses import replace

from strategies.exhibit import Scenario

_JUNE_NOTES = (
    "ai_hardware: Broadcom's -12.6% for the whole group. One company's fall; the Nasdaq Composite lost "
    "0.09%, so this overstates what the group as a whole lost.",
    "software, nasdaq: Nasdaq Composite -0.09%.",
    "financials: mean of Goldman Sachs +4.9% and JPMorgan +3.3%. Leaders of the day; the sector rose less.",
    "small_cap: Russell 2000 +1.4%.",
    "dow, cap_weighted and everything else: Dow +1.73% (874.86 points to 51,561.93). No move of the S&P 500 "
    "is on record here.",
    "AVGO, GS, JPM, UNH and JNJ: their own moves.",
)

JUNE_2026 = Scenario(
    name="4 June 2026, J&J as reported",
    symbols={"AVGO": -0.126, "GS": 0.049, "JPM": 0.033, "UNH": 0.052, "JNJ": 0.046},
    groups={
        "ai_hardware": -0.126,
        "software": -0.0009,
        "nasdaq": -0.0009,
        "financials": (0.049 + 0.033) / 2,
        "healthcare": (0.052 + 0.046) / 2,
        "small_cap": 0.014,
        "small_caps": 0.014,
        "dow": 0.0173,
        "cap_weighted": 0.0173,
    },
    rest=0.0173,
    notes=(
        *_JUNE_NOTES,
        "healthcare: mean of UnitedHealth +5.2% and Johnson & Johnson +4.6% as reported on the day; three "
        "price records show +2.21% (see the other scenario).",
    ),
)
"""The shocks of 2026-06-04 by group, with Johnson & Johnson at the +4.6% that was reported."""

JUNE_2026_PRICE_RECORD = replace(
    JUNE_2026,
    name="4 June 2026, J&J by price records",
    symbols={**JUNE_2026.symbols, "JNJ": 0.0221},
    groups={**JUNE_2026.groups, "healthcare": (0.052 + 0.0221) / 2},
    notes=(
        *_JUNE_NOTES,
        "healthcare: mean of UnitedHealth +5.2% and Johnson & Johnson +2.21% as in three price records; "
        "+4.6% was reported on the day (see the other scenario).",
    ),
)
"""The same with Johnson & Johnson at the +2.21% of three price records."""

JUNE_2026_SCENARIOS: tuple[Scenario, ...] = (JUNE_2026, JUNE_2026_PRICE_RECORD)
"""Both."""
