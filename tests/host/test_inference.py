"""Plugins at work side by side: order, turns, errors."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import Crop, Detector, Encoder, Faces
from fertool.host.inference import Engine, in_order, workers
from fertool.types import Sample


class Busy(Detector):
    """Notes how many calls it is in at once."""

    name, version = "busy", "1"

    def __init__(self, concurrent: bool) -> None:
        self.concurrent = concurrent
        self.now = self.most = 0
        self.lock = threading.Lock()

    def detect(self, images):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        return [Faces.none() for _ in images]


class Idle(Encoder):
    name, version, crop, same_person = "idle", "1", Crop(8), 0.5

    def encode(self, images, faces):
        return list(faces)

    def embed(self, crops):
        return np.ones((len(crops), 1), np.float32)


def batches(n: int) -> list[list[Sample]]:
    return [[Sample(i, float(i), np.zeros((8, 8, 3), np.uint8))] for i in range(n)]


@pytest.mark.parametrize(("concurrent", "most"), [(False, 1), (True, 2)])
def test_only_concurrent_plugins_are_called_at_once(concurrent: bool, most: int, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    busy = Busy(concurrent)
    engine = Engine(busy, Idle(), None)
    with workers("cpu") as pool:
        assert len(list(in_order(pool, engine.look, batches(6)))) == 6
    assert (busy.most > 1) == (most > 1)


def test_answers_come_in_order_and_ahead_is_bounded() -> None:
    begun: list[int] = []

    def slow_at_first(i: int) -> int:
        begun.append(i)
        time.sleep(0.05 if i == 0 else 0)
        return i * i

    with workers("cpu") as pool:
        answers = in_order(pool, slow_at_first, iter(range(50)))
        assert next(answers) == (0, 0)
        time.sleep(0.05)
        assert len(begun) <= pool._max_workers + 1, "no more is taken than there is room for"
        assert list(answers) == [(i, i * i) for i in range(1, 50)]


def test_an_error_comes_where_its_answer_would_have() -> None:
    def picky(i: int) -> int:
        if i == 3:
            raise ValueError("three")
        return i

    seen = []
    with workers("cpu") as pool, pytest.raises(ValueError, match="three"):
        for i, _ in in_order(pool, picky, range(10)):
            seen.append(i)
    assert seen == [0, 1, 2]


def test_an_accelerator_gets_one_worker() -> None:
    with workers("cuda") as pool:
        assert pool._max_workers == 1


def test_workers_compute_alone_and_this_thread_as_before(monkeypatch) -> None:
    import torch

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with workers("cpu") as pool:
            assert pool.submit(torch.get_num_threads).result() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(usual)


def test_an_engine_without_a_classifier_gives_no_classes() -> None:
    looked = Engine(Busy(True), Idle(), None).look(batches(1)[0])
    assert [look.classes.shape for look in looked] == [(0, 0)]


# --- quarter turns --------------------------------------------------------------------------------


def of(image) -> tuple[int, int]:
    """Which picture it is, by its blue, and how often it was turned, by the place of its green corner."""
    corners = [image[0, 0, 1], image[-1, 0, 1], image[-1, -1, 1], image[0, -1, 1]]
    return int(image[0, 0, 0]), int(np.argmax(corners))


class Scores(Detector):
    """Faces with these scores in each picture, by quarter turn."""

    name, version = "scores", "1"

    def __init__(self, scores) -> None:
        self.scores = scores

    def detect(self, images):
        found = [self.scores[i][k] for i, k in map(of, images)]
        return [Faces(np.tile(np.float32([0, 0, 4, 4]), (len(s), 1)), np.array(s, np.float32)) for s in found]


class Rolls(Idle):
    """Faces with these rolls in each picture, by quarter turn; counts them."""

    def __init__(self, rolls) -> None:
        self.rolls, self.encoded = rolls, 0

    def encode(self, images, faces):
        self.encoded += sum(map(len, faces))
        points = [np.zeros((len(f), 5, 2), np.float32) for f in faces]
        poses = [
            np.array([(0, 0, roll) for roll in self.rolls[i][k]], np.float32).reshape(-1, 3)
            for i, k in map(of, images)
        ]
        return [f.with_(landmarks=p, pose_deg=q) for f, p, q in zip(faces, points, poses, strict=True)]


def turned(faces) -> tuple[list[int | None], int]:
    """`Engine.quarters` for pictures with these (score, roll) in each position; and how many it encoded."""
    images = np.zeros((len(faces), 4, 4, 3), np.uint8)
    images[..., 0] = np.arange(len(faces))[:, None, None]
    images[:, 0, 0, 1] = 255
    scores, rolls = (
        [[[face[which] for face in position] for position in one] for one in faces] for which in (0, 1)
    )
    encoder = Rolls(rolls)
    return Engine(Scores(scores), encoder, None).quarters(list(images)), encoder.encoded


SURE, LESS = (0.9, 0.0), (0.6, 0.0)
TURNS = [
    # faces as (score, roll) in each of four positions, the position, how many of them are encoded
    ([[SURE], [LESS], [LESS], [LESS]], 0, 1),  # nothing can be surer than the first
    ([[LESS], [LESS], [SURE], [LESS]], 2, 1),
    ([[(0.9, 60.0)], [LESS], [], []], 1, 2),  # the surest is not upright: the next
    ([[(0.9, 60.0)], [(0.8, 90.0)], [(0.7, -46.0)], [(0.6, -45.0)]], 3, 4),
    ([[(0.9, 60.0)], [(0.8, 90.0)], [(0.7, -46.0)], [(0.6, float("nan"))]], None, 4),
    ([[], [], [], []], None, 0),
    ([[SURE], [SURE], [SURE], [SURE]], 0, 1),  # the first of equals
    ([[LESS, LESS], [SURE], [], []], 0, 2),  # two faces are surer than one
    ([[(0.6, 50.0), LESS], [SURE], [], []], 1, 3),  # of two faces one counts, and the other position is surer
    ([[(0.6, 50.0), SURE], [SURE], [], []], 0, 2),  # no other can be surer: the first of equals
]


@pytest.mark.parametrize(("faces", "position", "encoded"), TURNS)
def test_only_positions_that_may_be_the_surest_are_encoded(faces, position, encoded) -> None:
    assert turned([faces]) == ([position], encoded)


ANY = st.lists(
    st.tuples(st.sampled_from([0.5, 0.6, 0.9]), st.sampled_from([0.0, 44.0, 46.0, np.nan])), max_size=3
)


@given(st.lists(st.lists(ANY, min_size=4, max_size=4), max_size=4))
def test_the_position_is_that_of_encoding_everything(faces) -> None:
    expected: list[int | None] = []
    for picture in faces:
        sums = [sum(np.float32(score) for score, roll in one if abs(roll) <= 45) for one in picture]
        expected.append(int(np.argmax(sums)) if any(sums) else None)
    assert turned(faces)[0] == expected
