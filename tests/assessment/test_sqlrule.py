"""A rule that is one query: what it may ask, how the answer is read, what it can not reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fertool.assessment.sqlrule import SqlRule
from fertool.errors import PluginError
from fertool.host import registry, validate
from fertool.testing import check_plugin, context, timeline


def rule(query: str, **more: object) -> SqlRule:
    """A rule of the scope `lecture` that declares all signals."""
    both = {"signals": frozenset({"presence", "pose", "expression"}), "scope": "lecture"}
    return type("Mine", (SqlRule,), {"name": "mine", "version": "1", "sql": query, **both, **more})()


def ask(query: str, text: str = "happy*3 absent*1"):
    return validate.assess(rule(query), timeline(text), context())


ANSWERS = [
    ("SELECT avg(present::INT) AS value FROM seen", [(0.75, "info", {})]),
    ("SELECT count(*) AS value, 'good' AS level FROM seen", [(4.0, "good", {})]),
    ("SELECT sum(present::INT) AS value, max(time_s) AS latest FROM seen", [(3.0, "info", {"latest": 3.0})]),
    ("SELECT 1.5 AS value, true AS yes, 'word' AS w, NULL AS none", [(1.5, "info", {"yes": 1, "w": "word"})]),
    ("SELECT 0.1::DECIMAL(3, 2) AS value, 2.5 AS d", [(0.1, "info", {"d": 2.5})]),
    ("SELECT NULL AS value", [(None, "not measurable", {})]),
    ("SELECT 'nan'::DOUBLE AS value, 'inf'::DOUBLE AS far", [(None, "not measurable", {"far": "inf"})]),
    ("SELECT student, time_s AS value FROM seen WHERE present", [(t, "info", {}) for t in (0.0, 1.0, 2.0)]),
    ("SELECT 1 AS value FROM seen WHERE false", []),
    ("WITH a AS (SELECT 2 AS v) SELECT v AS value FROM a;", [(2.0, "info", {})]),
    ("SELECT $period_s AS value, $student AS who", [(1.0, "info", {"who": "student-01"})]),
]


@pytest.mark.parametrize(("query", "answers"), ANSWERS)
def test_answers(query, answers):
    assert [(a.value, a.level, a.evidence) for a in ask(query)] == answers


def test_a_further_label_is_a_column_of_seen():
    seen = timeline("contempt*3 happy*1 absent*1", further=("contempt", "not-sure"))
    query = """SELECT avg((emotion = 'contempt')::INT) AS value, max(contempt) AS most,
               max("not-sure") AS unsure FROM seen"""
    (one,) = validate.assess(rule(query), seen, context())
    assert one.value == 0.75
    assert one.evidence == {"most": pytest.approx(0.7), "unsure": pytest.approx(0.3 / 8)}


def test_spans_and_messages():
    (one,) = ask("SELECT 1 AS value, 'look' AS message, min(time_s) AS start_s, 3 AS end_s FROM seen")
    assert (one.message, one.start_s, one.end_s) == ("look", 0.0, 3.0)


REFUSED = [
    ("SELECT 1 AS v", "its sql gives v, but no column `value`"),
    ("SELECT 'much' AS value", "not a number"),
    ("SELECT $low AS value", "its sql asks for $low (known: $period_s"),
    ("SELECT nothing AS value FROM seen", "its sql failed: Binder Error"),
    ("SELEC 1", "its sql failed: Parser Error"),
    ("SELECT 1 AS value; SELECT 2 AS value", "not one SELECT"),
    ("CREATE TABLE t (a INT)", "not one SELECT"),
    ("DROP VIEW seen", "not one SELECT"),
    ("SET enable_external_access = true", "not one SELECT"),
    ("COPY seen TO 'stolen.csv'", "not one SELECT"),
    ("ATTACH 'fertool.duckdb'", "not one SELECT"),
    ("SELECT content AS value FROM read_text('/etc/passwd')", "disabled"),
    ("SELECT 1 AS value FROM '/etc/passwd'", "its sql failed"),
    ("SELECT count(*) AS value FROM timelines", "its sql failed"),
]


@pytest.mark.parametrize(("query", "reason"), REFUSED)
def test_it_reads_seen_and_nothing_else(query, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    timelines = timeline("happy*3")
    assert len(timelines) == 3, "a table in a variable is out of reach as well"
    with pytest.raises(PluginError) as caught:
        validate.assess(rule(query), timelines, context())
    assert reason in str(caught.value)
    assert "'mine'" in str(caught.value)
    assert not list(tmp_path.iterdir())
    assert ask("SELECT count(*) AS value FROM seen")[0].value == 4, "and the next one is well"


def test_options_are_parameters():
    @dataclass
    class Late(SqlRule):
        name, version = "late", "1"
        after_s: float = 2.0
        sql = "SELECT count(*) AS value FROM seen WHERE time_s >= $after_s"

    table = timeline("happy*5")
    assert Late().assess(table, context())[0].value == 3
    assert Late(after_s=4.0).assess(table, context())[0].value == 1
    check_plugin(Late)


def test_without_a_query_it_is_no_rule():
    with pytest.raises(PluginError, match=r"Empty has no `sql` \(such as sql = "):
        type("Empty", (SqlRule,), {"name": "empty", "version": "1"})


def test_a_query_that_draws_lots_is_found_out():
    drawn = type("Drawn", (SqlRule,), {"name": "drawn", "version": "1", "sql": "SELECT random() AS value"})
    with pytest.raises(AssertionError, match="the same table, another answer"):
        check_plugin(drawn)


SLEEPY = [
    ("neutral/down*6 neutral*4", 0.6, "attention", 10),
    ("neutral/down*5 neutral*5", 0.5, "good", 10),  # exactly half
    ("neutral*3 absent*7", 0.0, "good", 3),  # absence is not sleep
    ("absent*3", None, "not measurable", 0),
    ("neutral/unposed*3", None, "not measurable", 0),
]


@pytest.mark.parametrize(("text", "value", "level", "samples"), SLEEPY)
def test_the_example(text, value, level, samples):
    file = Path(__file__).parents[2] / "examples" / "sql_rule.py"
    found = registry.load_plugins([file]).get("rule", "sleepy").plugin
    (one,) = found().assess(timeline(text), context())
    assert (one.value, one.level, one.evidence) == (value, level, {"samples": samples})
    check_plugin(found)
