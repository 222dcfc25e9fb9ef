"""Near-duplicates: hashes that survive what happens to copies, and Hamming distances counted by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertool.training import near_duplicates

seeds = st.integers(0, 2**32 - 1)


def pictures(seed, count=1, side=48):
    """Smooth random pictures, as photographs are."""
    coarse = np.random.default_rng(seed).uniform(20, 235, (count, 9, 9)).astype(np.float32)
    return np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR) for one in coarse]).astype(
        np.uint8
    )


def distance(a, b):
    return int(np.bitwise_count(near_duplicates.phash(a)[0] ^ near_duplicates.phash(b)[0]))


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_copies_are_near(seed):
    image = pictures(seed)
    smaller = cv2.resize(image[0], (40, 40), interpolation=cv2.INTER_AREA)[None]
    jpeg = cv2.imdecode(cv2.imencode(".jpg", image[0], [cv2.IMWRITE_JPEG_QUALITY, 70])[1], 0)[None]
    paler = (image * 0.8 + 30).astype(np.uint8)
    assert distance(image, image) == 0
    assert distance(image, np.stack([image] * 3, axis=-1)) == 0  # gray as BGR
    for copy in (smaller, jpeg, paler):
        assert distance(image, copy) <= 8


@given(seeds, seeds)
@settings(max_examples=30, deadline=None)
def test_the_hash_is_of_the_picture_alone(one, other):
    both = np.concatenate([pictures(one), pictures(other)])
    apart = np.concatenate([near_duplicates.phash(both[:1]), near_duplicates.phash(both[1:])])
    np.testing.assert_array_equal(near_duplicates.phash(both), apart)


def test_half_of_the_bits_are_set_and_negatives_are_opposite():
    hashes = near_duplicates.phash(pictures(1, 50))
    assert np.abs(np.bitwise_count(hashes).astype(int) - 32).max() <= 1
    assert np.bitwise_count(hashes ^ near_duplicates.phash(255 - pictures(1, 50))).min() >= 60


def test_plain_pictures_have_one_hash_whatever_gray_and_size():
    plain = [np.full((1, side, side), gray, np.uint8) for side in (31, 48, 224) for gray in (0, 7, 130, 255)]
    assert len({int(near_duplicates.phash(one)[0]) for one in plain}) == 1


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=12),
    st.lists(st.integers(0, 2**64 - 1), max_size=12),
    st.integers(0, 64),
)
def test_within_counts_bits(a, b, bits):
    expected = [any((x ^ y).bit_count() <= bits for y in b) for x in a]
    assert near_duplicates.within(np.array(a, np.uint64), np.array(b, np.uint64), bits).tolist() == expected


def test_within_by_hand_and_across_blocks(monkeypatch):
    a = np.array([0b0000, 0b1111, 0b0111, 1 << 63], np.uint64)
    b = np.array([0b0000], np.uint64)
    for cells in (1, 2, 3, 1 << 20):
        monkeypatch.setattr(near_duplicates, "CELLS", cells)
        assert near_duplicates.within(a, b, 0).tolist() == [True, False, False, False]
        assert near_duplicates.within(a, b, 3).tolist() == [True, False, True, True]


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_more_bits_find_more_and_all_find_themselves(seed):
    a, b = pictures(seed, 8), pictures(seed + 1, 8)
    found = [near_duplicates.near(a, b, bits) for bits in (0, 8, 24, 64)]
    for fewer, more in zip(found, found[1:], strict=False):
        assert (more | ~fewer).all()
    assert found[-1].all()
    assert near_duplicates.near(a, np.concatenate([b, a]), 0).all()


def test_strangers_are_far():
    assert not near_duplicates.near(pictures(2, 200), pictures(3, 200)).any()


@pytest.mark.parametrize(("some", "others"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_is_near_nothing(some, others):
    assert near_duplicates.near(pictures(4, 3)[:some], pictures(5, 3)[:others]).tolist() == [False] * some
