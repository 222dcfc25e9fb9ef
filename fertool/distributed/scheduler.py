"""The scheduler: tasks for workers, and retries after a crash.

One worker has one task at a time, so when it dies it is known over what. Every task may be done twice, and
half: chunks in a spool are there whole or not at all, and equal from every worker. How far a task is,
the spool tells: workers say nothing before the end.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from fertool import __version__
from fertool.distributed.progress import RecordingProgress, Status, status
from fertool.distributed.worker import Described, Failed, WorkerConfig
from fertool.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from fertool.analysis.run import Analysis
    from fertool.distributed.worker import Job

log = logging.getLogger(__name__)
CHUNKS_AT_ONCE = 10
"""Of one task: ten minutes of video. Each costs a seek, and to another worker opening the file."""
TRIES = 3
"""Of a task whose worker dies over it; the third time it is to blame."""
SLOW = 2.0
"""A task that takes this many times as long as most is also given to a worker that has nothing to do."""
EVERY_S = 1.0
"""How often progress is reported, the spool is read, and slow tasks are looked for."""


class WorkerHandle(Protocol):
    """A place for one worker, which is being started."""

    def call(self, method: str, *args: Any) -> Future[Any]:
        """Ask the worker for something; when it dies, the future raises one of `WorkerPool.lost`."""

    def stop(self) -> None:
        """End the worker, whatever it is doing."""


class WorkerPool(Protocol):
    """Where workers come from."""

    lost: tuple[type[BaseException], ...]

    def start(self) -> WorkerHandle:
        """Begin to start one more worker; its handle can be called at once."""


@dataclass(eq=False, slots=True)
class Task:
    """A part of the work on one recording: its description, or some of its chunks."""

    of: RecordingProgress
    chunks: frozenset[int] | None = None
    """None: the recording has to be described first."""
    tries: int = 0
    shared: bool = False
    """Whether a second worker is at it."""
    over: bool = False


@dataclass(slots=True)
class _Busy:
    handle: WorkerHandle
    doing: Task | str
    """A task, or the name of a step of getting ready."""
    since: float = field(default_factory=time.monotonic)


class Scheduler:
    """`run` it once. `progress` has one entry per job, in order."""

    def __init__(
        self,
        pool: WorkerPool,
        config: WorkerConfig,
        jobs: Iterable[Job],
        skip: Callable[[Analysis], bool],
        spooled: Callable[[str], AbstractSet[int]],
    ) -> None:
        """`skip`: whether an analysis, once described, need not be measured. `spooled`: which chunks of a
        run are in the spool now."""
        self.pool, self.config, self.skip, self.spooled = pool, config, skip, spooled
        self.progress = [RecordingProgress(job) for job in jobs]
        self.messages: list[str] = []
        self.workers = 0
        """That are ready."""
        self._waiting = deque(Task(one) for one in self.progress)
        self._busy: dict[Future[Any], _Busy] = {}
        self._idle: list[WorkerHandle] = []
        self._took: list[float] = []
        self._failed_starts = 0
        self._began = self._looked = time.monotonic()

    def status(self) -> Status:
        """How far the whole set is now."""
        return status(self.progress, self.workers, time.monotonic() - self._began)

    def under_way(self) -> list[RecordingProgress]:
        """Recordings that some worker has a task of, in order."""
        doing = (busy.doing.of for busy in self._busy.values() if isinstance(busy.doing, Task))
        found = {one.job.number: one for one in doing if not one.done}
        return [found[number] for number in sorted(found)]

    def run(self, workers: int, notify: Callable[[Scheduler], None]) -> None:
        """Work through all jobs with this many workers; `notify` is called about once a second.

        Raises StoreError when nothing can be stored any more, ConfigError when no worker can be used. What
        was measured stays in the spool.
        """
        handles = [self._start() for _ in range(min(workers, len(self.progress)) or 1)]
        try:
            while not all(one.done for one in self.progress):
                if not self._busy:
                    raise ConfigError("; ".join(dict.fromkeys(self.messages)) or "there are no workers left")
                done, _ = wait(self._busy, timeout=EVERY_S, return_when=FIRST_COMPLETED)
                for future in done:
                    self._settle(future, self._busy.pop(future))
                self._give()
                self._look()
                notify(self)
        finally:
            for handle in {
                id(s): s for s in (*handles, *self._idle, *(b.handle for b in self._busy.values()))
            }.values():
                handle.stop()

    # --- workers ------------------------------------------------------------------------------

    def _start(self) -> WorkerHandle:
        handle = self.pool.start()
        self._ask(handle, "hello", "hello")
        return handle

    def _ask(self, handle: WorkerHandle, doing: Task | str, method: str, *args: Any) -> None:
        self._busy[handle.call(method, *args)] = _Busy(handle, doing)

    def _handshake(self, handle: WorkerHandle, answer: tuple[str, str, int]) -> None:
        version, machine, _ = answer
        if version != __version__:
            self._refuse(
                handle, f"the worker on {machine} has fertool {version}, this is fertool {__version__}"
            )
        else:
            self._ask(handle, "load", "load", self.config)

    def _refuse(self, handle: WorkerHandle, reason: str) -> None:
        self.messages.append(reason)
        handle.stop()

    def _died(self, busy: _Busy) -> None:
        """Put another worker in its place, and its task aside for that one."""
        busy.handle.stop()
        log.info("worker lost: %s", busy.doing if isinstance(busy.doing, str) else busy.doing.of.job.file)
        if isinstance(busy.doing, str):
            self._failed_starts += 1
            if self._failed_starts >= TRIES:
                self.messages.append("workers die before their first task")
                return
        else:
            self.workers -= 1
            self._again(busy.doing)
        self._start()

    # --- tasks --------------------------------------------------------------------------------

    def _again(self, task: Task) -> None:
        if task.over or task.of.done:
            return
        task.tries += 1
        if task.tries >= TRIES:
            self._fail(
                task.of, f"the worker died over it {TRIES} times: a fault in native code, or no memory"
            )
        elif task.shared:
            task.shared = False  # the other one is still at it
        else:
            self._waiting.append(task)

    def _give(self) -> None:
        while self._idle and (task := self._next()) is not None:
            handle = self._idle.pop()
            if task.chunks is None:
                self._ask(handle, task, "describe", task.of.job)
            else:
                self._ask(handle, task, "measure", task.of.job, task.of.analysis, task.chunks)

    def _next(self) -> Task | None:
        while self._waiting:
            task = self._waiting.popleft()
            if not task.of.done:
                return task
        return self._slow()

    def _slow(self) -> Task | None:
        """The task that is under way longest, if that is too long: marked as shared."""
        if not self._took:
            return None
        limit = time.monotonic() - max(EVERY_S, SLOW * median(self._took))
        late = [
            (busy.since, busy.doing)
            for busy in self._busy.values()
            if isinstance(busy.doing, Task) and _sharable(busy.doing)
        ]
        since, task = min(late, key=lambda pair: pair[0], default=(limit, None))
        if task is None or since >= limit:
            return None
        task.shared = True
        return task

    def _settle(self, future: Future[Any], busy: _Busy) -> None:
        try:
            answer = future.result()
        except self.pool.lost:
            self._died(busy)
            return
        if busy.doing == "hello":
            self._handshake(busy.handle, answer)
        elif busy.doing == "load" and answer is not None:
            self._refuse(busy.handle, answer.reason)
        else:
            if busy.doing == "load":
                self.workers, self._failed_starts = self.workers + 1, 0
            self._idle.append(busy.handle)
            if isinstance(busy.doing, Task) and not busy.doing.over:
                self._took.append(time.monotonic() - busy.since)
                self._finished(busy.doing, answer)

    def _finished(self, task: Task, answer: Described | Failed | None) -> None:
        task.over = True
        one = task.of
        match answer:
            case Failed(reason, everywhere, trace):
                if everywhere:
                    raise StoreError(reason)
                self.messages += [trace] if trace else []
                self._fail(one, reason)
            case Described(analysis, missing):
                one.analysis = analysis
                chunks = [] if self.skip(analysis) and not one.job.force else _ranges(missing)
                self._waiting.extendleft(Task(one, part) for part in reversed(chunks))
                one.missing = frozenset[int]().union(*chunks)
                one.done = not chunks
            case None:  # measured
                assert task.chunks is not None
                one.measured |= task.chunks
                one.done = one.done or one.measured == one.missing

    def _fail(self, one: RecordingProgress, reason: str) -> None:
        one.done, one.reason = True, one.reason or reason

    def _look(self) -> None:
        """See what the spool has of one recording under way: the one that was looked at longest ago.

        One listing a second, however many workers there are: a spool may be far away, and cost by the call.
        """
        measuring = [one for one in self.under_way() if one.analysis]
        if not measuring or time.monotonic() < self._looked + EVERY_S:
            return
        one = min(measuring, key=lambda one: one.looked)
        assert one.analysis is not None
        with suppress(OSError):  # the next write, or the final read, reports the error
            one.measured |= one.missing & self.spooled(one.analysis.run.id)
        one.looked = self._looked = time.monotonic()


def _sharable(task: Task) -> bool:
    """Whether a second worker may do it too. To describe what is analyzed by force empties its part of the
    spool: late, that would take away what was measured meanwhile."""
    empties = task.chunks is None and task.of.job.force
    return not (task.shared or task.of.done or empties)


def _ranges(chunks: Sequence[int]) -> list[frozenset[int]]:
    return [frozenset(chunks[i : i + CHUNKS_AT_ONCE]) for i in range(0, len(chunks), CHUNKS_AT_ONCE)]
