"""The flow, top to bottom: describe the run, measure it chunk by chunk, link students, judge.

A chunk is the unit of work, commit and resume; no track crosses one. So a run that was interrupted and
continued ends with exactly the rows of one that was not.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from fertool import __version__, video
from fertool.assessing import Lecture, Result, assess_lecture
from fertool.chunk import Chunk
from fertool.decode import Samples, prefetch
from fertool.engine import Engine, in_order, workers
from fertool.errors import ConfigError, VideoError
from fertool.privacy import consent
from fertool.privacy.answers import Answers
from fertool.privacy.removal import Removal
from fertool.request import Request
from fertool.sampling import plan
from fertool.segmenting import usable
from fertool.segments import equal_parts
from fertool.store import Recording, Run
from fertool.students import linking
from fertool.students.roster import Roster
from fertool.tables import segment_table
from fertool.types import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fertool.contracts import Rule
    from fertool.sampling import Times
    from fertool.store import Store
    from fertool.types import Sample

FORMAT = 3
"""Raised when the pipeline itself changes results: part of every run's identity."""
CHUNK_S = 60.0
BATCH = 4
"""Samples measured together, by one worker."""
AHEAD = 8
"""Decoded samples waiting. With a batch for each worker and one more this bounds memory: 20 frames of
1080p on 2 cores, 120 MB."""


class Progress(Protocol):
    """Who wants to know how far an analysis is."""

    def started(self, planned: int, done: int) -> None: ...

    def advanced(self, samples: int, faces: int, time_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording."""

    recording: str
    run: str
    fresh: bool
    """False if the run was there already and no video had to be read."""
    changed: bool
    """Whether students or observations of its lecture may have changed since they were judged."""
    notes: list[str] = field(default_factory=list)


def analyze(path: Path, request: Request, store: Store, progress: Progress) -> Outcome:
    """Measure one recording and store it; returns at once if that has been done already.

    Raises FertoolError; a run that was interrupted, by whatever, goes on where it stopped.
    """
    source = video.probe(path)
    targets = plan(source.index, request.every, request.start_s, request.end_s)
    if not len(targets):
        raise VideoError(f"{path}: nothing to analyse between --start and --end", _length(source))
    recording = _recording(source, request)
    gate = _gate(store, request)
    run = _describe(recording, request, len(targets), gate)
    if request.force:
        store.delete_run(run.run)
    fresh, remarks = store.run_state(run.run) != "finished", []
    if fresh:
        done = store.chunks_done(run.run)
        writer = _Writer(store, recording, run, gate)
        remarks = _measure(source, targets, done, request, writer, progress)
    elif _in_place(store, run, request):
        gone = _let_go(store, run, request)
        notes = [*source.warnings, *gone]
        return Outcome(recording.recording, run.run, fresh=False, changed=bool(gone), notes=notes)
    students, doubts = linking.link(store, run, recording, request)
    notes = [*source.warnings, *remarks, *doubts]
    store.finish_run(run.run, students, notes, recording)
    notes += _let_go(store, run, request)
    _default_segments(store, request.course, request.lecture, source.chapters)
    return Outcome(recording.recording, run.run, fresh, changed=True, notes=notes)


def _in_place(store: Store, run: Run, request: Request) -> bool:
    """Whether a finished run is where the request wants it, under the name that it wants."""
    named = request.student is None or request.student in store.students(run.run)
    return named and store.home(run.recording) == (request.course, request.lecture)


def _let_go(store: Store, run: Run, request: Request) -> list[str]:
    """Older runs of the recording with what this run was not allowed to keep; a note if there were any."""
    behaviour, required = request.policy == "behaviour", request.consent == "required"
    count = Removal(store.database).drop_superseded(
        run.recording, run.run, expression=behaviour, everything=required
    )
    why = "without consent" if required else "with expressions"
    return [f"{count} earlier run{'' if count == 1 else 's'} {why} deleted"] if count else []


def assess(store: Store, rules: Sequence[Rule], pairs: Sequence[tuple[str, str]]) -> Result:
    """Judge the stored observations of (course, lecture) pairs; no video is needed.

    The result is stored as the latest. Rules of wider scopes are asked about the whole of each course among
    these lectures, or of all courses.
    """
    result = Result()
    narrow = [rule for rule in rules if rule.scope in ("segment", "lecture")]
    for lecture in lectures(store, pairs):
        assess_lecture(narrow, lecture, result)
    of_course = [rule for rule in rules if rule.scope == "course"]
    for course in sorted({course for course, _ in pairs}):
        _assess_wide(store, of_course, course, store.lectures(course), result)
    of_all = [rule for rule in rules if rule.scope == "all"]
    _assess_wide(store, of_all, None, store.named_lectures(), result)
    store.save_assessments(result.table(), pairs, result.withdrawn)
    return result


def lectures(store: Store, pairs: Sequence[tuple[str, str]]) -> Iterator[Lecture]:
    """What rules need of these (course, lecture) pairs, read one at a time, in order of name."""
    for course, same in groupby(sorted(pairs), key=lambda pair: pair[0]):
        baselines = store.baselines(course)
        for _, name in same:
            segments = [Segment(*row) for row in store.segments(course, name).iter_rows()]
            seen, policy = store.seen(course, name), store.policy(course, name)
            yield Lecture(course, name, seen, segments, policy, baselines)


def _assess_wide(
    store: Store, rules: Sequence[Rule], course: str | None, lectures: list[tuple[str, str]], result: Result
) -> None:
    """Lectures under the policy `behaviour` are hidden from rules that look at expressions."""
    if not rules or not lectures:
        return
    policies = {pair: store.policy(*pair) for pair in lectures}
    tables = []
    for pair in lectures:
        seen = store.seen(*pair).with_columns(course=pl.lit(pair[0]), lecture=pl.lit(pair[1]))
        if course is None:  # a pseudonym means somebody else in another course
            seen = seen.filter(~pl.col("student").str.contains(r"^student-\d+$"))
        tables.append(seen)
    for rule in rules:
        allowed = [
            table
            for table, policy in zip(tables, policies.values(), strict=True)
            if policy != "behaviour" or "expression" not in rule.signals
        ]
        baselines = store.baselines(course) if course is not None else {}
        policy = "full" if allowed else "behaviour"
        if len(allowed) < len(tables):  # what was said of the others must not outlive the decision
            result.withdrawn.append((course, None, rule.name))
        seen = pl.concat(allowed or [tables[0].clear()])
        assess_lecture([rule], Lecture(course, None, seen, [], policy, baselines), result)


# --- describe -------------------------------------------------------------------------------------


def _recording(source: video.Recording, request: Request) -> Recording:
    sha256 = video.sha256(source.path)
    return Recording(
        recording=sha256[:12],
        sha256=sha256,
        course=request.course,
        lecture=request.lecture,
        path=str(source.path.resolve()),
        name=source.path.name,
        bytes=source.path.stat().st_size,
        duration_s=source.duration_s,
        readable_s=float(source.index.times[-1]) + (1 / source.fps if source.fps else 0.0),
        width=source.width,
        height=source.height,
        codec=source.codec,
    )


def _gate(store: Store, request: Request) -> consent.Gate | None:
    """Who may be kept, on today's date; None when no consent is required."""
    if request.consent != "required":
        return None
    roster = Roster(store.database)
    today = datetime.now().date()  # the user's day, not London's
    agreed = Answers(store.database).consenting(request.course, today)
    if request.student and request.student not in agreed:
        what = f"--student {request.student}: consent is required, and none of this student's is in force"
        raise ConfigError(what, "see `fertool students show`")
    pictures = roster.enrolled(request.course, model=request.tools.model)
    return consent.gate(request.course, pictures, agreed, request.same_person)


def _describe(recording: Recording, request: Request, planned: int, gate: consent.Gate | None = None) -> Run:
    """The run's identity is a hash of the recording and of everything that can change a result."""
    tools = request.tools
    config = {
        "format": FORMAT,
        "detector": tools.detector.describe(),
        "encoder": tools.encoder.describe(),
        "classifier": tools.classifier.describe() if tools.classifier else None,
        "every": request.every,
        "start_s": request.start_s,
        "end_s": None if math.isinf(request.end_s) else request.end_s,
        "policy": request.policy,
        "chunk_s": CHUNK_S,
    }
    if gate is not None:
        config["consent"] = {"mode": request.consent, "state": gate.state}
    text = json.dumps([recording.sha256, config], sort_keys=True, default=str)
    identity_ = hashlib.sha256(text.encode()).hexdigest()[:12]
    config["model"] = tools.model  # told apart above already
    return Run(identity_, recording.recording, __version__, request.policy, config, planned)


def _length(source: video.Recording) -> str:
    return f"the recording is {source.duration_s:.1f} s long"


# --- measure --------------------------------------------------------------------------------------


def _measure(
    source: video.Recording,
    targets: Times,
    done: set[int],
    request: Request,
    writer: _Writer,
    progress: Progress,
) -> list[str]:
    """Decode, detect, encode, track, classify, chunk by chunk; committing overlaps with the next chunk.

    Returns notes on what could not be read.
    """
    numbers = (targets // CHUNK_S).astype(int)
    missing = ~np.isin(numbers, list(done))
    progress.started(len(targets), int((~missing).sum()))
    if not missing.any():
        return []
    engine = _load(request)
    first = int(missing.argmax())  # chunks are committed in order: what is missing is the rest
    frames = Samples(source.path, source.index, targets[first:], first)
    with writer, closing(prefetch(frames, AHEAD)) as samples, workers(request.device) as pool:
        for number, group in groupby(samples, key=lambda sample: int(numbers[sample.index])):
            chunk = Chunk(engine, writer.run.run, number)
            for batch, looked in in_order(pool, engine.look, _batches(group)):
                faces = chunk.add(batch, looked)
                progress.advanced(len(batch), faces, batch[-1].time_s)
            writer.commit(number, pool.submit(chunk.finish).result())
    return [f"{frames.lost} of {len(targets)} samples could not be decoded"] if frames.lost else []


def _load(request: Request) -> Engine:
    tools = request.tools
    for plugged in (tools.detector, tools.encoder, tools.classifier):
        if plugged is not None:
            plugged.plugin.load(request.device)
    classifier = tools.classifier.plugin if tools.classifier else None
    return Engine(tools.detector.plugin, tools.encoder.plugin, classifier)


def _batches(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    """Up to BATCH consecutive samples of one picture size."""
    batch: list[Sample] = []
    for sample in samples:
        if batch and (len(batch) == BATCH or batch[0].image.shape != sample.image.shape):
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch


class _Writer:
    """Commits chunks in order on a thread of its own; at most one is waiting.

    The run itself is recorded with its first chunk, so that a run which fails before leaves nothing.
    """

    def __init__(
        self, store: Store, recording: Recording, run: Run, gate: consent.Gate | None = None
    ) -> None:
        self.store, self.recording, self.run, self.gate = store, recording, run, gate
        self._thread = ThreadPoolExecutor(1, "commit")
        self._last: Future[None] | None = None
        self._started = time.perf_counter()

    def commit(self, number: int, tables: dict[str, pl.DataFrame]) -> None:
        """Hand over one chunk; raises what the one before ran into.

        Whoever has not consented stays behind here: nothing of them is even waiting to be stored.
        """
        if self.gate is not None:
            tables = self.gate.keep(tables)
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        self._wait()
        self._last = self._thread.submit(self._store, number, seconds, tables)

    def _store(self, number: int, seconds: float, tables: dict[str, pl.DataFrame]) -> None:
        if self.store.run_state(self.run.run) is None:
            self.store.add_recording(self.recording)
            self.store.begin_run(self.run)
        self.store.commit_chunk(self.run.run, number, seconds, tables)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(wait=True)  # what was handed over is committed, also after Ctrl-C
        if error[0] is None:
            self._wait()


# --- segments --------------------------------------------------------------------------------------


def _default_segments(store: Store, course: str, lecture: str, chapters: Sequence[Segment]) -> None:
    """The chapters of the recording, or equal parts, unless somebody chose the segments or they still fit."""
    if store.segment_source(course, lecture):
        return
    duration = store.duration_s(course, lecture)
    if found := usable(chapters, duration):
        store.set_segments(course, lecture, segment_table(found), "chapters")
        return
    segments = store.segments(course, lecture)
    if len(segments) and segments["end_s"][-1] >= duration:
        return
    store.set_segments(course, lecture, segment_table(equal_parts(duration)))
