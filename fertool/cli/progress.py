"""How far an analysis is: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fertool.cli.common import clock, print_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fertool.analysis import Analysis
    from fertool.fleet.drive import Drive
    from fertool.remote import File

LINE_EVERY_S = 10.0
"""Without a terminal: one line this often."""


class Shown:
    """Plain lines on standard error; standard output belongs to results."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.name = ""
        self._next = 0.0

    def video(self, file: File) -> None:
        """The next recording is being opened."""
        self.name = file.name

    def started(self, planned: int, done: int) -> None:
        """Measuring begins, or goes on after `done` of the `planned` samples."""
        self.planned, self.done, self.found = planned, done, 0
        self.began, self.first_s = time.monotonic(), None if done else 0.0
        if done:
            self.message(f"{self.name}: going on after {done} of {planned} samples")

    def advanced(self, samples: int, faces: int, time_s: float) -> None:
        """`samples` more are measured, up to `time_s` of the recording, with `faces` faces."""
        if self.first_s is None:
            self.first_s = time_s
        self.done += samples
        self.found += faces
        self.time_s = time_s
        self.show()

    def show(self) -> None:
        now = time.monotonic()
        if self.quiet or (now < self._next and self.done < self.planned):
            return
        self._next = now + LINE_EVERY_S
        self.message(f"{self.name}: {self.done}/{self.planned} samples, {self.found} faces, {self.speed()}")

    def speed(self) -> str:
        spent = time.monotonic() - self.began
        ahead = self.time_s - (self.first_s or 0.0)
        return f"{ahead / spent:.1f}x real time" if spent > 0 and ahead > 0 else ""

    def message(self, text: str) -> None:
        print(text, file=sys.stderr)


class Bars(Shown):
    """A rich progress bar per recording."""

    def __init__(self, bars: Any) -> None:
        super().__init__()
        self.bars = bars
        self.task: Any = None

    def video(self, file: File) -> None:
        super().video(file)
        self.task = self.bars.add_task("", name=file.name, total=None, faces="", speed="opening")

    def started(self, planned: int, done: int) -> None:
        super().started(planned, done)
        # `reset` would forget the fields it is not given.
        self.bars.reset(
            self.task, total=planned, completed=done, name=self.name, faces="", speed="loading models"
        )

    def show(self) -> None:
        at = clock(self.time_s)
        self.bars.update(
            self.task, completed=self.done, faces=f"{self.found} faces", speed=f"{self.speed()} at {at}"
        )

    def message(self, text: str) -> None:
        from rich.text import Text

        self.bars.console.print(Text(text))


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Shown]:
    """Progress for a series of recordings."""
    if quiet or not sys.stderr.isatty():
        yield Shown(quiet=quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[name]}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("samples"),
        TextColumn("{task.fields[faces]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield Bars(bars)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """What is being done, in words that follow each other on a terminal; elsewhere nothing is said."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("") as status:
        yield lambda what: status.update(escape(what))


class Whole:
    """A set of recordings on several workers, from one place: lines on standard error, now and then."""

    def __init__(self) -> None:
        self._next = 0.0
        self._failed: set[int] = set()
        self._said = 0

    def message(self, text: str) -> None:
        print(text, file=sys.stderr)

    def told(self, drive: Drive) -> None:
        """Called about once a second."""
        for text in drive.messages[self._said :]:
            self.message(f"fertool: {text}")
        self._said = len(drive.messages)
        for one in drive.progress:
            if one.reason and one.job.number not in self._failed:
                self._failed.add(one.job.number)
                self.failed(one.job.file, one.reason)
        over = all(one.done for one in drive.progress)
        if over or time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY_S
            self.show(drive)

    def failed(self, file: str, reason: str) -> None:
        self.message(f"fertool: {file}: {reason}")

    def show(self, drive: Drive) -> None:
        now = drive.status()
        left = "" if now.left_s is None else f", {clock(now.left_s)} left"
        speed = f", {now.speed:.1f}x real time" if now.speed else ""
        failed = f", {now.failed} failed" if now.failed else ""
        self.message(
            f"{now.done}/{now.recordings} recordings{failed}, {now.hours_done:.1f}/{now.hours:.1f} h"
            f"{speed}{left}, {now.workers} worker{'s' if now.workers != 1 else ''}"
        )

    def ingesting(self, analysis: Analysis, number: int, count: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY_S
            self.message(f"into the database: {number}/{count} recordings")


class Lines(Whole):
    """The same as JSON on standard output, one object a line: `event` says what it is."""

    def failed(self, file: str, reason: str) -> None:
        print_line({"event": "failed", "file": file, "reason": reason})

    def show(self, drive: Drive) -> None:
        from dataclasses import asdict

        print_line({"event": "progress"} | asdict(drive.status()))

    def ingesting(self, analysis: Analysis, number: int, count: int) -> None:
        print_line({"event": "ingest", "file": analysis.recording.path, "number": number, "of": count})
