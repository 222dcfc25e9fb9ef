"""Guarded calls of plugin code: a time limit, named faults, and standard output kept for results.

A call that takes longer than the limit is ended by an exception in its thread, which becomes a PluginError:
what was committed before stays, as after any other fault. Code that no exception can end (a call into a
library that does not return) ends the process instead, one line later. What plugins print is sent to
standard error, for standard output belongs to the answers of commands.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread, get_ident
from typing import TYPE_CHECKING, Any

from fertool.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fertool.contracts import Plugin

LIMIT_S = 600
"""Longest call of a plugin, unless `plugin_limit` in the settings says otherwise. The slowest known, a
network loaded and compiled for an accelerator, takes a minute."""
GRACE_S = 10.0
"""After the limit: how long code that does not react to the exception may go on."""
POLL_S = 0.25
SLOW_MS = 1000.0
"""Per face, or per picture for a detector: more than that is worth a warning. The slowest plugin that ships
takes 50 ms."""
ASK = "report it to the plugin's author, or choose another"
ENOUGH = 4
"""Calls after which a plugin may be said to be slow."""
log = logging.getLogger(__name__)


class _Overtime(BaseException):
    """Raised in the thread of a call that takes too long."""


@dataclass(slots=True)
class _Call:
    what: str
    thread: int
    began: float
    ended: bool = False
    """Whether the exception was raised."""


@dataclass(slots=True)
class _Watchdog:
    """Calls in progress, and the thread that ends those that take too long."""

    limit_s: float = LIMIT_S
    lock: Lock = field(default_factory=Lock)
    calls: list[_Call] = field(default_factory=list)
    thread: Thread | None = None

    def begin(self, what: str) -> _Call:
        call = _Call(what, get_ident(), time.monotonic())
        with self.lock:
            self.calls.append(call)
            if not isinstance(sys.stdout, _Router) and sys.stdout is not None:
                sys.stdout = _Router(sys.stdout)
            if self.thread is None or not self.thread.is_alive():
                self.thread = Thread(target=self._watch, name="plugin-limit", daemon=True)
                self.thread.start()
        return call

    def end(self, call: _Call) -> None:
        """May be called twice: where the exception struck in the first time."""
        with self.lock:
            self.calls = [one for one in self.calls if one is not call]
            if call.ended:  # the exception may not have arrived: it must not strike what comes next
                _raise_in(call.thread, None)
            if not self.calls and isinstance(sys.stdout, _Router):
                sys.stdout = sys.stdout.real

    def _watch(self) -> None:
        while True:
            time.sleep(POLL_S)
            with self.lock:
                now = time.monotonic()
                late = [c for c in self.calls if self.limit_s and now - c.began > self.limit_s]
                for call in late:
                    if not call.ended:
                        call.ended = True
                        _raise_in(call.thread, _Overtime)
                    elif now - call.began > self.limit_s + GRACE_S:
                        line = f"fertool: {call.what} did not return within {self.limit_s:g} s; stopped\n"
                        os.write(2, line.encode())
                        os._exit(2)


class _Router:
    """Standard output that sends what plugins print, in the threads that call them, to standard error."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        me = get_ident()
        inside = any(call.thread == me for call in tuple(_watchdog.calls))
        return getattr(sys.stderr if inside else self.real, name)


_watchdog = _Watchdog()


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if error is None else ctypes.py_object(error)
    )


def set_limit(seconds: float) -> None:
    """Longest call of a plugin from now on, in seconds; 0: no limit."""
    _watchdog.limit_s = seconds


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Run code of `what` (`rule 'energy' in assess()`). PluginError if it takes too long, or asks Python to
    exit; other exceptions are as they are."""
    call = _watchdog.begin(what)
    late = f"{what} did not return within {_watchdog.limit_s:g} s"
    hint = "choose another plugin, or allow more: `fertool --plugin-limit SECONDS ...`"
    try:
        try:
            yield
        finally:
            _watchdog.end(call)
    except _Overtime:
        _watchdog.end(call)
        raise PluginError(late, hint) from None
    except SystemExit as error:
        raise PluginError(f"{what} ended Python: SystemExit: {error.code}", ASK) from error
    if call.ended:  # it caught the exception, and went on as if nothing had happened
        raise PluginError(late, hint)


def call(plugin: Plugin, method: str, function: Callable[..., Any], *args: Any) -> Any:
    """`function(*args)`, guarded. PluginError with the plugin's name for whatever it raises."""
    who = f"{plugin.kind} {plugin.name!r}"
    with guarded(f"{who} in {method}()"):
        try:
            return function(*args)
        except Exception as error:
            raise PluginError(f"{who} raised in {method}(): {type(error).__name__}: {error}", ASK) from error


def available(plugin: Plugin) -> str:
    """Call `available()`: why the plugin cannot run here, or an empty text."""
    reason = call(plugin, "available", plugin.available)
    if not isinstance(reason, str):
        what = (
            f"{plugin.kind} {plugin.name!r}: available() broke its contract: expected a text; got {reason!r}"
        )
        raise PluginError(what, ASK)
    return reason


def weights(plugin: Plugin) -> dict[str, str]:
    """Call `weights()`: file name -> SHA-256."""
    files = call(plugin, "weights", plugin.weights)
    if not isinstance(files, dict):
        what = f"{plugin.kind} {plugin.name!r}: weights() broke its contract: expected a dict; got {files!r}"
        raise PluginError(what, ASK)
    return files


def load(plugin: Plugin, device: str) -> None:
    """Load a plugin for a device (`Plugin.load`), guarded like every call."""
    call(plugin, "load", plugin.load, device)


@dataclass(slots=True)
class Pace:
    """How long a plugin takes, by its quickest call: the first ones start libraries, and a machine that is
    busy with something else slows others down."""

    of: str
    """What is counted: `face`, `picture`."""
    calls: int = 0
    quickest_ms: float = math.inf

    def add(self, plugin: Plugin, count: int, seconds: float) -> None:
        """One more call on `count` faces or pictures. At the fourth, a warning if all were slow."""
        if not count:
            return
        self.calls += 1
        self.quickest_ms = min(self.quickest_ms, 1000 * seconds / count)
        if self.calls == ENOUGH and self.quickest_ms > SLOW_MS:
            took = f"{self.quickest_ms:.0f} ms a {self.of} or more"
            log.warning("%s %r takes %s", plugin.kind, plugin.name, took)
