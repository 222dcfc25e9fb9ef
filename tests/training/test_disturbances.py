"""What lectures do to faces: each disturbance held against what it promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn

from fertool.recipes import Augment
from fertool.training import augment, disturbances, draws
from fertool.vision import crops
from fertool_plugins.nets.trained import FER2013_FRAME

NAMES = list(disturbances.KINDS)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(count=24, side=48, channels=1, seed=0):
    return torch.rand(count, channels, side, side, generator=generator(seed))


def flat(value, count=200, side=48):
    return torch.full((count, 1, side, side), value)


def ramp(count=1, side=48):
    """From black at the left to white at the right: a value tells a place."""
    return draws.grid(noise(1, side))[0].expand(count, 1, side, side).clone()


def apply(name, images, seed=0):
    return disturbances.KINDS[name](images, generator(seed))


# -- all of them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(0, 9),
    side=st.integers(12, 64),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_shape_and_range_stay_for_any_pictures(name, count, side, channels, seed):
    images = noise(count, side, channels, seed)
    before = images.clone()
    shown = apply(name, images, seed)
    assert shown.shape == images.shape
    assert shown.dtype == torch.float32
    assert count == 0 or (shown.min() >= 0 and shown.max() <= 1)
    assert torch.equal(images, before), "what is given is not written into"


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_alone_decides_and_every_picture_has_its_own(name):
    same = noise(1).expand(24, 1, 48, 48)
    first = apply(name, same, 3)
    assert torch.equal(first, apply(name, same, 3))
    assert not torch.equal(first, apply(name, same, 4))
    different = {tuple(image.flatten().tolist()) for image in first}
    assert len(different) == (len(disturbances.SIZES) if name == "small" else 24)


# -- one by one ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "each"), [(600, 100), (6, 1), (5, None)])
def test_sizes_have_as_many_pictures_each(count, each):
    images = noise(1).expand(count, 1, 48, 48)
    shown = apply("small", images)
    by_side = {side: disturbances.shrunk(images[:1], side)[0] for side in disturbances.SIZES}
    counts = [sum(torch.equal(one, wanted) for one in shown) for wanted in by_side.values()]
    assert sum(counts) == count
    assert max(counts) - min(counts) <= 1
    assert each is None or counts == [each] * 6


def test_shrunk_keeps_means_and_loses_what_is_finer_than_its_pixels():
    assert torch.allclose(disturbances.shrunk(flat(0.3, 1), 24), flat(0.3, 1), atol=1e-6)
    stripes = torch.zeros(1, 1, 48, 48)
    stripes[..., ::2] = 1
    assert torch.allclose(disturbances.shrunk(stripes, 24), flat(0.5, 1), atol=1e-6)
    wide = torch.zeros(1, 1, 48, 48)
    wide[..., 24:] = 1
    seen = disturbances.shrunk(wide, 24)
    assert seen[..., :20].max() < 0.02
    assert seen[..., 28:].min() > 0.98


def test_the_cosine_transform_is_the_textbooks():
    basis = disturbances._cosines(torch.zeros(1))
    block = torch.rand(8, 8, generator=generator())
    expected = dctn(block.numpy(), norm="ortho")
    np.testing.assert_allclose((basis @ block @ basis.T).numpy(), expected, atol=1e-6)


def test_compression_rounds_coefficients_of_blocks_and_leaves_even_blocks_nearly_alone():
    shown = apply("compressed", flat(0.5))
    # An even block has one coefficient, 8 times its value, rounded to steps of 16 to 64 of 255.
    assert (shown - 0.5).abs().max() <= 64 / 255 / 8 / 2 + 1e-6
    assert torch.allclose(shown, shown[:, :, :1, :1].expand_as(shown), atol=1e-5)
    images = noise(50)
    assert (apply("compressed", images) - images).abs().mean() > 0.05, "noise is what is left out first"


def test_blocks_are_where_they_were():
    images = flat(0.0, 30)
    images[..., 8:16, 24:32] = 1
    shown = apply("compressed", images)
    assert (shown[..., 8:16, 24:32] > 0.9).all()
    outside = shown.clone()
    outside[..., 8:16, 24:32] = 0
    assert outside.max() < 1e-5


def test_dark_leaves_a_tenth_to_two_fifths_and_noise():
    means = apply("dark", flat(1.0, 400)).mean(dim=(1, 2, 3))
    assert 0.095 < means.min() < 0.12
    assert 0.38 < means.max() < 0.405
    spread = apply("dark", flat(0.8, 400)).std(dim=(2, 3)).flatten()
    assert 0.009 < spread.min() < 0.012
    assert 0.036 < spread.max() < 0.043


def test_backlight_is_white_at_the_corners_and_a_shadow_in_the_middle():
    shown = apply("backlit", flat(0.6, 400))
    assert shown[..., [0, 0, -1, -1], [0, -1, 0, -1]].min() > 0.95
    middle = shown[..., 25, 24].flatten()
    # .25 to .5 of .6, then a tenth of the way to white.
    assert 0.9 * 0.15 + 0.1 - 0.01 < middle.min() < 0.9 * 0.17 + 0.1
    assert 0.9 * 0.28 + 0.1 < middle.max() < 0.9 * 0.3 + 0.1 + 0.01


def test_turned_keeps_the_middle_and_tells_the_angle():
    shown = apply("turned", ramp(400))
    middle = shown[:, 0, 24, 23:25].mean(dim=1)
    assert (middle - 0.5).abs().max() < 0.02
    # Turned by a, a stretch of sin(a) of half the side shows what the picture does not: its edge, repeated.
    still = (shown[:, 0, 24].diff(dim=1).abs() < 1e-4).sum(dim=1) / 48
    assert 0.5 * math.sin(math.radians(15)) - 0.06 < still.min()
    assert still.max() < 0.5 * math.sin(math.radians(40)) + 0.06
    to_the_left = (shown[:, 0, 24, 1] - shown[:, 0, 24, 0] > 1e-4).float().mean()
    assert 0.35 < to_the_left < 0.65, "either side"


def test_turning_moves_nothing_up_or_down():
    rows = ramp(8).transpose(2, 3)
    assert torch.allclose(apply("turned", rows), rows, atol=1e-5)


def covered(name, count=300):
    """Share of pictures that are covered at each pixel: (48, 48)."""
    marked = flat(-1.0, count)  # no gray is below 0
    return (apply(name, marked) >= 0)[:, 0].float().mean(dim=0)


def at(share, place):
    x, y = place
    return float(share[round(y * 48), round(x * 48)])


@pytest.mark.parametrize(
    ("name", "mouth", "eyes"),
    [("hand", (0.5, 1), (0, 0.05)), ("mask", (1, 1), (0, 0)), ("glasses", (0, 0), (0, 1))],
)
def test_what_covers_a_face_lies_where_it_should(name, mouth, eyes):
    share = covered(name)
    assert mouth[0] <= at(share, disturbances.MOUTH) <= mouth[1]
    for eye in disturbances.EYES:
        assert eyes[0] <= at(share, eye) <= eyes[1]
    assert share[0].max() == 0, "the forehead is free"


def test_glasses_frame_both_eyes_and_tint_some():
    share = covered("glasses")
    x, y = (round(48 * value) for value in disturbances.EYES[0])
    assert share[y, x - 7 : x - 4].max() > 0.5, "left of the left eye"
    assert share[y, x + 9 : x + 12].max() > 0.5, "the bridge"
    white = apply("glasses", flat(1.0, 400))
    tinted = (white[:, 0, y, x] < 0.99).float().mean()
    assert 0.18 < tinted < 0.32


def test_a_mask_covers_less_toward_the_chin():
    share = covered("mask")
    widths = [(share[row] == 1).sum().item() for row in (30, 36, 42, 47)]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 30 > widths[-1]


def test_eyes_and_mouth_are_where_crops_puts_them():
    """Landmarks at these places are the fixed point of the cut that `analyze` makes."""
    (left, right), mouth = disturbances.EYES, disturbances.MOUTH
    middle = (np.array(left) + right + mouth) / 3
    np.testing.assert_allclose(middle, FER2013_FRAME.center, atol=0.003)
    to_mouth = np.linalg.norm(np.array([left, right]) - mouth, axis=1).mean()
    np.testing.assert_allclose(to_mouth, crops.EYES_TO_MOUTH, atol=0.01)


# -- in training -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("probability", "low", "high"), [(0.0, 0, 0), (0.25, 160, 240), (1.0, 795, 800)])
def test_one_of_them_as_often_as_said(probability, low, high):
    images = noise(800)
    changed = (disturbances.one_of(images, probability, generator()) != images).flatten(1).any(dim=1).sum()
    assert low <= changed <= high


def test_all_kinds_come_alike():
    images = flat(0.5, 800)
    shown = disturbances.one_of(images, 1.0, generator())
    white_corner = (shown[:, 0, 0, 0] > 0.9).sum()
    assert 70 <= white_corner <= 130, "a window behind an eighth of the faces"
    assert len(disturbances.one_of(images[:0], 1.0, generator())) == 0


def test_a_plane_of_landmarks_is_not_disturbed():
    images = torch.cat([noise(100), ramp(100)], dim=1)
    shown = augment.augment(images, Augment(disturb=1.0), generator())
    assert torch.equal(shown[:, 1], images[:, 1])
    assert not torch.equal(shown[:, 0], images[:, 0])


def test_augmentation_without_it_draws_nothing_for_it():
    images, how = noise(20), Augment(flip=True, brightness=0.2)
    drawn, again = generator(5), generator(5)
    expected = augment.augment(images, how, drawn)
    assert torch.equal(
        augment.augment(images, Augment(flip=True, brightness=0.2, disturb=0.0), again), expected
    )
    assert torch.equal(drawn.get_state(), again.get_state())
