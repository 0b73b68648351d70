"""The reference of run files, made from the models that check them: JSON Schema, and a page for readers."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from backtests.engine.terms import Costs, Margin
from backtests.options.overlay import OverlaySettings
from backtests.settings.run_file import RUNS, BenchmarkChoice, LimitChoices, RunConfig, StrategyChoice
from backtests.settings.strategies import registered
from backtests.settings.sweep import SweepSettings, WalkForwardSettings
from strategies.hedges import Hedged
from strategies.limits import LIMITS
from strategies.strategy import Strategy, summary_of

TABLES: Mapping[str, type[BaseModel]] = {
    "": RunConfig,
    "[strategy]": StrategyChoice,
    "[strategy.limits]": LimitChoices,
    "[[benchmarks]]": BenchmarkChoice,
    "[costs]": Costs,
    "[margin]": Margin,
    "[overlay]": OverlaySettings,
    "[sweep]": SweepSettings,
    "[walk_forward]": WalkForwardSettings,
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def schema() -> dict[str, Any]:
    """JSON Schema of run files, for editors that complete and check TOML."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **RunConfig.model_json_schema()}


def page() -> str:
    """The reference as Markdown; ``docs/run-files.md`` is this text."""
    lines = [
        "# Run files",
        "",
        "Made by `backtest schema --page` from the models that check run files; `backtest schema` prints",
        "their JSON Schema for editors. Any key can be replaced on the command line, as in",
        "`--set costs.half_spread_bps=5`. A whole one:",
        "",
        "```toml",
        (RUNS / "blueprint.toml").read_text(encoding="utf-8").rstrip(),
        "```",
    ]
    for heading, model in TABLES.items():
        lines += ["", f"## {f'`{heading}`' if heading else 'Top level'}", "", summary(model), ""]
        lines += ["| key | what may stand there | default | meaning |", "|---|---|---|---|"]
        lines += _rows(model)
    for key, limit in LIMITS.items():
        lines += ["", f"## `[strategy.limits.{key}]`", "", f"`{limit.__name__}`: {summary_of(limit)}", ""]
        lines += [*_parameters(limit, without=("of", "schedule"))]
    lines += ["", "## `[hedge]`", "", "Parameters of `Hedged`, around whatever the strategy decides.", ""]
    lines += [*_parameters(Hedged, without=("of", "schedule"))]
    lines += ["", "## Parameters of the strategies", ""]
    lines += ["Keys of `[strategy]` and `[[benchmarks]]` beside `name`, with their defaults.", ""]
    for name, cls in sorted(registered().items()):
        if cls.__module__.startswith("strategies."):
            lines += [f"**`{name}`** {summary_of(cls)}", "", *_parameters(cls), ""]
    return "\n".join(lines).rstrip() + "\n"


def summary(model: type[BaseModel]) -> str:
    """First paragraph of a model's docstring on one line."""
    return " ".join((inspect.getdoc(model) or "").split("\n\n", 1)[0].split()).replace("``", "`")


def _rows(model: type[BaseModel]) -> Iterator[str]:
    described = attributes(model)
    whole = model.model_json_schema()
    for key, entry in whole["properties"].items():
        required = key in whole.get("required", ())
        default = "needed" if required else _default(entry.get("default"))
        field = next(name for name, field in model.model_fields.items() if key in (name, field.alias))
        yield f"| `{key}` | {_values(entry, whole)} | {default} | {described.get(field, '')} |"


def _default(value: Any) -> str:
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"


def _values(entry: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """What a key may hold, from its JSON Schema."""
    if "$ref" in entry:
        return "table"
    if "anyOf" in entry:
        branches = (each for each in entry["anyOf"] if each.get("type") != "null")
        return " or ".join(dict.fromkeys(_values(each, whole) for each in branches))
    if "const" in entry or "enum" in entry:
        return ", ".join(f"`{each}`" for each in entry.get("enum", [entry.get("const")]))
    words = {"number": "number", "integer": "whole number", "boolean": "`true` or `false`", "string": "text"}
    if entry.get("format") == "date":
        return "date"
    if entry.get("type") == "array":
        return f"list of {_values(entry.get('items', {}), whole)}s"
    limits = [f"{sign} {entry[name]:g}" for name, sign in BOUNDS.items() if name in entry]
    return " ".join([words.get(entry.get("type", ""), "table"), *([", ".join(limits)] if limits else [])])


def _parameters(cls: type[Strategy], without: tuple[str, ...] = ()) -> Iterator[str]:
    described = attributes(cls)
    keys = [key for key in cls.parameters if key not in without]
    if keys:
        yield "| key | default | meaning |"
        yield "|---|---|---|"
    defaults = cls().values()
    for key in keys:
        yield f"| `{key}` | `{_toml(defaults[key])}` | {described.get(key, '')} |"


def _toml(value: Any) -> str:
    if isinstance(value, Strategy):
        return json.dumps(type(value).__name__)
    return json.dumps(list(value) if isinstance(value, tuple) else value, default=str)


def attributes(cls: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say of each of their attributes or parameters."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.cleandoc(base.__doc__ or "")
        for section in re.findall(
            r"^(?:Attributes|Parameters)\n-+\n(.*?)(?=\n\n\w[^\n]*\n--|\Z)", text, re.S | re.M
        ):
            for names, words in re.findall(
                r"^(\w[\w, ]*?)(?: :[^\n]*)?\n((?:[ ]+[^\n]*\n?|\n(?= ))*)", section + "\n", re.M
            ):
                meaning = " ".join(words.split()).replace("|", "\\|").replace("``", "`")
                found |= {name.strip(): meaning for name in names.split(",")}
    return found
