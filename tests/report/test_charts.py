"""Polars -> plotly: what is drawn is what was measured, small enough, and readable by everybody."""

from __future__ import annotations

import itertools
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest
from plotly.offline import get_plotlyjs_version

from fertool.report import data, i18n, series, style
from fertool.report.charts import base, classes, people
from fertool.report.data import insights
from fertool.report.data.course import About, Course
from fertool.report.data.digest import Digest, digest
from fertool.storage.tables import ASSESSMENTS, frame
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool.storage.store import Store

SAY = i18n.load("en")
NOBODY = About({}, "", (), (), ())
CSS = files("fertool.report").joinpath("static", "report.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sampling(full_store: Store) -> Digest:
    return digest(data.load(full_store, "signals", "sampling"))


def load(store: Store, k: int = 1, **students: str) -> Digest:
    store_lecture(store, "c", "l", {name: timeline(spec) for name, spec in students.items()})
    return digest(data.load(store, "c", "l", k))


def times(trace: dict[str, Any]) -> list[float]:
    """Seconds at which the values of a trace stand."""
    values = trace["z"][0] if "z" in trace else trace["y"]
    return [(trace["x0"] - base.MIDNIGHT_MS + i * trace["dx"]) / 1000 for i in range(len(values))]


def named(figure: base.Figure, name: str) -> dict[str, Any]:
    """The last trace of that name: the smooth one."""
    return [trace for trace in figure["data"] if trace.get("name") == name][-1]


def drawings(it: Digest) -> list[base.Figure]:
    course = Course("c", (it,), NOBODY)
    name = it.names[0]
    return [
        classes.timeline(it, SAY),
        classes.presence(it, SAY),
        classes.bars(course.shares, SAY),
        classes.pie(course.shares, SAY),
        classes.trend(course, SAY),
        people.emotions(it, name, SAY),
        people.pose(it, name, SAY),
        people.trend(course, insights.own(course, name), insights.usual(course, name), SAY),
    ]


# --- all of them ------------------------------------------------------------------------------


def test_plotly_accepts_every_figure(sampling: Digest) -> None:
    """The Python package knows every property there is, and refuses others."""
    for figure in drawings(sampling):
        go.Figure(figure)


def test_the_script_that_ships_speaks_the_version_that_is_tested() -> None:
    script = files("fertool.report").joinpath("static", "plotly-cartesian.min.js").read_text(encoding="utf-8")
    assert f"plotly.js (cartesian - minified) v{get_plotlyjs_version()}\n" in script[:200]


def test_figures_are_bare(sampling: Digest) -> None:
    """No template, no colors: the page brings both."""
    for figure in drawings(sampling):
        text = base.Chart("x", "x", figure).json
        assert '"template"' not in text
        assert not re.search(r"#[0-9a-f]{6}", text)


def test_times_are_no_years(sampling: Digest) -> None:
    """plotly reads a number below 10 000 on a date axis as a year."""
    assert classes.timeline(sampling, SAY)["data"][0]["x0"] > 9999


@pytest.mark.parametrize("number", [0, 1, 5, 6])
def test_time_axes_are_clocks_over_the_whole_recording(sampling: Digest, number: int) -> None:
    axis = drawings(sampling)[number]["layout"]["xaxis"]
    assert axis["type"] == "date"
    assert axis["range"] == [base.stamp(0), base.stamp(120)]


def test_holes_between_bins_are_gaps() -> None:
    bins = pl.DataFrame({"start_s": [0.0, 10.0, 40.0], "p": [1, 2, 3]})
    assert series.on_grid(bins, 10, ["p"]).rows() == [(0, 1), (10, 2), (20, None), (30, None), (40, 3)]
    assert series.on_grid(bins.clear(), 10, ["p"]).is_empty()


# --- shares -----------------------------------------------------------------------------------


def test_shares_are_told_with_their_interval(store: Store) -> None:
    it = load(store, A="happy*10 sad*10", B="happy*20", C="sad*20", D="happy*5 sad*15")
    bar, words = classes.bars(Course("c", (it,), NOBODY).shares, SAY)["data"]
    assert bar["y"] == list(EMOTIONS)
    at = EMOTIONS.index("happy")
    assert bar["x"][at] == pytest.approx(100 * 35 / 80, abs=0.01)
    assert bar["error_x"]["array"][at] > 0
    assert re.fullmatch(r"44\u00a0% \(\d+ to \d+\u00a0%\)", words["text"][at])
    assert words["text"][EMOTIONS.index("disgust")] == "0\u00a0%"
    assert bar["meta"]["bars"] == list(EMOTIONS)


def test_shares_of_one_student_have_no_interval(store: Store) -> None:
    it = load(store, A="happy*10 sad*30", B="sad*20")
    shares = Course("c", (it,), NOBODY).shares_of("A")
    bar, words = classes.bars(shares, SAY)["data"]
    assert "error_x" not in bar
    assert [words["text"][EMOTIONS.index(label)] for label in ("happy", "sad")] == ["25\u00a0%", "75\u00a0%"]
    assert Course("c", (load(store, C="present*9"),), NOBODY).shares_of("C") == []


def test_a_slice_too_thin_for_its_name_has_none(store: Store) -> None:
    (pie,) = classes.pie(Course("c", (load(store, A="happy*97 sad*3"),), NOBODY).shares, SAY)["data"]
    assert dict(zip(pie["labels"], pie["text"], strict=True))["happy"] == "happy 97\u00a0%"
    assert dict(zip(pie["labels"], pie["text"], strict=True))["sad"] == ""
    assert sum(pie["values"]) == pytest.approx(1)


# --- the class over time ----------------------------------------------------------------------


def test_the_class_over_time(sampling: Digest) -> None:
    """Of four, Ada leaves at 90 s; Bob is away from 30 to 40 s, and unread until 60 s."""
    seen = named(classes.timeline(sampling, SAY), "Seen")
    shares = dict(zip(times(seen), seen["y"], strict=True))
    assert shares[10.5] == 100
    assert shares[35.5] == 75
    assert shares[100.5] == 75
    negative = named(classes.timeline(sampling, SAY), "Negative")
    assert negative["y"][times(negative).index(10.5)] == 50  # Bob is sad, student-2 angry
    assert negative["y"][times(negative).index(100.5)] == 33  # of the three that are read


def test_segments_are_a_ribbon_with_numbers(sampling: Digest) -> None:
    layout = classes.timeline(sampling, SAY)["layout"]
    assert [shape["name"] for shape in layout["shapes"]] == ["segment", "segment"]
    assert [it["text"] for it in layout["annotations"]] == ["1", "2"]
    assert layout["annotations"][1]["name"] == "2 &lt;b&gt;Quiz&lt;/b&gt;"


def test_lost_moments_are_bands(store: Store) -> None:
    common = {"course": "c", "lecture": "l", "rule": "lost-moments", "version": "1", "options": "{}"}
    lost = common | {"evidence": "{}", "value": 0.6, "level": "attention", "start_s": 10.0, "end_s": 20.0}
    rows = frame([lost], ASSESSMENTS)
    store_lecture(store, "c", "l", {"A": timeline("happy*60")}, assessments=rows)
    store.save_rules([("lost-moments", "1", "lost moments", None)])
    shapes = classes.timeline(digest(data.load(store, "c", "l")), SAY)["layout"]["shapes"]
    (band,) = [shape for shape in shapes if shape["name"] == "lost"]
    assert (band["x0"], band["x1"]) == (base.stamp(10), base.stamp(20))


def test_a_bin_of_too_few_students_is_a_gap(store: Store) -> None:
    """Three recordings of one student each; only two go on after half a minute."""
    store_lecture(store, "c", "l", {"A": timeline("happy*30")}, recording_name="a.mp4")
    store_lecture(store, "c", "l", {"B": timeline("sad*60")}, recording_name="b.mp4")
    store_lecture(store, "c", "l", {"C": timeline("sad*60")}, recording_name="c.mp4")
    seen = named(classes.timeline(digest(data.load(store, "c", "l", k=3)), SAY), "Seen")
    # the first of the others keeps the small ones company: all that is held back is about three students
    assert seen["y"] == [None] + [100] * 29 + [None] * 30
    assert set(named(classes.timeline(digest(data.load(store, "c", "l", k=4)), SAY), "Seen")["y"]) == {None}


def test_part_of_a_lecture_shows_the_same_points_as_the_whole(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*1800 sad*1800")})
    it = digest(data.load(store, "c", "l"))
    assert it.class_width_s == 30
    whole, part = (named(classes.timeline(it, SAY, *span), "Negative") for span in ((), (1500, 2100)))
    assert (
        dict(zip(times(part), part["y"], strict=True)).items()
        <= dict(zip(times(whole), whole["y"], strict=True)).items()
    )
    assert times(part)[0] == 1515
    assert part["y"] == [0] * 10 + [100] * 10


# --- presence ---------------------------------------------------------------------------------


def test_presence_has_a_row_per_student_in_order(sampling: Digest) -> None:
    (heat,) = classes.presence(sampling, SAY)["data"]
    assert heat["y"] == ["Ada", "Bob", "student-2", "student-10"]
    assert heat["z"][0] == [100] * 45 + [0] * 15  # in bins of two seconds
    assert heat["z"][1] == [100] * 15 + [0] * 5 + [100] * 40
    assert times(heat)[:2] == [1, 3]  # the middle of a bin


def test_presence_is_a_share_where_a_bin_holds_several_samples(store: Store) -> None:
    (heat,) = classes.presence(load(store, A="happy*483 absent*1 happy*116"), SAY)["data"]
    assert len(heat["z"][0]) == 60
    assert [value for value in heat["z"][0] if value < 100] == [90]  # one of the ten samples from 0:08:00


def test_time_before_or_after_a_recording_is_neither_seen_nor_unseen(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*10")}, recording_name="a.mp4")
    store_lecture(store, "c", "l", {"B": timeline("sad*20")}, recording_name="b.mp4")
    (heat,) = classes.presence(digest(data.load(store, "c", "l")), SAY)["data"]
    assert heat["z"][0][10:] == [None] * 10
    assert None not in heat["z"][1]


def test_a_ribbon_for_thirty_students_is_legible(store: Store) -> None:
    it = load(store, **{f"student-{i:02d}": "happy*20" for i in range(30)})
    assert classes.presence(it, SAY)["layout"]["height"] / 30 >= base.ROW_PX


def test_names_are_shown_literally(store: Store) -> None:
    it = load(store, **{"<b>A</b> & &lt;": "happy*3", "line\nbreak": "happy*3"})
    (heat,) = classes.presence(it, SAY)["data"]
    assert heat["y"] == ["&lt;b&gt;A&lt;/b&gt; &amp; &amp;lt;", "line break"]


def test_long_names_that_begin_alike_keep_their_rows(store: Store) -> None:
    it = load(store, **{"x" * 40 + "1": "happy*3", "x" * 40 + "2": "absent happy*2"})
    (heat,) = classes.presence(it, SAY)["data"]
    assert len(set(heat["y"])) == 2
    assert heat["z"] == [[100, 100, 100], [0, 100, 100]]


# --- one student ------------------------------------------------------------------------------


def test_emotions_show_samples_behind_means(sampling: Digest) -> None:
    figure = people.emotions(sampling, "Ada", SAY)
    assert [trace["meta"].get("raw", False) for trace in figure["data"]] == [True] * 7 + [False] * 7
    for half in (figure["data"][:7], figure["data"][7:]):
        assert [trace["name"] for trace in half] == list(EMOTIONS)
    raw = figure["data"][EMOTIONS.index("happy")]
    assert raw["y"][60:62] == [70, 70]  # the lowest and the highest of the samples from 0:01:00
    assert raw["y"][90:] == [None] * 30  # away: a gap, not a zero
    assert times(named(figure, "happy"))[:2] == [1, 3]
    assert not [trace for trace in figure["data"] if trace.get("connectgaps")]


def further(store: Store) -> Digest:
    """Ada and Bob before a classifier of nine labels, Cem in a recording of his own before one of seven."""
    nine = ("confusion", "contempt")
    students = {"Ada": "contempt*60 neutral*60", "Bob": "neutral*120"}
    tables = {name: timeline(spec, further=nine) for name, spec in students.items()}
    store_lecture(store, "c", "l", tables, recording_name="a.mp4")
    store_lecture(store, "c", "l", {"Cem": timeline("happy*120")}, recording_name="b.mp4")
    return digest(data.load(store, "c", "l"))


def test_a_further_label_has_a_line_of_its_own_look(store: Store) -> None:
    figure = people.emotions(further(store), "Ada", SAY)
    go.Figure(figure)
    line = named(figure, "contempt")
    assert line["y"][:25] == [70] * 25
    assert max(line["y"][35:]) == round(30 / 8)  # what is left for each of the other eight
    assert line["line"]["dash"] == "dashdot"
    assert line["meta"] == {"color": "label-contempt", "emotion": "contempt"}
    assert {trace["name"] for trace in figure["data"]} == {*EMOTIONS, "confusion", "contempt"}


def test_a_label_that_nobody_looked_for_has_no_line_at_zero(store: Store) -> None:
    names = [trace["name"] for trace in people.emotions(further(store), "Cem", SAY)["data"]]
    assert names == [*EMOTIONS, *EMOTIONS]


def test_bars_and_slices_have_the_colors_of_their_labels(store: Store) -> None:
    names = [*EMOTIONS, "label-confusion", "label-contempt"]
    shares = Course("c", (further(store),), NOBODY).shares
    assert classes.bars(shares, SAY)["data"][0]["meta"]["bars"] == names
    assert classes.pie(shares, SAY)["data"][0]["meta"]["bars"] == names


def test_what_could_not_be_measured_is_a_gap_and_not_neutral(sampling: Digest) -> None:
    neutral = named(people.emotions(sampling, "Bob", SAY), "neutral")
    assert neutral["y"][15:30] == [None] * 15


def test_an_hour_is_thinned_and_its_peak_kept(store: Store) -> None:
    figure = people.emotions(load(store, A="neutral*1700 happy neutral*1899"), "A", SAY)
    raw = figure["data"][EMOTIONS.index("happy")]
    assert max(raw["y"]) == 70
    assert abs(times(raw)[raw["y"].index(70)] - 1700) < 30
    assert len(base.Chart("x", "x", figure).json) < 20_000


def test_a_student_of_one_sample(store: Store) -> None:
    figure = people.emotions(load(store, A="happy"), "A", SAY)
    assert {len(trace["y"]) for trace in figure["data"]} == {1, 2}


def test_head_pose_and_when_seen(sampling: Digest) -> None:
    pitch, yaw, strip = people.pose(sampling, "Bob", SAY)["data"]
    assert pitch["y"][:3] == [-25, -25, -25]
    assert pitch["y"][15:20] == [None] * 5
    assert set(yaw["y"]) == {0, None}
    assert strip["z"][0][14:21] == [100] + [0] * 5 + [100]


def test_a_trend_has_the_usual_as_a_thin_line(store: Store) -> None:
    for week, spec in enumerate(("happy*60", "absent*30 sad*30")):
        store_lecture(store, "c", f"w{week}", {"A": timeline(spec)}, recording_name=f"{week}.mp4")
    course = Course("c", tuple(digest(data.load(store, "c", f"w{week}")) for week in range(2)), NOBODY)
    figure = people.trend(course, insights.own(course, "A"), insights.usual(course, "A"), SAY)
    assert named(figure, "Seen")["y"] == [100, 50]
    usual = sorted(shape["y0"] for shape in figure["layout"]["shapes"])
    assert usual == pytest.approx([100 / 3, 200 / 3, 75])  # negative, happy, seen


def test_a_trend_of_the_class_leaves_hidden_lectures_out(store: Store) -> None:
    store_lecture(store, "c", "w0", {name: timeline("happy*9") for name in "AB"}, recording_name="0.mp4")
    store_lecture(store, "c", "w1", {"A": timeline("happy*9")}, recording_name="1.mp4")
    lectures = tuple(digest(data.load(store, "c", f"w{week}", k=2)) for week in range(2))
    seen = named(classes.trend(Course("c", lectures, NOBODY, 2), SAY), "Seen")
    assert len(seen["y"]) == 1


# --- colors: contrast and color blindness -------------------------------------------------------


def schemes() -> dict[str, str]:
    light, dark = re.split(r"@media screen and \(prefers-color-scheme: dark\)", CSS)
    return {"light": light, "dark": dark.split("@page")[0]}


def palette(part: str) -> dict[str, npt.NDArray[np.float64]]:
    """Linear RGB of the variables of the light or the dark scheme."""
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", schemes()[part])
    rgb = {name: np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255 for name, code in found}
    return {name: np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for name, c in rgb.items()}


def contrast(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """WCAG 2 contrast ratio."""
    low, high = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


FURTHER = [f"further-{number}" for number in range(1, style.COLORS + 1)]
SIGHT = {  # Machado, Oliveira and Fernandes 2009, severity 1
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_emotions_can_be_told_apart(scheme: str, sight: str) -> None:
    colors = palette(scheme)
    seen = {name: lab(np.asarray(SIGHT[sight]) @ colors[name]) for name in (*EMOTIONS, *FURTHER)}
    for one, other in itertools.combinations(seen, 2):
        apart = float(np.linalg.norm(seen[one] - seen[other]))
        assert apart > 20, f"{one} and {other} look alike ({apart:.0f}) to {sight} eyes on {scheme}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_sufficient(scheme: str) -> None:
    colors = palette(scheme)
    for name in (*EMOTIONS, *FURTHER, "other", "heat-1", "notice-line"):
        assert contrast(colors[name], colors["surface"]) >= 3, name  # graphics: WCAG 1.4.11
    for name in ("text", "quiet", "accent", "good", "attention"):
        for ground in ("surface", "page"):
            assert contrast(colors[name], colors[ground]) >= 4.5, name  # text: WCAG 1.4.3
    for ground in ("notice", "lost"):
        assert contrast(colors["text"], colors[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_on_a_heat_map_can_be_read(scheme: str) -> None:
    """On the darkest shade too, which the stylesheet mixes in sRGB."""
    part = 0.70
    assert f"h10 {{ background: color-mix(in srgb, var(--shade) {part:.0%}" in CSS
    codes = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", schemes()[scheme]))
    shade, surface = (
        np.array([int(codes[n][i : i + 2], 16) for i in (0, 2, 4)]) for n in ("shade", "surface")
    )
    mixed = (part * shade + (1 - part) * surface) / 255
    linear = np.where(mixed <= 0.04045, mixed / 12.92, ((mixed + 0.055) / 1.055) ** 2.4)
    assert contrast(palette(scheme)["text"], linear) >= 4.5


def test_both_schemes_name_the_same_colors() -> None:
    assert set(palette("light")) == set(palette("dark"))


def test_every_emotion_has_a_swatch_that_looks_like_its_line() -> None:
    styles = {"solid": "", "dash": "dashed", "dot": "dotted"}
    for name in EMOTIONS:
        rule = re.search(rf'\.swatch\[data-label="{name}"\] \{{([^}}]*)\}}', CSS)
        assert rule, name
        assert f"var(--{name})" in rule[1]
        assert re.findall(r"border-top-style: (\w+)", rule[1]) == list(
            filter(None, [styles[people.DASHES[name]]])
        )
