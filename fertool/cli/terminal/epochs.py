"""Progress of a training: a line per epoch, and a bar within it on a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fertool.text import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.training.checkpoints import Epoch


class _Shown:
    """One line per epoch, with the time left."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.first: tuple[int, float] | None = None
        self.began = time.monotonic()

    def step(self, done: int, steps: int, loss: float) -> None:
        """Nothing between epochs: a log wants no more."""

    def epoch(self, done: Epoch) -> None:
        self.first = self.first or (done.epoch - 1, self.began)
        each = (time.monotonic() - self.first[1]) / (done.epoch - self.first[0])
        left = clock(each * (self.epochs - done.epoch))
        self.message(
            f"epoch {done.epoch}/{self.epochs}: loss {done.loss:.4f}, validation loss {done.val_loss:.4f}, "
            f"accuracy {done.val_accuracy:.2%}, {each:.1f} s an epoch, {left} left"
        )

    def message(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class _Bar(_Shown):
    """The same lines, and below them a bar of the epoch under way."""

    def __init__(self, epochs: int, bars: Any) -> None:
        super().__init__(epochs)
        self.bars = bars
        self.task = bars.add_task("epoch 1", total=None, loss="")

    def step(self, done: int, steps: int, loss: float) -> None:
        self.bars.update(self.task, completed=done, total=steps, loss=f"loss {loss:.4f}")

    def epoch(self, done: Epoch) -> None:
        super().epoch(done)
        self.bars.reset(self.task, description=f"epoch {done.epoch + 1}", loss="")

    def message(self, text: str) -> None:
        self.bars.console.print(text, highlight=False)


@contextmanager
def epochs_shown(epochs: int) -> Iterator[_Shown]:
    """A bar on a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield _Shown(epochs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(epochs, bars)
