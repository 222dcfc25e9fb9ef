"""The conformance kit refuses what breaks a contract, and says what; the gallery is what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from fertool import Assessment, Classifier, Crop, Detector, Encoder, Faces, PluginError, Rule
from fertool.demo import gallery
from fertool.testing import check_plugin, context, timeline
from fertool.types import EMOTIONS


class Good(Rule):
    name, version = "good", "1"

    def assess(self, seen, context):
        return Assessment(float(seen["present"].sum()))


class Moody(Good):
    """Another answer each time."""

    calls = 0

    def assess(self, seen, context):
        Moody.calls += 1
        return Assessment(float(Moody.calls))


class NotForEmpty(Good):
    def assess(self, seen, context):
        return Assessment(seen["time_s"][0])


class Words(Good):
    def assess(self, seen, context):
        return "fine"


class NoName(Good):
    name = None


class Shouting(Good):
    name = "GOOD"


class NoOptions(Good):
    low: float = 0.5  # without @dataclass this would never be an option


class Unfinished(Rule):
    name, version = "unfinished", "1"


class Dice(Detector):
    name, version = "dice", "1"
    chance = np.random.default_rng(0)

    def detect(self, images):
        n = [int(self.chance.integers(0, 9)) for _ in images]
        boxes = [np.tile(np.array([[0, 0, 9, 9]], np.float32), (k, 1)) for k in n]
        return [Faces(b, np.ones(len(b), np.float32)) for b in boxes]


class Half(Classifier):
    """Probabilities that do not sum to 1."""

    name, version, crop = "half", "1", Crop(8)

    def classify(self, crops):
        return np.full((len(crops), 7), 1 / 14, np.float32)


class Neighbors(Classifier):
    """A crop's answer depends on how many come with it."""

    name, version, crop, labels = "neighbors", "1", Crop(8), ("yes", "no")

    def classify(self, crops):
        p = 1 / (1 + len(crops))
        return np.tile(np.array([[p, 1 - p]], np.float32), (len(crops), 1))


class Blind(Encoder):
    """Fills in nothing."""

    name, version, crop, same_person = "blind", "1", Crop(8), 0.5

    def encode(self, images, faces):
        return list(faces)

    def embed(self, crops):
        return np.ones((len(crops), 4), np.float32) / 2


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (Moody, "the same table, another answer"),
        (NotForEmpty, "raised in assess"),
        (Words, "expected an Assessment"),
        (NoName, "name"),
        (Shouting, "lower case"),
        (NoOptions, "no @dataclass"),
        (Unfinished, "does not define assess"),
        (Dice, "the same pictures twice"),
        (Half, "sum to 1"),
        (Neighbors, "another answer in a batch"),
        (Blind, "landmarks and pose_deg filled in"),
        (int, "cannot be registered"),
    ],
)
def test_the_kit_refuses(plugin: type, words: str) -> None:
    with pytest.raises((AssertionError, PluginError), match=words):
        check_plugin(plugin)


def test_the_kit_accepts_and_takes_options() -> None:
    @dataclass
    class Optional(Good):
        low: float = field(default=0.5, metadata={"help": "x"})

    check_plugin(Good)
    check_plugin(Optional, low=0.3)


class Scornful(Rule):
    """Looks at a label beyond the seven."""

    name, version, signals, needs = "scornful", "1", frozenset({"expression"}), ("contempt",)

    def assess(self, seen, context):
        return Assessment(seen["contempt"].mean())


def test_the_kit_gives_a_rule_the_labels_that_it_needs() -> None:
    check_plugin(Scornful)


def test_the_kit_knows_that_a_further_label_is_an_expression() -> None:
    class Unsaid(Scornful):
        signals = frozenset({"presence"})

    with pytest.raises(AssertionError, match="its answer depends on expression"):
        check_plugin(Unsaid)


def test_the_kit_gives_every_rule_a_label_that_it_did_not_ask_for() -> None:
    class Surprised(Good):
        signals = frozenset({"expression"})

        def assess(self, seen, context):
            return Assessment(float(sum(EMOTIONS.index(e) for e in seen["emotion"].drop_nulls())))

    with pytest.raises(PluginError, match="tuple.index"):
        check_plugin(Surprised)


def test_what_is_not_available_is_checked_as_a_class_only() -> None:
    class Away(Dice):
        def available(self):
            return "it has no weights"

    check_plugin(Away)


def test_context_can_be_changed() -> None:
    assert context().period_s == 1.0
    assert context(student=None, period_s=0.5).student is None


def test_a_gallery_shows_who_is_there(tmp_path: Path) -> None:
    import av

    people = [gallery.Person(0, ((0, 1),)), gallery.Person(1, ((1, 2),)), gallery.Person(2, ((0, 2),))]
    gallery.make_gallery(tmp_path / "x.mp4", people, duration_s=2, size=(320, 240), columns=2, fps=5)
    with av.open(str(tmp_path / "x.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == 10
    for number, frame in enumerate(frames):
        for place, person in enumerate(people):
            x, y = place % 2 * 160, place // 2 * 120
            lit = frame[y + 10 : y + 110, x + 10 : x + 150].std() > 15
            assert lit == person.at(number / 5), (number, place)


def test_the_demo_s_changes_lie_between_seconds() -> None:
    """Sampling once a second then has one right answer for who is there."""
    for person in gallery.DEMO:
        for edge in (edge for span in person.present for edge in span):
            assert edge % 1 == 0.5 or edge in (0, 60)
    assert sorted(p.seconds for p in gallery.DEMO)[0] >= 30
    assert len({p.face for p in gallery.DEMO}) == len(gallery.DEMO) == 6


def test_timelines_are_samples() -> None:
    assert timeline("happy*2 absent*1")["present"].to_list() == [True, True, False]
