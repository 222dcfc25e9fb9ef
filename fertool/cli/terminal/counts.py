"""Progress of a classifier over a data set: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fertool.cli.terminal.progress import LINE_EVERY_S
from fertool.text import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fertool.training.evaluate import Seen


@contextmanager
def faces_shown() -> Iterator[Callable[[str], Seen]]:
    """`show(title)` gives the callback for the faces of one classifier."""
    if not sys.stderr.isatty():
        yield _lines
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def show(title: str) -> Seen:
            task = bars.add_task(escape(title), total=None)
            return lambda done, of: bars.update(task, completed=done, total=of)

        yield show


def _lines(title: str) -> Seen:
    """A line now and then, on standard error: how many faces, and the time left at the speed so far."""
    began = time.monotonic()
    said_at = began

    def seen(done: int, of: int) -> None:
        nonlocal said_at
        now = time.monotonic()
        if done < of and now >= said_at + LINE_EVERY_S:
            said_at = now
            left = clock((now - began) * (of - done) / done)
            print(
                f"{title}: {done}/{of} faces ({100 * done // of}%), {left} left", file=sys.stderr, flush=True
            )

    return seen
