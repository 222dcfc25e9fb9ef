"""The analysis of one recording, top to bottom: describe the run, observe, link, assess.

A chunk is the unit of work, commit and resume; no track crosses one. So a run that was interrupted and
continued ends with exactly the rows of one that was not.
"""

from __future__ import annotations

import logging
import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fertool.analysis.observe import Stored, load, measure, stood_up
from fertool.analysis.run import describe, look
from fertool.assessment import head_level
from fertool.assessment.runner import LectureInput, Result, assess_lecture
from fertool.assessment.segments import usable
from fertool.assessment.segments.equal_parts import equal_parts
from fertool.errors import ConfigError
from fertool.host.profile import staged
from fertool.identity import linking
from fertool.media.decode import prefetch
from fertool.media.remote import located, size
from fertool.privacy import consent_gate
from fertool.storage.student_labels import PSEUDONYM
from fertool.storage.tables import segment_table
from fertool.text import plural
from fertool.types import LectureKey, Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fertool.analysis.observe import ProgressListener
    from fertool.analysis.request import Asked, Request
    from fertool.analysis.run import Analysis
    from fertool.contracts import Rule
    from fertool.host.inference import Engine
    from fertool.media.remote import File
    from fertool.storage.runs import Recording, Run
    from fertool.storage.store import Store


log = logging.getLogger(__name__)


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
    resumed: bool = False
    """Whether a part of the run was there already."""
    same_as: str = ""
    """Where its bytes are known from, in words, if nothing was done for that reason."""
    left: LectureKey | None = None
    """The lecture that it belonged to before."""


def analyze(
    path: File,
    request: Request,
    store: Store,
    progress: ProgressListener,
    engine: Callable[[], Engine] | None = None,
) -> Outcome:
    """Measure one recording and store it; returns at once if that has been done already, or if the recording
    belongs to another lecture and `request.move` is not set.

    `engine` gives the loaded tools of the request, the same ones every time: for several recordings.
    Raises FertoolError; a run that was interrupted, by whatever, goes on where it stopped.
    """
    engine = engine or cache(partial(load, request.tools, request.device))
    source = look(path, request)
    if request.find_rotation:
        source = stood_up(source, engine())
    with store.database.kept():
        allowed = gate(store, request)
        analysis = describe(source, request, allowed)
        if outcome := elsewhere(store, analysis):
            return outcome
        run = analysis.run.id
        if request.force:
            store.delete_run(run)
        state, resumed = store.run_state(run), False
        if state != "finished":
            resumed = bool(store.chunks_done(run))
    if state != "finished":
        log.info("run %s %s: %s", run, "goes on" if resumed else "begun", path)
        measure(source, analysis, allowed, engine, request.device, Stored(store), progress)
    with store.database.kept():
        return replace(finish(store, analysis), resumed=resumed)


@staged("judge")
def finish(store: Store, analysis: Analysis) -> Outcome:
    """Link the tracks of a measured run to students; from then on it is the current run of its recording.

    What was analyzed of the same path in the same lecture when it had other bytes is deleted.
    """
    if outcome := elsewhere(store, analysis):
        return outcome
    run, recording = analysis.run, analysis.recording
    fresh = store.run_state(run.id) != "finished"
    if not fresh and _in_place(store, analysis):
        copy = _copy_of(store, analysis)
        gone = [*([] if copy else _replaced(store, analysis)), *_let_go(store, analysis)]
        notes = [*analysis.warnings, *gone]
        return Outcome(recording.id, run.id, fresh, bool(gone), notes, same_as=copy)
    before, home = store.home(recording.id), analysis.home
    students, doubts = linking.link(
        store, run, recording, analysis.same_person, analysis.model, analysis.student
    )
    log.info("run %s linked: tracks %d, students %d", run.id, len(students), len({*students.values()}))
    lost = [*_lost(store, run), *_small(store, run), *_lying(store, run)]
    notes = [*analysis.warnings, *_grown(recording), *lost, *doubts]
    store.finish_run(run.id, students, notes, recording)
    notes += [*_replaced(store, analysis), *_let_go(store, analysis)]
    _default_segments(store, *home, analysis.chapters)
    left = before if before != home else None
    if left:
        notes.append(f"moved from {' / '.join(left)} to {' / '.join(home)}")
        if left in store.lectures(*left):
            _default_segments(store, *left)
    return Outcome(recording.id, run.id, fresh, changed=True, notes=notes, left=left)


def elsewhere(store: Store, analysis: Analysis) -> Outcome | None:
    """The outcome for a recording that was analyzed in another lecture before and stays there. None for one
    that is new, belongs here, or is to be moved."""
    recording, home = analysis.recording, analysis.home
    place = store.place(recording.id)
    if place is None or analysis.move or place[:2] == home:
        return None
    course, lecture, path = place
    told = "it stays" if path == recording.path else f"the same bytes as {path}, which stays"
    told += f" in {course} / {lecture}; --move takes it to {' / '.join(home)}"
    return Outcome(recording.id, analysis.run.id, fresh=False, changed=False, same_as=told)


def _copy_of(store: Store, analysis: Analysis) -> str:
    """Which other file of the lecture has these bytes; empty for none. One that has been moved or renamed is
    known by its new name from now on."""
    recording = analysis.recording
    place = store.place(recording.id)
    if place is None or place[2] == recording.path:
        return ""
    course, lecture, path = place
    there = located(path)
    if isinstance(there, Path) and not there.exists():
        store.add_recording(recording)
        return ""
    return f"the same bytes as {path}, in {course} / {lecture}"


def _grown(recording: Recording) -> list[str]:
    """A note on a file that is not as long any more as it was when it was hashed."""
    file = located(recording.path)
    now = size(file) if isinstance(file, Path) and file.is_file() else recording.bytes
    if now == recording.bytes:
        return []
    what = f"the file grows while it is read: {recording.bytes} bytes, then {now}"
    return [f"{what}; analyze it again when it is complete"]


def _replaced(store: Store, analysis: Analysis) -> list[str]:
    """Delete what was analyzed of this file when it had other bytes; a note if there was anything."""
    lengths, decisions = store.erase.drop_replaced(analysis.recording)
    if not lengths:
        return []
    then, now = " and ".join(f"{length:.0f} s" for length in lengths), analysis.recording.readable_s
    told = (
        f"other bytes than when it was analyzed before ({then} then, {now:.0f} s now): this run replaces that"
    )
    return [f"{told}, and {decisions} decisions about its students" if decisions else told]


def _lost(store: Store, run: Run) -> list[str]:
    """A note on samples that were planned and are not there."""
    lost = run.planned - store.count_samples(run.id)
    return [f"{lost} of {run.planned} samples could not be decoded"] if lost else []


def _small(store: Store, run: Run) -> list[str]:
    """A note on faces that were too small for the classifier."""
    about = run.config["classifier"]
    unread, faces = store.count_faces(run.id) if about else (0, 0)
    if not unread:
        return []
    return [f"expression not measured in {unread} of {faces} faces: below {about['floor_px']:g} px"]


def _lying(store: Store, run: Run) -> list[str]:
    """A note on faces that lie, and how to have them upright if most do."""
    found = store.count_lying(run.id)
    if not found:
        return []
    _, faces = store.count_faces(run.id)
    what = "only the roll was measured in {} of {} faces, which lie"
    (roll, most), rotated = found[0], run.config.get("picture", {}).get("rotate", 0)
    lie = what.format(sum(count for _, count in found), faces)
    if 2 * most <= faces:
        return [lie]
    return [
        f"{lie}: people are turned by {roll} degrees: --rotate {(rotated + roll) % 360} turns the picture"
    ]


def _in_place(store: Store, analysis: Analysis) -> bool:
    """Whether a finished run is where and when it is wanted now, under the name that is wanted."""
    run = analysis.run
    named = analysis.student is None or analysis.student in store.students_in(run.id)
    timed = analysis.recording.offset_s in (None, store.offset_s(run.recording))
    return named and timed and store.home(run.recording) == analysis.home


def _let_go(store: Store, analysis: Analysis) -> list[str]:
    """Rows of students who refuse, as far as only linking could tell, and older runs of the recording with
    what this run was not allowed to keep; a note if there were any."""
    run, removal = analysis.run, store.erase
    removal.drop_refused(run.id)
    behaviour, gated = analysis.policy == "behaviour", analysis.gate_state is not None
    count = removal.drop_superseded(run.recording, run.id, expression=behaviour, ungated=gated)
    why = "without consent" if gated else "with expressions"
    return [f"{plural(count, 'earlier run')} {why} deleted"] if count else []


def assess(
    store: Store,
    rules: Sequence[Rule],
    pairs: Sequence[LectureKey],
    *,
    kept: bool = False,
    recut: Sequence[LectureKey] = (),
) -> Result:
    """Judge the stored observations of lectures; no video is needed.

    The result is stored as the latest. Rules of wider scopes are asked about the whole of each course among
    these lectures, or of all courses. What rules that are not among `rules` said before becomes history, or
    with `kept` stays: for callers who have changed no more than the segments of `recut`.
    """
    result = Result()
    narrow = [rule for rule in rules if rule.scope in ("segment", "lecture")]
    with closing(prefetch(lectures(store, pairs), 1)) as read:  # the next table is read meanwhile
        for lecture in read:
            assess_lecture(narrow, lecture, result)
    of_course = [rule for rule in rules if rule.scope == "course"]
    for course in sorted({course for course, _ in pairs}):
        _assess_wide(store, of_course, course, store.lectures(course), result)
    of_all = [rule for rule in rules if rule.scope == "all"]
    _assess_wide(store, of_all, None, store.named_lectures(), result)
    names = {rule.name for rule in rules}
    same = pairs if kept else []
    table = result.table()
    with store.database.kept():
        store.save_rules((rule.name, rule.version, rule.feeds, rule.advises) for rule in rules)
        result.absent = store.save_assessments(table, pairs, result.withdrawn, names, same, recut)
    log.info("judged: lectures %d, rules %d, assessments %d", len(pairs), len(rules), len(table))
    return result


def lectures(store: Store, pairs: Sequence[LectureKey]) -> Iterator[LectureInput]:
    """What rules need of these lectures, read one at a time, in order of name."""
    for course, same in groupby(sorted(pairs), key=lambda pair: pair[0]):
        with store.database.kept():
            usual, levels = store.baselines(course), _levels(store, course)
        for _, name in same:
            with store.database.kept():
                segments = [Segment(*row) for row in store.segments(course, name).iter_rows()]
                baselines = {student: one | levels.get((name, student), {}) for student, one in usual.items()}
                lecture = LectureInput(
                    course,
                    name,
                    store.seen(course, name),
                    segments,
                    store.policy(course, name),
                    baselines,
                    one_at_a_time=store.one_at_a_time(course, name),
                    duration_s=store.duration_s(course, name),
                )
            yield lecture


def _levels(store: Store, course: str) -> dict[tuple[str, str], dict[str, float]]:
    """(lecture, student) -> what `Context.baseline` says of the pose of a level head."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for axis in ("pitch_deg", "yaw_deg"):
        for key, level in head_level.levels(store.angles(course, axis), axis).items():
            found.setdefault(key, {}).update(head_level.to_baseline(level, axis))
    return found


def _assess_wide(
    store: Store, rules: Sequence[Rule], course: str | None, lectures: list[LectureKey], result: Result
) -> None:
    """Lectures under the policy `behaviour` are hidden from rules that look at expressions."""
    if not rules or not lectures:
        return
    with store.database.kept():
        policies = {pair: store.policy(*pair) for pair in lectures}
        read = {pair: store.seen(*pair) for pair in lectures}
    tables = []
    for pair, table in read.items():
        seen = table.with_columns(course=pl.lit(pair[0]), lecture=pl.lit(pair[1]))
        if course is None:  # a pseudonym means somebody else in another course
            seen = seen.filter(~pl.col("student").str.contains(PSEUDONYM))
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
        courses = store.courses() if course is None else {}
        assess_lecture([rule], LectureInput(course, None, seen, [], policy, baselines, courses), result)


def gate(store: Store, request: Asked) -> consent_gate.Gate | None:
    """Who may be kept, on today's date; None for everybody, where nobody refuses who could be recognized."""
    answers, roster = store.consents, store.students
    refusing = answers.refusing(request.course)
    if request.student in refusing:
        what = f"--student {request.student}: this student refuses to be analyzed"
        raise ConfigError(what, "`fertool students consent` records that this has changed")
    if request.consent != "required":
        pictures = roster.enrolled(request.course, model=request.model) if refusing else {}
        return consent_gate.unless_refused(pictures, refusing, request.same_person)
    agreed = answers.consenting(request.course)
    if request.student and request.student not in agreed:
        what = f"--student {request.student}: consent is required, and none of this student's is in force"
        raise ConfigError(what, "see `fertool students show`")
    pictures = roster.enrolled(request.course, model=request.model)
    return consent_gate.required(request.course, pictures, agreed, request.same_person)


# --- segments --------------------------------------------------------------------------------------


def _default_segments(store: Store, course: str, lecture: str, chapters: Sequence[Segment] = ()) -> None:
    """The chapters of the recording, or equal parts, unless somebody chose the segments or they still fit."""
    if store.segment_source(course, lecture):
        return
    duration = store.duration_s(course, lecture)
    if found := usable(chapters, duration):
        store.set_segments(course, lecture, segment_table(found), "chapters")
        return
    segments = store.segments(course, lecture)
    if len(segments) and math.isclose(segments["end_s"][-1], duration, abs_tol=0.01):
        return
    store.set_segments(course, lecture, segment_table(equal_parts(duration)))
