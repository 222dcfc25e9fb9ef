"""Evened light: what it keeps, and what it undoes."""

import numpy as np
import pytest

from fertool.vision import lighting

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("method", lighting.METHODS.values(), ids=lighting.METHODS)
@pytest.mark.parametrize("shape", [(3, 48, 48), (3, 48, 48, 1), (3, 48, 48, 3), (2, 31, 45), (0, 48, 48)])
def test_preprocessing_keeps_shape_and_type_and_input(method, shape):
    images = RNG.integers(0, 256, shape, np.uint8)
    before = images.copy()
    changed = method(images)
    assert changed.shape == shape
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(images, before)
    for one, image in zip(changed, images, strict=True):
        np.testing.assert_array_equal(one, method(image[None])[0])


def test_equalise_spreads_and_gray_stays_gray():
    dark = RNG.integers(20, 40, (1, 48, 48, 1), np.uint8)
    assert np.ptp(lighting.equalise(dark)) == 255
    bgr = lighting.equalise(dark.repeat(3, axis=3))
    np.testing.assert_array_equal(bgr[..., 0], bgr[..., 2])


def test_even_light_undoes_a_gradient_of_light():
    face = RNG.uniform(60, 120, (48, 48))
    # A light of the lowest frequency across, by a factor of two either way.
    across = np.exp(0.7 * np.cos(np.pi * (np.arange(48) + 0.5) / 48))
    lit = np.rint(np.stack([face, face * across])).clip(0, 255).astype(np.uint8)
    plain, gradient = lighting.even_light(lit).astype(int)
    assert np.abs(lit[0].astype(int) - lit[1]).max() > 50
    assert np.abs(plain - gradient).max() <= 6
