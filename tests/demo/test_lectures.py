"""The builder of meetings: who is where when, what is shown of it, and its truth."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from fertool.demo import gallery
from fertool.demo.lectures import (
    ALIKE,
    LOOKS,
    Appearance,
    Guest,
    SimulatedMeeting,
    make_lecture,
    portrait,
    schedule,
    write_truth,
)
from fertool.identity import evaluation

ALWAYS = ((0.0, 40.0),)
ANN, BEN, CAM = (
    Guest(LOOKS["ada"], ALWAYS),
    Guest(LOOKS["ben"], ((0.0, 15.0),)),
    Guest(LOOKS["cam"], ALWAYS, True),
)
SMALL = SimulatedMeeting(
    {"ann": ANN, "ben": BEN, "pic": CAM},
    40,
    shuffles=(15,),
    columns=((0, 2), (25, 3)),
    size=(480, 320),
    seed=3,
)


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[float, np.ndarray]]:
    path = tmp_path_factory.mktemp("lectures") / "small.mp4"
    make_lecture(path, SMALL)
    return frames(path)


def inside(image: np.ndarray, tile: tuple[int, int, int, int]) -> np.ndarray:
    x, y, width, height = tile
    return image[y + 4 : y + height - 4, x + 4 : x + width - 4].astype(int)


def test_one_frame_per_sample_at_its_time(shown) -> None:
    assert [time for time, _ in shown] == SMALL.times == [0, 10, 20, 30]
    assert shown[0][1].shape == (320, 480, 3)


def test_tiles_show_who_is_there(shown) -> None:
    for time, image in shown:
        for name, tile in SMALL.tiles(time).items():
            lit = inside(image, tile).std() > 20
            assert lit == SMALL.guests[name].at(time), (time, name)


def test_a_camera_never_shows_the_same_twice_and_a_picture_always(shown) -> None:
    before, after = shown[0][1], shown[1][1]
    changed = {
        name: np.abs(inside(before, tile) - inside(after, tile)).mean()
        for name, tile in SMALL.tiles(0).items()
    }
    assert changed["pic"] < 2  # what the codec does to noise
    assert min(changed["ann"], changed["ben"]) > 5


def test_tiles_are_dealt_anew_and_resized() -> None:
    sooner, later, last = SMALL.tiles(0), SMALL.tiles(20), SMALL.tiles(30)
    assert set(sooner.values()) == set(later.values())
    assert sooner != later
    assert {tile[2:] for tile in sooner.values()} == {(234, 154)}
    assert {tile[2:] for tile in last.values()} == {(154, 314)}


def test_the_same_seed_deals_the_same() -> None:
    again = SimulatedMeeting(SMALL.guests, 40, shuffles=(15,), size=(480, 320), seed=3)
    assert again.tiles(20) == SimulatedMeeting(
        SMALL.guests, 40, shuffles=(15,), size=(480, 320), seed=3
    ).tiles(20)


def test_the_truth_names_people_and_no_pictures(tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.csv", {"a.mp4": SMALL, "b.mp4": SMALL})
    rows = evaluation.read_truth(tmp_path / "truth.csv")
    there = rows.select("recording", "time_s", "person").rows()
    one = [(0.0, "ann"), (0.0, "ben"), (10.0, "ann"), (10.0, "ben"), (20.0, "ann"), (30.0, "ann")]
    assert there == [(name, *row) for name in ("a.mp4", "b.mp4") for row in one]


def test_the_truth_s_boxes_lie_on_their_tiles() -> None:
    for time, name, (x1, y1, x2, y2) in SMALL.truth():
        x, y, width, height = SMALL.tiles(time)[name]
        assert x < (x1 + x2) / 2 < x + width
        assert y < (y1 + y2) / 2 < y + height
        assert 0.3 < (x2 - x1) / (y2 - y1) < 1
        assert 0.3 < (x2 - x1) / max(width, height / gallery.SHAPE) < 0.6


@pytest.mark.parametrize(("seed", "away"), [(0, 0.3), (1, 0.3), (2, 0.5)])
def test_schedules_keep_everybody_away_as_long_as_asked(seed: int, away: float) -> None:
    spans = schedule(list(LOOKS), 600, away=away, seed=seed)
    assert list(spans) == list(LOOKS)
    for there in spans.values():
        guest = Guest(Appearance(0), there)
        samples = [guest.at(time) for time in range(0, 600, 10)]
        assert sum(samples) == 60 - round(away * 60)
        assert all(edge % 10 == 5 for span in there for edge in span)  # between two samples
    assert len(set(spans.values())) > 10


def test_a_look_without_changes_is_the_face_itself() -> None:
    np.testing.assert_array_equal(portrait(Appearance(2)), gallery.portraits()[2])
    for look in [*list(LOOKS.values())[6:], *ALIKE.values()]:
        assert np.abs(portrait(look).astype(int) - gallery.portraits()[look.face]).mean() > 2
