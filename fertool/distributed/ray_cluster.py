"""Workers as actors of a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fertool.distributed.worker import Worker
from fertool.errors import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Future


START = "start one: `ray start --head`; see README"
UNLIKE = "does it want a token, or run another version of Ray than this one? see README"
LOGS = "its logs are on the head, in /tmp/ray/session_latest/logs"
TRIES = 3
"""For each client of ray:// the cluster starts a process. A few in a hundred die before they begin, as gRPC's
threads meet closed files between fork and exec: github.com/ray-project/ray/issues/63202, grpc/grpc#43055."""


class Cluster:
    """A `WorkerPool`. Raises ConfigError if Ray is not installed or there is no cluster."""

    lost: tuple[type[BaseException], ...]

    def __init__(self, address: str, threads: int, gpus: float) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network unasked
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                "--engine ray: Ray is not installed", "pip install 'fertool[cluster]'"
            ) from error
        if not _answers(address):  # Ray itself would try for minutes
            raise ConfigError(f"--address {address}: nothing answers there", START)
        if ray.is_initialized():
            ray.shutdown()
        try:
            _join(address)
        except (ConnectionError, RuntimeError, ValueError) as error:
            what = f"--address {address}: no Ray cluster answers: {_why(error)}"
            hint = LOGS if isinstance(error, ConnectionAbortedError) else UNLIKE
            raise ConfigError(what, hint) from error
        self.lost = (ray.exceptions.RayActorError, ray.exceptions.NodeDiedError)
        # An actor that dies stays dead: who it was, and over what, is the scheduler's business.
        make = ray.remote(max_restarts=0, max_task_retries=0)(Worker)
        self._make = make.options(num_cpus=threads, num_gpus=gpus)
        have: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        rooms = [have.get("CPU", 0) // threads] + ([have.get("GPU", 0) // gpus] if gpus else [])
        self.room = max(1, int(min(rooms)))
        """Workers that fit now."""

    def start(self) -> Actor:
        """See `WorkerPool.start`."""
        return Actor(self._make.remote())


class Actor:
    """A `WorkerHandle`."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def call(self, method: str, *args: Any) -> Future[Any]:
        """See `WorkerHandle.call`."""
        return cast("Future[Any]", getattr(self._handle, method).remote(*args).future())

    def stop(self) -> None:
        """See `WorkerHandle.stop`."""
        import ray

        with suppress(Exception):  # gone already, with its node or with the cluster
            ray.kill(self._handle)


def _join(address: str) -> None:
    import ray

    join = partial(ray.init, address=address, log_to_driver=False, logging_level=logging.ERROR)
    for _ in range(TRIES - 1):
        with suppress(ConnectionAbortedError):  # only ray:// raises it: the process of this client is missing
            join()
            return
    join()


def _why(error: Exception) -> str:
    """In one line: the first, or the last of a traceback, which a cluster sends below a heading."""
    lines = str(error).strip().splitlines() or [repr(error)]
    return lines[-1] if lines[0].endswith(":") else lines[0]


def _answers(address: str) -> bool:
    """Whether a port that is named can be connected to; `auto` is left to Ray."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return True
    try:
        with socket.create_connection((host, int(port)), timeout=10):
            return True
    except OSError:
        return False
