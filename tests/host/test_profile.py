"""Processor seconds by stage: nested stages, several threads, and threads of the decoder."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from fertool.host import profile
from fertool.host.profile import STAGES, each, profiled, stage, staged


class Clock:
    """The clocks of one thread, moved by hand."""

    def __init__(self) -> None:
        self.spent = 0.0

    def thread_time(self) -> float:
        return self.spent

    def process_time(self) -> float:
        return 10.0 + self.spent  # Python had begun before

    def perf_counter(self) -> float:
        return 100.0 + 2 * self.spent  # half of the time this process waits


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    clock = Clock()
    monkeypatch.setattr(profile, "time", clock)
    monkeypatch.setattr(profile, "TASKS", tmp_path / "nowhere")
    return clock


def spent(found: profile.Profile) -> dict[str, float]:
    return {name: seconds for name, seconds in found.seconds().items() if seconds}


def test_an_inner_stage_is_not_part_of_the_outer_one(clock: Clock) -> None:
    with profiled() as found:
        clock.spent += 1  # in no stage
        with stage("classify"):
            clock.spent += 2
            with stage("crops"):
                clock.spent += 4
                with stage("crops"):
                    clock.spent += 8
            clock.spent += 16
        clock.spent += 32  # in none again
        with stage("classify"):
            clock.spent += 64
    assert spent(found) == {
        "start-up": 10,  # before the profile was made
        "crops": 4 + 8,
        "classify": 2 + 16 + 64,
        "other": 1 + 32,
    }
    assert list(found.seconds()) == list(STAGES)
    assert found.threads == 1
    assert found.wall_s == 2 * 127


def test_an_error_ends_its_stages(clock: Clock) -> None:
    with profiled() as found:
        with pytest.raises(ValueError, match="damaged"), stage("track"), stage("crops"):
            clock.spent += 1
            raise ValueError("damaged")
        clock.spent += 2
        with stage("store"):
            clock.spent += 4
    assert spent(found) == {"start-up": 10, "crops": 1, "store": 4, "other": 2}


def test_nothing_is_counted_without_a_profile(clock: Clock) -> None:
    with stage("detect"):
        clock.spent += 1
    with profiled() as found:
        pass
    with stage("detect"):
        clock.spent += 1
    assert found.seconds()["detect"] == 0


def test_functions_and_items_are_stages(clock: Clock) -> None:
    closed = []

    def pictures():
        try:
            for i in range(10):
                clock.spent += 1
                yield i
        finally:
            closed.append(True)

    @staged("judge")
    def judge(a: int, *, b: int) -> int:
        """Add."""
        clock.spent += a * b
        return a + b

    assert (judge.__name__, judge.__doc__) == ("judge", "Add.")
    with profiled() as found:
        taken = each("decode", pictures())
        for i in taken:
            clock.spent += 100  # what is done with an item is not its making
            if i == 2:
                break
        taken.close()
        assert list(each("probe", [5, 6])) == [5, 6]
        assert judge(3, b=4) == 7
    assert closed == [True], "who stops early ends the items too"
    assert spent(found) == {"start-up": 10, "decode": 3, "judge": 12, "other": 300}


def test_an_error_of_the_items_comes_through() -> None:
    def broken():
        yield 1
        raise ValueError("damaged")

    with profiled(), pytest.raises(ValueError, match="damaged"):
        list(each("decode", broken()))


def test_who_waits_does_not_work() -> None:
    """Two threads work for the same processor seconds; one waits for the other in its stage."""
    lock = threading.Lock()

    def work() -> None:
        with stage("detect"), lock:
            until = time.thread_time() + 0.1
            while time.thread_time() < until:
                pass

    with profiled() as found:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        with stage("store"):
            for thread in threads:
                thread.join()
    # .1 s each; the one that waited for the lock would have .2 s, and the one that waited for both as well.
    assert 0.2 <= found.seconds()["detect"] < 0.28
    assert found.seconds()["store"] < 0.08
    assert found.threads == 3


TASKS = [
    # thread, its name, ticks in user mode and in the kernel, when it began: see proc_pid_stat(5)
    ("11", "fertool", 500, 500, 1),
    ("12", "av:h264:df0", 100, 20, 2),
    ("13", "av:h264:df1", 50, 0, 2),
    ("14", "odd) name (", 700, 0, 3),
]


def write(folder: Path, thread: str, name: str, user: int, kernel: int, began: int) -> None:
    fields = ["S", *["0"] * 10, str(user), str(kernel), *["0"] * 6, str(began), "0", "0"]
    (folder / thread).mkdir(exist_ok=True)
    (folder / thread / "stat").write_text(f"{thread} ({name}) {' '.join(fields)}\n")


def test_the_decoders_own_threads_count_as_decode(monkeypatch, tmp_path: Path, clock: Clock) -> None:
    monkeypatch.setattr(profile, "TASKS", tmp_path)
    monkeypatch.setattr(profile, "os", SimpleNamespace(sysconf=lambda _: 100), raising=False)
    for task in TASKS:
        write(tmp_path, *task)
    (tmp_path / "15").mkdir()  # a thread that ended meanwhile
    with profiled() as found:
        clock.spent += 8  # of the whole process
        with stage("decode"):
            clock.spent += 1
        write(tmp_path, "13", "av:h264:df1", 80, 0, 2)  # it went on,
        write(tmp_path, "12", "av:h264:df0", 40, 0, 9)  # and a number was given to a new thread
        with stage("decode"):
            clock.spent += 1
    # own 2 s; threads 1.2 + .8 + .4 s
    assert found.seconds()["decode"] == pytest.approx(2 + 2.4)
    assert found.seconds()["other"] == pytest.approx(8 - 2.4), "they are taken from the rest"
    assert found.threads == 1 + 3
