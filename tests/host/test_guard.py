"""Guarded calls of plugin code: what takes too long, what exits, what prints, what is slow, what writes."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fertool import Classifier, Crop, Detector, Faces, PluginError, Rule
from fertool.host import guard, validate
from fertool.host.guard import Pace, call, guarded


class Anything(Rule):
    """A rule whose `assess` is a function given to it."""

    name, version = "anything", "1"

    def __init__(self, does):
        self.does = does

    def assess(self, seen, context):
        return self.does()


def run(does):
    return call(rule := Anything(does), "assess", rule.assess, None, None)


@pytest.fixture
def limit(monkeypatch):
    """Half a second a call."""
    monkeypatch.setattr(guard._watchdog, "limit_s", 0.5)


def for_ever():
    while True:
        pass


def deaf():
    """A loop that catches every ordinary exception."""
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


@pytest.mark.parametrize("does", [for_ever, deaf])
def test_a_call_without_end_is_a_fault_of_the_plugin(limit, does) -> None:
    with pytest.raises(PluginError) as caught:
        run(does)
    assert str(caught.value) == (
        "rule 'anything' in assess() did not return within 0.5 s "
        "(choose another plugin, or allow more: `fertool --plugin-limit SECONDS ...`)"
    )
    assert run(lambda: 3) == 3, "the next call is a call like any other"


def test_a_call_in_another_thread_is_ended_there(limit) -> None:
    caught = []

    def other():
        try:
            run(for_ever)
        except PluginError as error:
            caught.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    for _ in range(200):  # this thread works on, in calls of its own, and is not hit
        run(lambda: time.sleep(0.01))
    thread.join(20)
    assert len(caught) == 1
    assert "did not return within 0.5 s" in caught[0]


def test_a_call_that_catches_the_end_is_late_all_the_same(limit) -> None:
    def swallows():
        try:
            for_ever()
        except BaseException:
            return "an answer"

    with pytest.raises(PluginError, match=r"did not return within 0\.5 s"):
        run(swallows)


def test_no_limit_is_no_limit(monkeypatch) -> None:
    monkeypatch.setattr(guard._watchdog, "limit_s", 0)
    assert run(lambda: time.sleep(1.2) or "done") == "done"


STUCK = """
import ctypes, sys
from fertool.host import guard
guard.set_limit(0.3)
guard.GRACE_S = 0.5
with guard.guarded("rule 'stuck' in assess()"):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""


def test_what_no_exception_can_end_ends_the_process_with_a_line() -> None:
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "fertool: rule 'stuck' in assess() did not return within 0.3 s; stopped\n"
    assert done.stdout == ""


@pytest.mark.parametrize("code", [3, None, "bye"])
def test_an_exit_is_a_fault_of_the_plugin(code) -> None:
    with pytest.raises(PluginError, match=r"rule 'anything' in assess\(\) ended Python: SystemExit: "):
        run(lambda: sys.exit(code))


def test_an_interruption_stays_one() -> None:
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted)


def test_other_exceptions_have_the_name_of_the_plugin() -> None:
    with pytest.raises(PluginError, match=r"^rule 'anything' raised in assess\(\): ZeroDivisionError"):
        run(lambda: 1 / 0)


def test_what_plugins_print_is_no_answer(capsys) -> None:
    before = sys.stdout
    print("answer 1")
    run(lambda: print("of the plugin"))
    with guarded("its import"):
        sys.stdout.write("written\n")
    print("answer 2")
    assert sys.stdout is before
    assert capsys.readouterr() == ("answer 1\nanswer 2\n", "of the plugin\nwritten\n")


def test_others_print_where_they_did_while_a_plugin_runs(capsys) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow():
        inside.set()
        go_on.wait(10)
        print("of the plugin")

    thread = threading.Thread(target=run, args=[slow])
    thread.start()
    inside.wait(10)
    print("answer")
    go_on.set()
    thread.join(10)
    assert capsys.readouterr() == ("answer\n", "of the plugin\n")


PACES = [  # (faces, seconds) of each call, the words of the warning
    ([(1, 9.0)] * 3, None),  # too few: the first calls load libraries
    ([(1, 9.0), (1, 8.0), (1, 7.0), (1, 1.0)], None),  # a second a face, not more
    ([(1, 9.0), (2, 6.0), (1, 4.0), (1, 5.0)], "3000 ms"),
    ([(10, 1.0)] * 9, None),
    ([(1, 9.0), (0, 0.0), (1, 9.0), (1, 9.0)], None),  # a picture without faces says nothing
    ([(1, 3.0)] * 9, "3000 ms"),  # said once
]


@pytest.mark.parametrize(("calls", "words"), PACES)
def test_a_slow_plugin_is_warned_of_once(caplog, calls, words) -> None:
    pace, rule = Pace("face"), Anything(None)
    with caplog.at_level(logging.WARNING):
        for count, seconds in calls:
            pace.add(rule, count, seconds)
    expected = [f"rule 'anything' takes {words} a face or more"] if words else []
    assert [record.getMessage() for record in caplog.records] == expected


class Writes(Classifier, Detector):  # type: ignore[misc]  # both kinds, to write into what either is given
    name, version, labels, crop = "writes", "1", ("happy", "sad"), Crop(8)
    kind = "classifier"

    def classify(self, crops):
        crops[:] = 0
        return np.full((len(crops), 2), 0.5, np.float32)

    def detect(self, images):
        images[0][0, 0] = 255
        return [Faces.none() for _ in images]


def test_pictures_cannot_be_written() -> None:
    crops, images = np.ones((2, 8, 8, 3), np.uint8), [np.ones((4, 4, 3), np.uint8)]
    with pytest.raises(PluginError, match=r"'writes' raised in classify\(\): ValueError: .* read-only"):
        validate.classify(Writes(), crops)
    with pytest.raises(PluginError, match=r"'writes' raised in detect\(\): ValueError: .* read-only"):
        validate.detect(Writes(), images)
    assert crops.all()
    assert (images[0] == 1).all()
    crops[:] = 2  # the host may still write


def test_answers_of_the_small_methods_are_checked() -> None:
    rule = Anything(None)
    rule.available = lambda: None  # type: ignore[method-assign]
    rule.weights = lambda: ["x"]  # type: ignore[method-assign]
    with pytest.raises(PluginError, match=r"available\(\) broke its contract: expected a text; got None"):
        guard.available(rule)
    with pytest.raises(PluginError, match=r"weights\(\) broke its contract: expected a dict; got \['x'\]"):
        guard.weights(rule)
