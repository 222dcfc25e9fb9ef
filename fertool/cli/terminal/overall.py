"""Progress of recordings on several workers: lines, JSON lines, or a live screen."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from fertool.cli.terminal.options import print_line
from fertool.cli.terminal.progress import LINE_EVERY_S, Plain
from fertool.text import clock, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Group
    from rich.live import Live

    from fertool.analysis.run import Analysis
    from fertool.distributed.progress import RecordingProgress, Status
    from fertool.distributed.scheduler import Scheduler

EVENT_EVERY_S = 10.0
"""Of a program that follows."""
ROWS = 8
"""Of recordings under way on a terminal, however many workers there are."""
NAME = 28
"""Characters of a name there."""


@contextmanager
def whole(*, json: bool = False) -> Iterator[Whole]:
    """For a set of recordings: measured by a `Scheduler`, then taken into the database."""
    if json or not sys.stderr.isatty():
        yield Lines() if json else Whole()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False) as live:
        screen = Screen(live)
        yield screen
        screen.over()


class Whole(Plain):
    """Lines on standard error, now and then."""

    every_s = LINE_EVERY_S

    def __init__(self) -> None:
        self._next = 0.0
        self._failed: set[int] = set()
        self._said = 0

    def notified(self, scheduler: Scheduler) -> None:
        for text in scheduler.messages[self._said :]:
            self.warning(text)
        self._said = len(scheduler.messages)
        for one in scheduler.progress:
            if one.reason and one.job.number not in self._failed:
                self._failed.add(one.job.number)
                self.failed(one.job.file, one.reason)
        under_way = scheduler.under_way()
        if self._due() or self.news(under_way) or all(one.done for one in scheduler.progress):
            self.show(scheduler.status(), under_way)

    def ingesting(self, analysis: Analysis, number: int, count: int) -> None:
        if self._due():
            self.message(f"into the database: {number}/{count} recordings")

    def failed(self, file: str, reason: str) -> None:
        self.warning(reason if reason.startswith(file) else f"{file}: {reason}")

    def news(self, under_way: Sequence[RecordingProgress]) -> bool:
        """Whether something is to be shown at once; lines can wait."""
        return False

    def show(self, now: Status, under_way: Sequence[RecordingProgress]) -> None:
        """Show how far the whole set is, and the recordings under way."""
        hours = f"{now.hours_done:.1f}/{now.hours:.1f} h"
        self.message(f"{now.done}/{now.recordings} recordings, {hours}, {figures(now)}")

    def _due(self) -> bool:
        due = time.monotonic() >= self._next
        if due:
            self._next = time.monotonic() + self.every_s
        return due


class Lines(Whole):
    """The same as JSON on standard output, one object a line: `event` says what it is."""

    every_s = EVENT_EVERY_S

    def failed(self, file: str, reason: str) -> None:
        print_line({"event": "failed", "file": file, "reason": reason})

    def show(self, now: Status, under_way: Sequence[RecordingProgress]) -> None:
        print_line({"event": "progress"} | asdict(now))

    def ingesting(self, analysis: Analysis, number: int, count: int) -> None:
        print_line({"event": "ingest", "file": analysis.recording.path, "number": number, "of": count})


class Screen(Whole):
    """A picture at the foot of a terminal; messages stay above it."""

    every_s = 0.2

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self.now: Status | None = None
        self._painted: list[tuple[int, float]] = []

    def news(self, under_way: Sequence[RecordingProgress]) -> bool:
        """A recording that begins is, and how long it is, however soon it may be over."""
        before = self._painted
        self._painted = [(one.job.number, one.length_s) for one in under_way]
        return self._painted != before

    def message(self, text: str) -> None:
        from rich.text import Text

        self.live.console.print(Text(text))

    def show(self, now: Status, under_way: Sequence[RecordingProgress]) -> None:
        self.now = now
        self.live.update(picture(now, under_way), refresh=True)

    def ingesting(self, analysis: Analysis, number: int, count: int) -> None:
        if self._due() or not number:  # that it begins is news, however soon after the last picture
            self.live.update(picture(self.now, loaded=(number, count)), refresh=True)

    def over(self) -> None:
        """Leave the final picture on the terminal."""
        self.live.update(picture(self.now), refresh=True)


def picture(
    now: Status | None, under_way: Sequence[RecordingProgress] = (), loaded: tuple[int, int] | None = None
) -> Group:
    """A bar for each recording under way, as many as have room, then one for the whole set, and its figures.

    `loaded`: how many recordings are in the database, and of how many.
    """
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Column, Table
    from rich.text import Text

    from fertool.media.remote import located

    rows = Table.grid(
        Column(no_wrap=True, width=NAME),
        Column(ratio=1),
        Column(no_wrap=True, justify="right"),
        padding=(0, 1),
        expand=True,
    )

    def row(name: str, done: float, of: float, amount: str, style: str = "") -> None:
        bar = ProgressBar(of or 1.0, done)  # of nothing, it would be full
        rows.add_row(Text(name, style, overflow="ellipsis"), bar, Text(amount, style))

    for one in under_way[:ROWS]:
        amount = f"{clock(one.done_s)}/{clock(one.length_s)}" if one.analysis else "opening"
        row(located(one.job.file).name, one.done_s, one.length_s, amount)
    if len(under_way) > ROWS:
        rows.add_row(Text(f"and {len(under_way) - ROWS} more"))
    if now is not None:
        hours = f"{clock(now.hours_done * 3600)}/{clock(now.hours * 3600)}" if now.hours else ""
        row(f"{now.done}/{now.recordings} recordings", now.hours_done, now.hours, hours, "bold")
    if loaded is not None:
        row("into the database", *loaded, "{}/{}".format(*loaded))
    return Group(rows, Text(figures(now))) if now is not None else Group(rows)


def figures(now: Status) -> str:
    """Failures, speed, time left and workers, as far as there are any."""
    words = [f"{now.failed} failed"] if now.failed else []
    words += [f"{now.speed:.1f}x real time"] if now.speed else []
    words += [f"{clock(now.left_s)} left"] if now.left_s else []
    workers = plural(now.workers, "worker")
    return ", ".join([*words, workers if now.workers else "workers are getting ready"])
