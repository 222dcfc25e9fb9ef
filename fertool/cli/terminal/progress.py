"""Progress of an analysis in this process: a live bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fertool.cli.terminal.options import print_table
from fertool.text import clock
from fertool.workflows.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fertool.media.remote import File

LINE_EVERY_S = 30.0
"""Without a terminal: one line this often, the first one after as long."""


class Plain(Reporter):
    """Lines: messages and warnings on standard error, results on standard output."""

    def message(self, text: str) -> None:
        print(text, file=sys.stderr)

    def warning(self, text: str) -> None:
        self.message(f"fertool: {text}")

    def result(self, text: str) -> None:
        print(text)

    def removed(self, rows: Mapping[str, int]) -> None:
        print_table(["removed from", "rows"], rows.items() or [("(nothing)", 0)])


class ProgressLines(Plain):
    """How far a series of recordings is, in lines now and then."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.name = ""

    def video(self, file: File) -> None:
        self.name = file.name

    def started(self, planned: int, done: int) -> None:
        self.planned, self.before, self.done, self.found = planned, done, done, 0
        self.began, self.first_s = time.monotonic(), None if done else 0.0
        self._next = self.began + LINE_EVERY_S
        if done:
            self.message(f"{self.name}: going on after {done} of {planned} samples")

    def advanced(self, samples: int, faces: int, time_s: float) -> None:
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
        samples = f"{self.done}/{self.planned} samples ({100 * self.done // self.planned}%)"
        words = [samples, f"{self.found} faces", self.speed(), self.left()]
        self.message(f"{self.name}: {', '.join(word for word in words if word)}")

    def speed(self) -> str:
        spent = time.monotonic() - self.began
        ahead = self.time_s - (self.first_s or 0.0)
        return f"{ahead / spent:.1f}x real time" if spent > 0 and ahead > 0 else ""

    def left(self) -> str:
        """Time left for this recording, at the mean speed since it was begun; empty once it is measured."""
        spent, measured = time.monotonic() - self.began, self.done - self.before
        left = spent * (self.planned - self.done) / measured
        return f"{clock(left)} left" if self.done < self.planned else ""


class Bars(ProgressLines):
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
def progress(*, quiet: bool = False) -> Iterator[ProgressLines]:
    """Progress for a series of recordings."""
    if quiet or not sys.stderr.isatty():
        yield ProgressLines(quiet=quiet)
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
        try:
            yield Bars(bars)
        finally:
            for task in bars.tasks:
                if task.total is None:  # never begun: a line says why
                    bars.remove_task(task.id)


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
