"""What the documentation says is what the code does: commands, flags, views, hooks, examples."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest
import typer
from rich.text import Text

from fertool import contracts, hookspecs, types
from fertool.cli import app
from fertool.config import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CORE = (ROOT / "fertool" / "README.md").read_text(encoding="utf-8")
PLUGINS = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    return sorted(typer.main.get_command(app).commands)


def flags(command: str) -> list[str]:
    found = typer.main.get_command(app).commands[command]
    return [option for param in found.params for option in param.opts if option.startswith("--")]


@pytest.mark.parametrize("command", commands())
def test_readme_names_every_command(command: str) -> None:
    assert f"fertool {command}" in README


@pytest.mark.parametrize("command", commands())
def test_every_command_has_a_help_text(command: str) -> None:
    assert (typer.main.get_command(app).commands[command].help or "").strip()


def helps() -> dict[str, str]:
    """`command --option` -> its help, through all groups."""
    found, left = {}, [("fertool", typer.main.get_command(app))]
    while left:
        name, command = left.pop()
        left += [(f"{name} {sub}", below) for sub, below in getattr(command, "commands", {}).items()]
        found |= {f"{name} {param.opts[0]}": getattr(param, "help", None) or "" for param in command.params}
        found[name] = command.help or ""
    return found


def test_no_help_has_words_in_brackets_which_a_terminal_takes_for_markup() -> None:
    every = helps()
    assert len(every) > 100
    assert {where: text for where, text in every.items() if Text.from_markup(text).plain != text} == {}


@pytest.mark.parametrize("flag", [f for f in flags("analyze") if f not in {"--help", "--option"}])
def test_readme_names_every_flag_of_analyze(flag: str) -> None:
    assert f"`{flag}" in README


def test_the_two_lines_open_the_readme() -> None:
    lines = [line.strip() for line in README.splitlines() if line.startswith("    ")]
    assert lines[:2] == [
        "pip install -c constraints.txt . && fertool demo",
        "pip install -c constraints.txt -e '.[test]' && pytest",
    ]


def test_the_rule_in_the_readme_is_the_example() -> None:
    shown = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert shown
    example = (ROOT / "examples" / "longest_absence.py").read_text(encoding="utf-8")
    assert shown[1].strip() in example
    assert len([line for line in shown[1].splitlines() if line.strip()]) <= 12


def test_documented_views_have_these_columns(tmp_path: Path) -> None:
    from fertool.store import Store

    store = Store(tmp_path / "x.duckdb")
    for view in ("frame_emotions", "samples_seen", "assessments_latest"):
        row = re.search(rf"^\| `{view}` \|[^|]*\| (.*) \|$", README, re.MULTILINE)
        assert row, view
        documented = [name.strip() for name in re.sub(r"\(.*?\)", "", row[1]).split(",")]
        assert documented == store.query(f"FROM {view}").columns


def test_documented_tables_exist(tmp_path: Path) -> None:
    from fertool.store import Store

    store = Store(tmp_path / "x.duckdb")
    found = set(store.query("SELECT table_name FROM duckdb_tables()")["table_name"])
    section = CORE.split("## The database")[1].split("##")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == found


def test_hooks_are_documented() -> None:
    hooks = [
        name for name, value in vars(hookspecs).items() if name.startswith("fertool_") and callable(value)
    ]
    assert hooks
    assert all(hook in PLUGINS for hook in hooks)


@pytest.mark.parametrize("kind", ["Detector", "Encoder", "Classifier", "Rule"])
def test_contracts_are_documented(kind: str) -> None:
    assert f"| `{kind}` |" in PLUGINS
    for name, method in inspect.getmembers(getattr(contracts, kind), inspect.isfunction):
        if getattr(method, "__isabstractmethod__", False):
            assert (method.__doc__ or "").strip(), f"{kind}.{name}"


def test_the_example_configuration_is_valid() -> None:
    shown = re.search(r"sets defaults; flags win over it:\n\n((?:    .*\n|\n)+)", README)
    assert shown
    Settings(**tomllib.loads(re.sub(r"^    ", "", shown[1], flags=re.MULTILINE)))


def test_words_of_the_design_are_the_words_of_the_code() -> None:
    assert types.EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "examples").iterdir() if p.suffix == ".py"))
def test_examples_are_mentioned(name: str) -> None:
    assert f"examples/{name}" in README
