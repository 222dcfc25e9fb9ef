"""How much the place of a face changes: pictures, people, noise, light, and moving about."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.vision.still_faces import EVERY_S, RIM, STILL, Watch

BOX = np.array([[40, 30, 140, 150]], np.float32)
TEXTURE = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8).repeat(10, 0).repeat(10, 1)
"""(200, 240, 3), in squares of ten pixels."""


def watched(images, boxes=None, step=1.0):
    """The changes of one face seen in these images."""
    watch = Watch()
    boxes = [BOX] * len(images) if boxes is None else boxes
    pairs = enumerate(zip(images, boxes, strict=True))
    return [float(watch.update(i * step, image, box, [0])[0]) for i, (image, box) in pairs]


def noisy(sigma, seed):
    noise = np.random.default_rng(seed).normal(0, sigma, TEXTURE.shape)
    return np.clip(TEXTURE + noise, 0, 255).astype(np.uint8)


def moved(pixels):
    return np.roll(TEXTURE, pixels, axis=1)


IMAGES = [
    # what is shown one second after the other, and whether it is a picture
    ([TEXTURE, TEXTURE], True),
    ([TEXTURE, np.clip(TEXTURE.astype(int) // 2 + 60, 0, 255).astype(np.uint8)], False),  # contrast
    ([np.full_like(TEXTURE, 90), np.full_like(TEXTURE, 120)], True),  # the light was turned up
    ([noisy(1, 1), noisy(1, 2)], True),  # what a codec leaves of noise
    ([TEXTURE, moved(1)], False),
    ([TEXTURE, moved(5)], False),
]


@pytest.mark.parametrize(("images", "still"), IMAGES)
def test_pictures_and_people(images, still):
    first, second = watched(images)
    assert np.isnan(first)
    assert (second < STILL) is still


@pytest.mark.parametrize("times", [2, 8])  # a place of 60 x 72 pixels becomes one of 120 x 144, of 480 x 576
@pytest.mark.parametrize(("images", "still"), IMAGES)
def test_close_ups_are_judged_alike(images, still, times):
    large = [cv2.resize(image, None, fx=times, fy=times) for image in images]
    _, second = watched(large, [BOX * times] * 2)
    assert (second < STILL) is still


@pytest.mark.parametrize("sigma", [1, 4])
def test_noise_in_a_close_up_is_no_movement(sigma):
    still = cv2.resize(TEXTURE, None, fx=8, fy=8).astype(np.int16)
    grain = np.random.default_rng(0).normal(0, sigma, (2, *still.shape)).astype(np.int16)
    _, second = watched([np.clip(still + one, 0, 255).astype(np.uint8) for one in grain], [BOX * 8] * 2)
    assert 0 < second < STILL


SHAPES = [
    # width and height of a place, pixels from one that is looked at to the next
    (31, 31, 1),
    (255, 255, 1),  # twice FINE * SIDE less one
    (256, 256, 2),
    (255, 900, 1),  # the shorter side counts
    (383, 900, 2),
    (384, 900, 3),
]


@pytest.mark.parametrize(("width", "height", "step"), SHAPES)
def test_what_lies_between_the_pixels_looked_at_does_not_count(width, height, step):
    image = np.full((height, width, 3), 100, np.uint8)
    other = image.copy()
    for down in range(step):
        for right in range(step):
            if down or right:
                other[down::step, right::step] = np.random.default_rng(0).integers(0, 256)
    grow = RIM / (1 - 2 * RIM) * np.array([width, height])  # the box whose inside is the whole image
    box = np.array([[*-grow, *(np.array([width, height]) + grow)]], np.float32)
    assert watched([image, other], [box] * 2)[1] == 0
    other[::step, : width // 2 : step] = 200
    assert watched([image, other], [box] * 2)[1] > STILL


def test_from_frame_to_frame_nothing_is_compared():
    changes = watched([TEXTURE] * 30, step=1 / 25)
    assert [i for i, change in enumerate(changes) if not np.isnan(change)] == [25]
    assert EVERY_S == 1


def test_a_jitter_of_the_box_is_no_change():
    boxes = [BOX + shift for shift in (0, 2, -2, 3, 0)]
    assert watched([TEXTURE] * 5, boxes)[1:] == [0] * 4


def test_who_moves_away_is_looked_at_anew():
    boxes = [BOX, BOX + 60, BOX + 60]
    nan, also, same = watched([TEXTURE] * 3, boxes)
    assert np.isnan(nan)
    assert np.isnan(also)
    assert same == 0


def test_faces_are_told_apart_by_their_paths():
    watch = Watch()
    two = np.concatenate([BOX, BOX + 80])
    watch.update(0.0, TEXTURE, two, [3, 7])
    image = TEXTURE.copy()
    image[:, 150:] = 255 - image[:, 150:]  # within the second box only
    one, other = watch.update(1.0, image, two[::-1], [7, 3])
    assert one > STILL
    assert other == 0


PLACES = st.tuples(st.integers(0, 140), st.integers(0, 100), st.integers(20, 100))


@given(st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=5), st.sampled_from([0.5, 1.0]))
def test_many_faces_at_once_are_each_judged_as_if_alone(places, step):
    def boxes(which):
        return np.array([[x, y, x + side, y + side] for x, y, side in which], np.float32)

    looks = [(0.0, TEXTURE, boxes(a for a, _ in places)), (step, moved(3), boxes(b for _, b in places))]
    together = Watch()
    found = [together.update(time_s, image, here, range(len(here))) for time_s, image, here in looks]
    for face in range(len(places)):
        alone = Watch()
        one = [alone.update(time_s, image, here[face : face + 1], [0]) for time_s, image, here in looks]
        np.testing.assert_array_equal(np.concatenate(one), [changes[face] for changes in found])


def test_nobody():
    assert Watch().update(0.0, TEXTURE, np.zeros((0, 4), np.float32), []).shape == (0,)


@given(st.lists(st.floats(-500, 500, width=32), min_size=4, max_size=4))
def test_a_box_may_lie_anywhere(box):
    watch = Watch()
    boxes = np.array([box], np.float32)
    for second in range(2):
        assert watch.update(float(second), TEXTURE, boxes, [0]).dtype == np.float32
