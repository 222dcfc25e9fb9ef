"""Conditions of lectures: rows, their faces, and figures worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fertool.contracts import Classifier, Encoder
from fertool.training import robustness
from fertool.training.datasets.dataset import Dataset
from fertool.types import EMOTIONS
from fertool_plugins.nets.trained import FER2013_FRAME

NAMES = [
    *("as they come", "24 px", "32 px", "40 px", "H.264 at 300 kbit/s"),
    *("compressed", "dark", "backlit", "turned", "hand", "mask", "glasses"),
    *("darkest third", "middle third", "brightest third"),
]


class ByLight(Classifier):
    """Says happy of a face whose mean is above 100, angry otherwise, always with .9."""

    name, version, crop = "by-light", "1", FER2013_FRAME

    def classify(self, crops):
        rows = np.full((len(crops), 7), 0.1 / 6, np.float32)
        bright = crops.reshape(len(crops), -1).mean(axis=1) > 100
        rows[np.arange(len(crops)), np.where(bright, EMOTIONS.index("happy"), EMOTIONS.index("angry"))] = 0.9
        return rows


def pictures(values, side=48):
    chance = np.random.default_rng(0)
    base = np.array(values, float)[:, None, None]
    return (base + chance.normal(0, 4, (len(values), side, side))).clip(0, 255).astype(np.uint8)


def dataset(values, labels):
    count = len(values)
    names = np.array([str(i) for i in range(count)])
    return Dataset(
        pictures(values), np.array(labels), None, np.array(["public"] * count), names, Path("made.csv")
    )


BRIGHT, MIDDLE, DIM = 220, 150, 40
FACES = dataset([DIM, DIM, MIDDLE, MIDDLE, BRIGHT, BRIGHT], [0, 0, 3, 3, 3, 0])
"""By light five of six are right: the last one is bright and angry."""


def test_rows_in_order_with_figures_by_hand():
    rows = {row.name: row for row in robustness.measure(ByLight(), FACES)}
    assert list(rows) == NAMES
    plain = rows["as they come"]
    assert (plain.n, plain.accuracy) == (6, pytest.approx(5 / 6))
    assert plain.ece == pytest.approx(abs(0.9 - 5 / 6))
    # In the dark all of them are angry to this classifier: the three that are angry are right.
    assert rows["dark"].accuracy == pytest.approx(3 / 6)
    assert rows["dark"].ece == pytest.approx(0.9 - 0.5)
    thirds = [rows[name] for name in robustness.THIRDS]
    assert [(row.n, row.accuracy) for row in thirds] == [(2, 1.0), (2, 1.0), (2, 0.5)]
    assert plain.to_dict().keys() == {"name", "n", "accuracy", "interval", "ece"}


def test_one_face_has_one_third():
    rows = robustness.measure(ByLight(), FACES.at(np.array([0])))
    assert [row.name for row in rows] == NAMES[: -len(robustness.THIRDS) + 1]
    assert {row.n for row in rows} == {1}


def test_every_row_is_told_and_shows_the_same_pictures_each_time():
    told = []

    def seen(name):
        told.append(name)
        return lambda *_: None

    robustness.measure(ByLight(), FACES, seen=seen)
    assert told == NAMES[: -len(robustness.THIRDS)]
    first, second = (dict(robustness.disturbed(FACES.images)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_keep_their_shape_and_differ(channels):
    images = pictures([100, 180, 60])
    if channels == 3:
        images = np.stack([images, images // 2, 255 - images], axis=3)
    for name, shown in robustness.disturbed(images):
        assert (shown.shape, shown.dtype) == (images.shape, np.uint8), name
        assert not np.array_equal(shown, images), name


def test_video_shows_the_same_people_in_their_places():
    # 120 faces are three galleries; each has its own gray, so that a mix-up shows.
    values = np.linspace(20, 235, 120)
    flat = np.repeat(np.repeat(values.round().astype(np.uint8)[:, None, None], 48, axis=1), 48, axis=2)
    shown = robustness.streamed(flat)
    off = shown[:, 8:-8, 8:-8].mean(axis=(1, 2)) - values
    assert np.abs(off).max() < 4
    assert robustness.streamed(flat[:0]).shape == (0, 48, 48)


@pytest.mark.parametrize("side", [16, 30, 48])
def test_video_has_the_same_bytes_every_time(side: int) -> None:
    images = pictures([120] * 21, side)
    first = robustness.streamed(images)
    assert all(np.array_equal(first, robustness.streamed(images)) for _ in range(4))


def test_video_at_this_rate_loses_detail_but_not_the_face():
    chance = np.random.default_rng(1)
    images = chance.integers(90, 167, (50, 48, 48)).astype(np.uint8)
    images[:, :, 24:] //= 4
    shown = robustness.streamed(images)
    left, right = shown[:, 8:-8, 4:20], shown[:, 8:-8, 28:44]
    assert left.mean() - right.mean() > 80, "halves stay"
    assert left.std(axis=(1, 2)).mean() < 0.85 * images[:, 8:-8, 4:20].std(axis=(1, 2)).mean(), "grain goes"


def test_brightness_is_that_of_nose_and_cheeks():
    images = np.zeros((2, 48, 48), np.uint8)
    images[0, 19:33, 12:36] = 200
    images[1] = 200
    images[1, 19:33, 12:36] = 0
    assert robustness.brightness(images).tolist() == [200, 0]
    color = np.repeat(images[..., None], 3, axis=3)
    assert robustness.brightness(color).tolist() == [200, 0]


class Eyes(Encoder):
    """Finds eyes and mouth together in the middle of every frame, and keeps the frames."""

    name, version = "eyes", "1"

    def __init__(self):
        self.frames = []

    def encode(self, images, faces):
        self.frames += [image.copy() for image in images]
        middle = [
            np.full((len(one), 68, 2), 1.5 * len(image) / 3, np.float32)
            for image, one in zip(images, faces, strict=True)
        ]
        turns = np.zeros((1, 3), np.float32)
        return [
            replace(one, landmarks=points, pose_deg=turns) for one, points in zip(faces, middle, strict=True)
        ]

    def embed(self, crops):
        raise NotImplementedError


def test_faces_are_cut_after_they_are_disturbed():
    eyes = Eyes()
    robustness.measure(ByLight(), FACES.at(np.array([4])), eyes)
    means = [frame[48:96, 48:96].mean() for frame in eyes.frames]
    assert len(means) == len(NAMES) - len(robustness.THIRDS)
    assert means[0] == pytest.approx(BRIGHT, abs=3)
    assert min(means) < BRIGHT * 0.45, "the dark one"
