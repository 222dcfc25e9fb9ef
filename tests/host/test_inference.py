"""Plugins at work side by side: order, turns, errors."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

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
