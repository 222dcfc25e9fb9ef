"""The measuring loop: decode, detect, encode, track, classify, and commit chunk by chunk.

Where chunks go is the caller's: a database, or a spool beside which there is none.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fertool.analysis.chunk import Chunk
from fertool.host import guard
from fertool.host.inference import Engine, in_order, workers
from fertool.host.profile import each, staged
from fertool.media.decode import Samples, prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    import numpy.typing as npt
    import polars as pl

    from fertool.analysis.run import Analysis, Source
    from fertool.host.toolbox import Toolbox
    from fertool.privacy.consent_gate import Gate
    from fertool.storage.store import Store
    from fertool.types import Sample

log = logging.getLogger(__name__)
BATCH, BATCH_BYTES = 4, 13e6
"""Samples measured together, by one worker: so many, or fewer of larger pictures; one at least. The size of
the picture alone decides, so that results do not depend on the machine."""
AHEAD, AHEAD_BYTES = 8, 13e6
"""Decoded samples waiting: so many, or fewer of larger pictures; two at least. With a batch for each worker,
one more that is collected and one that is taken in, this bounds memory: on 2 cores 20 pictures of 720p,
55 MB, 10 of 1080p, 62 MB, or 6 of 2160p, 149 MB."""

AUTO_SAMPLES, AUTO_FACES, AUTO_AGREED = 60, 9, 0.8
"""To find out how people are turned: how many samples are looked at, and how many with faces, at most; the
share of these that must agree."""


class ProgressListener(Protocol):
    """Receives the progress of one recording."""

    def started(self, planned: int, done: int) -> None:
        """Measuring begins, or goes on after `done` of the `planned` samples."""

    def advanced(self, samples: int, faces: int, time_s: float) -> None:
        """`samples` more are measured, up to `time_s` of the recording, with `faces` faces."""


class Sink(Protocol):
    """Where chunks are kept. A chunk is there whole or not at all, and once."""

    def done(self, run: str) -> AbstractSet[int]:
        """Numbers of the chunks of a run that are there."""

    def begin(self, analysis: Analysis) -> None:
        """Called before every chunk; only the first time says something new."""

    def commit(self, run: str, chunk: int, seconds: float, tables: dict[str, pl.DataFrame]) -> None:
        """Keep one chunk; `tables` as from `Chunk.finish`, `seconds` of computing time."""


class Stored:
    """A database as a sink. A run that fails before its first chunk leaves nothing there."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def done(self, run: str) -> AbstractSet[int]:
        """See `Sink`."""
        return self.store.chunks_done(run)

    def begin(self, analysis: Analysis) -> None:
        """See `Sink`."""
        with self.store.database.kept():
            if self.store.run_state(analysis.run.id) is None:
                if self.store.home(analysis.recording.id) is None:  # else it moves when the run is finished
                    self.store.add_recording(analysis.recording)
                self.store.begin_run(analysis.run)

    def commit(self, run: str, chunk: int, seconds: float, tables: dict[str, pl.DataFrame]) -> None:
        """See `Sink`."""
        self.store.commit_chunk(run, chunk, seconds, tables)


def measure(
    source: Source,
    analysis: Analysis,
    gate: Gate | None,
    engine: Callable[[], Engine],
    device: str,
    sink: Sink,
    progress: ProgressListener | None = None,
    only: AbstractSet[int] | None = None,
) -> None:
    """Measure the chunks that `sink` lacks, of `only` these if given. Committing overlaps with the next one.

    `engine` is asked only if anything is missing: loading takes seconds.
    """
    numbers = source.numbers
    wanted = np.isin(numbers, list(only)) if only is not None else np.ones(len(numbers), np.bool_)
    missing = wanted & ~np.isin(numbers, list(sink.done(analysis.run.id)))
    if progress is not None:
        progress.started(int(wanted.sum()), int((wanted & ~missing).sum()))
    if not missing.any():
        return
    loaded = engine()
    with _ChunkWriter(sink, analysis, gate) as writer, workers(device) as pool:
        for begin, end in _stretches(missing):
            film = source.video
            ahead = _fit(film.width * film.height * 3, AHEAD, AHEAD_BYTES, least=2)
            frames = Samples(film.path, film.index, source.targets[begin:end], begin, film.view)
            left = set(numbers[begin:end].tolist())
            with closing(prefetch(each("decode", frames), ahead)) as samples:
                for number, group in groupby(samples, key=lambda sample: int(numbers[sample.index])):
                    chunk = Chunk(loaded, analysis.run.id, number)
                    for batch, looked in in_order(pool, loaded.look, _batches(group)):
                        faces = chunk.add(batch, looked)
                        if progress is not None:
                            progress.advanced(len(batch), faces, batch[-1].time_s)
                    writer.commit(number, pool.submit(chunk.finish).result())
                    left.discard(number)
            for number in sorted(left):  # nothing in them can be decoded: that is known now
                writer.commit(number, Chunk(loaded, analysis.run.id, number).finish())


def stood_up(source: Source, engine: Engine) -> Source:
    """For `--rotate auto`: the source, turned so that people in its first samples with faces stand upright,
    with a warning that says what was found."""
    film, found = source.video, []
    samples = Samples(film.path, film.index, source.targets[:AUTO_SAMPLES], 0, film.view)
    for sample in each("decode", samples):
        (quarter,) = engine.quarters([sample.image])
        found += [] if quarter is None else [quarter]
        if len(found) == AUTO_FACES:
            break
    likely = max(sorted({*found}), key=found.count, default=0)
    agreed = found.count(likely) >= AUTO_AGREED * len(found)
    how = f"are turned by {90 * likely} degrees" if likely else "stand upright"
    says = f"people {how} in {found.count(likely)} of {len(found)} pictures"
    if not found:
        looked = min(AUTO_SAMPLES, len(source.targets))
        says = f"no face in the first {looked} samples: the picture stays as it is"
    elif not agreed:
        says += ", in others otherwise: the picture stays as it is"
    degrees = 90 * likely if agreed else 0
    width, height = (film.height, film.width) if degrees % 180 else (film.width, film.height)
    turned = replace(
        film,
        view=replace(film.view, rotate=degrees),
        width=width,
        height=height,
        warnings=(*film.warnings, f"rotate auto: {says}"),
    )
    return replace(source, video=turned)


@staged("start-up")
def load(tools: Toolbox, device: str) -> Engine:
    """The networks of these plugins, in memory and ready."""
    for plugged in (tools.detector, tools.encoder, tools.classifier):
        if plugged is not None:
            guard.load(plugged.plugin, device)
    classifier = tools.classifier.plugin if tools.classifier else None
    return Engine(tools.detector.plugin, tools.encoder.plugin, classifier)


def _stretches(wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """[begin, end) of every run of true values: one, unless chunks were measured in several places."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
    yield from ((int(begin), int(end)) for begin, end in edges.reshape(-1, 2))


def _fit(picture: int, most: int, memory: float, least: int = 1) -> int:
    """How many pictures of so many bytes fit into `memory` bytes, from `least` to `most`."""
    return max(least, min(most, int(memory // picture)))


def _batches(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    """Consecutive samples of one picture size, as many as BATCH and BATCH_BYTES allow."""
    batch: list[Sample] = []
    for sample in samples:
        full = len(batch) == _fit(sample.image.nbytes, BATCH, BATCH_BYTES)
        if batch and (full or batch[0].image.shape != sample.image.shape):
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch


class _ChunkWriter:
    """Commits chunks in order on a thread of its own; at most one is waiting."""

    def __init__(self, sink: Sink, analysis: Analysis, gate: Gate | None) -> None:
        self.sink, self.analysis, self.gate = sink, analysis, gate
        self._thread = ThreadPoolExecutor(1, "commit")
        self._last: Future[None] | None = None
        self._started = time.perf_counter()

    def commit(self, number: int, tables: dict[str, pl.DataFrame]) -> None:
        """Hand over one chunk; raises what the one before ran into.

        Faces that may not be kept go here: nothing of them is even waiting to be stored.
        """
        if self.gate is not None:
            tables = self.gate.keep(tables)
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        self._wait()
        self._last = self._thread.submit(self._store, number, seconds, tables)

    @staged("store")
    def _store(self, number: int, seconds: float, tables: dict[str, pl.DataFrame]) -> None:
        self.sink.begin(self.analysis)
        self.sink.commit(self.analysis.run.id, number, seconds, tables)
        log.info("run %s: chunk %d committed", self.analysis.run.id, number)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None

    def __enter__(self) -> _ChunkWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(wait=True)  # what was handed over is committed, also after Ctrl-C
        if error[0] is None:
            self._wait()
