"""Workers as processes of this machine, each in a pool of its own, so that a crash has one suspect."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context, parent_process
from typing import Any

from fertool.distributed.worker import Worker

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Ends a process at once; on Windows, which has no SIGKILL, SIGTERM does."""


class Processes:
    """A `WorkerPool`. Spawned, not forked: a fork of a process with threads may hang."""

    lost: tuple[type[BaseException], ...] = (BrokenProcessPool,)

    def start(self) -> Process:
        """See `WorkerPool.start`."""
        return Process()


class Process:
    """A `WorkerHandle`."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin)
        self._id = self._pool.submit(os.getpid)

    def call(self, method: str, *args: Any) -> Future[Any]:
        """See `WorkerHandle.call`."""
        return self._pool.submit(_call, method, *args)

    def stop(self) -> None:
        """See `WorkerHandle.stop`."""
        with suppress(BrokenProcessPool, ProcessLookupError):
            os.kill(self._id.result(), KILL)
        self._pool.shutdown(wait=True, cancel_futures=True)


_worker: Worker


def _begin() -> None:
    """In the new process. Ctrl-C is for the parent process, which ends this one."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, name="follow", daemon=True).start()
    _worker = Worker()


def _call(method: str, *args: Any) -> Any:
    return getattr(_worker, method)(*args)


def _follow() -> None:
    """End with the process that asks, also when that one is killed."""
    asking = parent_process()
    if asking is not None:
        asking.join()
        os._exit(1)
