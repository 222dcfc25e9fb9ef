"""A speaker view on every page and in every file: what is "shown" there is nowhere said to be "seen".

Four people of a lecture of 180 samples, each shown for 45 of them, one after another: 25 % of 180 each.
"""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from sites import read, teach

from fertool.report import data, i18n
from fertool.report.charts import classes, people
from fertool.report.data import insights
from fertool.report.data.course import Course, describe, gathered
from fertool.report.data.digest import digest
from fertool.storage.store import Store

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Ann", "Bob", "Cem", "Dan")
GALLERY = dict.fromkeys(NAMES, "neutral*180")
SPEAKERS = {
    name: " ".join(
        f"{what}*{n}" for what, n in (("absent", 45 * i), ("sad", 45), ("absent", 135 - 45 * i)) if n
    )
    for i, name in enumerate(NAMES)
}
COURSES = {
    "shown": (SPEAKERS, SPEAKERS),  # nothing but speaker views
    "mixed": (GALLERY, SPEAKERS),
    "back": (SPEAKERS, GALLERY),  # the latest shows everybody
}
SAID = {
    # what the truth denies of a speaker view, in each language
    "en": r"[Ss]een:? (in )?(25|0)|(25|0)[.\d]* %[^.]{0,20} seen|(?<!turned )away|[Uu]nseen",
    "de": r"[Gg]esehen:? (in )?(25|0)|(25|0)[,\d]* %[^.]{0,20} gesehen|\b[Ww]eg\b",
}


def course(store: Store) -> Course:
    lectures = [digest(data.load(store, *pair)) for pair in store.lectures("signals")]
    return gathered("signals", lectures, describe(store, "signals"))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, str]]:
    found = {}
    for name, weeks in COURSES.items():
        folder = tmp_path_factory.mktemp(name)
        store = teach(Store(folder / "x.duckdb"), *weeks, points=("sampling",))
        for lang in i18n.available():
            found[name, lang] = read(store, folder / lang, lang=lang)
    return found


@pytest.mark.parametrize("lang", i18n.available())
def test_no_page_of_speaker_views_says_how_much_somebody_was_seen(sites: Any, lang: str) -> None:
    assert not {
        page: found[0]
        for page, text in sites["shown", lang].items()
        if page != "method" and (found := re.search(SAID[lang], text))
    }
    lectures = [page for page in sites["mixed", lang] if page in ("lectures 1", "segments 2", "segments 3")]
    assert len(lectures) == 3
    for page in lectures:
        assert not re.search(SAID[lang], sites["mixed", lang][page])


WORDS = [
    # course, page, English, German
    ("shown", "index", "Duration Students Shown Happy", "Dauer Studierende Gezeigt Fröhlich"),
    ("shown", "index", "week 1 – 0:03:00 4 25 % n = 720 0 %", "week 1 – 0:03:00 4 25 % n = 720 0 %"),
    ("shown", "index", "Lectures Shown Negative To hand out", "Vorlesungen Gezeigt Negativ Zum"),
    ("shown", "index", "2 of 2 25.0 % (90 of 360)", "2 von 2 25,0 % (90 von 360)"),
    ("shown", "index", "Shown: of all samples; who is not", "Gezeigt: an allen Stichproben; wer"),
    ("shown", "index", "the class was lost cannot be told", "Wo die Klasse verloren war, lässt sich"),
    ("shown", "lectures 0", "Who was shown, when", "Wer wann gezeigt wurde"),
    ("shown", "lectures 0", "Student Face shown Head pose", "Studierende Gesicht gezeigt Kopf"),
    ("shown", "lectures 0", "nobody's absence is measured", "Niemandes Abwesenheit ist gemessen"),
    ("shown", "lectures 0", "over all samples 25.0 % (180 of 720)", "Studierende gezeigt, über alle"),
    ("shown", "segments 0", "Shown 25 %", "Gezeigt 25 %"),
    ("shown", "students 0", "Lecture Shown Happy or surprised", "Vorlesung Gezeigt Fröhlich oder"),
    ("shown", "students 0", "Face shown in 25.0 % (45 of 180)", "Gesicht gezeigt in 25,0 % (45 von 180)"),
    ("shown", "students 0", "Knowledge point Shown", "Thema Gezeigt"),
    ("shown", "handouts 0", "Face shown 25.0 % (45 of 180)", "Gesicht gezeigt 25,0 % (45 von 180)"),
    # beside a lecture that shows everybody: a word behind the figure, which is in no sum
    ("mixed", "index", "week 2 – 0:03:00 4 25 % n = 720 shown", "week 2 – 0:03:00 4 25 % n = 720 gezeigt"),
    ("mixed", "index", "week 1 – 0:03:00 4 100 % n = 720 0 %", "week 1 – 0:03:00 4 100 % n = 720 0 %"),
    ("mixed", "index", "2 of 2 100.0 % (180 of 180)", "2 von 2 100,0 % (180 von 180)"),
    ("mixed", "index", "A lecture marked “shown”", "Eine Vorlesung mit „gezeigt“"),
    ("mixed", "students 0", "n = 180 shown", "n = 180 gezeigt"),
    ("mixed", "students 0", "sampling 100.0 % (90 of 90)", "sampling 100,0 % (90 von 90)"),
    ("mixed", "students 0", "Face seen in 100.0 % (180 of 180)", "Gesicht gesehen in 100,0 % (180 von 180)"),
    ("mixed", "students 0", "Face shown in 25.0 % (45 of 180)", "Gesicht gezeigt in 25,0 % (45 von 180)"),
    ("mixed", "segments 0", "n = 360 shown", "n = 360 gezeigt"),
    ("mixed", "lectures 0", "Who was seen, when", "Wer wann gesehen wurde"),
]  # fmt: skip


@pytest.mark.parametrize("lang", i18n.available())
@pytest.mark.parametrize(("course", "page", "english", "german"), WORDS)
def test_the_word_beside_the_figure(
    sites: Any, lang: str, course: str, page: str, english: str, german: str
) -> None:
    assert {"en": english, "de": german}[lang] in sites[course, lang][page]


COMPARED = [
    # of which figures the latest lecture is compared with those before: never how long somebody was shown
    ("shown", ["engagement", "negative"]),
    ("mixed", ["engagement", "negative"]),
    ("back", ["engagement", "negative"]),
]


@pytest.mark.parametrize(("name", "measures"), COMPARED)
def test_how_long_somebody_was_shown_is_compared_with_nothing(
    name: str, measures: list[str], tmp_path: Path
) -> None:
    told = course(teach(Store(tmp_path / "x.duckdb"), *COURSES[name]))
    assert [one.measure for one in told.changes] == measures
    assert insights.usual(told, "Ann")["presence"] is None
    assert {own.change["presence"] for own in insights.own(told, "Ann")} == {None}
    assert told.changes[1].latest.value == {"shown": 1, "mixed": 1, "back": 0}[name]


def test_two_lectures_that_show_everybody_are_still_compared(tmp_path: Path) -> None:
    told = course(teach(Store(tmp_path / "x.duckdb"), GALLERY, SPEAKERS, GALLERY))
    (change,) = (one for one in told.changes if one.measure == "presence")
    assert (change.latest.value, change.before.value, change.difference) == (1, 1, 0)
    assert insights.usual(told, "Ann")["presence"] == 1


LINES = [
    # lectures of the line of presence, its name
    ("shown", [0, 1], "Shown"),
    ("mixed", [0], "Seen"),
    ("back", [1], "Seen"),
]


@pytest.mark.parametrize(("name", "lectures", "word"), LINES)
def test_a_line_of_presence_is_of_one_kind_of_recording(
    name: str, lectures: list[int], word: str, tmp_path: Path
) -> None:
    told, say = course(teach(Store(tmp_path / "x.duckdb"), *COURSES[name])), i18n.load("en")
    own = people.trend(told, insights.own(told, "Ann"), insights.usual(told, "Ann"), say)["data"][0]
    whole = classes.trend(told, say)["data"][0]
    assert (own["name"], own["x"]) == (word, lectures)
    assert (whole["name"], [round(x) for x in whole["x"]]) == (word, lectures)


def test_files_say_which_lecture_only_shows(tmp_path: Path) -> None:
    store = teach(Store(tmp_path / "x.duckdb"), *COURSES["mixed"])
    read(store, tmp_path / "site", formats=("html", "csv", "xapi"))
    rows = csv.DictReader((tmp_path / "site/data/lectures.csv").read_text("utf-8").splitlines())
    assert [(row["lecture"], row["one_at_a_time"]) for row in rows] == [
        ("week 1", "false"),
        ("week 2", "true"),
    ]
    attended = {
        (path.stem.rpartition(".")[2][:6], "duration" in one["result"])
        for path in (tmp_path / "site/xapi").iterdir()
        for one in json.loads(path.read_text("utf-8"))
        if one["verb"]["id"].endswith("attended")
    }
    assert attended == {("week-1", True), ("week-2", False)}  # nobody knows how long a student stayed


def test_every_string_of_what_is_shown_stands_for_another_one() -> None:
    for code in i18n.available():
        strings = i18n.load(code).strings
        shown = {
            key.removeprefix("shown."): text for key, text in strings.items() if key.startswith("shown.")
        }
        assert shown
        assert all(strings[key] != text for key, text in shown.items())
