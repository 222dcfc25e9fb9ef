"""Head pose: angles put in come out again, signs mean what `Faces` says, nonsense is NaN."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.vision import head_pose

yaws, pitches, rolls = st.floats(-65, 65), st.floats(-40, 40), st.floats(-175, 175)


def rotation(yaw, pitch, roll):
    """Rz Ry Rx in axes right, down, towards the viewer, turned into OpenCV's (right, down, away)."""
    y, p, r = np.radians([yaw, pitch, roll])
    rx = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    ry = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    rz = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    flip = np.diag([1, 1, -1])
    return flip @ np.array(rz) @ ry @ rx @ flip


def project(yaw, pitch, roll, distance=head_pose.DISTANCE_CM):
    """(1, 68, 2) landmarks of the generic face, as a camera `distance` cm away sees them."""
    points = head_pose.MODEL @ rotation(yaw, pitch, roll).T + (0, 0, distance)
    landmarks = np.full((1, 68, 2), -1e4, np.float32)  # the points not used must not matter
    landmarks[0, head_pose.POINTS] = 1000 * points[:, :2] / points[:, 2:] + (640, 360)
    return landmarks


def measured(*args, **kwargs):
    return head_pose.head_pose(project(*args, **kwargs))[0]


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [
        (0, 0, 0),  # straight at the camera
        (30, 0, 0),  # to the picture's right
        (-30, 0, 0),  # to the picture's left
        (0, 20, 0),  # up
        (0, -35, 0),  # down: reading
        (0, 0, 25),  # head on the shoulder, clockwise
        (0, 0, 180),  # upside down
        (-45, 20, -15),  # all at once
        (70, 0, 0),  # nearly a profile, still reported
    ],
)
def test_known_poses(yaw, pitch, roll):
    got = measured(yaw, pitch, roll) - (yaw, pitch, roll)
    np.testing.assert_allclose((got + 180) % 360 - 180, 0, atol=1.5)


def test_what_the_signs_look_like():
    """Independent of any rotation formula: where the points move in the picture."""
    frontal, right, up, clockwise = (project(*p)[0] for p in [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 20)])
    nose, brows = (31, 35), (21, 22)
    eyes = (36, 45)

    def x(points, of):
        return points[list(of), 0].mean()

    def y(points, of):
        return points[list(of), 1].mean()

    # Looking right, the nose runs ahead of the eyes to the right; looking up, it rises towards them.
    assert x(right, nose) - x(right, eyes) > x(frontal, nose) - x(frontal, eyes) + 10
    assert y(up, nose) - y(up, eyes) < y(frontal, nose) - y(frontal, eyes) - 10
    # Turned clockwise, the brows go to the right and the eye on the right of the picture sinks.
    assert x(clockwise, brows) > x(frontal, brows) + 10
    assert clockwise[45, 1] > clockwise[36, 1] + 10


@given(yaws, pitches, rolls)
def test_any_pose_is_recovered(yaw, pitch, roll):
    got = measured(yaw, pitch, roll) - (yaw, pitch, roll)
    np.testing.assert_allclose((got + 180) % 360 - 180, 0, atol=2)


@given(st.floats(-60, 60), st.floats(-25, 25), st.sampled_from([40, 120, 1000]))
def test_another_distance_costs_a_few_degrees(yaw, pitch, distance):
    np.testing.assert_allclose(measured(yaw, pitch, 0, distance=distance), (yaw, pitch, 0), atol=6)


@given(yaws, pitches, st.floats(-60, 60))
def test_a_mirrored_face_has_yaw_and_roll_mirrored(yaw, pitch, roll):
    landmarks = project(yaw, pitch, roll)
    partner = np.arange(68)
    for right, left in [(17, 26), (21, 22), (36, 45), (39, 42), (31, 35), (48, 54)]:
        partner[[right, left]] = left, right
    mirrored = landmarks[:, partner] * np.float32([-1, 1])
    straight, other = head_pose.head_pose(np.concatenate([landmarks, mirrored]))
    np.testing.assert_allclose(other, straight * (-1, 1, -1), atol=0.1)


@given(yaws, pitches, st.floats(0.05, 20), st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_place_and_size_in_the_frame_do_not_matter(yaw, pitch, scale, x, y):
    """A person in the corner of a gallery view is turned no more than one in its middle."""
    landmarks = project(yaw, pitch, 5)
    moved = (landmarks * scale + (x, y)).astype(np.float32)
    np.testing.assert_allclose(head_pose.head_pose(moved), head_pose.head_pose(landmarks), atol=0.3)


@given(yaws, pitches, st.floats(-60, 60), st.floats(-90, 90))
def test_turning_the_picture_changes_the_roll_only(yaw, pitch, roll, turn):
    a = np.radians(turn)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    landmarks = project(yaw, pitch, roll)
    before, after = head_pose.head_pose(
        np.concatenate([landmarks, (landmarks @ matrix.T).astype(np.float32)])
    )
    change = (after - before - (0, 0, turn) + 180) % 360 - 180
    np.testing.assert_allclose(change, 0, atol=0.1)


@given(yaws, pitches)
def test_noise_of_one_percent_costs_a_few_degrees(yaw, pitch):
    rng = np.random.default_rng(0)
    landmarks = project(yaw, pitch, 0)
    width = np.ptp(landmarks[0, head_pose.POINTS, 0])
    noisy = landmarks + rng.normal(0, 0.01 * width, landmarks.shape).astype(np.float32)
    np.testing.assert_allclose(head_pose.head_pose(noisy)[0], (yaw, pitch, 0), atol=12)


def line():
    return np.repeat(np.arange(68, dtype=np.float32)[None, :, None], 2, axis=2)


def far_profile():
    return project(88, 0, 0)


def scrambled():
    return np.random.default_rng(0).uniform(0, 100, (1, 68, 2)).astype(np.float32)


def one_point_lost():
    landmarks = project(0, 0, 0)
    landmarks[0, 36] = np.nan
    return landmarks


def one_point_gone_astray():
    landmarks = project(0, 0, 0)
    landmarks[0, 8] += 400
    return landmarks


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((1, 68, 2), np.float32),  # all in one point
        np.full((1, 68, 2), np.nan, np.float32),  # not measured
        np.full((1, 68, 2), np.inf, np.float32),  # overflown
        line(),  # all on one line
        scrambled(),  # no face at all: fits badly
        far_profile(),  # beyond what 14 frontal points can tell
        one_point_lost(),
        one_point_gone_astray(),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_nonsense_is_nan(landmarks):
    got = head_pose.head_pose(landmarks)
    assert got.shape == (1, 3)
    assert got.dtype == np.float32
    assert np.isnan(got).all()


@pytest.mark.filterwarnings("ignore:invalid value")
def test_one_bad_face_does_not_touch_the_others():
    got = head_pose.head_pose(np.concatenate([project(30, 0, 0), one_point_lost(), project(-30, 0, 0)]))
    assert np.isnan(got[1]).all()
    np.testing.assert_allclose(got[[0, 2], 0], [30, -30], atol=0.7)


def test_no_face():
    got = head_pose.head_pose(np.zeros((0, 68, 2), np.float32))
    assert got.shape == (0, 3)
    assert got.dtype == np.float32


def test_the_input_is_left_alone():
    landmarks = project(10, 10, 10)
    before = landmarks.copy()
    head_pose.head_pose(landmarks)
    np.testing.assert_array_equal(landmarks, before)


def test_the_generic_face_is_a_face():
    """Fourteen points, symmetric, chin lowest, brows highest, of a human size."""
    at = dict(zip(head_pose.POINTS, head_pose.MODEL, strict=True))
    assert len(at) == 14
    np.testing.assert_allclose(head_pose.MODEL.mean(axis=0), 0, atol=1e-12)
    for right, left in [(17, 26), (21, 22), (36, 45), (39, 42), (31, 35), (48, 54)]:
        np.testing.assert_allclose(at[right] * (-1, 1, 1), at[left])
    assert max(at, key=lambda i: at[i][1]) == 8
    assert min(at, key=lambda i: at[i][1]) in (21, 22)
    assert 8 < at[45][0] - at[36][0] < 10, "outer eye corners in cm (Farkas: about 9)"
