"""Where the time of an analysis goes: processor seconds by stage.

Each thread counts its own processor time: waiting for a lock, a queue or another program is no work, and two
threads in one stage count twice. Within a stage that lies in another one, only the inner one counts.

The decoder's own threads, which FFmpeg names, are found where Linux lists them. What other threads of
libraries do is in no stage.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, nullcontext, suppress
from functools import wraps
from pathlib import Path
from threading import Lock, Thread, current_thread, local
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

T = TypeVar("T")
P = ParamSpec("P")

STAGES = {
    "start-up": "Python, plugins and networks loaded, database opened",
    "probe": "recordings hashed, their frames listed",
    "decode": "packets to pictures",
    "detect": "faces found",
    "encode": "landmarks, head pose, descriptors",
    "crops": "faces cut out of pictures",
    "classify": "expressions",
    "track": "faces followed through time, still pictures recognized",
    "store": "chunks written",
    "judge": "tracks linked to students, rules applied",
    "other": "other threads of libraries (outside Linux also the decoder's), and all the rest",
}
"""Name -> what is counted there, in the order of the work."""


TASKS = Path("/proc/self/task")


class _Clock(local):
    """Of one thread: its stages, the innermost last, and its processor time when these last changed."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.since = 0.0


class Profile:
    """Processor seconds of this process by stage. What was spent before it was made counts as start-up."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds = dict.fromkeys(STAGES, 0.0) | {"start-up": time.process_time()}
        self._clock, self._lock = _Clock(), Lock()
        self._threads: set[Thread] = set()
        self._decoders: dict[tuple[str, str], float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What this thread does meanwhile counts as `name`, one of `STAGES`, and as nothing else."""
        self._threads.add(current_thread())
        self._count()
        self._clock.stages.append(name)
        try:
            yield
        finally:
            self._count()
            self._clock.stages.pop()
            if name == "decode":
                self._decoders |= _decoders()

    def _count(self) -> None:
        """Add what this thread has spent since it entered or left a stage to the one that it is in."""
        clock, now = self._clock, time.thread_time()
        if clock.stages:
            with self._lock:
                self._seconds[clock.stages[-1]] += now - clock.since
        clock.since = now

    @property
    def threads(self) -> int:
        """How many threads have been in a stage."""
        return len(self._threads) + len(self._decoders)

    @property
    def wall_s(self) -> float:
        """Seconds that have passed since this was made."""
        return time.perf_counter() - self._began

    def seconds(self) -> dict[str, float]:
        """Processor seconds of every stage of `STAGES`, in that order. Their sum is all that the process has
        spent, as far as no thread is in a stage now."""
        with self._lock:
            counted = dict(self._seconds)
        counted["decode"] += sum(self._decoders.values())
        counted["other"] = max(0.0, time.process_time() - sum(counted.values()))
        return counted


def _decoders() -> dict[tuple[str, str], float]:
    """(thread, when it began) -> its processor seconds, of each of FFmpeg's threads that is there now; empty
    outside Linux. The fields are those of proc_pid_stat(5)."""
    found = {}
    for task in TASKS.iterdir() if TASKS.is_dir() else ():
        with suppress(OSError):  # ended meanwhile
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            if name.startswith("av:"):
                found[task.name, fields[19]] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


_current: Profile | None = None


@contextmanager
def profiled() -> Iterator[Profile]:
    """All stages of all threads are counted meanwhile."""
    global _current
    _current = Profile()
    try:
        yield _current
    finally:
        _current = None


def stage(name: str) -> AbstractContextManager[None]:
    """See `Profile.stage`; nothing is counted unless within `profiled`."""
    return nullcontext() if _current is None else _current.stage(name)


def staged(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Calls of the function are a stage."""

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with stage(name):
                return function(*args, **kwargs)

        return call

    return wrap


def each(name: str, items: Iterable[T]) -> Iterator[T]:
    """The same items; what it takes to make each of them is a stage."""
    iterator = iter(items)
    try:
        while True:
            with stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
    finally:
        getattr(iterator, "close", lambda: None)()
