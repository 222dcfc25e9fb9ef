"""Polars -> plotly: what is drawn is what was measured, small enough, and readable by everybody."""

from __future__ import annotations

import itertools
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fertool.report import charts, data
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool.report.data import Lecture
    from fertool.store import Store

CSS = files("fertool.report").joinpath("static", "report.css").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sampling(full_store: Store) -> Lecture:
    return data.load(full_store, "signals", "sampling")


def load(store: Store, **students: str) -> Lecture:
    store_lecture(store, "c", "l", {name: timeline(spec) for name, spec in students.items()})
    return data.load(store, "c", "l")


def seconds(x: object) -> list[float]:
    return ((np.asarray(x) - charts.MIDNIGHT_MS) / 1000).tolist()


# --- shares -----------------------------------------------------------------------------------


def test_shares_show_the_share_and_its_n(sampling: Lecture) -> None:
    (bar,) = charts.shares(sampling).data
    assert list(bar.y) == list(EMOTIONS)
    assert bar.x[EMOTIONS.index("happy")] == pytest.approx(30 / 420)
    assert bar.text[EMOTIONS.index("happy")] == "7.1\u00a0% (n = 30)"
    assert bar.text[EMOTIONS.index("disgust")] == "0.0\u00a0% (n = 0)"
    assert bar.meta["bars"] == list(EMOTIONS)


# --- presence ---------------------------------------------------------------------------------


def test_presence_has_a_row_per_student_in_order(sampling: Lecture) -> None:
    (heat,) = charts.presence(sampling).data
    assert list(heat.y) == ["Ada", "Bob", "student-2", "student-10"]
    assert heat.z.shape == (4, 120)
    assert heat.z[0].tolist() == [1] * 90 + [0] * 30
    assert heat.z[1].tolist() == [1] * 30 + [0] * 10 + [1] * 80
    assert seconds(heat.x)[:2] == [0.5, 1.5]  # the middle of a bin


def test_presence_is_a_share_where_a_bin_holds_several_samples(store: Store) -> None:
    it = load(store, A="happy*483 absent*1 happy*116")
    (heat,) = charts.presence(it).data
    assert len(heat.x) <= charts.RIBBON_BINS
    row = heat.z[0]
    assert row.min() == pytest.approx(4 / 5)  # one of the five samples of 0:08:00-0:08:05 is missing
    assert (row < 1).sum() == 1


def test_time_before_or_after_a_recording_is_neither_seen_nor_unseen(store: Store) -> None:
    store_lecture(store, "c", "l", {"A": timeline("happy*10")}, recording_name="a.mp4")
    store_lecture(store, "c", "l", {"B": timeline("sad*20")}, recording_name="b.mp4")
    (heat,) = charts.presence(data.load(store, "c", "l")).data
    assert np.isnan(heat.z[0][10:]).all()
    assert not np.isnan(heat.z[1]).any()


def test_a_ribbon_for_thirty_students_is_legible(store: Store) -> None:
    it = load(store, **{f"student-{i:02d}": "happy*20" for i in range(30)})
    figure = charts.presence(it)
    assert figure.layout.height / 30 >= charts.ROW_PX


# --- emotions over time -----------------------------------------------------------------------


def test_emotions_show_samples_behind_means(sampling: Lecture) -> None:
    figure = charts.emotions(sampling, "Ada")
    assert [trace.meta["raw"] for trace in figure.data] == [True] * 7 + [False] * 7
    for half in (figure.data[:7], figure.data[7:]):
        assert [trace.name for trace in half] == list(EMOTIONS)
    happy = figure.data[EMOTIONS.index("happy")]
    assert seconds(happy.x) == list(range(120))
    assert happy.y[65] == pytest.approx(0.7)
    assert np.isnan(happy.y[90:]).all()  # away: a gap, not a zero
    assert all(trace.connectgaps is False for trace in figure.data)


def test_what_could_not_be_measured_is_a_gap_and_not_neutral(sampling: Lecture) -> None:
    neutral = charts.emotions(sampling, "Bob").data[EMOTIONS.index("neutral")]
    assert np.isnan(neutral.y[30:60]).all()


def test_an_hour_is_thinned_and_its_peak_kept(store: Store) -> None:
    it = load(store, A="neutral*1700 happy neutral*1899")
    figure = charts.emotions(it, "A")
    for trace in figure.data:
        limit = charts.RAW_BUCKETS if trace.meta["raw"] else charts.SMOOTH_BUCKETS
        assert len(trace.x) <= 3 * limit
        assert (np.diff(trace.x) > 0).all()
    happy = figure.data[EMOTIONS.index("happy")]
    assert happy.y.max() == pytest.approx(0.7)
    assert seconds(happy.x)[int(happy.y.argmax())] == 1700
    assert len(figure.to_json()) < 60_000


def test_a_student_of_one_sample(store: Store) -> None:
    figure = charts.emotions(load(store, A="happy"), "A")
    assert all(len(trace.x) == 1 for trace in figure.data)


# --- axes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [charts.presence, lambda it: charts.emotions(it, "Ada")])
def test_time_axes_are_clocks_over_the_whole_recording(sampling: Lecture, build) -> None:
    axis = build(sampling).layout.xaxis
    assert axis.type == "date"
    assert axis.tickformat == axis.hoverformat == "%-H:%M:%S"
    assert seconds(axis.range) == [0, 120]


def test_times_are_no_years(sampling: Lecture) -> None:
    """plotly reads a number below 10 000 on a date axis as a year."""
    assert charts.emotions(sampling, "Ada").data[0].x.min() > 9999


def test_probabilities_share_one_scale(sampling: Lecture) -> None:
    assert list(charts.emotions(sampling, "Ada").layout.yaxis.range) == [-0.03, 1.03]


# --- names ------------------------------------------------------------------------------------


def test_names_are_shown_literally(store: Store) -> None:
    it = load(store, **{"<b>A</b> & &lt;": "happy*3", "line\nbreak": "happy*3"})
    (heat,) = charts.presence(it).data
    assert list(heat.y) == ["&lt;b&gt;A&lt;/b&gt; &amp; &amp;lt;", "line break"]


def test_long_names_that_begin_alike_keep_their_rows(store: Store) -> None:
    it = load(store, **{"x" * 40 + "1": "happy*3", "x" * 40 + "2": "absent happy*2"})
    (heat,) = charts.presence(it).data
    assert len(set(heat.y)) == 2
    assert heat.z.tolist() == [[1, 1, 1], [0, 1, 1]]


def test_figures_are_bare(sampling: Lecture) -> None:
    """No template, no colours: the page brings both."""
    text = charts.emotions(sampling, "Ada").to_json()
    assert "colorway" not in text
    assert not re.search(r"#[0-9a-f]{6}", text)
    assert json.loads(text)["layout"]["showlegend"] is False


# --- colours: contrast and colour blindness -------------------------------------------------------


def palette(part: str) -> dict[str, npt.NDArray[np.float64]]:
    """Linear RGB of the variables of the light or the dark scheme."""
    light, dark = re.split(r"@media screen and \(prefers-color-scheme: dark\)", CSS)
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", light if part == "light" else dark.split("@page")[0])
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
    seen = {name: lab(np.asarray(SIGHT[sight]) @ colors[name]) for name in EMOTIONS}
    for one, other in itertools.combinations(EMOTIONS, 2):
        apart = float(np.linalg.norm(seen[one] - seen[other]))
        assert apart > 20, f"{one} and {other} look alike ({apart:.0f}) to {sight} eyes on {scheme}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_sufficient(scheme: str) -> None:
    colors = palette(scheme)
    for name in (*EMOTIONS, "other", "heat-1", "notice-line"):
        assert contrast(colors[name], colors["surface"]) >= 3, name  # graphics: WCAG 1.4.11
    for name in ("text", "quiet", "accent", "good", "attention"):
        for ground in ("surface", "page"):
            assert contrast(colors[name], colors[ground]) >= 4.5, name  # text: WCAG 1.4.3
    assert contrast(colors["text"], colors["notice"]) >= 4.5


def test_both_schemes_name_the_same_colours() -> None:
    assert set(palette("light")) == set(palette("dark"))


def test_every_emotion_has_a_swatch_that_looks_like_its_line() -> None:
    styles = {"solid": "", "dash": "dashed", "dot": "dotted"}
    for name in EMOTIONS:
        rule = re.search(rf'\.swatch\[data-label="{name}"\] \{{([^}}]*)\}}', CSS)
        assert rule, name
        assert f"var(--{name})" in rule[1]
        assert re.findall(r"border-top-style: (\w+)", rule[1]) == list(
            filter(None, [styles[charts.DASHES[name]]])
        )
