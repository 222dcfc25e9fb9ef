"""How many pictures are in memory at once."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

from fertool.analysis.observe import _batches, _fit
from fertool.host.inference import in_order, workers
from fertool.media.decode import prefetch
from fertool.types import Sample

FITS = [
    # bytes of a picture, most, bytes of memory, least, how many
    (1280 * 720 * 3, 4, 25e6, 1, 4),  # nine would fit
    (1280 * 720 * 3, 8, 25e6, 2, 8),
    (1920 * 1080 * 3, 4, 25e6, 1, 4),  # 24.9 MB
    (1920 * 1080 * 3, 8, 25e6, 2, 4),
    (2560 * 1440 * 3, 4, 25e6, 1, 2),  # 22.1 MB
    (3840 * 2160 * 3, 4, 25e6, 1, 1),  # one has 24.9 MB
    (3840 * 2160 * 3, 8, 25e6, 2, 2),
    (7680 * 4320 * 3, 4, 25e6, 1, 1),  # too large, but it has to be looked at
    (7680 * 4320 * 3, 8, 25e6, 2, 2),
    (1, 4, 25e6, 1, 4),
]


@pytest.mark.parametrize(("picture", "most", "memory", "least", "count"), FITS)
def test_pictures_that_fit(picture, most, memory, least, count) -> None:
    assert _fit(picture, most, memory, least) == count


def samples(*sizes: tuple[int, int]) -> list[Sample]:
    """One of each size (width, height), as memory that is never touched."""
    return [Sample(i, float(i), np.empty((h, w, 3), np.uint8)) for i, (w, h) in enumerate(sizes)]


SMALL, FULL, LARGE = (640, 360), (1920, 1080), (3840, 2160)
BATCHES = [
    # sizes of samples, the samples of each batch
    ([], []),
    ([SMALL], [[0]]),
    ([SMALL] * 4, [[0, 1, 2, 3]]),
    ([SMALL] * 5, [[0, 1, 2, 3], [4]]),
    ([FULL] * 5, [[0, 1], [2, 3], [4]]),
    ([LARGE] * 3, [[0], [1], [2]]),
    ([SMALL] * 2 + [FULL] * 2, [[0, 1], [2, 3]]),  # one size in a batch
    ([SMALL] * 2 + [LARGE] * 2 + [SMALL], [[0, 1], [2], [3], [4]]),
    ([SMALL] * 5 + [LARGE], [[0, 1, 2, 3], [4], [5]]),
    ([(360, 640), (640, 360)], [[0], [1]]),  # turned: another size
]


@pytest.mark.parametrize(("sizes", "expected"), BATCHES)
def test_batches_hold_no_more_than_fits(sizes, expected) -> None:
    assert [[sample.index for sample in batch] for batch in _batches(iter(samples(*sizes)))] == expected


BOUNDS = [
    # size of the pictures, how many wait decoded, how many there are at most with two workers
    ((1280, 720), 4, 20),
    ((1920, 1080), 2, 10),
    ((3840, 2160), 2, 6),
]


@pytest.mark.parametrize(("size", "ahead", "most"), BOUNDS)
def test_pictures_in_memory_are_bounded(size, ahead, most, monkeypatch) -> None:
    """The loop of `measure`, with a look that takes longer than decoding."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    alive: weakref.WeakSet = weakref.WeakSet()
    counted, lock = [], threading.Lock()

    class Picture(np.ndarray):
        """An array that can be referred to weakly, and is its own hash."""

        __hash__ = object.__hash__

    def decoded():
        for i in range(60):
            image = np.empty((size[1], size[0], 3), np.uint8).view(Picture)
            with lock:
                alive.add(image)
                counted.append(len(alive))
            yield Sample(i, float(i), image)

    def look(batch: list[Sample]) -> int:
        threading.Event().wait(0.01)
        return len(batch)

    with workers("cpu") as pool:
        total = sum(seen for _, seen in in_order(pool, look, _batches(prefetch(decoded(), ahead))))
    assert total == 60
    assert max(counted) <= most + 1, "the one that is being decoded comes on top"
