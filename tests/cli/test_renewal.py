"""Rules that have changed since lectures were judged: the next command judges these again, once."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from fertool.analysis import pipeline
from fertool.cli.terminal.progress import Plain
from fertool.config import Settings
from fertool.host import registry
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.workflows.assess import renew

SAID = "SELECT rule, level FROM assessments_latest WHERE lecture = 'week 1' AND rule = 'difficulty'"
OWN = "SELECT DISTINCT value FROM assessments_latest WHERE rule = 'mine' ORDER BY ALL"
MINE = """
from fertool import Assessment, Rule, hookimpl


class Mine(Rule):
    name, version = "mine", "{version}"

    def assess(self, seen, context):
        return Assessment({version}.0)


@hookimpl
def fertool_plugins():
    return [Mine]
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two lectures that the rules of today have judged, in the current folder."""
    store = Store(tmp_path / "fertool.duckdb")
    for week in ("week 1", "week 2"):
        store_lecture(store, "signals", week, {"ann": timeline("sad*60")}, recording_name=f"{week}.mp4")
    pipeline.assess(
        store, [found.plugin() for found in registry.load_plugins().of_kind("rule")], store.lectures()
    )
    return store


def age(store: Store, rule: str, lecture: str = "week 1") -> None:
    """As if an earlier version of a rule had judged, and had said something else."""
    sql = """UPDATE assessments SET version = '0', level = 'old' WHERE rule = $r
             AND coalesce(lecture, $l) = $l"""
    with store.database.transaction() as con:
        con.execute(sql, {"r": rule, "l": lecture})


def stamps(store: Store) -> list[object]:
    return store.query("SELECT assessed_at FROM lectures ORDER BY lecture")["assessed_at"].to_list()


COMMANDS = [
    ["students", "list"],
    ["report"],
    ["assess", "--lecture", "week 2"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_the_next_command_judges_again(fertool, store: Store, words: list[str]) -> None:
    age(store, "difficulty")
    done = fertool(*words)
    assert done.code == 0
    version = registry.load_plugins().get("rule", "difficulty").plugin.version
    assert done.err.splitlines()[:1] == [
        f"fertool: 1 lecture judged again, since rules have changed: difficulty {version} (was 0)"
    ]
    assert "judged again" not in done.out
    assert store.query(SAID).rows() == [("difficulty", "info")]
    assert "judged again" not in fertool(*words).err, "only once"


def test_only_lectures_that_need_it_are_judged_again(fertool, store: Store) -> None:
    before = stamps(store)
    age(store, "focus")
    fertool("students", "list")
    assert [a == b for a, b in zip(before, stamps(store), strict=True)] == [False, True]


@pytest.mark.parametrize("words", [["query", "SELECT 1"], ["runs"], ["segments"], ["audit"]], ids=" ".join)
def test_a_command_that_only_reads_judges_nothing_and_says_so(
    fertool, store: Store, words: list[str]
) -> None:
    age(store, "difficulty")
    before = store.database.path.read_bytes()
    done = fertool(*words)
    line = "fertool: rules have changed since lectures were judged; `fertool assess` judges them again\n"
    assert (done.code, done.err) == (0, line)
    assert store.database.path.read_bytes() == before


def test_nothing_is_said_where_nothing_has_changed(fertool, store: Store) -> None:
    before = stamps(store)
    assert fertool("query", "SELECT 1").err == ""
    assert stamps(store) == before


def test_a_lecture_that_was_never_judged_is_left_alone(fertool, tmp_path: Path) -> None:
    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {"ann": timeline("sad*60")})
    assert fertool("query", "SELECT 1").err == ""
    assert stamps(store) == [None]


def test_what_is_said_of_all_courses_counts_too(fertool, store: Store) -> None:
    other = {"ann": timeline("happy*60")}
    store_lecture(store, "spectra", "week 1", other, recording_name="spectra.mp4")
    assert fertool("assess").code == 0
    age(store, "preference")
    assert "since rules have changed: preference " in fertool("students", "list").err
    sql = "SELECT DISTINCT level FROM assessments_latest WHERE rule = 'preference'"
    assert "old" not in store.query(sql)["level"].to_list()


def test_a_rule_that_is_not_here_is_no_reason_and_is_kept(fertool, store: Store, tmp_path: Path) -> None:
    Path("mine.py").write_text(MINE.format(version=1))
    assert fertool("assess", "--plugin", "mine.py").code == 0
    assert fertool("query", OWN).err == ""
    assert store.query(OWN).rows() == [(1.0,)]
    age(store, "difficulty")
    before = store.query("FROM assessments_latest WHERE rule = 'mine' ORDER BY ALL")
    said = fertool("students", "list").err.splitlines()
    assert "judged again, since rules have changed: difficulty" in said[0]
    assert re.fullmatch(r"fertool: rule not present: mine; \d assessments? kept as before", said[1])
    assert store.query("FROM assessments_latest WHERE rule = 'mine' ORDER BY ALL").equals(before)


def test_a_rule_of_the_settings_is_here(fertool, store: Store, tmp_path: Path) -> None:
    Path("mine.py").write_text(MINE.format(version=1))
    Path("fertool.toml").write_text('plugins = ["mine.py"]')
    assert fertool("assess").code == 0
    assert fertool("students", "list").err == ""
    Path("mine.py").write_text(MINE.format(version=2))
    assert fertool("students", "list").err == (
        "fertool: 2 lectures judged again, since rules have changed: mine 2 (was 1)\n"
    )
    assert store.query(OWN).rows() == [(2.0,)]


def test_a_plugin_that_is_gone_stops_no_query(fertool, store: Store) -> None:
    Path("fertool.toml").write_text('plugins = ["gone.py"]')
    done = fertool("query", "SELECT 1 AS one", "--csv")
    assert (done.code, done.out, done.err) == (0, "one\n1\n", "")


HOLD = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
sys.stdin.read()
"""


def test_a_database_that_others_read_is_not_judged_again(store: Store, capsys) -> None:
    age(store, "difficulty")
    before, path = stamps(store), store.database.path
    held = [sys.executable, "-c", HOLD, str(path)]
    with Popen(held, stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        renew(Store(path, read_only=True, timeout_s=0.1), Settings(db=str(path)), Plain())
        other.communicate("")
    said = capsys.readouterr().err
    assert said.startswith(
        "fertool: rules have changed since lectures were judged, which could not be judged again: "
    )
    assert "locked by process" in said
    assert stamps(store) == before
    renew(Store(path, read_only=True), Settings(db=str(path)), Plain())
    assert capsys.readouterr().err.startswith("fertool: 1 lecture judged again")
    assert stamps(store) != before
