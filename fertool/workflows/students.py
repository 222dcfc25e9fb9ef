"""Who is who in a course: enroll, recognize, rename, merge, split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fertool.errors import FertoolError
from fertool.workflows import assess
from fertool.workflows.audit import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fertool.config import Settings
    from fertool.contracts import Rule
    from fertool.host.toolbox import Toolbox
    from fertool.identity.enrollment import RosterPicture
    from fertool.identity.roster_file import Listed
    from fertool.storage.corrections import TrackSelection
    from fertool.storage.store import Store
    from fertool.types import LectureKey
    from fertool.workflows.names import NamesFile
    from fertool.workflows.reporter import Reporter


def known(store: Store, course: str, student: str) -> None:
    """Raise FertoolError unless the course has this student."""
    if student not in store.students.overview(course)["student"]:
        raise FertoolError(f"{course}: no student {student!r}", "`fertool students list` shows them")


# --- enroll -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Graded:
    """A roster whose pictures were looked at; nothing is stored yet."""

    listed: Sequence[Listed]
    good: Mapping[str, list[RosterPicture]]
    """Student of the roster -> pictures that can be used."""
    bad: list[tuple[str, str]]
    """(picture, why it cannot be used)."""
    doubts: list[str]
    """Students whose pictures look like one person's, one sentence each."""
    model: str
    """What made the embeddings."""
    limit: float
    """Distance of two embeddings up to which they are one person."""

    @property
    def usable(self) -> bool:
        """Whether any picture can be used, or the roster has none at all."""
        return any(self.good.values()) or not self.bad


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What a roster brought into the database."""

    rows: list[dict[str, object]]
    """For every student of the roster: student (label in the database; None if nothing was stored), name,
    pictures (how many), consent (yes, no, None)."""
    recognized: dict[str, str]
    """Numbered student of earlier recordings -> who that is from now on."""
    asked: int
    """How many numbered students were compared."""
    lectures: list[LectureKey]
    """Lectures that the recognized students change."""
    dropped: int
    """Recordings of which faces without consent were not kept before the students were known."""


def grade(roster: Path, tools: Toolbox, device: str, columns: Mapping[str, str] | None = None) -> Graded:
    """Look at the pictures of a roster: a folder, or a CSV. Nothing is stored.

    `columns`: column -> its heading in the CSV, where it has another; `device`: as in the settings. Raises
    FertoolError for a roster that cannot be read.
    """
    from fertool.host import toolbox
    from fertool.identity import enrollment, roster_file

    listed = roster_file.read(roster, dict(columns or {}))
    engine = enrollment.engine(tools, toolbox.device(device))
    looked = {one.student: [enrollment.look(engine, path) for path in one.pictures] for one in listed}
    good = {student: [p for p in pictures if not p.reason] for student, pictures in looked.items()}
    bad = [(str(p.path), p.reason) for pictures in looked.values() for p in pictures if p.reason]
    return Graded(
        listed, good, bad, enrollment.alike(good, tools.same_person), tools.model, tools.same_person
    )


def enroll(store: Store, course: str, graded: Graded, names: NamesFile | None = None) -> Enrollment:
    """Store the usable pictures and the answers of a roster, and recognize numbered students among them.

    With `names` the database knows students by number only, and who is who stands in that file. Enrolling
    again adds pictures and replaces consent. The lectures of the result are still to be judged:
    `privacy.catch_up`, and `privacy.apply_consent` for the answers.
    """
    kept = [one.student for one in graded.listed if one.answer or graded.good[one.student]]
    labels = _labels(store, course, kept, names)
    if names is not None:
        names.save()
    _store_roster(store, course, graded, labels, named=names is not None)
    found, asked, lectures = _recognize(store, course, graded, labels, names)
    rows: list[dict[str, object]] = [
        {
            "student": labels.get(one.student),
            "name": one.student,
            "pictures": len(graded.good[one.student]),
            "consent": None if one.answer is None else "yes" if one.answer.consent else "no",
        }
        for one in graded.listed
    ]
    return Enrollment(rows, found, asked, lectures, store.dropped(course))


def _labels(store: Store, course: str, students: Sequence[str], names: NamesFile | None) -> dict[str, str]:
    """Student of the roster -> label in the database; new names are added to `names`."""
    if names is None:
        return {student: student for student in students}
    people = names.names
    new = [student for student in students if people.student(course, student) is None]
    for student, label in zip(new, store.corrections.newcomers(course, len(new)), strict=True):
        people.known[course, label] = student
    return {student: people.student(course, student) or student for student in students}


def _store_roster(
    store: Store, course: str, graded: Graded, labels: Mapping[str, str], *, named: bool
) -> None:
    """`named`: the names are elsewhere, so neither may those of the pictures give them away."""
    from fertool.storage.consents import CONSENTS
    from fertool.storage.students import ENROLLED
    from fertool.storage.tables import frame

    roster = store.students
    pictures: list[dict[str, object]] = [
        {
            "student": labels[student],
            "picture": picture.sha256[:12] if named else picture.path.name,
            "sha256": picture.sha256,
            "embedding": picture.embedding.tolist(),
            "model": graded.model,
        }
        for student, found in graded.good.items()
        for picture in found
        if picture.embedding is not None
    ]
    answers: list[dict[str, object]] = [
        {
            "student": labels[one.student],
            "consent": one.answer.consent,
            "given": one.answer.given,
            "expires": one.answer.expires,
        }
        for one in graded.listed
        if one.answer
    ]
    if pictures:
        roster.enroll(course, frame(pictures, ENROLLED))
    if answers:
        store.consents.set_consents(course, frame(answers, CONSENTS))
    record(store, "students enroll", course, sorted(labels.values()))


def _recognize(
    store: Store, course: str, graded: Graded, labels: Mapping[str, str], names: NamesFile | None
) -> tuple[dict[str, str], int, list[LectureKey]]:
    """Numbered student -> which enrolled student that is, how many were compared, and the lectures that this
    changes."""
    from fertool.identity import recognition

    enrolled = {labels[student] for student, pictures in graded.good.items() if pictures}
    named = {student for where, student in names.names.known if where == course} if names else set()
    found, asked = recognition.recognize(
        store.students, course, enrolled, model=graded.model, limit=graded.limit, named=named
    )
    return found, asked, store.corrections.recognize(course, found)


# --- corrections ------------------------------------------------------------------------------------


def rename(
    store: Store, course: str, student: str, name: str, reporter: Reporter, names: NamesFile | None = None
) -> None:
    """Give a student a name: in every table, or with `names` in that file only.

    Raises FertoolError for a name that cannot be used, and for an unknown student.
    """
    from fertool.storage.student_labels import clean_label

    name = clean_label(name, "NAME")
    if names is None:
        store.corrections.rename(course, student, name)
        record(store, "students rename", course, [name])
    else:
        known(store, course, student)
        names.names.known[course, student] = name
        names.save()
        record(store, "students rename", course, [student], "in the names file")
    reporter.result(f"{student} is called {name} now")
    _stale(store, course, reporter)


def merge(
    store: Store,
    settings: Settings,
    student: str,
    other: str,
    rules: Sequence[Rule],
    reporter: Reporter,
    names: NamesFile | None = None,
) -> bool:
    """Make two students one: all that is `other`'s becomes `student`'s, and their lectures are judged again.

    A number that turns out to be a student who refuses is off all pages and known reports from then on.
    Returns False if a rule failed. Raises FertoolError for unknown students.
    """
    from fertool.report.refresh import refresh

    course = settings.course
    lectures = store.corrections.merge(course, student, other)
    if names is not None:
        gone = names.names.known.pop((course, other), None)
        if gone is not None:
            names.names.known.setdefault((course, student), gone)
        names.save()
    record(store, "students merge", course, [student])
    reporter.result(f"{other} is {student} now")
    whole = assess.with_other_students(store, rules, lectures, reporter)
    if student in store.consents.refusing(course):
        for line in refresh(store, course, retention=settings.retention):
            reporter.result(line)
    else:
        _stale(store, course, reporter)
    return whole


def split(
    store: Store, course: str, student: str, part: TrackSelection, rules: Sequence[Rule], reporter: Reporter
) -> bool:
    """Make a new student of some tracks of another, and judge their lectures again.

    Returns False if a rule failed. Raises FertoolError where the part has no tracks of the student, or all.
    """
    new, lectures = store.corrections.split(course, student, part)
    record(store, "students split", course, [student, new])
    reporter.result(f"{new} is new: what was split off {student}")
    whole = assess.with_other_students(store, rules, lectures, reporter)
    _stale(store, course, reporter)
    return whole


def _stale(store: Store, course: str, reporter: Reporter) -> None:
    """Report which known pages show students as they were. To render them here would drop joined names."""
    for site in store.audit.sites(course):
        reporter.result(f"{site.path}: still as it was; `fertool report --out {site.path}` renders it again")
