"""A lecture as xAPI statements, for a learning record store: who attended, and what rules said.

After the specification of xAPI 1.0.3; 2.0 (IEEE 9274.1.1) takes the same statements. One statement per
student and lecture says that the student was seen; one per assessment says what a rule said, of a student or
of the class. What may not be shown is left out, and what was not measurable has no score.

A statement's id is a hash of what it says: written twice it is the same statement, which a store takes once;
a figure that changed is another statement.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from fertool.errors import ConfigError
from fertool.report.text import slugs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fertool.report.exports.tables import Tables

FOLDER = "xapi"
HOME = "https://fertool.invalid"
"""Stands for the institution: under it are the accounts behind pseudonyms, the activities, and our own words.
`.invalid` never is anybody's (RFC 2606)."""
ATTENDED = "http://adlnet.gov/expapi/verbs/attended"
COURSE = "http://adlnet.gov/expapi/activities/course"
LECTURE = "http://adlnet.gov/expapi/activities/lesson"
LANGUAGE = "en"

Statement = dict[str, Any]


def write(
    folder: Path, lectures: Iterable[Tables], names: Mapping[str, Mapping[str, str]], home: str = HOME
) -> None:
    """`xapi/COURSE.LECTURE.json`, each an array of statements as `POST /statements` takes it.

    `lectures`: tables of one lecture each, under pseudonyms; `names`: course -> student -> the name to add.
    """
    out = folder / FOLDER
    out.mkdir()
    for tables in lectures:
        about = tables["lectures"].row(0, named=True)
        stem = ".".join(slugs([about[part]])[about[part]] for part in ("course", "lecture"))
        lines = (
            json.dumps(one, ensure_ascii=False)
            for one in statements(tables, home, names.get(about["course"]))
        )
        (out / f"{stem}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def address(text: str) -> str:
    """An absolute http(s) address to name things under. Raises ConfigError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        what = f"--home {text}: expected an address such as https://learning.example.org"
        raise ConfigError(what, "statements name courses and accounts under it; nothing is sent there")
    return text.rstrip("/")


def statements(
    tables: Tables, home: str = HOME, names: Mapping[str, str] | None = None
) -> Iterator[Statement]:
    """Attendance in order of students, then assessments in the order of their table."""
    about = tables["lectures"].row(0, named=True)
    titles = dict(tables["segments"].select("segment", "title").iter_rows())
    words = _Words(home, about, titles, names or {})
    for row in tables["students"].iter_rows(named=True):
        if row["present"]:
            yield _identified(words.attended(row))
    for row in tables["assessments"].iter_rows(named=True):
        if row["held_back"] is None:
            yield _identified(words.assessed(row))


def _identified(statement: Statement) -> Statement:
    said = json.dumps(statement, sort_keys=True, ensure_ascii=False)
    return {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, said)), **statement}


@dataclass(frozen=True, slots=True)
class _Words:
    """The nouns of one lecture's statements."""

    home: str
    about: dict[str, Any]
    """Its row of the table `lectures`."""
    titles: dict[int, str]
    names: Mapping[str, str]

    def attended(self, row: dict[str, Any]) -> Statement:
        result: dict[str, Any] = {
            "extensions": self._extensions({"present": row["present"], "samples": row["samples"]})
        }
        if not self.about["one_at_a_time"]:  # there, who knows how long
            result["duration"] = f"PT{round(row['present'] * self.about['period_s'], 3):g}S"
        return {
            "actor": self._student(row["student"]),
            "verb": {"id": ATTENDED, "display": {LANGUAGE: "attended"}},
            "object": self._lecture(),
            "result": result,
            "timestamp": self._when(0.0),
            "context": self._context([], {}),
        }

    def assessed(self, row: dict[str, Any]) -> Statement:
        inside = row["segment"] is not None
        figures = {name: row[name] for name in ("low", "high", "coverage", "level", "spans")}
        if row["spans"] is not None:
            figures["spans"] = json.loads(row["spans"])
        result: dict[str, Any] = {"extensions": self._extensions(figures)}
        if row["value"] is not None:
            result["score"] = {"raw": row["value"]}
        if row["message"]:
            result["response"] = row["message"]
        place = {"rule": row["rule"], "start_s": row["start_s"], "end_s": row["end_s"]}
        return {
            "actor": self._class() if row["student"] is None else self._student(row["student"]),
            "verb": {
                "id": f"{self.home}/xapi/verbs/assessed-by-rule",
                "display": {LANGUAGE: "was assessed by a rule in"},
            },
            "object": self._segment(row["segment"]) if inside else self._lecture(),
            "result": result,
            "timestamp": self._when(row["start_s"] or 0.0),
            "context": self._context([self._lecture()] if inside else [], place),
        }

    def _student(self, label: str) -> dict[str, Any]:
        """By pseudonym, which is one of a course; the name only where it may be shown."""
        actor = {"objectType": "Agent", "account": {"homePage": self._course_iri(), "name": label}}
        return actor | ({"name": self.names[label]} if label in self.names else {})

    def _class(self) -> dict[str, Any]:
        return {"objectType": "Group", "account": {"homePage": self._course_iri(), "name": "class"}}

    def _course_iri(self) -> str:
        return f"{self.home}/courses/{_part(self.about['course'])}"

    def _lecture_iri(self) -> str:
        return f"{self._course_iri()}/lectures/{_part(self.about['lecture'])}"

    def _course(self) -> dict[str, Any]:
        return _activity(self._course_iri(), COURSE, self.about["course"])

    def _lecture(self) -> dict[str, Any]:
        return _activity(self._lecture_iri(), LECTURE, self.about["lecture"])

    def _segment(self, number: int) -> dict[str, Any]:
        iri = f"{self._lecture_iri()}/segments/{number}"
        return _activity(iri, f"{self.home}/xapi/activities/segment", self.titles.get(number) or str(number))

    def _context(self, parent: list[dict[str, Any]], extensions: dict[str, Any]) -> dict[str, Any]:
        activities = ({"parent": parent} if parent else {}) | {"grouping": [self._course()]}
        more = {"policy": self.about["policy"], **extensions}
        return {
            "platform": "fertool",
            "contextActivities": activities,
            "extensions": self._extensions(more),
        }

    def _extensions(self, values: dict[str, Any]) -> dict[str, Any]:
        """Keys have to be IRIs; null says nothing."""
        return {f"{self.home}/xapi/extensions/{key}": v for key, v in values.items() if v is not None}

    def _when(self, offset_s: float) -> str:
        """On the day of the lecture, whose hour is not known: counted from midnight UTC. Where the day is not
        known either, the time of the analysis."""
        day, analyzed = self.about["day"], self.about["analyzed_at"]
        moment = datetime.combine(day, time(), UTC) + timedelta(seconds=offset_s) if day else analyzed
        return str(moment.isoformat(timespec="milliseconds"))


def _activity(iri: str, kind: str, name: str) -> dict[str, Any]:
    return {
        "objectType": "Activity",
        "id": iri,
        "definition": {"type": kind, "name": {LANGUAGE: name or "(no name)"}},
    }


def _part(name: str) -> str:
    """Any name as one part of an IRI."""
    return quote(name, safe="") or "-"
