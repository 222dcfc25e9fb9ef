"""What the documentation says is what the code does: commands, flags, views, hooks, examples."""

from __future__ import annotations

import inspect
import itertools
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from rich.text import Text
from typer.testing import CliRunner

from fertool import contracts, hookspecs, types
from fertool.cli.app import COMMANDS, app
from fertool.config import Settings
from fertool.contracts import Trainable
from fertool.host import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("fertool/*/README.md"))]
README = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
"""The README of the repository, which comes first, and those of the packages."""
STORAGE = (ROOT / "fertool" / "storage" / "README.md").read_text(encoding="utf-8")
PLUGINS = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
WORDS = {6: "six", 7: "seven", 8: "eight", 11: "eleven", 12: "twelve", 13: "thirteen"}


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


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_says_what_their_help_begins_with(command: str) -> None:
    """The list is shown without importing them."""
    found = typer.main.get_command(app).commands[command]
    paragraph = " ".join((found.help or "").split("\n\n")[0].split())
    assert COMMANDS[command][1] == paragraph


def test_help_lists_every_command_with_its_sentence() -> None:
    shown = CliRunner().invoke(app, ["--help"], terminal_width=200)
    assert shown.exit_code == 0
    _, _, listed = shown.output.partition("Commands:\n")
    rows = [line.split(maxsplit=1) for line in re.sub(r"\n {4,}", " ", listed).splitlines()]
    assert rows == [[name, sentence] for name, (_, sentence) in COMMANDS.items()]


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


# A command that a document shows, in a code span or as a line of a block.
COMMAND = re.compile(r"`(fertool [^`]+)`|^    (?:.*&& )?(fertool .*)$", re.MULTILINE)
DOCUMENTS = [ROOT / "README.md", *ROOT.glob("[efp]*/**/*.md")]


def resolved(text: str) -> tuple[str, list[str]]:
    """The command that a line begins with, and the flags that follow; KeyError if there is none."""
    words = text.replace("\\|", "|").partition("  #")[0].split()
    found, name = typer.main.get_command(app), words.pop(0)
    while commands := getattr(found, "commands", {}):
        if not words or words[0].startswith("-"):
            break
        word = words.pop(0)
        name, found = f"{name} {word}", commands[word]
    return name, [re.split("[=|]", word)[0] for word in words if word.startswith("-")]


def unknown(command: str, flags: Iterable[str]) -> list[str]:
    every = helps()
    return [
        f"{command} {flag}"
        for flag in flags
        if flag not in ("-o", "--help") and f"{command} {flag}" not in every
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documents_exist_with_these_flags(document: Path) -> None:
    found = COMMAND.findall(document.read_text(encoding="utf-8"))
    assert [one for pair in found for one in unknown(*resolved("".join(pair)))] == []


def test_flags_in_a_table_of_commands_are_of_the_command_in_that_row() -> None:
    wrong, seen = [], 0
    for first, rest in re.findall(r"^\| (`fertool [^|]*?(?:\\\|[^|]*?)*) \| (.*) \|$", README, re.MULTILINE):
        spans = re.findall(r"`([^`]+)`", first)
        name, _ = resolved(spans[0])
        # `fertool models list`, `pull`: the other words are of the same group.
        names = [name, *(resolved(f"{name.rpartition(' ')[0]} {span}")[0] for span in spans[1:])]
        flags = re.findall(r"`(--[a-z-]+)", rest)
        wrong += [flag for flag in flags if all(unknown(one, [flag]) for one in names)]
        seen += len(flags)
    assert wrong == []
    assert seen > 15


def table(after: str) -> list[list[str]]:
    """Cells of the rows of the README's table whose first line begins so."""
    lines = README[README.index(f"\n| {after}") :].strip().splitlines()[2:]
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))] for row in rows]


def test_readme_says_which_classifier_has_which_recipe() -> None:
    there: dict[str, set[str]] = {}
    for found in registry.load_plugins().of_kind("classifier"):
        if issubclass(found.plugin, Trainable):
            for recipe in found.plugin.recipes:
                there.setdefault(recipe, set()).add(found.plugin.name)
    rows = table("`--recipe` | of")
    assert {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows} == there


def test_readme_names_every_rule_and_counts_those_that_follow_the_paper() -> None:
    rules = {found.plugin.name: found.plugin for found in registry.load_plugins().of_kind("rule")}
    said = README.split("## What the rules say\n")[1].split("##")[0]
    number, listed = re.match(r"(\w+) rules come with fertool: (.*?)\. Their", said, re.DOTALL).groups()
    assert set(re.findall(r"`([a-z-]+)`", listed)) == rules.keys()
    assert number.lower() == WORDS[len(rules)]
    following = [name for name, rule in rules.items() if "Reference: Aly et al. 2023" in one_line(rule)]
    assert f"{WORDS[len(following)]} follow aly et al. 2023" in " ".join(said.split()).lower()
    table_of_rules = re.findall(
        r"^\| `([a-z-]+)` \|", PLUGINS.split("## The rules\n")[1].split("##")[0], re.MULTILINE
    )
    assert set(table_of_rules) == rules.keys()


def one_line(rule: type) -> str:
    return " ".join((rule.__doc__ or "").split())


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
    from fertool.storage.store import Store

    store = Store(tmp_path / "x.duckdb")
    for view in ("frame_emotions", "samples_seen", "assessments_latest"):
        row = re.search(rf"^\| `{view}` \|[^|]*\| (.*) \|$", README, re.MULTILINE)
        assert row, view
        documented = [name.strip() for name in re.sub(r"\(.*?\)", "", row[1]).split(",")]
        assert documented == store.query(f"FROM {view}").columns


def test_documented_tables_exist(tmp_path: Path) -> None:
    from fertool.storage.store import Store

    store = Store(tmp_path / "x.duckdb")
    found = set(store.query("SELECT table_name FROM duckdb_tables()")["table_name"])
    section = STORAGE.split("## The tables")[1].split("##")[0]
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


LONGER = {  # lines, and why more than MOST
    "cli": 145,  # the tables of flags
    "report": 105,  # pages, files and sections
    "training": 85,  # tables of options and recipes
    "distributed": 90,  # what 10,000 hours cost
}
MOST = 62


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_readmes_are_short(page: Path) -> None:
    most = 150 if page.parent == ROOT else LONGER.get(page.parent.name, MOST)
    assert len(page.read_text(encoding="utf-8").splitlines()) <= most


def test_every_package_has_a_readme() -> None:
    packages = {path.parent.name for path in ROOT.glob("fertool/*/__init__.py")}
    assert {page.parent.name for page in PAGES[1:]} == packages


@pytest.mark.parametrize("page", [*PAGES, ROOT / "fertool" / "README.md"], ids=lambda page: page.parent.name)
def test_files_that_readmes_name_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8").split("## Names before")[0]
    named = re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:py|md|toml|html))`", text)
    named += re.findall(r"\]\(([^)#:]+)\)", text)
    places = (ROOT, ROOT / "fertool", ROOT / "fertool" / "report", page.parent)
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
