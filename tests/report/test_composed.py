"""A course whose truth is known, composed of what goes wrong in pages: no sentence may deny it.

Ten minutes, a sample a second, ten parts of a minute. Ada is there all the time, and happy in the third
minute. Ben bows his head from 1:00 to 8:00, 70 % of the time. The tiles of Cem, Dee and Eve are black from
0:30 to 1:00. Cem is sad in the sixth minute. Dee leaves at half time. Fay is enrolled and never there. Nora
is in the picture and said no. A second course is a speaker view of four people, each shown for a quarter.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import pytest
from sites import enroll, read, refuse, speaker_view, teach

from fertool.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY = date(2026, 10, 5)
ENROLLED = ("Ada", "Ben", "Cem", "Dee", "Eve", "Fay", "Nora")
SHOWN = {
    "Ada": "neutral*120 happy*60 neutral*420",
    "Ben": "neutral*60 neutral/down*420 neutral*120",
    "Cem": "neutral*30 absent*30 neutral*240 sad*60 neutral*240",
    "Dee": "neutral*30 absent*30 neutral*240 absent*300",
    "Eve": "neutral*30 absent*30 neutral*540",
    "Nora": "happy*600",
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Store]:
    folder = tmp_path_factory.mktemp("db")
    tiles, speakers = Store(folder / "tiles.duckdb"), Store(folder / "speakers.duckdb")
    enroll(tiles, *ENROLLED, **dict.fromkeys(ENROLLED, DAY))
    refuse(tiles, "Nora")
    teach(tiles, SHOWN, parts=10)
    tiles.describe_course("signals", "", [], {"week 1": DAY})
    teach(speakers, speaker_view([0, 1, 2, 3]), parts=3)
    return {"tiles": tiles, "speakers": speakers}


@pytest.fixture(scope="module", params=["en", "de"])
def site(
    request: pytest.FixtureRequest, stores: Mapping[str, Store], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    """Language, and the pages under the default of k."""
    return request.param, read(stores["tiles"], tmp_path_factory.mktemp("site"), lang=request.param, k=5)


@pytest.fixture(scope="module", params=["en", "de"])
def speakers(
    request: pytest.FixtureRequest, stores: Mapping[str, Store], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    return request.param, read(stores["speakers"], tmp_path_factory.mktemp("site"), lang=request.param, k=1)


SAID = [
    # page, English, German
    (
        "index",
        "0:00:30 to 0:01:00: 60 % of the class not seen",
        "0:00:30 bis 0:01:00: 60 % der Klasse nicht gesehen",
    ),
    (
        "index",
        "In part 1 (week 1) a large part of the class was not seen for 0:00:30. Cameras may have been off",
        "In part 1 (week 1) wurde ein großer Teil der Klasse 0:00:30 lang nicht gesehen. Vielleicht waren",
    ),
    ("index", "Talk with Ben, Dee.", "Sprechen mit Ben, Dee."),
    (
        "index",
        "“measured time with the head bowed” asks for attention in 7 of 10 recent segments",
        "„gemessene Zeit mit gesenktem Kopf“ schlägt in 7 von 10 jüngsten Abschnitten an",
    ),
    ("index", "1 of 1 45.0 % (270 of 600)", "1 von 1 45,0 % (270 von 600)"),  # Dee
    ("index", "0 of 1 0.0 % (0 of 600)", "0 von 1 0,0 % (0 von 600)"),  # Fay
    ("lectures 0", "but not in this one: Fay.", "in dieser aber nicht: Fay."),
    ("lectures 0", "up to 3 of 5 with a negative expression or not seen (3 not seen)", "(3 nicht gesehen)"),
    ("segments 0", "0:00:30 to 0:01:00: 60 % of the class not seen", "60 % der Klasse nicht gesehen"),
    ("students 0", "There is nothing to compare with yet", "Noch ist nichts zum Vergleichen da"),
    (
        "students 1",
        "head bowed in 100 % of 60 measured samples",
        "Kopf gesenkt in 100 % von 60 gemessenen Stichproben",
    ),
    (
        "students 3",
        "not seen after 0:05:00, up to the end of the lecture",
        "nach 0:05:00 nicht gesehen, bis zum Ende der Vorlesung",
    ),
    (
        "handouts 0",
        "The rules advise nothing for this lecture.",
        "Zu dieser Vorlesung raten die Regeln nichts.",
    ),
    ("handouts 3", "seen in 1 of 1 lectures.", "In 1 von 1 Vorlesungen wurde Ihr Gesicht gesehen."),
    ("handouts 1", "0:01:00–0:08:00, part 2", "0:01:00–0:08:00, part 2"),  # Ben: seven minutes
    ("handouts 2", "part 6, 100.0 % (60 of 60)", "part 6, 100,0 % (60 von 60)"),  # Cem: sad in one
    ("handouts 3", "0:05:00–0:10:00", "0:05:00–0:10:00"),  # Dee: gone in five
    ("handouts 4", "it says nothing about attention", "über Aufmerksamkeit sagt es nichts"),
]


@pytest.mark.parametrize(("page", "english", "german"), SAID)
def test_what_pages_say(site: tuple[str, dict[str, str]], page: str, english: str, german: str) -> None:
    lang, pages = site
    assert (english if lang == "en" else german) in pages[page]


DENIED = [
    r"Nora",
    # Nobody lost the thread where cameras were off; nor was there no moment.
    r"the class was lost for|war die Klasse [\d:]+ lang verloren|[Nn]ever together|[Nn]ie gemeinsam",
    r"Explain part|part \d+ noch einmal erklären",
    # Who was not seen was not looking away.
    r"looking away: |wegschauend|inattentive in|unaufmerksam in",
    # There is one lecture: nothing can have changed.
    r"\d points against|Punkte gegenüber Ihrem",
    r"[-−]0[.,]00",
]


@pytest.mark.parametrize("denied", DENIED)
def test_what_no_page_says(site: tuple[str, dict[str, str]], denied: str) -> None:
    _, pages = site
    assert not [(name, found[0]) for name, text in pages.items() if (found := re.search(denied, text))]


def test_ben_alone_is_said_to_bow_his_head(site: tuple[str, dict[str, str]]) -> None:
    lang, pages = site
    bowed = {"en": r"head bowed in|head lowered", "de": r"Kopf in \d+ % von|Kopf gesenkt"}[lang]
    having = [
        name
        for name, text in pages.items()
        if name.startswith(("students", "handouts")) and re.search(bowed, text)
    ]
    assert having == ["students 1", "handouts 1"]


def test_figures_of_four_are_held_back_and_said_to_be(site: tuple[str, dict[str, str]]) -> None:
    """From 5:00 on four were seen: what is counted over those seen is not shown."""
    lang, pages = site
    few = {"en": "held back: fewer than 5 students", "de": "zurückgehalten: weniger als 5 Studierende"}[lang]
    for part in range(10):
        assert (few in pages[f"segments {part}"]) == (part >= 5), part


DENIED_OF_SPEAKERS = [
    # A person who is not shown is not known to be missing, away or in need of help.
    r"asks for attention in \d+ of|schlägt in \d+ von",
    r"Talk with student|Sprechen mit student",
    r"not seen after|nach [\d:]+ nicht gesehen",
    r"of the class not seen|der Klasse nicht gesehen",
    r"the class was lost for|Klasse [\d:]+ lang verloren",
    r"takes for inattention|für Unaufmerksamkeit hält",
    r"If you were away|Wenn Sie weg waren",
]


@pytest.mark.parametrize("denied", DENIED_OF_SPEAKERS)
def test_what_no_page_says_of_a_speaker_view(speakers: tuple[str, dict[str, str]], denied: str) -> None:
    _, pages = speakers
    found = {name: text for name, text in pages.items() if name != "method"}
    assert not [(name, one[0]) for name, text in found.items() if (one := re.search(denied, text))]
