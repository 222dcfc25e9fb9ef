"""Which worker does what next, and where tasks go when workers die: scripted workers on threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from fertool import __version__
from fertool.analysis.run import Analysis
from fertool.config import Settings
from fertool.distributed import scheduler as scheduling
from fertool.distributed.progress import RecordingProgress, Status, status
from fertool.distributed.scheduler import CHUNKS_AT_ONCE, TRIES, Scheduler
from fertool.distributed.worker import Described, Failed, Job, WorkerConfig
from fertool.errors import ConfigError, StoreError
from fertool.storage.runs import Recording, Run

CONFIG = WorkerConfig(Settings(), (), (), "", "", 1)


class Gone(Exception):
    """A worker died."""


class Scripted:
    """A pool whose workers do what `script(method, job number, chunks)` says, or that by default."""

    lost: tuple[type[BaseException], ...] = (Gone,)

    def __init__(self, chunks: dict[int, int], script=lambda *_: None, version: str = __version__) -> None:
        self.chunks, self.script, self.version = chunks, script, version
        self.did: list[tuple[str, int, tuple[int, ...]]] = []
        self.started = self.stopped = 0
        self.lock = threading.Lock()

    def start(self) -> Scripted.WorkerHandle:
        self.started += 1
        return Scripted.WorkerHandle(self)

    class WorkerHandle:
        def __init__(self, pool: Scripted) -> None:
            self.pool, self.thread = pool, ThreadPoolExecutor(1)

        def call(self, method: str, *args: Any) -> Future[Any]:
            return self.thread.submit(self.pool.answer, method, *args)

        def stop(self) -> None:
            self.pool.stopped += 1
            self.thread.shutdown(wait=False)

    def answer(self, method: str, *args: Any) -> Any:
        if method == "hello":
            return self.script("hello", -1, ()) or (self.version, "a-node", 1)
        if method == "load":
            return self.script("load", -1, ())
        number, chunks = args[0].number, tuple(sorted(args[2])) if method == "measure" else ()
        with self.lock:
            self.did.append((method, number, chunks))
        if (said := self.script(method, number, chunks)) is not None:
            return said
        if method == "measure":
            return None
        return Described(analysis(number, self.chunks[number]), tuple(range(self.chunks[number])))


def analysis(number: int, chunks: int) -> Analysis:
    recording = Recording(f"{number}", "", "c", "l", "", "", 1, 1.0, 1.0, 1, 1, "")
    return Analysis(recording, Run(f"{number}", "", "", "", {}, 1), 1.0, None, tuple(range(chunks)), (), ())


def job(number: int) -> Job:
    return Job(number, f"{number}.mp4", {}, None, ("", number))


def run(
    pool: Scripted,
    workers: int = 2,
    skip=lambda _: False,
    spooled: Callable[[str], set[int]] = lambda _: set(),
    notify: Callable[[Scheduler], None] = lambda _: None,
) -> Scheduler:
    made = Scheduler(pool, CONFIG, [job(number) for number in pool.chunks], skip, spooled)
    made.run(workers, notify)
    return made


def test_every_chunk_is_measured_once_in_tasks_of_a_bounded_size() -> None:
    pool = Scripted({0: 23, 1: 1, 2: 10})
    found = run(pool)
    done = [(number, chunk) for method, number, chunks in pool.did for chunk in chunks if method == "measure"]
    assert sorted(done) == [(n, c) for n, count in pool.chunks.items() for c in range(count)]
    assert max(len(chunks) for _, _, chunks in pool.did) == CHUNKS_AT_ONCE
    assert [one.done and not one.reason for one in found.progress] == [True] * 3
    assert pool.started == pool.stopped == 2
    status = found.status()
    assert (status.done, status.failed, status.recordings) == (3, 0, 3)
    assert status.hours_done == status.hours == pytest.approx(34 / 60)


def test_no_more_workers_than_recordings() -> None:
    pool = Scripted({0: 1})
    run(pool, workers=8)
    assert pool.started == 1


def test_what_is_skipped_is_described_only() -> None:
    pool = Scripted({0: 5, 1: 5})
    found = run(pool, skip=lambda one: one.run.id == "0")
    assert [number for method, number, _ in pool.did if method == "measure"] == [1]
    assert all(one.done for one in found.progress)


def test_a_death_costs_the_task_another_try() -> None:
    deaths = iter([True])

    def script(method, number, chunks):
        if method == "measure" and number == 1 and next(deaths, False):
            raise Gone

    pool = Scripted({0: 1, 1: 1}, script)
    found = run(pool)
    assert [one.reason for one in found.progress] == ["", ""]
    assert pool.did.count(("measure", 1, (0,))) == 2
    assert pool.started == 3


@pytest.mark.parametrize("deadly", ["describe", "measure"])
def test_what_kills_every_worker_is_given_up_and_the_others_go_on(deadly: str) -> None:
    def script(method, number, chunks):
        if method == deadly and number == 0:
            raise Gone

    pool = Scripted({0: 1, 1: 1, 2: 1}, script)
    found = run(pool, workers=1)
    assert found.progress[0].reason.startswith(f"the worker died over it {TRIES} times")
    assert [one.reason for one in found.progress[1:]] == ["", ""]
    assert [method for method, number, _ in pool.did if number == 0].count(deadly) == TRIES


def test_a_bad_recording_is_its_own_affair() -> None:
    pool = Scripted(
        {0: 30, 1: 1}, lambda m, n, c: Failed("not a video") if (m, n) == ("measure", 0) else None
    )
    found = run(pool, workers=1)
    assert [one.reason for one in found.progress] == ["not a video", ""]
    assert [n for m, n, _ in pool.did if m == "measure"] == [0, 1], "its other tasks are not begun"


def test_a_bug_keeps_its_traceback() -> None:
    found = run(
        Scripted({0: 1}, lambda m, n, c: Failed("oops", trace="Traceback") if m == "measure" else None)
    )
    assert (found.progress[0].reason, found.messages) == ("oops", ["Traceback"])


def test_what_everybody_would_meet_ends_it() -> None:
    pool = Scripted({0: 1, 1: 1}, lambda m, n, c: Failed("full", everywhere=True) if m == "measure" else None)
    with pytest.raises(StoreError, match="full"):
        run(pool)
    assert pool.stopped >= 2


def test_another_version_is_refused_with_both_named() -> None:
    with pytest.raises(ConfigError, match=f"on a-node has fertool 9.9, this is fertool {__version__}"):
        run(Scripted({0: 1, 1: 1}, version="9.9"))


def test_one_worker_of_another_version_is_not_missed() -> None:
    old = iter([("9.9", "old-node", 1)])
    pool = Scripted({0: 1, 1: 1}, lambda m, n, c: next(old, None) if m == "hello" else None)
    found = run(pool)
    assert [one.reason for one in found.progress] == ["", ""]
    assert found.messages == [f"the worker on old-node has fertool 9.9, this is fertool {__version__}"]


def test_plugins_that_are_not_the_same_there() -> None:
    with pytest.raises(ConfigError, match="not those"):
        run(Scripted({0: 1}, lambda m, n, c: Failed("not those") if m == "load" else None))


def test_workers_that_die_before_their_first_task_are_not_hired_for_ever() -> None:
    def script(method, number, chunks):
        if method == "load":
            raise Gone

    pool = Scripted({0: 1}, script)
    with pytest.raises(ConfigError, match="workers die before their first task"):
        run(pool)
    assert pool.started == TRIES


def test_a_straggler_is_overtaken() -> None:
    """The task that one worker never ends is given to the other, whose answer counts."""
    stuck, first = threading.Event(), iter([True])

    def script(method, number, chunks):
        if method == "measure" and number == 0 and next(first, False):
            stuck.wait(60)

    pool = Scripted({0: 1, 1: 1}, script)
    found = run(pool)
    stuck.set()
    assert [one.reason for one in found.progress] == ["", ""]
    assert pool.did.count(("measure", 0, (0,))) == 2


@pytest.mark.parametrize(("force", "described"), [(False, 2), (True, 1)])
def test_who_describes_by_force_is_not_overtaken(
    force: bool, described: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It empties the recording's part of the spool: when the second one is late, after it was measured."""
    monkeypatch.setattr(scheduling, "EVERY_S", 0.01)
    stuck, calls = threading.Event(), threading.Event()

    def script(method, number, chunks):
        if (method, number) == ("describe", 0) and not calls.is_set():
            calls.set()
            stuck.wait(0.5 if force else 60)  # long after idle workers have looked for work

    pool = Scripted({0: 1, 1: 1}, script)
    jobs = [replace(job(number), facts={"force": force}) for number in pool.chunks]
    made = Scheduler(pool, CONFIG, jobs, lambda _: False, lambda _: set())
    made.run(2, lambda _: None)
    stuck.set()
    assert [one.done and not one.reason for one in made.progress] == [True, True]
    assert pool.did.count(("describe", 0, ())) == described


# --- how far it is --------------------------------------------------------------------------


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are short."""
    monkeypatch.setattr(scheduling, "EVERY_S", 0.01)


def test_inside_a_task_the_spool_says_how_far_it_is(hurry: None) -> None:
    """The worker answers after all five chunks, of which one was there before; each is seen as it comes."""
    there, seen = {0}, []
    news = threading.Semaphore(0)

    def script(method, number, chunks):
        if method == "describe":
            return Described(analysis(0, 5), (1, 2, 3, 4))
        for chunk in chunks:
            there.add(chunk)
            assert news.acquire(timeout=60), "nobody looked"
        return None

    def notify(scheduler: Scheduler) -> None:
        now = scheduler.status()
        if scheduler.under_way() and len(scheduler.progress[0].measured) > len(seen):
            seen.append((now.hours_done, now.hours, now.speed > 0))
            news.release()

    found = run(Scripted({0: 5}, script), spooled=lambda _: {*there}, notify=notify)
    assert seen == [(pytest.approx(n / 60), pytest.approx(5 / 60), True) for n in (2, 3, 4, 5)]
    assert (found.progress[0].done, found.under_way()) == (True, [])


def test_of_several_recordings_one_is_looked_at_at_a_time(hurry: None) -> None:
    """In turn; one that nobody has begun is not, and a spool that does not answer costs the look only."""
    looks: list[str] = []
    enough = threading.Event()

    def spooled(of: str) -> set[int]:
        looks.append(of)
        if len(looks) >= 6:
            enough.set()
        raise OSError("no route to host")

    def script(method, number, chunks):
        assert method != "measure" or enough.wait(60)

    found = run(Scripted({0: 1, 1: 1, 2: 1}, script), spooled=spooled)
    assert sorted(looks[:2]) == ["0", "1"]
    assert looks[2:6] == looks[:2] * 2
    assert [one.reason for one in found.progress] == ["", "", ""]


def test_a_spool_is_not_asked_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "EVERY_S", 3600.0)
    looks: list[str] = []
    run(Scripted(dict.fromkeys(range(50), 10)), spooled=lambda of: looks.append(of) or set())
    assert looks == []


def one(
    chunks: int, missing: int = 0, measured: int = 0, *, done: bool = False, reason: str = ""
) -> RecordingProgress:
    known = analysis(0, chunks) if chunks else None
    return RecordingProgress(
        job(0), known, frozenset(range(missing)), frozenset(range(measured)), done=done, reason=reason
    )


# Recordings after a minute; done, failed; minutes of video: done, all, per minute; seconds to go.
COUNTS = [
    ([], (0, 0), (0, 0, 0, None)),
    ([one(0), one(0)], (0, 0), (0, 0, 0, None)),  # nobody knows how long they are
    ([one(30, 30), one(0)], (0, 0), (0, 60, 0, None)),  # the other one is taken to be as long
    ([one(30, 30, 10), one(0)], (0, 0), (10, 60, 10, 300)),
    ([one(30, 20), one(20, 20)], (0, 0), (10, 50, 0, None)),  # what was there before is no speed
    ([one(30, 20, 5), one(20, 20, 5)], (0, 0), (20, 50, 10, 180)),
    ([one(30, done=True), one(10, 10, 5)], (1, 0), (35, 40, 5, 60)),  # skipped: done, and no speed either
    (
        [one(30, 30, 12, done=True, reason="bad"), one(8, 8)],
        (1, 1),
        (12, 20, 12, 40),
    ),  # no more of a failed one
    ([one(0, done=True, reason="bad"), one(10, 10, 10, done=True)], (2, 1), (10, 10, 10, 0)),
]


@pytest.mark.parametrize(("recordings", "ended", "figures"), COUNTS)
def test_the_sum_of_all(recordings: list[RecordingProgress], ended: tuple[int, int], figures: tuple) -> None:
    done, whole, speed, left_s = figures
    found = status(recordings, workers=2, spent_s=60)
    hours = (pytest.approx(done / 60), pytest.approx(whole / 60))
    left = None if left_s is None else pytest.approx(left_s)
    assert found == Status(len(recordings), *ended, 2, *hours, pytest.approx(speed), left)
