"""The reference of run files says what the models check."""

from __future__ import annotations

import json
import tomllib

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from backtests.cli import app
from backtests.settings import reference
from backtests.settings.run_file import RUNS
from tests.places import HOUSE


def test_the_page_is_the_one_in_the_docs() -> None:
    written = (HOUSE / "docs" / "run-files.md").read_text(encoding="utf-8")
    assert written == reference.page(), "run: backtest schema --page > docs/run-files.md"


@pytest.mark.parametrize("model", reference.TABLES.values(), ids=lambda model: model.__name__)
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    assert set(model.model_fields) <= set(reference.attributes(model))


def test_the_schema_knows_the_keys_of_the_shipped_run_files() -> None:
    known = reference.schema()["properties"]
    for path in RUNS.glob("*.toml"):
        assert set(tomllib.loads(path.read_text(encoding="utf-8"))) <= set(known), path.name


def test_the_command_prints_json_or_the_page() -> None:
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout)["title"] == "RunConfig"
    assert CliRunner().invoke(app, ["schema", "--page"]).stdout == reference.page()
