"""Places of a report and the rules that feed them: by what a rule declares, never by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from sites import read, teach

import fertool
from fertool import Assessment, Context, Message, Rule, statistics
from fertool.analysis import pipeline
from fertool.host import registry
from fertool.report import data
from fertool.report.data import insights
from fertool.report.data.digest import digest, placed
from fertool_plugins.rules.lost_moments import LostMoments

if TYPE_CHECKING:
    from fertool.report.data.digest import Digest
    from fertool.storage.store import Store

REPORT = Path(fertool.__file__).parent / "report"
RULES = [found.plugin for found in registry.load_plugins().of_kind("rule")]
FIGURES = {"presence", "engagement", "shares"}
"""Names of figures and charts that happen to be names of rules too; `difficulty` is a column of segments."""
LOST_TOGETHER = dict.fromkeys(("Ann", "Bob", "Cem"), "neutral*60 sad*30 neutral*30")


def test_no_rule_is_known_by_name() -> None:
    names = {rule.name for rule in RULES}
    assert len(names) > 10
    for path in sorted(it for it in REPORT.rglob("*") if it.suffix in {".py", ".html", ".toml"}):
        text = path.read_text(encoding="utf-8")
        for name in names:
            compound = "-" in name and name in text
            assert not compound, f"{path.name}: {name}"
            if name not in FIGURES | {"difficulty"}:
                key = re.search(rf"""["'`]{name}["'`]|^{name} = |<code>{name}<""", text, re.MULTILINE)
                assert key is None, f"{path.name}: {name}"
            compared = re.search(rf"""rule"?\]?\s*(==|!=|in \()\s*"{name}\"""", text)
            assert compared is None, f"{path.name}: {name}"


def test_each_place_and_matter_is_that_of_some_rule() -> None:
    feeds = [rule.feeds for rule in RULES if rule.feeds]
    assert sorted(feeds) == ["feedback", "good moments", "hard points", "lost moments", "recommendation"]
    matters = {rule.advises for rule in RULES if rule.advises}
    assert matters == {"difficult", "negative", "lowered", "unseen", "index"}


@dataclass
class Yawns(Rule):
    """A third party's idea of being lost."""

    name, version = "yawns", "1"
    scope, subject, feeds = "lecture", "class", "lost moments"

    def assess(self, seen: pl.DataFrame, context: Context) -> list[Assessment]:
        said = Message("{lost} yawned", lost=2)
        return [
            Assessment(0.5, "attention", said, 10.0, 40.0, {"lost": 2, "unseen": 0}),
            Assessment(0.5, "attention", said, 70.0, 90.0, {"lost": 2, "unseen": 2}),
            Assessment(None, "attention", "no figure, so no moment", 0.0, 5.0),
        ]


def judged(store: Store, *rules: type[Rule]) -> Digest:
    pipeline.assess(store, [rule() for rule in rules], store.lectures())
    return digest(data.load(store, "signals", "week 1"))


def test_another_rule_takes_a_place(store: Store, tmp_path: Path) -> None:
    """Neither is the report told of the plugin: what its rule feeds is in the database."""
    teach(store, LOST_TOGETHER)
    assert [(it.start_s, it.end_s) for it in judged(store, LostMoments).moments] == [(60, 90)]
    one = judged(store, LostMoments, Yawns)
    assert [(it.start_s, it.end_s, it.unseen) for it in one.moments] == [(10, 40, False), (70, 90, True)]
    page = read(store, tmp_path / "site")["lectures 0"]
    assert page.count("2 yawned") == 2
    assert "with a negative expression or not seen (" in page, "the other rule has its row in the table"
    assert [(it.start_s, it.end_s) for it in judged(store, LostMoments).moments] == [(60, 90)]


def test_a_rule_that_fed_a_place_without_figures_is_silent(store: Store) -> None:
    teach(store, LOST_TOGETHER)
    assert judged(store, Yawns).silence == ""
    (presence,) = [rule for rule in RULES if rule.name == "presence"]
    assert judged(store, presence).silence == "story.not_judged"


PLACED = [
    # rows: (rule, feeds, position); rules that keep their place
    ([], []),
    ([("a", None, None)], []),
    ([("a", "lost moments", 0), ("a", "lost moments", 0)], ["a", "a"]),
    ([("a", "lost moments", 0), ("b", "good moments", 1)], ["a", "b"]),  # two places
    ([("a", "lost moments", 3), ("b", "lost moments", 1)], ["a"]),  # registered last
    ([("a", "lost moments", 0), ("b", "lost moments", 0)], ["b"]),  # at once: by name
]


@pytest.mark.parametrize(("rows", "expected"), PLACED)
def test_one_rule_keeps_a_place(rows: list[tuple[Any, ...]], expected: list[str]) -> None:
    given = [dict(zip(("rule", "feeds", "position"), row, strict=True)) for row in rows]
    found = placed(given)
    assert [row["rule"] for row in found] == [row["rule"] for row in given], "no row is lost"
    assert [row["rule"] for row in found if row["feeds"]] == expected


def test_what_a_report_says_does_not_depend_on_names_of_rules(store: Store, tmp_path: Path) -> None:
    """All rules renamed in the database: the same moments, points, feedback and advice."""
    weeks = (
        dict.fromkeys(("Ann", "Bob", "Cem"), "happy*40 sad*20 absent*30 neutral*30"),
        dict.fromkeys(("Ann", "Bob", "Cem"), "neutral*120"),
    )
    teach(store, *weeks)
    before = digest(data.load(store, "signals", "week 1"))
    with duckdb.connect(str(store.database.path)) as con:
        for table in ("assessments", "rules"):
            con.execute(f"UPDATE {table} SET rule = 'x-' || rule")
    after = digest(data.load(store, "signals", "week 1"))
    assert before.moments
    assert before.good_moments
    assert before.hard.keys() == after.hard.keys() != set()
    for name in ("moments", "good_moments"):
        spans = [[(it.start_s, it.end_s, it.unseen) for it in getattr(one, name)] for one in (before, after)]
        assert spans[0] == spans[1], name
    for segment in (0, 1):
        found = [insights.feedback(one, segment) for one in (before, after)]
        assert (found[0].known, len(found[0].negative)) == (found[1].known, len(found[1].negative))
    advised = [insights.advice(one, "Ann", one.of_student("Ann")) for one in (before, after)]
    assert [it.about for it in advised[0]] == [it.about for it in advised[1]] != []


# --- lost, for rules and cells --------------------------------------------------------------------

LOST = [
    # present, emotion; not seen, negative
    (False, None, True, None),
    (True, None, False, None),  # seen, not read
    (True, "sad", False, True),
    (True, "angry", False, True),
    (True, "neutral", False, False),
    (True, "surprise", False, False),
]


@pytest.mark.parametrize(("present", "emotion", "unseen", "negative"), LOST)
def test_lost(present: bool, emotion: str | None, unseen: bool, negative: bool | None) -> None:
    schema = {"present": pl.Boolean(), "emotion": pl.String()}
    row = pl.DataFrame({"present": [present], "emotion": [emotion]}, schema=schema)
    assert row.select(a=statistics.lost()[0], b=statistics.lost()[1]).row(0) == (unseen, negative)


def test_cells_count_as_the_rule_does(store: Store) -> None:
    """Of 120 samples 20 are sad and 30 not seen; 50 of 120 are known to be lost."""
    teach(store, {"Ann": "neutral*70 sad*20 absent*30", "Bob": "neutral*120"})
    rows = digest(data.load(store, "signals", "week 1")).whole.select("student", "lost", "known").rows()
    assert rows == [("Ann", 50, 120), ("Bob", 0, 120)]
