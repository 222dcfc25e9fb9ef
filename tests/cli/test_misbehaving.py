"""Plugins that misbehave, typed: what does not return, exits, prints, or writes where it may not."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from fertool.host import guard
from fertool.testing import store_lecture, timeline

HEAD = """import sys
from fertool import Assessment, Rule, hookimpl


class Odd(Rule):
    name, version = "odd", "1"

    def assess(self, seen, context):
        {body}


@hookimpl
def fertool_plugins():
    return [Odd]
"""
FAULTS = [  # the body of assess(), what is said of it
    ("while True: pass", "rule 'odd' in assess() did not return within 1 s"),
    ("sys.exit(3)", "rule 'odd' in assess() ended Python: SystemExit: 3"),
    ("return Assessment(10**400)", "expected a finite value, or None; got 1000"),
]


@pytest.fixture(autouse=True)
def limit(monkeypatch):
    """As before each command, in a process that runs many of them: the flag writes into the environment."""
    monkeypatch.setenv("FERTOOL_PLUGIN_LIMIT", "600")  # and so is taken back at the end
    yield
    guard.set_limit(guard.LIMIT_S)


@pytest.fixture
def lecture(store, tmp_path: Path, monkeypatch) -> Path:
    """A database with one lecture, in the current folder."""
    store_lecture(store, "signals", "week 1", {"ann": timeline("neutral*60")})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def odd(folder: Path, body: str) -> str:
    (folder / "odd.py").write_text(HEAD.format(body=body))
    return "odd.py"


@pytest.mark.parametrize(("body", "said"), FAULTS)
def test_check_says_what_is_wrong(fertool, lecture: Path, body: str, said: str) -> None:
    done = fertool("--plugin-limit", "1", "plugins", "check", odd(lecture, body))
    assert done.code == 2
    assert done.err.startswith("odd.py: rule odd: ")
    assert said in done.err
    assert done.out == ""


@pytest.mark.parametrize(("body", "said"), FAULTS)
def test_other_rules_judge_all_the_same(fertool, lecture: Path, body: str, said: str) -> None:
    done = fertool("--plugin-limit", "1", "assess", "--plugin", odd(lecture, body))
    assert done.code == 3
    assert said in done.err + done.out
    with duckdb.connect("fertool.duckdb") as con:
        rules = {row[0] for row in con.execute("SELECT DISTINCT rule FROM assessments").fetchall()}
    assert "presence" in rules
    assert "odd" not in rules


@pytest.mark.parametrize("place", ["toml", "variable"])
def test_the_limit_may_stand_in_the_settings(fertool, lecture: Path, monkeypatch, place: str) -> None:
    if place == "toml":
        monkeypatch.delenv("FERTOOL_PLUGIN_LIMIT")
        Path("fertool.toml").write_text("plugin_limit = 1\n")
    else:
        monkeypatch.setenv("FERTOOL_PLUGIN_LIMIT", "1")
    done = fertool("assess", "--plugin", odd(lecture, "while True: pass"))
    assert done.code == 3
    assert "did not return within 1 s" in done.err + done.out


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("soon", "FERTOOL_PLUGIN_LIMIT: expected seconds, or 0 for any time, got 'soon'"),
        ("-1", "FERTOOL_PLUGIN_LIMIT: expected seconds, or 0 for any time, got '-1'"),
    ],
)
def test_a_limit_that_is_none(monkeypatch, value: str, said: str) -> None:
    from fertool.config import load
    from fertool.errors import ConfigError

    monkeypatch.setenv("FERTOOL_PLUGIN_LIMIT", value)
    with pytest.raises(ConfigError) as error:
        load(Path())
    assert str(error.value) == said


def test_what_a_rule_prints_is_no_part_of_an_answer(fertool, lecture: Path) -> None:
    body = 'print("from the rule"); return Assessment(1)'
    done = fertool("assess", "--json", "--plugin", odd(lecture, body))
    assert done.code == 0
    assert json.loads(done.out)["failed"] == []
    assert "from the rule" in done.err
    done = fertool("plugins", "--json", "--plugin", odd(lecture, body))
    assert "odd" in {one["name"] for one in json.loads(done.out)["plugins"]}
