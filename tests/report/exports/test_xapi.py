"""Statements for a learning record store, held against the models of one, Ralph, of the specification."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import ConfigError
from fertool.report.exports import tables, xapi

statement_model = pytest.importorskip(
    "ralph.models.xapi.base.statements", reason="ralph-malph is not installed"
).BaseXapiStatement

HOME = "https://learning.example.org"


def rows(name: str, *given: dict[str, Any]) -> pl.DataFrame:
    where = {"course": "signals", "lecture": "week 1"}
    filled = [dict.fromkeys(tables.DICTIONARY[name]) | where | {"held_back": None} | row for row in given]
    schema = tables.schema(name)
    return pl.DataFrame([{key: row[key] for key in schema} for row in filled], schema=schema)


def lecture(**changes: Any) -> tables.Tables:
    about = {
        "policy": "full",
        "period_s": 2.0,
        "day": date(2026, 10, 5),
        "analyzed_at": datetime(2026, 10, 7, 12, 30, tzinfo=UTC),
    }
    judged = {"rule": "state", "start_s": 60.0, "end_s": 120.0}
    return {
        "lectures": rows("lectures", about | changes),
        "segments": rows("segments", {"segment": 1, "title": "Aliasing"}),
        "students": rows(
            "students",
            {"student": "student-01", "samples": 60, "present": 45},
            {"student": "student-02", "samples": 60, "present": 0},
        ),
        "assessments": rows(
            "assessments",
            judged
            | {
                "segment": 1,
                "student": "student-01",
                "value": 0.25,
                "low": 0.2,
                "high": 0.3,
                "coverage": 0.9,
                "level": "attention",
                "message": "mostly sad",
                "spans": "[[61.0, 70.0]]",
            },
            judged | {"segment": 1, "value": 0.5, "level": "good", "message": "of the class"},
            judged | {"segment": None, "student": "student-02", "level": "not measurable"},
            judged | {"segment": 1, "rule": "hidden", "held_back": "few"},
        ),
        "shares": rows("shares"),
    }


def told(**changes: Any) -> list[dict[str, Any]]:
    return list(xapi.statements(lecture(**changes), HOME))


def test_a_record_store_takes_every_statement() -> None:
    for statement in told():
        statement_model.model_validate(statement)
    assert len(told()) == 4  # one attended; three of the four assessments may be shown


def test_the_model_refuses_what_is_none() -> None:
    """So that the test above can fail."""
    for broken in ({"actor": {"objectType": "Agent"}}, {"verb": {"id": "no iri"}}, {"more": 1}):
        with pytest.raises(ValueError, match="validation error"):
            statement_model.model_validate(told()[0] | broken)


def test_who_attended() -> None:
    statement = told()[0]
    course = f"{HOME}/courses/signals"
    uuid.UUID(statement.pop("id"))
    assert statement == {
        "actor": {"objectType": "Agent", "account": {"homePage": course, "name": "student-01"}},
        "verb": {"id": xapi.ATTENDED, "display": {"en": "attended"}},
        "object": {
            "objectType": "Activity",
            "id": f"{course}/lectures/week%201",
            "definition": {"type": xapi.LECTURE, "name": {"en": "week 1"}},
        },
        "result": {
            "duration": "PT90S",
            "extensions": {f"{HOME}/xapi/extensions/present": 45, f"{HOME}/xapi/extensions/samples": 60},
        },
        "timestamp": "2026-10-05T00:00:00.000+00:00",
        "context": {
            "platform": "fertool",
            "contextActivities": {
                "grouping": [
                    {
                        "objectType": "Activity",
                        "id": course,
                        "definition": {"type": xapi.COURSE, "name": {"en": "signals"}},
                    }
                ]
            },
            "extensions": {f"{HOME}/xapi/extensions/policy": "full"},
        },
    }


def test_what_a_rule_said() -> None:
    _, one, whole, unmeasured = told()
    extensions = {key.rpartition("/")[2]: value for key, value in one["result"]["extensions"].items()}
    assert one["result"]["score"] == {"raw": 0.25}
    assert extensions == {
        "low": 0.2,
        "high": 0.3,
        "coverage": 0.9,
        "level": "attention",
        "spans": [[61.0, 70.0]],
    }
    assert one["object"]["id"].endswith("/lectures/week%201/segments/1")
    assert one["object"]["definition"]["name"] == {"en": "Aliasing"}
    assert one["context"]["contextActivities"]["parent"][0]["id"].endswith("/lectures/week%201")
    assert one["timestamp"] == "2026-10-05T00:01:00.000+00:00"
    assert whole["actor"]["objectType"] == "Group"
    assert "score" not in unmeasured["result"], "not measurable is no score of 0"
    assert unmeasured["object"]["definition"]["type"] == xapi.LECTURE


def test_without_a_day_it_is_the_time_of_the_analysis() -> None:
    assert {one["timestamp"] for one in told(day=None)} == {"2026-10-07T12:30:00.000+00:00"}


def test_the_same_is_the_same_statement_and_a_changed_figure_another() -> None:
    first, again, other = told(), told(), told(policy="behaviour")
    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert len({one["id"] for one in [*first, *other]}) == 8


def test_names_are_added_only_where_they_are_given() -> None:
    assert not any("name" in one["actor"] for one in told())
    actors = [one["actor"] for one in xapi.statements(lecture(), HOME, {"student-01": "Ada"})]
    assert [actor.get("name") for actor in actors] == ["Ada", "Ada", None, None]
    assert actors[0]["account"]["name"] == "student-01"


@given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.text())
def test_any_course_and_title_make_valid_statements(course: str, title: str) -> None:
    found = lecture(course=course)
    found["segments"] = rows("segments", {"segment": 1, "title": title})
    for statement in xapi.statements(found, HOME):
        statement_model.model_validate(json.loads(json.dumps(statement)))


ADDRESSES = [
    ("https://learning.example.org/", "https://learning.example.org"),
    ("http://localhost:8080/lrs", "http://localhost:8080/lrs"),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_addresses(text: str, expected: str) -> None:
    assert xapi.address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "learning.example.org", "ftp://x.org", "https://", "https://x.org/?a=1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="expected an address"):
        xapi.address(text)


def test_a_file_per_lecture(tmp_path: Path) -> None:
    xapi.write(tmp_path, [lecture(), lecture(lecture="week 2")], {"signals": {"student-01": "Ada"}}, HOME)
    files = sorted((tmp_path / "xapi").iterdir())
    assert [path.name.split(".")[0] for path in files] == ["signals", "signals"]
    assert json.loads(files[0].read_text(encoding="utf-8"))[0]["actor"]["name"] == "Ada"
