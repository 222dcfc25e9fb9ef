"""The method page: figures of a model card never without what the card says of them, in every language."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from fertool import Message
from fertool.host import options
from fertool.host.registry import Registry, load_plugins
from fertool.report import ReportOptions, data, i18n, render
from fertool.report.data import insights, method
from fertool.report.data.course import describe, gathered
from fertool.report.data.digest import digest
from fertool.testing import store_lecture, timeline
from fertool_plugins.classifiers.compact import Compact
from fertool_plugins.detectors.centerface import CenterFace
from fertool_plugins.detectors.haar import Haar
from fertool_plugins.detectors.insightface import LICENSE, Insightface
from fertool_plugins.detectors.ssd import Ssd
from fertool_plugins.detectors.yunet import YUNET_N, Yunet

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

PLUGIN = """
from pathlib import Path
from fertool import Classifier, Crop, hookimpl

class Carded(Classifier):
    name, version, crop = "carded", "1", Crop(48)
    path = Path({path!r})

    def classify(self, crops):
        raise NotImplementedError

@hookimpl
def fertool_plugins():
    return [Carded]
"""
TABLE = "| split | accuracy |\n|---|---|\n| `test` | 60% |"
ROWS = (("split", "accuracy"), (("test", "60%"),))

# A card below its title -> header, rows and caveat.
CARDS = [
    (f"## Figures\n{TABLE}\n\nIt chose\nthe `epoch`.\n\nSpeed: 3.\n", (*ROWS, "It chose the epoch.")),
    (f"## Figures\n\n{TABLE}\n\n## Limits\nNone.\n", (*ROWS, "")),  # the next section is none of its figures
    (f"## Figures\n{TABLE}\n", (*ROWS, "")),
    (f"## Figures\n{TABLE}\n\nFew.\n## Limits\nNone.\n", (*ROWS, "Few.")),  # no empty line before a heading
    ("## Limits\nNone.\n", ((), (), "")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CARDS)
def test_what_is_taken_from_a_card(store: Store, tmp_path: Path, text: str, expected: tuple) -> None:
    weights = tmp_path / "carded.safetensors"
    plugin = tmp_path / "carded.py"
    plugin.write_text(PLUGIN.format(path=str(weights)), encoding="utf-8")
    weights.with_suffix(".md").write_text(f"# Card\nSHA-256 `abc`\n\n{text}", encoding="utf-8")
    registry = load_plugins([plugin])
    assert cards(store, registry, "abc") == [method.Card("carded", *expected)]
    assert cards(store, registry, "abc", ensemble=True) == [method.Card("carded", *expected)], "of a member"
    assert cards(store, registry, "abd") == [], "other weights than those that the card is about"


def cards(store: Store, registry: Registry, digest: str, *, ensemble: bool = False) -> list[method.Card]:
    about = {"name": "carded", "version": "1", "options": {}, "weights": {"carded.safetensors": digest}}
    lecture = digest + "-both" * ensemble
    if ensemble:
        about = {"name": "carded+other", "version": "1", "members": [about, {"name": "other"}]}
    config = {"classifier": about}
    store_lecture(store, "c", lecture, {"A": timeline("happy*5")}, config=config)
    return method.cards(registry, data.load(store, "c", lecture).runs)


class Marked(HTMLParser):
    """Text of a page, and of its parts in English on a page of another language."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.english: list[bool] = []
        self.all, self.marked = "", ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "br", "input", "img"}:
            given = dict(attrs).get("lang")
            inherited = bool(self.english) and self.english[-1]
            self.english.append(inherited if given is None else given == "en")

    def handle_endtag(self, tag: str) -> None:
        self.english.pop()

    def handle_data(self, data: str) -> None:
        self.all += f" {data}"
        if self.english and self.english[-1]:
            self.marked += f" {data}"


@pytest.mark.parametrize("lang", i18n.available())
def test_figures_of_weights_that_ship_stand_with_their_caveat(
    store: Store, tmp_path: Path, lang: str
) -> None:
    compact = Compact()
    about = {"name": "compact", "version": "2", "options": {}, "weights": compact.weights()}
    store_lecture(store, "c", "l", {"A": timeline("happy*5")}, config={"classifier": about})
    folder = render(store, tmp_path / "out", options=ReportOptions(lang=lang, k=1)).parent
    page = Marked((folder / "method.html").read_text("utf-8"))
    english = " ".join(page.marked.split())
    card = compact.path.with_suffix(".md").read_text(encoding="utf-8")
    # What the card has, read here by other means than there: nothing of it is typed in twice.
    row = re.search(r"\| (public, no near-duplicates) \| (\d+) \| ([\d.]+%)", card)
    caveat = re.search(r"366 pictures of `public` occur, .*?\n\n", card, re.DOTALL)
    assert row
    assert caveat
    assert " ".join(row.groups()) in english
    said = " ".join(caveat[0].replace("`", "").split())
    assert said in english
    assert "The split public chose the epoch" in said
    assert said in " ".join(page.all.split())
    assert i18n.load(lang).strings["method.cards_how"] in page.all


def test_without_a_card_no_figures_are_announced(store: Store, tmp_path: Path) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5")})
    page = Marked(
        (render(store, tmp_path / "out", options=ReportOptions(k=1)).parent / "method.html").read_text(
            "utf-8"
        )
    ).all
    assert i18n.load("en").strings["method.no_card"] in page
    assert i18n.load("en").strings["method.cards_how"] not in page


# What the page says of the order of students, in each language: the thresholds by which they are listed.
THRESHOLDS = {
    "en": "20 points less, or negative 20 points more, .* in 25 % or more of its segments of the latest 2",
    "de": "20 Punkte weniger .* 20 Punkte öfter negativ .* 25 % oder mehr ihrer Abschnitte der letzten 2",
}


@pytest.mark.parametrize("lang", i18n.available())
def test_the_thresholds_on_the_page_are_those_in_force(store: Store, tmp_path: Path, lang: str) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*5")})
    page = Marked(
        (
            render(store, tmp_path / "out", options=ReportOptions(lang=lang, k=1)).parent / "method.html"
        ).read_text("utf-8")
    )
    assert re.search(THRESHOLDS[lang].replace(" ", r"\s"), page.all), page.all
    assert (insights.CHANGE, insights.FLAGGED, insights.RECENT) == (0.2, 0.25, 2)


# --- detectors ------------------------------------------------------------------------------------

YUNET = {"name": "yunet", "version": Yunet.version, "options": {"net": "s", "threshold": 0.7}}
YUNET_1 = YUNET | {"version": "1", "options": {"threshold": 0.6}}
PULLED = {
    "name": "yunet",
    "version": Yunet.version,
    "options": {"net": "n", "threshold": 0.7, "long_side": 1280},
    "weights": {YUNET_N.file: "ff"},
}
SSD = {"name": "ssd", "version": "1", "options": {"width": 960, "exact": False}}
OTHER = {"name": "gone", "version": "3", "options": {"size": 3}}
PACK = {
    "name": "insightface",
    "version": "1",
    "options": {"pack": "buffalo_s"},
    "weights": {"det.onnx": "ff"},
}
OLD = "not what a pipeline writes"

BSD = "BSD-3-Clause (Shiqi Yu)"
USED = [
    # recordings (course, lecture, file, detector) -> name, changed options, license, lectures; mixed courses
    ([("c", "1", "a", YUNET)], [("yunet", {}, BSD, ("1",))], []),
    ([("c", "1", "a", YUNET), ("c", "2", "a", YUNET)], [("yunet", {}, BSD, ("1", "2"))], []),
    # A file that was pulled has a license of its own.
    ([("c", "1", "a", PULLED)], [("yunet", {"net": "n", "long_side": 1280}, "Apache-2.0", ("1",))], []),
    # The files of a pack have none of their own: that of the plugin.
    ([("c", "1", "a", PACK)], [("insightface", {}, LICENSE, ("1",))], []),
    # Of another version than the one installed: its defaults, license and figures are not known.
    ([("c", "1", "a", YUNET_1)], [("yunet", {"threshold": 0.6}, "", ("1",))], []),
    # Not installed: neither options nor license are known.
    ([("c", "1", "a", OTHER)], [("gone", {"size": 3}, "", ("1",))], []),
    ([("c", "1", "a", None)], [("", {}, "", ("1",))], []),
    ([("c", "1", "a", OLD)], [("", {}, "", ("1",))], []),
    # Two detectors in a course, in order of their first lecture.
    (
        [("c", "1", "a", SSD), ("c", "2", "a", YUNET), ("c", "3", "a", SSD)],
        [("ssd", {}, Ssd.license, ("1", "3")), ("yunet", {}, BSD, ("2",))],
        ["c"],
    ),
    # One detector with two versions, or with two options, finds other faces too.
    (
        [("c", "1", "a", YUNET_1), ("c", "2", "a", YUNET)],
        [("yunet", {"threshold": 0.6}, "", ("1",)), ("yunet", {}, BSD, ("2",))],
        ["c"],
    ),
    (
        [("c", "1", "a", YUNET), ("c", "2", "a", PULLED)],
        [("yunet", {}, BSD, ("1",)), ("yunet", {"net": "n", "long_side": 1280}, "Apache-2.0", ("2",))],
        ["c"],
    ),
    # Two in one lecture: its recordings are named, those of other lectures are not.
    (
        [("c", "1", "a", YUNET), ("c", "1", "b", SSD), ("c", "2", "a", SSD), ("c", "2", "b", SSD)],
        [("yunet", {}, BSD, ("1 (a)",)), ("ssd", {}, Ssd.license, ("1 (b)", "2"))],
        ["c"],
    ),
    # Each course is its own: two courses with a detector each are not mixed.
    (
        [("c", "1", "a", YUNET), ("d", "1", "a", SSD)],
        [("yunet", {}, BSD, ("c / 1",)), ("ssd", {}, Ssd.license, ("d / 1",))],
        [],
    ),
    (
        [("c", "1", "a", YUNET), ("d", "1", "a", SSD), ("d", "2", "a", YUNET)],
        [("yunet", {}, BSD, ("c / 1", "d / 2")), ("ssd", {}, Ssd.license, ("d / 1",))],
        ["d"],
    ),
]  # fmt: skip


def analyzed(store: Store, recordings: list[tuple]) -> None:
    for course, lecture, file, detector in recordings:
        seen = {"A": timeline("happy*5")}
        store_lecture(store, course, lecture, seen, recording_name=file, config={"detector": detector})


@pytest.mark.parametrize(("recordings", "expected", "mixed"), USED)
def test_which_detector_looked_at_which_lectures(
    store: Store, recordings: list[tuple], expected: list[tuple], mixed: list[str]
) -> None:
    analyzed(store, recordings)
    courses = []
    for name in dict.fromkeys(course for course, _ in store.lectures()):
        about = describe(store, name)
        lectures = [digest(data.load(store, name, one), day, {}) for one, day in about.meetings.items()]
        courses.append(gathered(name, lectures, about, 1))
    used = method.detectors(load_plugins(), courses)
    assert [(one.name, one.options, one.license, one.lectures) for one in used] == expected
    assert method.mixed(courses) == mixed
    assert [one.plugin is None for one in used] == [license == "" for _, _, license, _ in expected]
    bare = method.detectors(None, courses)
    assert [one.lectures for one in bare] == [one.lectures for one in used]
    assert {one.license for one in bare} == {""}


SECTION = re.compile(r'<section class="card" aria-labelledby="detectors">.*?</section>', re.DOTALL)

PAGES = {
    "en": """
        How faces were found
        Not all recordings of the course “signals” were analyzed with the same detector and options.
          Detectors do not find the same faces: the share of samples in which a face was seen can differ
          between these recordings for that reason alone. For a comparison, analyze all of them with one
          detector.
        License and figures as the detector gives them. The figures of detectors that come with fertool are
          not from lectures, nor are they given by age, skin tone, glasses or camera. A face that the detector
          misses counts as not seen.
        ssd, version 1, width = 640
        Lectures week 1, week 2 (old.mp4)
        License of the weights MIT (Vincent Mühler, Vladimir Mandic)
        Faces found On 21 frames of 1080p street video, with the default options: 113 of 130 faces of 40 px
          and more found, 94 of 100 of 60 px and more, and 4 boxes without a face. A 1080p frame takes about
          270 ms of a core, in ONNX Runtime. The faces counted are those that two kinds of detectors found,
          after a check by eye.
          How many it finds with the options above is not known.
        yunet, version 2
        Lectures week 2 (new.mp4)
        License of the weights BSD-3-Clause (Shiqi Yu)
        Faces found On 21 frames of 1080p street video, with the default options: 121 of 130 faces of 40 px
          and more found, 99 of 100 of 60 px and more, and 3 boxes without a face. A 1080p frame takes about
          30 ms of a core, in ONNX Runtime. The faces counted are those that two kinds of detectors found,
          after a check by eye.
        yunet, version 1, threshold = 0.6
        This version of the detector is not installed here, so its license and figures are not known.
        Lectures week 3
        haar, version 1
        Lectures week 4
        License of the weights Intel License Agreement For Open Source Computer Vision Library (Intel
          Corporation)
        Faces found no figures are given
        gone, version 3, size = 3
        This version of the detector is not installed here, so its license and figures are not known.
        Lectures week 5
        Not recorded
        Lectures week 6
    """,
    "de": """
        Wie Gesichter gefunden wurden
        Nicht alle Aufnahmen des Kurses „signals“ wurden mit demselben Detektor und denselben Optionen
          analysiert. Detektoren finden nicht dieselben Gesichter: Der Anteil der Stichproben, in denen ein
          Gesicht zu sehen war, kann sich zwischen diesen Aufnahmen allein deshalb unterscheiden. Für einen
          Vergleich alle mit einem Detektor analysieren.
        Lizenz und Zahlen, wie der Detektor sie nennt. Die Zahlen der Detektoren, die fertool mitbringt,
          stammen nicht aus Vorlesungen und sind nicht nach Alter, Hautton, Brille oder Kamera
          aufgeschlüsselt. Ein Gesicht, das der Detektor nicht findet, zählt als nicht gesehen.
        ssd, Version 1, width = 640
        Vorlesungen week 1, week 2 (old.mp4)
        Lizenz der Gewichte MIT (Vincent Mühler, Vladimir Mandic)
        Gefundene Gesichter Auf 21 Bildern eines Straßenvideos in 1080p, mit den voreingestellten Optionen:
          113 von 130 Gesichtern ab 40 px gefunden, 94 von 100 ab 60 px, und 4 Rahmen ohne Gesicht. Ein Bild
          in 1080p braucht etwa 270 ms eines Kerns, in ONNX Runtime. Gezählt sind Gesichter, die zwei Arten
          von Detektoren gefunden haben, nach Prüfung mit dem Auge.
          Wie viele er mit den Optionen oben findet, ist nicht bekannt.
        yunet, Version 2
        Vorlesungen week 2 (new.mp4)
        Lizenz der Gewichte BSD-3-Clause (Shiqi Yu)
        Gefundene Gesichter Auf 21 Bildern eines Straßenvideos in 1080p, mit den voreingestellten Optionen:
          121 von 130 Gesichtern ab 40 px gefunden, 99 von 100 ab 60 px, und 3 Rahmen ohne Gesicht. Ein Bild
          in 1080p braucht etwa 30 ms eines Kerns, in ONNX Runtime. Gezählt sind Gesichter, die zwei Arten von
          Detektoren gefunden haben, nach Prüfung mit dem Auge.
        yunet, Version 1, threshold = 0.6
        Diese Version des Detektors ist hier nicht installiert, Lizenz und Zahlen sind also nicht bekannt.
        Vorlesungen week 3
        haar, Version 1
        Vorlesungen week 4
        Lizenz der Gewichte Intel License Agreement For Open Source Computer Vision Library (Intel
          Corporation)
        Gefundene Gesichter keine Zahlen angegeben
        gone, Version 3, size = 3
        Diese Version des Detektors ist hier nicht installiert, Lizenz und Zahlen sind also nicht bekannt.
        Vorlesungen week 5
        Nicht aufgezeichnet
        Vorlesungen week 6
    """,
}
"""The section, a line for each heading and entry."""


def section(store: Store, out: Path, lang: str) -> Marked:
    page = render(store, out, options=ReportOptions(lang=lang, k=1)).with_name("method.html")
    found = SECTION.findall(page.read_text("utf-8"))
    assert len(found) == 1
    return Marked(found[0])


def words(text: str) -> str:
    return " ".join(text.split()).replace(" ,", ",")


@pytest.mark.parametrize("lang", i18n.available())
def test_a_course_of_several_detectors_says_so(store: Store, tmp_path: Path, lang: str) -> None:
    slow = SSD | {"options": {"width": 640, "exact": False}}
    haar = {"name": "haar", "version": "1", "options": options.values(Haar())}
    weeks = [("1", "a.mp4", slow), ("2", "old.mp4", slow), ("2", "new.mp4", YUNET), ("3", "a.mp4", YUNET_1)]
    weeks += [("4", "a.mp4", haar), ("5", "a.mp4", OTHER), ("6", "a.mp4", OLD)]
    analyzed(store, [("signals", f"week {week}", file, detector) for week, file, detector in weeks])
    assert words(section(store, tmp_path / "out", lang).all) == words(PAGES[lang])


@pytest.mark.parametrize("lang", i18n.available())
def test_a_course_of_one_detector_names_it_and_no_lectures(store: Store, tmp_path: Path, lang: str) -> None:
    analyzed(store, [("signals", "week 1", "a.mp4", SSD), ("signals", "week 2", "a.mp4", SSD)])
    shown = words(section(store, tmp_path / "out", lang).all)
    told = i18n.load(lang).strings
    assert f"{told['method.detectors']} {told['method.detectors_how']} ssd, " in shown, "and no warning"
    assert re.search("113 (of|von) 130 ", shown)
    assert "week" not in shown
    assert "width" not in shown, "it had its usual options"
    assert told["method.other_options"] not in shown


def test_what_has_no_german_words_is_marked(store: Store, tmp_path: Path) -> None:
    analyzed(store, [("signals", "week 1", "a.mp4", YUNET), ("signals", "week 2", "a.mp4", PACK)])
    shown = section(store, tmp_path / "out", "de")
    assert words(shown.marked) == BSD
    assert "NUR FÜR NICHTKOMMERZIELLE FORSCHUNG" in shown.all


@pytest.mark.parametrize("detector", [Yunet, CenterFace, Ssd, Insightface])
@pytest.mark.parametrize("lang", [code for code in i18n.available() if code != i18n.DEFAULT])
def test_detectors_that_ship_say_their_figures_in_every_language(detector: type, lang: str) -> None:
    known = detector.words[lang]
    assert detector.license
    if isinstance(detector.measured, Message):
        assert detector.measured.text in known
        places = re.compile(r"{\w+}")
        assert sorted(places.findall(known[detector.measured.text])) == sorted(
            f"{{{name}}}" for name in detector.measured.values
        )
    else:
        assert detector is Insightface, "the only one without figures"
        assert detector.license in known
