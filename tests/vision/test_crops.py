"""Cutting faces: which frame pixel ends up where, checked on pictures whose pixels say where they are."""

from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import Crop
from fertool.vision import crops

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = (80.0, 90.0), (120.0, 90.0), (100.0, 112.0), (100.0, 130.0)


def five(right=RIGHT_EYE, left=LEFT_EYE, mouth=MOUTH):
    """(1, 5, 2) landmarks; the mouth corners lie 12 pixels either side of `mouth`."""
    points = [right, left, NOSE, (mouth[0] - 12, mouth[1]), (mouth[0] + 12, mouth[1])]
    return np.array([points], np.float32)


def sixty_eight(right=RIGHT_EYE, left=LEFT_EYE, mouth=MOUTH):
    """(1, 68, 2) landmarks whose eyes and mouth have the same centers; the rest lies elsewhere."""
    points = np.full((1, 68, 2), 7.0, np.float32)
    turn = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    ring = 4 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points[0, 36:42], points[0, 42:48] = right + ring, left + ring
    points[0, 48:68] = mouth
    return points


def rotated(points, degrees, center=(100.0, 100.0)):
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return ((points - center) @ turn.T + center).astype(np.float32)


def ramp(height=200, width=240):
    """A frame that says where each pixel comes from: blue is x, green is y."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width)[None]
    image[..., 1] = np.arange(height)[:, None]
    image[..., 2] = 255
    return image


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def in_crop(matrix, point):
    """The crop pixel that shows a frame point."""
    return np.linalg.solve(matrix[:, :2], np.asarray(point) - matrix[:, 2])


@pytest.mark.parametrize(
    ("box", "crop", "origin", "scale"),
    [
        ((50, 60, 114, 124), Crop(64, align=False), (50, 60), 1.0),  # the very pixels
        ((50, 60, 114, 124), Crop(32, align=False), (50, 60), 2.0),  # halved: every second pixel
        ((50, 60, 90, 124), Crop(64, align=False), (38, 60), 1.0),  # tall: widened around its center
        ((50, 60, 114, 80), Crop(64, align=False), (50, 38), 1.0),  # wide: heightened
        ((50, 60, 114, 124), Crop(64, 0.25, align=False), (34, 44), 1.5),  # a quarter more on every side
        ((50.5, 60.25, 114.5, 124.25), Crop(64, align=False), (50.5, 60.25), 1.0),  # fractions are kept
        ((50, 60, 114, 124), Crop(64), (50, 60), 1.0),  # aligned, but without landmarks
    ],
)
def test_the_square_around_a_box(box, crop, origin, scale):
    (matrix,) = crops.matrices(boxes(box), None, crop)
    np.testing.assert_allclose(matrix, [[scale, 0, origin[0]], [0, scale, origin[1]]])


def test_crop_pixels_show_frame_pixels_without_half_pixel_shift():
    image = ramp()
    (same,) = crops.cut(image, boxes((50, 60, 114, 124)), None, Crop(64, align=False))
    np.testing.assert_array_equal(same, image[60:124, 50:114])
    (half,) = crops.cut(image, boxes((50, 60, 114, 124)), None, Crop(32, align=False))
    np.testing.assert_array_equal(half, image[60:124:2, 50:114:2])


def test_enlarging_interpolates_like_tensorflow_legacy_bilinear():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 40, 3), np.uint8)
    (got,) = crops.cut(image, boxes((8, 8, 24, 24)), None, Crop(50, align=False))
    at = 8 + np.arange(50) * 16 / 50  # src = dst * scale
    low, part = np.floor(at).astype(int), at - np.floor(at)
    rows = image[low] * (1 - part)[:, None, None] + image[low + 1] * part[:, None, None]
    want = rows[:, low] * (1 - part)[None, :, None] + rows[:, low + 1] * part[None, :, None]
    # cv2 may round positions to 1/32 pixel: at most 8 of 255 on noise.
    np.testing.assert_allclose(got, want, atol=8.5)


def test_bicubic_sampling_by_hand():
    """A pixel of 160 in black, seen half a pixel aside: 160 * .59375 on either side of it and, beyond,
    160 * -.09375, which no pixel can be (cv2's kernel: a = -.75)."""
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 10] = 160
    aside = boxes((4.5, 4, 12.5, 12))
    (bicubic,) = crops.cut(image, aside, None, Crop(8, align=False, sampling="bicubic"))
    assert bicubic[4, :, 0].tolist() == [0, 0, 0, 0, 0, 95, 95, 0]
    (bilinear,) = crops.cut(image, aside, None, Crop(8, align=False))
    assert bilinear[4, :, 0].tolist() == [0, 0, 0, 0, 0, 80, 80, 0]


@pytest.mark.parametrize("size", [64, 32])
def test_bicubic_sampling_shows_the_very_pixels_where_there_are_any(size):
    box = boxes((50, 60, 114, 124))
    cut = [crops.cut(ramp(), box, None, Crop(size, align=False, sampling=how)) for how in crops.SAMPLING]
    np.testing.assert_array_equal(*cut)


def test_black_outside_the_frame():
    white = np.full((100, 100, 3), 255, np.uint8)
    (crop,) = crops.cut(white, boxes((-32, -32, 32, 32)), None, Crop(64, align=False))
    assert (crop[32:, 32:] == 255).all()
    assert (crop[:32] == 0).all()
    assert (crop[:, :32] == 0).all()
    (beyond,) = crops.cut(white, boxes((500, 500, 564, 564)), None, Crop(64, align=False))
    assert not beyond.any()


@pytest.mark.parametrize("landmarks", [five(), sixty_eight()], ids=["5", "68"])
def test_aligned_square_is_face_apis(landmarks):
    """Worked out by hand: eyes at (80, 90) and (120, 90), mouth at (100, 130)."""
    (matrix,) = crops.matrices(boxes((0, 0, 10, 10)), landmarks, Crop(100))
    side = np.hypot(20, 40) / 0.45  # eye to mouth over relScale
    center = (100, (90 + 90 + 130) / 3)
    scale = side / 100
    want = [[scale, 0, center[0] - 0.5 * side], [0, scale, center[1] - 0.43 * side]]
    np.testing.assert_allclose(matrix, want, rtol=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5])
def test_margin_is_added_on_every_side(margin):
    """The corners of the plain square lie `margin` sides inside the larger one."""
    (plain,) = crops.matrices(boxes((0, 0, 9, 9)), five(), Crop(100))
    (wide,) = crops.matrices(boxes((0, 0, 9, 9)), five(), Crop(100, margin))
    inset = 100 * margin / (1 + 2 * margin)
    for corner in [(0, 0), (100, 0), (0, 100), (100, 100)]:
        point = plain[:, :2] @ corner + plain[:, 2]
        want = np.array(corner) * (1 - 2 * inset / 100) + inset
        np.testing.assert_allclose(in_crop(wide, point), want, atol=1e-4)


@given(st.floats(-180, 180), st.floats(0.3, 5), st.floats(0, 0.5))
def test_alignment_undoes_any_turn_and_size(degrees, zoom, margin):
    """However a face is turned and scaled, its landmarks end up at the same place of the crop."""
    crop = Crop(112, margin)
    moved = rotated(sixty_eight(), degrees) * np.float32(zoom)
    (still,) = crops.matrices(boxes((0, 0, 9, 9)), sixty_eight(), crop)
    (turned,) = crops.matrices(boxes((0, 0, 9, 9)), moved, crop)
    for before, after in zip(sixty_eight()[0], moved[0], strict=True):
        np.testing.assert_allclose(in_crop(turned, after), in_crop(still, before), atol=0.01)


SHARE = st.floats(0.2, 0.8)


@given(st.tuples(SHARE, SHARE), st.floats(-180, 180), st.floats(0.3, 5), st.floats(0, 0.5))
def test_the_middle_of_eyes_and_mouth_lies_where_the_crop_wants_it(center, degrees, zoom, margin):
    """At the same share of the square without margin, however the face is turned and scaled."""
    crop = Crop(100, margin, center=center)
    middle = (np.array(RIGHT_EYE) + LEFT_EYE + MOUTH) / 3
    moved, point = (rotated(p, degrees) * np.float32(zoom) for p in (sixty_eight(), middle[None]))
    (matrix,) = crops.matrices(boxes((0, 0, 9, 9)), moved, crop)
    want = 100 * (np.array(center) + margin) / (1 + 2 * margin)
    np.testing.assert_allclose(in_crop(matrix, point[0]), want, atol=0.01)


@given(st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_another_middle_moves_the_square_and_nothing_else(x, y):
    (usual,) = crops.matrices(boxes((0, 0, 9, 9)), five(), Crop(100))
    (moved,) = crops.matrices(boxes((0, 0, 9, 9)), five(), Crop(100, center=(x, y)))
    np.testing.assert_allclose(moved[:, :2], usual[:, :2])
    side = np.hypot(20, 40) / 0.45
    np.testing.assert_allclose(moved[:, 2] - usual[:, 2], [side * (0.5 - x), side * (0.43 - y)], atol=1e-4)


def test_the_middle_of_a_box_stays_the_middle_of_its_crop():
    aside = Crop(64, center=(0.3, 0.8))
    got = crops.matrices(boxes((50, 60, 114, 124)), None, aside)
    np.testing.assert_array_equal(got, crops.matrices(boxes((50, 60, 114, 124)), None, Crop(64)))


def test_eyes_are_level_in_the_picture_itself():
    """A turned face with colored eyes: after cutting, both eyes lie on one row, the right one left."""
    landmarks = rotated(sixty_eight(), 35)
    image = np.zeros((200, 240, 3), np.uint8)
    (right, left) = crops.eyes(landmarks)[0]
    for point, color in ((right, (0, 0, 255)), (left, (0, 255, 0))):
        cv2.circle(image, np.round(point).astype(int).tolist(), 5, color, -1)
    (crop,) = crops.cut(image, boxes((60, 60, 140, 140)), landmarks, Crop(112))
    (right_y, right_x), (left_y, left_x) = (np.argwhere(crop[..., c] > 128).mean(axis=0) for c in (2, 1))
    assert right_y == pytest.approx(left_y, abs=1)
    assert right_x < 56 < left_x


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((1, 5, 2), np.nan, np.float32),  # could not be measured
        np.full((1, 5, 2), 33.0, np.float32),  # all in one point: no size
        np.full((1, 68, 2), np.inf, np.float32),  # overflown
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_useless_landmarks_fall_back_on_the_box(landmarks):
    got = crops.matrices(boxes((50, 60, 114, 124)), landmarks, Crop(64))
    np.testing.assert_allclose(got, crops.matrices(boxes((50, 60, 114, 124)), None, Crop(64)))


@pytest.mark.parametrize(
    ("box", "aligned"),
    [
        # Eyes and mouth make a square of hypot(20, 40) / .45 = 99.4 px.
        ((0, 0, 198, 10), True),  # .502 of the longer side
        ((0, 0, 199, 10), False),  # .4995: landmarks of something smaller than the face
        ((0, 0, 10, 199), False),
        ((0, 0, 1000, 1000), False),
        ((0, 0, 60, 60), True),  # larger than the box: some detectors' boxes are tight
    ],
)
def test_landmarks_that_fall_together_are_not_those_of_the_face(box, aligned):
    for landmarks in (five(), sixty_eight()):
        (got,) = crops.matrices(boxes(box), landmarks, Crop(64, least_side=0.5))
        (any_box,) = crops.matrices(boxes(box), landmarks, Crop(64))
        (by_box,) = crops.matrices(boxes(box), None, Crop(64))
        np.testing.assert_allclose(got, any_box if aligned else by_box)
        assert not np.allclose(any_box, by_box), "without a least side the landmarks count in any box"


@pytest.mark.parametrize(
    ("box", "landmarks", "crop", "side"),
    [
        ((50, 60, 82, 80), None, Crop(48), 32.0),  # the longer side
        ((50, 60, 70, 92), None, Crop(112, align=False), 32.0),  # whatever the size of the crop
        ((50, 60, 82, 80), None, Crop(48, 0.25), 48.0),  # a quarter more on every side
        ((50, 60, 82, 80), five(), Crop(48), np.hypot(20, 40) / 0.45),  # around eyes and mouth
        ((50, 60, 82, 80), five(), Crop(48, 0.5, center=(0.4, 0.6)), 2 * np.hypot(20, 40) / 0.45),
    ],
)
def test_sides_are_measured_in_the_frame(box, landmarks, crop, side):
    assert crops.sides(boxes(box), landmarks, crop) == pytest.approx([side])
    assert crops.sides(boxes(), None, crop).shape == (0,)


@given(st.floats(-180, 180), st.floats(0.3, 5))
def test_sides_grow_with_the_face_and_not_with_its_turn(degrees, zoom):
    moved = rotated(five(), degrees) * np.float32(zoom)
    want = zoom * np.hypot(20, 40) / 0.45
    assert crops.sides(boxes((0, 0, 9, 9)), moved, Crop(48)) == pytest.approx([want], rel=1e-4)


def test_one_useless_face_does_not_touch_the_others():
    landmarks = np.concatenate([five(), np.full((1, 5, 2), np.nan, np.float32), five()])
    got = crops.matrices(boxes(*[(50, 60, 114, 124)] * 3), landmarks, Crop(64))
    np.testing.assert_allclose(got[0], crops.matrices(boxes((0, 0, 9, 9)), five(), Crop(64))[0])
    np.testing.assert_allclose(got[0], got[2])
    assert not np.allclose(got[0], got[1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("landmarks", [None, five()[:0], sixty_eight()[:0]], ids=["none", "5", "68"])
def test_no_face(channels, landmarks):
    got = crops.cut(ramp(), boxes(), landmarks, Crop(48, channels=channels))
    assert got.shape == (0, 48, 48, channels)
    assert got.dtype == np.uint8


def test_gray_is_the_luma_of_bgr():
    (gray,) = crops.cut(ramp(), boxes((50, 60, 98, 108)), None, Crop(48, align=False, channels=1))
    np.testing.assert_array_equal(gray[..., 0], cv2.cvtColor(ramp()[60:108, 50:98], cv2.COLOR_BGR2GRAY))


def test_the_frame_is_left_alone():
    image = ramp()
    crops.cut(image, boxes((50, 60, 114, 124)), sixty_eight(), Crop(64))
    np.testing.assert_array_equal(image, ramp())


@given(st.floats(-180, 180), st.floats(0, 0.4), st.booleans())
def test_to_frame_is_the_way_back(degrees, margin, align):
    landmarks = rotated(sixty_eight(), degrees)
    matrices = crops.matrices(boxes((50, 60, 114, 124)), landmarks, Crop(112, margin, align))
    seen = np.stack([[in_crop(matrices[0], point) for point in landmarks[0]]])
    np.testing.assert_allclose(crops.to_frame(seen, matrices), landmarks, atol=1e-3)


def test_to_frame_of_no_face():
    matrices = crops.matrices(boxes(), None, Crop(112))
    back = crops.to_frame(np.zeros((0, 68, 2), np.float32), matrices)
    assert back.shape == (0, 68, 2)
    assert back.dtype == np.float32


def test_eyes_of_both_kinds_of_landmarks():
    want = np.array([[RIGHT_EYE, LEFT_EYE]])
    np.testing.assert_allclose(crops.eyes(five()), want)
    np.testing.assert_allclose(crops.eyes(sixty_eight()), want, rtol=1e-6)
    with pytest.raises(ValueError, match="5 or 68 landmarks a face, found 106"):
        crops.eyes(np.zeros((1, 106, 2), np.float32))


def test_a_turned_photograph_is_set_upright():
    """A face cut from a photograph, and from the same photograph turned by 30 degrees: one picture."""
    image = cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))
    x, y, w, h = 464, 270, 108, 143  # the woman in front; eyes and mouth roughly where faces have them
    share = [(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.8), (0.65, 0.8)]
    landmarks = np.array([[(x + w * a, y + h * b) for a, b in share]], np.float32)
    turn = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), -30, 1.0)
    turned = cv2.warpAffine(image, turn, image.shape[1::-1])
    moved = (landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    box = boxes((x, y, x + w, y + h))
    (before,) = crops.cut(image, box, landmarks, Crop(112))
    (after,) = crops.cut(turned, box, moved, Crop(112))
    difference = np.abs(before.astype(int) - after)
    assert difference.mean() < 3  # interpolated once more
    (crooked,) = crops.cut(turned, box, moved, Crop(112, align=False))
    assert np.abs(before.astype(int) - crooked).mean() > 10


def face_at(*points: tuple[float, float]) -> np.ndarray:
    """(1, 68, 2) landmarks: these, the last one repeated."""
    rows = [*points, *[points[-1]] * (68 - len(points))]
    return np.array([rows], np.float32)


def test_a_plane_says_how_near_a_landmark_is_by_hand() -> None:
    # A box of 40 pixels becomes a crop of 20: landmarks at (50, 60) and (86, 60) fall on (0, 5) and (18, 5).
    crop = Crop(20, align=False, channels=1, anchors=0.1)
    cut = crops.cut(ramp(), boxes((50, 50, 90, 90)), face_at((50, 60), (86, 60)), crop)
    assert cut.shape == (1, 20, 20, 2)
    near = cut[0, :, :, 1].astype(float)
    assert near[5, 0] == near[5, 18] == 255
    # Two pixels away at a spread of two: exp(-1/2).
    assert near[7, 0] == near[5, 2] == near[3, 18] == round(255 * np.exp(-0.5))
    assert near[19, 9] < 1
    plain = crops.cut(ramp(), boxes((50, 50, 90, 90)), None, Crop(20, align=False, channels=1))
    np.testing.assert_array_equal(cut[..., :1], plain)


def test_only_the_landmarks_that_are_asked_for_count() -> None:
    def plane(landmarks, **how) -> np.ndarray:
        crop = Crop(20, align=False, channels=1, anchors=0.1, **how)
        return crops.cut(ramp(), boxes((50, 50, 90, 90)), landmarks, crop)[0, :, :, 1]

    both = face_at((50, 60), (86, 60))  # number 0, and 1 to 67
    first, others = plane(both, anchor_points=(0,)), plane(both, anchor_points=(40, 67))
    assert first[5, 0] == 255
    assert first[5, 18] < 1
    assert others[5, 18] == 255
    assert others[5, 0] < 1
    np.testing.assert_array_equal(np.maximum(first, others), plane(both))
    five = both[:, :5]
    np.testing.assert_array_equal(plane(five, anchor_points=(40, 67)), plane(five))


@pytest.mark.parametrize("landmarks", [None, np.full((1, 68, 2), np.nan, np.float32)])
def test_unknown_landmarks_leave_the_plane_black(landmarks) -> None:
    cut = crops.cut(ramp(), boxes((50, 50, 90, 90)), landmarks, Crop(20, align=False, anchors=0.1))
    assert cut.shape == (1, 20, 20, 4)
    assert not cut[..., 3].any()
    assert cut[..., :3].any()


def test_to_crop_undoes_to_frame() -> None:
    points = np.random.default_rng(0).uniform(0, 40, (3, 5, 2)).astype(np.float32)
    maps = crops.matrices(boxes((10, 20, 50, 70), (0, 0, 9, 9), (5, 5, 99, 60)), None, Crop(40, margin=0.2))
    np.testing.assert_allclose(crops.to_crop(crops.to_frame(points, maps), maps), points, atol=1e-3)
