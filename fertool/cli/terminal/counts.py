"""Progress of a classifier over a data set: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fertool.training.evaluate import Seen


@contextmanager
def faces_shown() -> Iterator[Callable[[str], Seen]]:
    """`show(title)` gives the callback for the faces of one classifier."""
    if not sys.stderr.isatty():
        yield lambda _: lambda *_: None
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
