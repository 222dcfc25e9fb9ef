"""Analyze many recordings, here or on workers; cut and judge their lectures.

A plan says what is to be done with each recording, `measure` does it, `conclude` cuts and judges lectures.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import FertoolError, StoreError, reason
from fertool.workflows import assess, privacy
from fertool.workflows.audit import record
from fertool.workflows.plan import plan
from fertool.workflows.reporter import Reporter
from fertool.workflows.segments import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.pipeline import Outcome
    from fertool.analysis.request import Request
    from fertool.analysis.run import Analysis
    from fertool.config import Settings
    from fertool.contracts import Rule
    from fertool.media.remote import File
    from fertool.storage.store import Store
    from fertool.types import LectureKey
    from fertool.workflows.plan import Arguments, Failed, Plan

BECAME = ("analyzed", "resumed", "done before", "same as", "skipped", "failed")
"""What may become of a file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was found, and what became of it."""

    file: str
    became: str
    """One of `BECAME`."""
    reason: str = ""
    """Why, of a file that was not analyzed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of the recordings of a plan."""

    outcomes: list[tuple[str, Outcome]]
    """(file, outcome), in the order in which they were finished."""
    failed: Failed

    @property
    def new(self) -> list[Outcome]:
        """Without recordings that stay in another lecture, or whose bytes are those of another file."""
        return [outcome for _, outcome in self.outcomes if not outcome.same_as]


@dataclass(frozen=True, slots=True)
class Concluded:
    """What an analysis of many recordings came to."""

    outcomes: list[Outcome]
    """As `Measured.new`."""
    inventory: list[Entry]
    """A row for every file that was found."""
    failed: Failed
    """Recordings that were not analyzed and lectures that could not be cut, with the reason."""
    problems: list[str] = field(default_factory=list)
    """Rules that failed, one sentence each."""


def analyze(
    arguments: Arguments,
    settings: Settings,
    options: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    reporter: Reporter | None = None,
) -> tuple[Store, Concluded]:
    """All of it, into the database of the settings, which is created if it is not there.

    Raises FertoolError where nothing can be done at all; a recording that fails is in the result.
    """
    from fertool.storage.store import Store

    reporter = reporter or Reporter()
    todo = plan(arguments, settings, options, plugins, reporter)
    store = Store(Path(settings.db))
    privacy.bring_up_to_date(store, settings, reporter)
    return store, conclude(todo, store, measure(todo, store, reporter), reporter)


def measure(plan: Plan, store: Store, reporter: Reporter) -> Measured:
    """Measure the recordings of a plan into the database, one after the other or on workers; one that fails
    does not stop the others.

    Raises StoreError, which the next recording would meet too. After an interruption the same call goes on.
    """
    with store.database.kept():
        for line in privacy.unrecognizable(store, plan.settings, plan.tools.model):
            reporter.warning(line)
        if course := plan.syllabus:
            held = {lecture.name: lecture.held for lecture in course.lectures}
            store.describe_course(course.course, course.instructor, course.topics, held)
    if plan.arguments.workers is None:
        return _one_by_one(plan, store, reporter)
    from fertool.workflows import workers

    return workers.measure(plan, store, reporter)


def ingest(spool: str, store: Store, reporter: Reporter) -> Measured:
    """Load all that was measured into a spool (a path or URI), and link students. Twice changes nothing."""
    from fertool.analysis.spool import Spool
    from fertool.distributed.ingest import ingest as load

    found = load(store, Spool(spool), reporter.ingesting)
    for analysis, outcome in found.outcomes:
        note(analysis.recording.path, analysis, outcome, store, reporter)
    for trace in found.traces:
        reporter.warning(trace)
    return Measured(
        [(analysis.recording.path, outcome) for analysis, outcome in found.outcomes],
        [(analysis.recording.path, reason) for analysis, reason in found.refused],
    )


def conclude(plan: Plan, store: Store, measured: Measured, reporter: Reporter) -> Concluded:
    """Cut the lectures as the plan says, and judge those with new observations or segments."""
    outcomes = measured.new
    if not (plan.arguments.lecture or plan.syllabus):
        _named_alike(store, outcomes, reporter)
    recut, uncut = _cut(plan, store, outcomes, reporter)
    found = judged(store, plan.tools.rules, measured, reporter, plan, recut)
    return replace(found, failed=[*found.failed, *uncut])


def judged(
    store: Store,
    rules: Sequence[Rule],
    measured: Measured,
    reporter: Reporter,
    plan: Plan | None = None,
    recut: Sequence[LectureKey] = (),
) -> Concluded:
    """Judge the lectures with new observations, and those of `recut`, with new segments.

    `plan`: has what was found beside the recordings that were measured.
    """
    failed = [*(plan.failed if plan else ()), *measured.failed]
    inventory = [entry(file, outcome) for file, outcome in measured.outcomes]
    inventory += [Entry(what, "skipped", why) for what, why in (plan.skipped if plan else ())]
    inventory += [Entry(what, "failed", why) for what, why in failed]
    problems = assess.after_analysis(store, rules, measured.new, recut, reporter)
    return Concluded(measured.new, inventory, failed, problems)


def entry(file: str, outcome: Outcome) -> Entry:
    """What became of a file that was analyzed now or before."""
    if outcome.same_as:
        return Entry(file, "same as", outcome.same_as)
    if not outcome.fresh:
        return Entry(file, "done before")
    return Entry(file, "resumed" if outcome.resumed else "analyzed")


def note(
    file: File | str, request: Request | Analysis, outcome: Outcome, store: Store, reporter: Reporter
) -> None:
    """Put an analysis on record, and report what is worth knowing of it."""
    if outcome.same_as:
        reporter.message(f"{file}: {outcome.same_as}")
        return
    with store.database.kept():
        students = store.students_in(outcome.run)
        record(store, "analyze", request.course, students, str(file), request.lecture)
    for text in outcome.notes:
        reporter.message(f"{file}: {text}")
    if not outcome.fresh:
        reporter.message(f"{file}: already analyzed with this configuration (--force does it again)")


def _one_by_one(plan: Plan, store: Store, reporter: Reporter) -> Measured:
    """In this process, straight into the database. Networks are loaded once, where the first recording needs
    them."""
    from fertool.analysis.observe import load
    from fertool.analysis.pipeline import analyze as analyze_one
    from fertool.host.toolbox import device

    engine = cache(lambda: load(plan.tools, device(plan.settings.device)))
    measured = Measured([], [])
    for file, request in plan.requests:
        try:
            reporter.video(file)
            outcome = analyze_one(file, request, store, reporter, engine)
            measured.outcomes.append((str(file), outcome))
            note(file, request, outcome, store, reporter)
        except StoreError:
            raise  # the next file would meet it too
        except Exception as error:
            measured.failed.append((str(file), reason(error)))
            known = isinstance(error, FertoolError)
            reporter.warning(str(error) if known else f"{file}: {traceback.format_exc()}")
    return measured


def _named_alike(store: Store, outcomes: Sequence[Outcome], reporter: Reporter) -> None:
    """Say which lectures, named after their files, have several recordings now."""
    from fertool.media.remote import located

    with store.database.kept():
        homes = sorted({home for one in outcomes if one.fresh and (home := store.home(one.recording))})
        files = [(home, store.recordings(*home)) for home in homes]
    for home, recordings in files:
        paths = dict.fromkeys(path for path, *_ in recordings)  # a file may have two pictures
        names = [located(path).name for path in paths]
        if len(names) > 1:
            what = f"one lecture of {len(names)} recordings, named alike: {', '.join(names)}"
            reporter.warning(f"{' / '.join(home)}: {what} (--lecture names another one)")


def _cut(
    plan: Plan, store: Store, outcomes: Sequence[Outcome], reporter: Reporter
) -> tuple[list[LectureKey], Failed]:
    """Cut the lectures as was asked; returns those whose segments changed, and what could not be cut."""
    recut: list[LectureKey] = []
    failed: Failed = []
    for home in sorted({home for one in outcomes if (home := store.home(one.recording))}):
        try:
            changed, notes = cut(store, [home], *plan.source(home[1]))
        except FertoolError as error:
            failed.append((" / ".join(home), str(error)))
            continue
        recut += changed
        for text in notes:
            reporter.warning(text)
    return recut, failed
