"""How far a set of recordings on several workers is: lines for people, lines for programs, a screen."""

from __future__ import annotations

import io
import json
import re
from dataclasses import fields

import pytest
from rich.console import Console
from rich.live import Live

from fertool.analysis.run import Analysis
from fertool.cli.terminal.overall import ROWS, Lines, Screen, Whole, picture
from fertool.config import Settings
from fertool.distributed.local import Processes
from fertool.distributed.progress import RecordingProgress, Status, status
from fertool.distributed.scheduler import Scheduler
from fertool.distributed.worker import Job, WorkerConfig
from fertool.storage.runs import Recording, Run

CONFIG = WorkerConfig(Settings(), (), (), "", "", 1)


def analysis(number: int, chunks: int) -> Analysis:
    recording = Recording(f"{number}", "", "c", "l", f"/at/{number}.mp4", "", 1, 1.0, 1.0, 1, 1, "")
    return Analysis(recording, Run(f"{number}", "", "", "", {}, 1), 1.0, None, tuple(range(chunks)), (), ())


def one(number: int, chunks: int = 0, measured: int = 0, name: str = "") -> RecordingProgress:
    """Nothing was there before; 0 chunks: nobody has looked at it yet."""
    job = Job(number, name or f"/at/week {number}.mp4", {}, None, ("", number))
    known = analysis(number, chunks) if chunks else None
    return RecordingProgress(job, known, frozenset(range(chunks)), frozenset(range(measured)))


def going_on(*recordings: RecordingProgress) -> Scheduler:
    """No worker is started."""
    made = Scheduler(Processes(), CONFIG, [], lambda _: False, lambda _: set())
    made.progress = list(recordings)
    return made


def end(*recordings: RecordingProgress) -> None:
    for recording in recordings:
        recording.done, recording.measured = True, recording.missing


def failed(recording: RecordingProgress, reason: str) -> RecordingProgress:
    recording.done, recording.reason = True, reason
    return recording


# --- lines ----------------------------------------------------------------------------------


def test_lines_come_now_and_then_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    shown, going = Whole(), going_on(one(0, 30, 10), one(1, 30))
    for _ in range(5):
        shown.notified(going)
    end(*going.progress)
    shown.notified(going)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("0/2 recordings, 0.2/1.0 h, ")
    assert first.endswith(" left, workers are getting ready")
    assert last.startswith("2/2 recordings, 1.0/1.0 h, ")
    assert "left" not in last


def test_what_went_wrong_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    bad = failed(one(0), "the worker died over it 3 times")
    named = failed(one(1), "/at/week 1.mp4: not a video")  # most reasons name the file already
    shown, going = Whole(), going_on(bad, named, one(2, 1))
    going.messages.append("another version there")
    for _ in range(3):
        shown.notified(going)
    end(going.progress[2])
    shown.notified(going)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fertool")]
    assert said == [
        "fertool: another version there",
        "fertool: /at/week 0.mp4: the worker died over it 3 times",
        "fertool: /at/week 1.mp4: not a video",
    ]


def test_for_programs_every_event_is_an_object_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    shown, going = Lines(), going_on(failed(one(0), "not a video"), one(1, 2, 1))
    shown.notified(going)
    shown.ingesting(analysis(1, 2), 0, 1)
    out, err = capsys.readouterr()
    bad, progress, ingest = (json.loads(line) for line in out.splitlines())
    assert bad == {"event": "failed", "file": "/at/week 0.mp4", "reason": "not a video"}
    assert progress.keys() == {"event", *(field.name for field in fields(Status))}
    assert (progress["event"], progress["done"], progress["hours_done"]) == ("progress", 1, 1 / 60)
    assert ingest == {"event": "ingest", "file": "/at/1.mp4", "number": 0, "of": 1}
    assert err == ""


# --- a screen -------------------------------------------------------------------------------


def console(columns: int) -> Console:
    return Console(file=io.StringIO(), width=columns, color_system=None, force_terminal=True)


def painted(columns: int, recordings: list[RecordingProgress], **more: object) -> list[str]:
    at = console(columns)
    now = status(recordings, workers=2, spent_s=60)
    at.print(picture(now, [one for one in recordings if not one.done], **more))
    return [line.rstrip() for line in at.file.getvalue().splitlines()]


def test_a_picture_has_a_bar_for_each_under_way_and_one_for_all() -> None:
    course = [one(0, 90, 45), one(1, 30, name="/at/an introduction to sampling and filters.mp4"), one(2)]
    assert painted(80, [*course, failed(one(3), "not a video")]) == [
        "week 0.mp4                   ━━━━━━━━━━━━━━━━━╸                  0:45:00/1:30:00",
        "an introduction to sampling…                                     0:00:00/0:30:00",
        "week 2.mp4                                                               opening",
        "1/4 recordings               ━━━━━━━━╸                           0:45:00/3:00:00",
        "1 failed, 45.0x real time, 0:03:00 left, 2 workers",
    ]


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_picture_fits(columns: int) -> None:
    """Thousands of hours, more workers than lines, names longer than any terminal: no line is broken."""
    course = [one(number, 6000, 3000, "/at/" + "long " * 50) for number in range(50)]
    lines = painted(columns, course)
    assert len(lines) == ROWS + 3
    assert max(map(len, lines)) == columns
    assert lines[ROWS] == "and 42 more"
    assert lines[-2].endswith(" 2500:00:00/5000:00:00")


def test_a_picture_of_loading() -> None:
    course = [one(0, 30, 30), one(1, 30, 30)]
    end(*course)
    full = "━" * 35
    assert painted(80, course, loaded=(1, 2))[:2] == [
        f"2/2 recordings               {full} 1:00:00/1:00:00",
        f"into the database            {'━' * 17}╸{' ' * 17}             1/2",
    ]
    at = console(80)
    at.print(picture(None, loaded=(0, 7)))  # `fertool ingest` measures nothing
    assert at.file.getvalue().rstrip("\n") == f"into the database            {' ' * 47} 0/7"


def test_messages_stay_above_the_picture() -> None:
    """The last state of it stays too, without the line of loading."""
    at = console(80)
    with Live(console=at, auto_refresh=False) as live:
        shown, going = Screen(live), going_on(one(0, 2), failed(one(1), "[red]not a video[/red]"))
        shown.notified(going)
        end(going.progress[0])
        shown.notified(going)
        shown.ingesting(analysis(0, 2), 0, 1)
        shown.message("week 0.mp4: it has no end")
        shown.over()
    found = left_on_screen(at.file.getvalue())
    assert found[:2] == ["fertool: /at/week 1.mp4: [red]not a video[/red]", "week 0.mp4: it has no end"]
    assert found[2].startswith("2/2 recordings  ")
    assert found[3].startswith("1 failed, ")
    assert found[4:] == [""]


PIECES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+")


def left_on_screen(written: str) -> list[str]:
    """What a terminal shows in the end: before it writes again, rich goes up line by line and deletes."""
    lines = [""]
    for piece in PIECES.findall(written):
        match piece:
            case "\x1b[1A":
                lines.pop()
            case "\x1b[2K":
                lines[-1] = ""
            case "\n":
                lines.append("")
            case _ if piece[0] not in "\x1b\r":
                lines[-1] += piece
    return [line.rstrip() for line in lines]
