"""A worker: a process with its plugins loaded, which measures the tasks it receives.

What travels to it are plain values. Plugins that came as files travel as their text, and are held against
those of the scheduler: two machines with other weights would disagree in silence.
"""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fertool import __version__
from fertool.errors import FertoolError, PluginError, StoreError, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from fertool.analysis.run import Analysis, Source
    from fertool.config import Settings
    from fertool.host.inference import Engine
    from fertool.host.toolbox import Toolbox
    from fertool.privacy.consent_gate import Gate

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker needs before its first task."""

    settings: Settings
    """Without plugin files: these are in `files`."""
    pairs: tuple[str, ...]
    """`-o` options."""
    files: tuple[tuple[str, bytes], ...]
    """Plugin files: name and content."""
    tools: str
    """What the plugins say of themselves where the configuration was put together: `Toolbox.describe`."""
    spool: str
    threads: int
    """Processor threads to use."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to analyze: where it is, what is asked (`Request.facts`), whose faces may be kept."""

    number: int
    file: str
    facts: dict[str, Any]
    gate: Gate | None
    asked: tuple[str, int]
    """When its set of recordings was asked for, and its place there (`Analysis.asked`)."""

    @property
    def force(self) -> bool:
        """Whether chunks that the spool has are measured again, as the request asks."""
        return bool(self.facts.get("force"))


@dataclass(frozen=True, slots=True)
class Described:
    """A recording that was opened: its analysis, and what is left to do."""

    analysis: Analysis
    missing: tuple[int, ...]
    """Chunks that the spool lacks."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a task came to nothing. An exception would not survive every way back."""

    reason: str
    everywhere: bool = False
    """Whether every other task would meet it too."""
    trace: str = ""
    """Of a bug."""


class Worker:
    """Lives in a process of its own: `hello`, then `load`, then any number of `describe` and `measure`."""

    def __init__(self) -> None:
        self._opened: tuple[Job, Source] | None = None

    def hello(self) -> tuple[str, str, int]:
        """(version of fertool, machine, process id): asked before anything else is sent."""
        return __version__, platform.node(), os.getpid()

    def load(self, config: WorkerConfig) -> Failed | None:
        """Find the plugins; networks are loaded with the first task."""
        os.umask(0o077)
        # Read by `cores`, and by PyTorch, which is imported later on.
        os.environ["OMP_NUM_THREADS"] = str(config.threads)
        return _attempt(self._load, config)

    def _load(self, config: WorkerConfig) -> None:
        import cv2

        from fertool.analysis.spool import Spool
        from fertool.host import guard, toolbox

        cv2.setNumThreads(config.threads)
        guard.set_limit(config.settings.plugin_limit)
        # Gone again as soon as they are imported: a worker ends by a signal and tidies nothing up.
        with tempfile.TemporaryDirectory(prefix="fertool-plugins-") as folder:
            files = [Path(folder, f"{i}", name) for i, (name, _) in enumerate(config.files)]
            for file, (_, content) in zip(files, config.files, strict=True):
                file.parent.mkdir()
                file.write_bytes(content)
            self.tools: Toolbox = toolbox.toolbox(config.settings, config.pairs, files)
        self.device = toolbox.device(config.settings.device)
        self.spool = Spool(config.spool)
        if self.tools.describe() != config.tools:
            what = f"the plugins on {platform.node()} are not those of the machine that asks"
            raise PluginError(what, f"there: {config.tools}; here: {self.tools.describe()}")

    def describe(self, job: Job) -> Described | Failed:
        """Open a recording, say what its analysis is, and record that in the spool."""
        return _attempt(self._describe, job)

    def _describe(self, job: Job) -> Described:
        from fertool.analysis.run import describe

        analysis = describe(self._open(job), self._request(job), job.gate)
        analysis = replace(analysis, asked=job.asked)
        if job.force:
            self.spool.drop(analysis.run.id)
        self.spool.describe(analysis)
        return Described(analysis, tuple(sorted({*analysis.chunks} - self.spool.done(analysis.run.id))))

    def measure(self, job: Job, analysis: Analysis, chunks: frozenset[int]) -> Failed | None:
        """Measure these chunks into the spool; those that are there are not done again."""
        return _attempt(self._measure, job, analysis, chunks)

    def _measure(self, job: Job, analysis: Analysis, chunks: frozenset[int]) -> None:
        from fertool.analysis.observe import measure

        source = self._open(job)
        measure(source, analysis, job.gate, lambda: self._engine, self.device, self.spool, only=chunks)

    @cached_property
    def _engine(self) -> Engine:
        from fertool.analysis.observe import load

        return load(self.tools, self.device)

    def _request(self, job: Job) -> Any:
        from fertool.analysis.request import Request

        return Request(tools=self.tools, **job.facts)

    def _open(self, job: Job) -> Source:
        """The recording opened last is kept open: its tasks follow one another."""
        from fertool.analysis.observe import stood_up
        from fertool.analysis.run import look
        from fertool.media.remote import located

        if self._opened is None or self._opened[0].number != job.number:
            self._opened = None
            request = self._request(job)
            source = look(located(job.file), request)
            self._opened = (job, stood_up(source, self._engine) if request.find_rotation else source)
        return self._opened[1]


def _attempt(function: Callable[..., R], *args: Any) -> R | Failed:
    try:
        return function(*args)
    except FertoolError as error:
        return Failed(str(error), everywhere=isinstance(error, StoreError))
    except Exception as error:
        return Failed(reason(error), trace=traceback.format_exc())
