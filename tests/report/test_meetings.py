"""Who was expected at which lecture, on which day it was held, and what pages and files make of it."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from sites import enroll, read, refuse, teach

from fertool.report.data import meetings
from fertool.report.data.meetings import Enrolled, Occasion, absent, day_in
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from pathlib import Path

# --- the day in a name --------------------------------------------------------------------------

DAYS = [
    ("2026-10-05 lecture.mp4", date(2026, 10, 5)),
    ("2026-10-05", date(2026, 10, 5)),
    ("GMT20261005-081500_Recording.mp4", date(2026, 10, 5)),
    ("week_2026_10_05_a", date(2026, 10, 5)),
    ("2026.10.05", date(2026, 10, 5)),
    ("Vorlesung 5.10.2026.mkv", date(2026, 10, 5)),
    ("2026-10_05", None),  # two ways of parting at once
    ("2026-13-05", None),  # no such month
    ("2026-02-30 and 2026-02-28", date(2026, 2, 28)),  # the first one that is a day
    ("120261005", None),  # a longer number
    ("20261005081500", None),
    ("lecture 7", None),
    ("1999-10-05", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "expected"), DAYS)
def test_the_day_in_a_name(name: str, expected: date | None) -> None:
    assert day_in(name) == expected


# --- who was expected ---------------------------------------------------------------------------

ONE, TWO, THREE = date(2026, 10, 5), date(2026, 10, 12), date(2026, 10, 19)
LATE = datetime(2026, 11, 28, 12, tzinfo=UTC)
"""When everything is analyzed and a roster enrolled, long after the lectures."""
EARLY = datetime(2026, 9, 30, 12, tzinfo=UTC)


def three(*seen: str, days: tuple[date | None, ...] = (ONE, TWO, THREE)) -> list[Occasion]:
    """Three lectures; `seen`: a letter for each student in each."""
    return [Occasion(day, LATE, frozenset(names)) for day, names in zip(days, seen, strict=True)]


ABSENT = [
    # who is seen in three lectures, who is enrolled and how, who is missing in each
    (("ab", "ab", "ab"), {}, ("", "", "")),
    (("ab", "a", "a"), {}, ("", "b", "b")),  # there in one of three
    (("a", "ab", "a"), {}, ("", "", "b")),  # not enrolled: expected since first seen
    (("a", "a", "ab"), {}, ("", "", "")),
    # enrolled before the first lecture, and never there
    (("a", "a", "a"), {"n": Enrolled(EARLY)}, ("n", "n", "n")),
    # enrolled on the day of the second lecture: the day of consent, or of the roster
    (("a", "a", "a"), {"n": Enrolled(LATE, TWO)}, ("", "n", "n")),
    (("a", "a", "a"), {"n": Enrolled(datetime(2026, 10, 12, 8, tzinfo=UTC))}, ("", "n", "n")),
    # enrolled after the second lecture
    (("a", "a", "an"), {"n": Enrolled(LATE, date(2026, 10, 13))}, ("", "", "")),
    (("a", "a", "a"), {"n": Enrolled(LATE, date(2026, 10, 13))}, ("", "", "n")),
    # enrolled late, but seen before
    (("a", "an", "a"), {"n": Enrolled(LATE, THREE)}, ("", "", "n")),
    # a roster enrolled after all lectures counts from the first one at which anybody of it was seen
    (("a", "ab", "a"), {"a": Enrolled(LATE), "n": Enrolled(LATE)}, ("n", "n", "bn")),
    (("a", "ab", "a"), {"b": Enrolled(LATE), "n": Enrolled(LATE)}, ("", "n", "bn")),
    # of another roster, or with a consent of another day, nothing is known before
    (("a", "a", "a"), {"a": Enrolled(EARLY), "n": Enrolled(LATE)}, ("", "", "")),
    (("a", "a", "a"), {"a": Enrolled(LATE, ONE), "n": Enrolled(LATE)}, ("", "", "")),
    (("", "", ""), {}, ("", "", "")),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "enrolled", "expected"), ABSENT)
def test_who_was_missing(seen: tuple[str, ...], enrolled: dict[str, Enrolled], expected: tuple) -> None:
    assert ["".join(names) for names in absent(three(*seen), enrolled)] == list(expected)


def test_a_lecture_without_a_day_was_held_when_it_was_analyzed() -> None:
    lectures = [Occasion(None, datetime(2026, 10, day, 9, tzinfo=UTC), frozenset("a")) for day in (5, 12, 19)]
    between = datetime(2026, 10, 12, 12, tzinfo=UTC)
    assert absent(lectures, {"n": Enrolled(between)}) == [(), (), ("n",)]
    assert absent(lectures, {"n": Enrolled(LATE, TWO)}) == [(), ("n",), ("n",)]


def test_only_those_who_could_be_seen_can_be_missing() -> None:
    nobody, some = (Occasion(TWO, LATE, frozenset("a"), frozenset(names)) for names in ("", "ab"))
    first = Occasion(ONE, LATE, frozenset("abc"))
    assert absent([first, nobody, some], {}) == [(), (), ("b",)]


# --- read from a database -------------------------------------------------------------------------


def missing(store: Store) -> dict[str, str]:
    return {lecture: " ".join(one.absent) for lecture, one in meetings.read(store, "signals").items()}


def test_lectures_come_in_order_of_days_and_then_of_names(store: Store) -> None:
    for lecture, recording in (
        ("week 10", "a.mp4"), ("week 9", "b.mp4"), ("2026-10-12", "c.mp4"), ("lab", "2026-10-05 lab.mp4"),
        ("told", "2026-01-01.mp4"),
    ):  # fmt: skip
        store_lecture(store, "signals", lecture, {"A": timeline("happy*3")}, recording_name=recording)
    store.describe_course("signals", "", [], {"told": THREE, "week 9": None})
    found = meetings.read(store, "signals")
    assert {lecture: (one.day, one.from_name) for lecture, one in found.items()} == {
        "lab": (ONE, True),
        "2026-10-12": (TWO, True),
        "told": (THREE, False),
        "week 9": (None, False),
        "week 10": (None, False),
    }
    assert list(found) == ["lab", "2026-10-12", "told", "week 9", "week 10"]


def test_who_said_no_or_withdrew_is_not_expected(store: Store) -> None:
    teach(store, {"A": "happy*9"})
    enroll(store, "N", "W", "Y", "Z", A=ONE, W=ONE, Y=ONE, Z=ONE)
    refuse(store, "N")
    store.consents.answer("signals", "W", withdrawn=datetime.now().date())
    store.consents.answer("signals", "Z", withdrawn=date(9999, 1, 1))  # not yet
    assert missing(store) == {"week 1": "Y Z"}


def test_where_consent_is_required_only_those_with_consent_can_be_missing(store: Store) -> None:
    teach(store, {"A": "happy*9"}, config={"consent": {"mode": "required"}})
    enroll(store, "silent", "Y", A=ONE, Y=ONE)
    assert missing(store) == {"week 1": "Y"}


SHOWS_NOBODY_MISSING = [
    # recordings of week 2: name -> who is in it
    {"slides.mp4": {"": "absent*9"}},  # nobody was recognized: nothing is known of who was there
    {"a.mp4": {"A": "happy*9"}, "b.mp4": {"B": "happy*9"}},  # a camera for each student
    {"speaker.mp4": {"A": "happy*9 absent*9", "B": "absent*9 happy*9"}},  # one face at a time
]


@pytest.mark.parametrize("recordings", SHOWS_NOBODY_MISSING)
def test_a_lecture_that_cannot_show_who_was_missing(store: Store, recordings: dict) -> None:
    store_lecture(store, "signals", "week 1", {name: timeline("happy*9") for name in "ABC"})
    for name, people in recordings.items():
        students = {who: timeline(spec) for who, spec in people.items()}
        store_lecture(store, "signals", "week 2", students, recording_name=name)
    assert missing(store) == {"week 1": "", "week 2": ""}


# --- on pages, worked out by hand -------------------------------------------------------------------

WEEKS = (
    {"Ann": "neutral*80", "Bob": "neutral*80", "Cem": "neutral*40 absent*40"},
    {"Ann": "neutral*80", "Hal": "neutral*80"},
    {"Ann": "neutral*80", "Fay": "neutral*80"},
)
"""80 samples each. Ann is in all of three lectures, Bob in one, Cem in half of one, Hal in the second, Fay in
the third. Eve is enrolled and never there, Gus enrolled after the second and never there; Ida said no."""
TRUTH = {
    # lectures there and expected, samples seen and expected
    "Ann": "3 of 3 100.0 % (240 of 240)",
    "Bob": "1 of 3 33.3 % (80 of 240)",
    "Cem": "1 of 3 16.7 % (40 of 240)",
    "Hal": "1 of 2 since week 2 50.0 % (80 of 160)",
    "Fay": "1 of 1 since week 3 100.0 % (80 of 80)",
    "Eve": "0 of 3 0.0 % (0 of 240)",
    "Gus": "0 of 1 since week 3 0.0 % (0 of 80)",
}
EVERYBODY = {
    # seen and expected samples of each lecture: three of them and Eve; Bob, Cem and Eve missing; all but Fay
    "week 1": (200, 320),
    "week 2": (160, 400),
    "week 3": (160, 560),
}
GERMAN = {" of ": " von ", "since": "seit", ".": ","}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("db") / "x.duckdb")
    teach(store, *WEEKS)
    store.describe_course("signals", "", [], {"week 1": ONE, "week 2": TWO, "week 3": THREE})
    enroll(store, "Ann", "Eve", "Fay", "Gus", "Ida", Ann=ONE, Eve=ONE, Fay=date(2026, 10, 13), Gus=THREE)
    refuse(store, "Ida")
    return store


@pytest.fixture(scope="module", params=["en", "de"])
def pages(request: pytest.FixtureRequest, taught: Store, tmp_path_factory: pytest.TempPathFactory):
    """Language and pages."""
    return request.param, read(taught, tmp_path_factory.mktemp("site"), lang=request.param)


def told(lang: str, text: str) -> str:
    for english, german in GERMAN.items() if lang == "de" else ():
        text = text.replace(english, german)
    return text


@pytest.mark.parametrize("student", TRUTH)
def test_lectures_and_seen_of_everybody(pages, student: str) -> None:
    lang, found = pages
    table = found["index"].rpartition({"en": "To hand out ", "de": "Zum Aushändigen "}[lang])[2]
    row = re.search(rf"\b{student} .*?({re.escape(told(lang, TRUTH[student]))})", table)
    assert row, table
    assert not re.search(r"\b(Ann|Bob|Cem|Hal|Fay|Eve|Gus) ", row[0][len(student) :]), "in the row itself"


def test_everybody_is_counted_as_expected(pages) -> None:
    lang, found = pages
    expected = {"en": "students: 5 and 2 never seen", "de": "Studierende: 5 und 2 nie gesehen"}[lang]
    assert expected in found["index"]
    absent_ = {"en": "but not in this one:", "de": "in dieser aber nicht:"}[lang]
    for page, names in (("lectures 0", "Eve."), ("lectures 1", "Bob, Cem, Eve."), ("lectures 2", None)):
        assert f"{absent_} {names or 'Bob, Cem, Eve, Gus, Hal.'}" in found[page]
    assert not [name for name, text in found.items() if "Ida" in text]
    never = {"en": "Enrolled, and not seen in any lecture", "de": "Eingeschrieben und in keiner Vorlesung"}
    assert found["index"].count(never[lang]) == 2


def test_a_page_of_a_student_names_what_was_missed(pages) -> None:
    lang, found = pages
    bob = next(text for name, text in found.items() if name.startswith("students") and "Bob" in text[:40])
    hal = next(text for name, text in found.items() if name.startswith("students") and "Hal" in text[:40])
    if lang == "en":
        assert "Seen in 1 of 3 lectures." in bob
        assert "week 2 not seen in this lecture week 3 not seen in this lecture" in bob
        assert "Usual (all lectures) 33 %" in bob
        assert "Seen in 1 of 2 lectures. Counted from week 2 on" in hal
        assert "week 1 not seen" not in hal
    else:
        assert "week 2 in dieser Vorlesung nicht gesehen week 3 in dieser Vorlesung nicht" in bob
        assert "Gezählt ab week 2" in hal


def test_a_lecture_missed_is_one_reason(pages) -> None:
    """Not also that the share fell."""
    lang, found = pages
    missed = {"en": "Not seen in week 3, but in", "de": "In week 3 nicht gesehen, vorher in"}[lang]
    fell = {"en": "Seen in 0 %", "de": "Gesehen in 0 %"}[lang]
    assert not [name for name, text in found.items() if fell in text]
    table = found["index"]
    assert table.count(missed) >= 3, "Bob, Cem, Hal"


def test_attendance_by_week(pages) -> None:
    lang, found = pages
    head = {"en": "student 2026-W41 2026-W42 2026-W43", "de": "Person 2026-W41 2026-W42 2026-W43"}[lang]
    rows = found["index"].split(head)[1]
    percent = {name: rest.split()[:3] for name, rest in re.findall(r"(\w{3}) ((?:[\d–]+ ){3})", rows)}
    assert percent == {
        "Ann": ["100", "100", "100"],
        "Bob": ["100", "0", "0"],
        "Cem": ["50", "0", "0"],
        "Eve": ["0", "0", "0"],
        "Fay": ["–", "–", "100"],
        "Gus": ["–", "–", "0"],
        "Hal": ["–", "100", "0"],
    }
    assert {"en": "a dash stands before that", "de": "ein Strich steht davor"}[lang] in rows
    for present, expected in EVERYBODY.values():
        assert re.search(rf"2026-W4\d {round(100 * present / expected)} % {expected}", found["index"])


def test_files_hold_the_same(taught: Store, tmp_path: Path) -> None:
    read(taught, tmp_path / "site", formats=("html", "csv", "xapi"))
    rows = list(csv.DictReader((tmp_path / "site/data/students.csv").read_text("utf-8").splitlines()))
    counts = {(row["lecture"], row["student"]): (row["present"], row["samples"]) for row in rows}
    assert {who: pair for (week, who), pair in counts.items() if week == "week 1"} == {
        "Ann": ("80", "80"), "Bob": ("80", "80"), "Cem": ("40", "80"), "Eve": ("0", "80"),
    }  # fmt: skip
    assert not [row for row in rows if row["present"] == "0" and (row["main"] or row["confidence"])]
    lectures = csv.DictReader((tmp_path / "site/data/lectures.csv").read_text("utf-8").splitlines())
    assert {row["lecture"]: (int(row["present"]), int(row["expected"])) for row in lectures} == EVERYBODY
    statements = "".join(path.read_text("utf-8") for path in (tmp_path / "site/xapi").iterdir())
    assert "Eve" not in statements, "who never came has attended nothing"


def test_a_class_that_shrank_is_seen_less(tmp_path: Path) -> None:
    """Four of five stay away from the second lecture: the fifth alone does not make it 100 %."""
    store = teach(
        Store(tmp_path / "x.duckdb"),
        dict.fromkeys("ABCDE", "neutral*20"),
        {"A": "neutral*20", "B": "neutral*20"},
    )
    page = read(store, tmp_path / "site")["index"]
    assert "Seen 40 % 100 % before less than before: −60 points" in page
