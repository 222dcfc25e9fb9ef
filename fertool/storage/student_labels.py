"""Labels of the students of a course: names and pseudonyms.

Every label that somebody gives passes through `clean_label`. Functions with a connection are parts of
transactions.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from fertool.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import duckdb

PSEUDONYM = "^student-([0-9]+)$"
"""Pattern of a label that fertool gives: a student nobody named yet. For DuckDB, polars and Python alike."""
LONGEST = 200
"""Characters of a label."""
JOINERS = {"\u200c", "\u200d"}
"""Invisible, but part of the spelling of Persian and Indic names: zero-width non-joiner and joiner."""

_GIVE_UP = """
    DELETE FROM students WHERE recording = $r
        AND NOT EXISTS (SELECT 1 FROM tracks JOIN runs USING (run) JOIN recordings r USING (recording)
            WHERE tracks.student = students.student AND r.course = students.course AND r.recording <> $r)
        AND (course, student) NOT IN (SELECT (course, student) FROM enrolled)
        AND (course, student) NOT IN (SELECT (course, student) FROM consents)"""
"""Delete the unnamed students of a recording who have no tracks in others, no picture and no answer."""


def pseudonym(number: int) -> str:
    """The label of a student without a name: `student-07`."""
    return f"student-{number:02d}"


def number(label: str) -> int | None:
    """The number in a pseudonym; None for a name."""
    found = re.fullmatch(PSEUDONYM, label)
    return int(found[1]) if found else None


def is_pseudonym(label: str) -> bool:
    """Whether a label is one that fertool gave, such as `student-07`."""
    return number(label) is not None


def spelled(label: str) -> str:
    """A label in its one spelling: composed characters (NFC), one blank between words, none around, and no
    marks of writing direction. Where labels are looked up, pseudonyms are as good as names."""
    plain = "".join(c for c in unicodedata.normalize("NFC", label) if c not in "\u200e\u200f\u061c")
    return " ".join(plain.split())


def clean_label(name: str, where: str) -> str:
    """A name fit to be the label of a student, in its one spelling (file systems have two). Upper and lower
    case stay as they are: `Ann` and `ann` are two students.

    Raises ConfigError, beginning with `where`: for nothing, for what looks like a pseudonym, for control
    characters, and for more than LONGEST characters.
    """
    label = spelled(name)
    if not label:
        raise ConfigError(f"{where}: expected a student's name, got nothing")
    if is_pseudonym(label.lower()):
        what = f"{where}: expected a student's name, got what looks like a pseudonym: {label}"
        raise ConfigError(what, "fertool numbers students like that itself; give another name")
    if not all(c.isprintable() or c in JOINERS for c in label):
        raise ConfigError(f"{where}: expected a student's name, got control characters: {label!r}")
    if len(label) > LONGEST:
        what = f"{where}: expected at most {LONGEST} characters, got {len(label)}: {label[:20]}..."
        raise ConfigError(what, "give a shorter name")
    return label


def know(con: duckdb.DuckDBPyConnection, course: str, students: Iterable[str]) -> None:
    """Make sure that these students, and their course, are there."""
    con.execute("INSERT INTO courses VALUES ($c) ON CONFLICT DO NOTHING", {"c": course})
    for student in students:
        con.execute(
            "INSERT INTO students VALUES ($c, $s, NULL) ON CONFLICT DO NOTHING", {"c": course, "s": student}
        )


def own(con: duckdb.DuckDBPyConnection, course: str, recording: str) -> list[str]:
    """The numbers that a recording brought into the course, in order of number."""
    sql = """SELECT student FROM students WHERE course = $c AND recording = $r
             ORDER BY length(student), student  -- student-99 before student-100"""
    return [row[0] for row in con.execute(sql, {"c": course, "r": recording}).fetchall()]


def claim(
    con: duckdb.DuckDBPyConnection, course: str, recording: str, count: int, taken: Collection[str]
) -> list[str]:
    """Numbers for `count` students of a recording: see `Students.claim`."""
    mine = [label for label in own(con, course, recording) if label not in taken]
    fresh = new_numbers(con, course, count - len(mine[:count]))
    for label in mine[count:]:
        con.execute(_GIVE_UP + " AND course = $c AND student = $s", {"r": recording, "c": course, "s": label})
    for label in fresh:
        con.execute("INSERT INTO students VALUES ($c, $s, $r)", {"c": course, "s": label, "r": recording})
    return sorted(mine[:count] + fresh, key=lambda label: (len(label), label))


def new_numbers(con: duckdb.DuckDBPyConnection, course: str, count: int) -> list[str]:
    """The next `count` numbers of a course, not yet given to anybody. Retired ones are not given again."""
    highest = con.execute(
        """SELECT coalesce(max(number), 0) FROM (
               SELECT regexp_extract(student, $p, 1)::INT AS number FROM students
               WHERE course = $c AND regexp_matches(student, $p)
               UNION ALL SELECT number FROM retired WHERE course = $c)""",
        {"c": course, "p": PSEUDONYM},
    ).fetchall()[0][0]
    return [pseudonym(highest + 1 + i) for i in range(count)]


def retire(con: duckdb.DuckDBPyConnection, course: str, student: str) -> None:
    """Reserve the number of a pseudonym, so that no other student gets it. A name has no number."""
    if (taken := number(student)) is not None:
        con.execute("INSERT INTO retired VALUES ($c, $n)", {"c": course, "n": taken})


def inherit(con: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Transfer the unnamed students of a deleted recording to another one; delete those without tracks,
    pictures and answers."""
    con.execute(_GIVE_UP, {"r": old})
    con.execute("UPDATE students SET recording = $new WHERE recording = $old", {"old": old, "new": new})


def give_up_elsewhere(con: duckdb.DuckDBPyConnection, recording: str, course: str) -> None:
    """A recording belongs to this course now: the numbers that it alone brought into others go."""
    con.execute(_GIVE_UP + " AND course <> $c", {"r": recording, "c": course})
