"""Where a level head points before a camera: on heads whose posture is known, with cameras of every tilt."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.assessment import head_level
from fertool.assessment.head_level import Level, Mode
from fertool.demo.timelines import timeline
from fertool.testing import context
from fertool_plugins.rules.concentration import Concentration
from fertool_plugins.rules.involvement import Involvement

SHARES = [0, 20, 45, 50, 51, 70, 100]
BIASES = [-20, -10, -5, 0, 5, 10, 20]


def lecture(away, bias, pose="down", axis="pitch_deg", samples=100):
    """A student who is `away` percent of the time in a pose, before a camera that adds `bias` degrees."""
    blocks = {f"neutral/{pose}": away * samples // 100, "neutral": (100 - away) * samples // 100}
    spec = " ".join(f"{block}*{count}" for block, count in blocks.items() if count)
    return timeline(spec).with_columns(pl.col(axis) + bias)


def angles(lectures, axis):
    """{(lecture, student): timeline} -> what `Store.angles` gives."""
    tables = [
        seen.drop_nulls(axis)
        .group_by(deg=pl.col(axis).round().cast(pl.Int32))
        .agg(n=pl.len(), total=pl.col(axis).sum().cast(pl.Float64))
        .select(pl.lit(name).alias("lecture"), pl.lit(student).alias("student"), "deg", "n", "total")
        for (name, student), seen in lectures.items()
    ]
    return pl.concat(tables)


def baseline(lectures, key):
    """What a rule is told of one student in one lecture."""
    found = {}
    for axis in ("pitch_deg", "yaw_deg"):
        found |= head_level.to_baseline(head_level.levels(angles(lectures, axis), axis)[key], axis)
    return found


def judged(rule, lectures, key=("1", "s")):
    return rule.assess(lectures[key], context(baseline=baseline(lectures, key)))


# --- the truth: shares x cameras x one lecture or ten ------------------------------------------------


@pytest.mark.parametrize("lectures", [1, 10])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("bowed", SHARES)
def test_a_bowed_head_is_found_or_not_measurable_never_denied(bowed, bias, lectures):
    seen = {(str(i), "s"): lecture(bowed, bias) for i in range(1, lectures + 1)}
    one = judged(Involvement(), seen)
    if bowed in (0, 100):
        # One height only. Level at it, or bowed at it before a camera that looks up: the latter would need a
        # level head above 20 degrees, which is beyond any camera, from 5 degrees on.
        pitch = bias - 25 * (bowed == 100)
        assert one.level == ("good" if pitch >= 5 else "not measurable")
        assert one.value == (0.0 if pitch >= 5 else None)
        assert pitch < 5 or bowed == 0
    else:  # two heights: the upper one is level
        assert one.value == pytest.approx(bowed / 100)
        assert one.level == ("attention" if bowed > 50 else "good")


CLASS_OF_SIX = {("1", f"s{i}"): lecture(20, tilt) for i, tilt in enumerate((-4, -2, 0, 2, 4))}


@pytest.mark.parametrize("bias", BIASES)
def test_a_class_shows_who_is_bowed_all_the_time_if_far_below_it(bias):
    # The class's middle is 0, so a level head lies within 20 degrees of it: at most 20, at least -20.
    one = judged(Involvement(), {**CLASS_OF_SIX, ("1", "s"): lecture(100, bias)})
    pitch = bias - 25
    if pitch < -35:  # more than 15 degrees below the lowest level
        assert (one.value, one.level) == (1.0, "attention")
    else:
        assert (one.value, one.level) == (None, "not measurable")


@pytest.mark.parametrize("lectures", [1, 10])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("turned", SHARES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_turned_head_is_found_or_not_measurable_never_denied(turned, bias, lectures, side):
    # Pitch is given; yaw is 40 degrees aside for `turned` percent of the time: 1 ahead, 1/6 aside.
    seen = {(str(i), "s"): lecture(turned, bias, side, "yaw_deg") for i in range(1, lectures + 1)}
    one = judged(Concentration(pitch=0.0), seen)
    true = 1 - turned / 100 * 5 / 6
    aside = bias + (40 if side == "right" else -40)
    if one.value is None:
        both = -20 <= aside <= 20  # as far as a head ahead may be measured: either pose may be it
        assert both if turned not in (0, 100) else abs(aside) <= 50 if turned else abs(bias) > 5
    else:
        low, high = one.interval or (one.value, one.value)
        assert low - 1e-6 <= true <= high + 1e-6
        assert turned != 100 or one.level == "attention"


def test_of_ten_lectures_one_that_is_bowed_throughout_is_not_measurable():
    seen = {(str(i), "s"): lecture(20, 0) for i in range(1, 10)} | {("10", "s"): lecture(100, 0)}
    assert judged(Involvement(), seen, ("10", "s")).level == "not measurable"  # or the camera was tilted
    assert judged(Involvement(), seen).value == pytest.approx(0.2)


def test_a_lecture_at_the_level_of_another_takes_it():
    seen = {("1", "s"): lecture(20, -3), ("2", "s"): lecture(0, 0)}
    one = judged(Involvement(), seen, ("2", "s"))
    assert (one.value, one.level) == (0.0, "good")


def test_a_camera_that_was_tilted_between_lectures_is_no_bowed_head():
    seen = {("1", "s"): lecture(20, 0), ("2", "s"): lecture(20, -20)}
    assert judged(Involvement(), seen, ("2", "s")).value == pytest.approx(0.2)


def test_a_look_at_the_ceiling_is_not_the_level():
    up = timeline("neutral*90 neutral/up*10")  # 10 %: less than a level head may be seen for
    one = judged(Involvement(), {("1", "s"): up})
    assert (one.value, one.level) == (None, "not measurable")
    assert str(one.message).endswith("bowed in between 0% and 90% of them")


# --- modes -----------------------------------------------------------------------------------------

HEIGHTS = [
    # {degree: samples} -> modes as (degree, share), the lowest first
    ({}, []),
    ({0: 9}, []),  # too few samples for anything
    ({0: 10}, [(0, 1.0)]),
    ({0: 60, -25: 40}, [(-25, 0.4), (0, 0.6)]),
    ({0: 95, -25: 5}, [(0, 0.95)]),  # five samples are too few for a mode
    ({0: 960, -25: 40}, [(0, 0.96)]),  # 4 % may be noise
    ({0: 90, -25: 10}, [(-25, 0.1), (0, 0.9)]),
    ({0: 50, -6: 50}, [(-3, 1.0)]),  # nearer than two heights of a head can be told
    ({-40: 30, -20: 30, 0: 40}, [(-40, 0.3), (-20, 0.3), (0, 0.4)]),
    ({89: 20, -89: 20}, [(-89, 0.5), (89, 0.5)]),
]


@pytest.mark.parametrize(("counts", "expected"), HEIGHTS)
def test_modes(counts, expected):
    table = pl.DataFrame(
        [(deg, n, float(deg * n)) for deg, n in sorted(counts.items())],
        schema={"deg": pl.Int32, "n": pl.Int64, "total": pl.Float64},
        orient="row",
    )
    found = head_level.modes(*(table[name].to_numpy() for name in ("deg", "n", "total")))
    assert [(round(mode.deg, 6), pytest.approx(mode.share)) for mode in found] == expected


def test_the_uncertainty_of_a_mode_is_that_of_its_mean():
    # 50 samples each at -2 and 2: standard deviation 2, a tenth of them independent: 1.96 * 2 / sqrt(10)
    seen = timeline("neutral*100").with_columns(
        pitch_deg=pl.when(pl.int_range(pl.len()) % 2 == 0).then(-2.0).otherwise(2.0)
    )
    table = angles({("1", "s"): seen}, "pitch_deg")
    (mode,) = head_level.modes(*(table[name].to_numpy() for name in ("deg", "n", "total")))
    assert (mode.deg, mode.error) == (0.0, pytest.approx(1.2396, abs=1e-4))


def test_nothing_measured_is_no_level():
    empty = angles({("1", "s"): timeline("absent*20")}, "pitch_deg")
    assert head_level.levels(empty, "pitch_deg") == {}


PLAUSIBLE = [
    # levels of the students of a class -> what is plausible
    ([0.0] * 4, (-35.0, 20.0)),  # too few students to know the class by
    ([-13.0] * 5, (-33.0, 7.0)),  # never less than 20 degrees on either side
    # spread: median distance 10 from the middle 0, times 1.4826, times 2.5
    ([-20.0, -10.0, 0.0, 10.0, 20.0], (-37.065, 37.065)),
    ([0.0, 0.0, 0.0, 0.0, 90.0], (-20.0, 20.0)),  # one student does not move it
]


@pytest.mark.parametrize(("heads", "expected"), PLAUSIBLE)
def test_what_is_plausible_in_a_class(heads, expected):
    found = {("1", f"s{i}"): [Mode(deg, 0.0, 1.0)] for i, deg in enumerate(heads)}
    assert head_level.plausible(found, "pitch_deg") == pytest.approx(expected)


def test_a_baseline_keeps_a_level():
    level = Level(-3.0, -5.0, 4.0)
    assert head_level.of(head_level.to_baseline(level, "yaw_deg"), "yaw_deg") == level
    assert head_level.of({"level_yaw_deg": 2.0}, "yaw_deg") == Level(2.0, 2.0, 2.0)
    assert head_level.of({"yaw_deg": 2.0}, "yaw_deg") is None


# --- properties ------------------------------------------------------------------------------------


@given(bowed=st.integers(0, 100), deeper=st.floats(1, 35), bias=st.floats(-20, 20), noise=st.integers(0, 4))
def test_what_is_said_of_a_bowed_head_is_true(bowed, deeper, bias, noise):
    row = pl.int_range(pl.len())
    wobble = row * 7 % (2 * noise + 1) - noise  # evenly from -noise to noise
    posture = pl.when(row < 2 * bowed).then(-(15 + 2 * noise + deeper)).otherwise(0.0)
    seen = timeline("neutral*200").with_columns(pitch_deg=(posture + bias + wobble).cast(pl.Float32))
    one = judged(Involvement(), {("1", "s"): seen})
    assert one.value is None or one.value == pytest.approx(bowed / 100, abs=0.1)
