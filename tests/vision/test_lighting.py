"""Evened light: what it keeps, and what it undoes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def pictures(low: int = 0, high: int = 255) -> st.SearchStrategy[np.ndarray]:
    """(h, w) noise of 2 to 60 pixels a side."""
    sides = st.tuples(st.integers(2, 60), st.integers(2, 60))
    return st.builds(
        lambda side, seed: np.random.default_rng(seed).integers(low, high + 1, side, np.uint8),
        sides,
        st.integers(0, 99),
    )


@settings(deadline=None, max_examples=40)
@given(gray=pictures(), reach=st.floats(0, 1))
def test_illumination_solves_the_diffusion(gray, reach):
    """L - lambda laplacian(L) = gray, the Laplacian by differences, with no flow across the border."""
    gray = gray.astype(float)
    light = lighting.illumination(gray, reach)
    edged = np.pad(light, 1, mode="edge")
    around = edged[:-2, 1:-1] + edged[2:, 1:-1] + edged[1:-1, :-2] + edged[1:-1, 2:]
    stiffness = (reach * min(gray.shape)) ** 2
    np.testing.assert_allclose(light - stiffness * (around - 4 * light), gray, atol=1e-6)
    # Diffusion loses no light, and makes nothing brighter or darker than what was there.
    assert light.mean() == pytest.approx(gray.mean())
    assert gray.min() - 1e-6 <= light.min() <= light.max() <= gray.max() + 1e-6


def test_illumination_without_reach_is_the_picture_and_with_much_the_mean():
    gray = RNG.uniform(0, 255, (48, 48))
    np.testing.assert_allclose(lighting.illumination(gray, 0), gray)
    np.testing.assert_allclose(lighting.illumination(gray, 1000), gray.mean(), atol=0.01)


@pytest.mark.parametrize("level", [0, 1, 60, 255])
def test_isotropic_makes_an_even_picture_middle_gray(level):
    even = np.full((1, 48, 48), level, np.uint8)
    assert (lighting.isotropic(even) == lighting.MIDDLE).all()


@settings(deadline=None, max_examples=40)
@given(gray=pictures(30, 84))
def test_isotropic_does_not_see_how_bright_the_light_is(gray):
    """Three times the light gives the same picture: 3 * (gray + 1) = (3 * gray + 2) + 1."""
    dim, bright = lighting.isotropic(np.stack([gray, 3 * gray + 2])).astype(int)
    assert np.abs(dim - bright).max() <= 1


def test_isotropic_undoes_most_of_a_gradient_of_light_and_keeps_detail():
    face = RNG.uniform(60, 120, (48, 48))
    across = np.exp(0.7 * np.cos(np.pi * (np.arange(48) + 0.5) / 48))
    lit = np.rint(np.stack([face, face * across])).clip(0, 255).astype(np.uint8)
    plain, gradient = lighting.isotropic(lit).astype(float)
    # One edge was four times as bright as the other; of that, less than 1.6 is left.
    columns = gradient.mean(axis=0)
    assert lit[1].mean(axis=0)[0] > 3.5 * lit[1].mean(axis=0)[-1]
    assert columns.max() < 1.6 * columns.min()
    assert np.corrcoef(plain.ravel(), gradient.ravel())[0, 1] > 0.8
