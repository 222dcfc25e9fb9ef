"""Progress of an analysis where standard error is no terminal: few lines, with the time left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fertool.cli.terminal import counts, progress
from fertool.cli.terminal.progress import LINE_EVERY_S, ProgressLines


class Clock:
    """A clock that is moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(counts, "time", clock)
    return clock


def measured(clock: Clock, shown: ProgressLines, planned: int, done: int, step_s: float) -> None:
    """A recording with a sample a second, of which each takes `step_s`, two faces in each."""
    shown.video(Path("a.mp4"))
    shown.started(planned, done)
    for sample in range(done, planned):
        clock.now += step_s
        shown.advanced(1, 2, float(sample))


LINES = [
    # samples, of them there before, seconds for each, lines
    (29, 0, 1, ["a.mp4: 29/29 samples (100%), 58 faces, 1.0x real time"]),  # short: the end alone
    (
        70,
        0,
        1,
        [
            "a.mp4: 30/70 samples (42%), 60 faces, 1.0x real time, 0:00:40 left",  # 42.9 %: never rounded up
            "a.mp4: 60/70 samples (85%), 120 faces, 1.0x real time, 0:00:10 left",
            "a.mp4: 70/70 samples (100%), 140 faces, 1.0x real time",
        ],
    ),
    # Each takes longer than the pause between lines. The first sample lies at 0 s: no speed yet.
    (
        3,
        0,
        60,
        [
            "a.mp4: 1/3 samples (33%), 2 faces, 0:02:00 left",
            "a.mp4: 2/3 samples (66%), 4 faces, 0.0x real time, 0:01:00 left",
            "a.mp4: 3/3 samples (100%), 6 faces, 0.0x real time",
        ],
    ),
    # Gone on after 3000 of 3600: the 600 that are left take a second each, not what 3000 in no time suggest.
    (
        3600,
        3000,
        1,
        [
            "a.mp4: going on after 3000 of 3600 samples",
            *(
                f"a.mp4: {3000 + n}/3600 samples ({(3000 + n) // 36}%), {2 * n} faces, 1.0x real time, "
                f"0:{(600 - n) // 60:02d}:{(600 - n) % 60:02d} left"
                for n in range(30, 600, 30)
            ),
            "a.mp4: 3600/3600 samples (100%), 1200 faces, 1.0x real time",
        ],
    ),
]


@pytest.mark.parametrize(("planned", "done", "step_s", "lines"), LINES)
def test_lines(
    capsys: pytest.CaptureFixture[str], clock: Clock, planned: int, done: int, step_s: float, lines: list[str]
) -> None:
    measured(clock, ProgressLines(), planned, done, step_s)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == lines


def test_the_next_recording_has_its_own_time_left(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    shown = ProgressLines()
    measured(clock, shown, 40, 0, 10)  # slow
    capsys.readouterr()
    measured(clock, shown, 400, 0, 0.5)
    first = capsys.readouterr().err.splitlines()[0]
    # 60 samples in the first 30 s; 340 are left, at half a second each
    assert first == "a.mp4: 60/400 samples (15%), 120 faces, 2.0x real time, 0:02:50 left"


def test_lines_are_as_far_apart_however_often_is_asked(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    measured(clock, ProgressLines(), 10_000, 0, 0.01)  # 100 s
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 100 // LINE_EVERY_S + 1


def test_nothing_is_said_beside_json(fertool, small_video: Path) -> None:
    done = fertool("analyze", small_video, "--policy", "behaviour", "--json")
    assert done.code == 0
    assert json.loads(done.out)["inventory"][0]["became"] == "analyzed"
    assert "samples" not in done.err


LEFT = [(1, "0:02:04"), (2, "0:01:33"), (3, "0:01:02"), (4, "0:00:31")]


@pytest.mark.parametrize(
    ("step_s", "lines"),
    [
        (0.1, []),
        (10, ["compact: 192/320 faces (60%), 0:00:20 left"]),
        (31, [f"compact: {64 * n}/320 faces ({20 * n}%), {left} left" for n, left in LEFT]),
    ],
)
def test_faces_are_counted_in_lines(
    capsys: pytest.CaptureFixture[str], clock: Clock, step_s: float, lines: list[str]
) -> None:
    """320 faces in batches of 64. The last one says nothing: the result follows."""
    with counts.faces_shown() as show:
        seen = show("compact")
        for done in range(64, 321, 64):
            clock.now += step_s
            seen(done, 320)
    shown = capsys.readouterr()
    assert (shown.out, shown.err.splitlines()) == ("", lines)
