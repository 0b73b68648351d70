"""The page of commands names every command, and its event file can be read."""

import re

import pytest
import typer

from backtests.cli import app
from backtests.research.events import Event, parse_event
from datafeeds.toml_files import parsed
from tests.places import HOUSE

PAGE = (HOUSE / "docs" / "commands.md").read_text(encoding="utf-8")


def every_command():
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        inside = getattr(command, "commands", None)
        yield from (f"{name} {each}" for each in inside) if inside else (name,)


@pytest.mark.parametrize("command", list(every_command()))
def test_every_command_is_named(command):
    assert re.search(rf"^\| `backtest {command}[ `]", PAGE, re.MULTILINE)


def test_no_command_is_named_that_is_not_there():
    named = re.findall(r"^\| `backtest ((?:data )?[a-z-]+)", PAGE, re.MULTILINE)
    assert sorted(named) == sorted(every_command())


def test_the_event_file_of_the_page_is_one_and_has_every_key():
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    event = parse_event(parsed(text), "page")
    assert event.signature is not None
    assert all(f"{key} =" in text or f"`{key}`" in PAGE for key in set(Event.model_fields) - {"signature"})
