"""The Python API: `fertool.analyze`, `assess`, `report` and `open`.

Settings apply as on the command line: arguments over environment over the fertool.toml of the current
folder over defaults, the privacy defaults (`k`, consent, policy) included. Warnings go to the log
`fertool`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fertool import config
from fertool.host import guard
from fertool.workflows.audit import record
from fertool.workflows.reporter import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from fertool.media.remote import File
    from fertool.storage.store import Store
    from fertool.workflows.analyze import Concluded

    Name = str | PathLike[str]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the analysis of one recording is."""

    file: str
    """Name of the recording."""
    done: int
    """Samples measured."""
    planned: int
    """Samples in all."""
    faces: int
    """Faces found in this call."""
    time_s: float
    """How far into the recording, in seconds."""


def analyze(
    paths: Name | Sequence[Name],
    *,
    course: str | None = None,
    lecture: str | None = None,
    db: Name | None = None,
    every: str | None = None,
    detector: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    **settings: Any,
) -> Concluded:
    """Analyze recordings: faces, students, expressions, frame by frame, into a database.

    `paths`: video files, folders, addresses, or one course.toml. `every`: `1s`, `500ms`, `keyframes`, `all`.
    `lecture`: named after the file unless given. `on_progress` is called about every four samples.
    `settings`: any other key of fertool.toml (`policy`, `consent`, `classifier`, `options`, ...).

    What has been analyzed with the same configuration is not done again; what was interrupted goes on.
    Returns what became of every file (`inventory`), what failed, and which rules failed; a recording that
    fails does not stop the others. Raises FertoolError where nothing can be done at all: an unknown plugin,
    an unusable database, no such setting.

    >>> import fertool
    >>> done = fertool.analyze("lecture.mp4", course="signals", every="2s")
    >>> [(entry.file, entry.became) for entry in done.inventory]
    [('lecture.mp4', 'analyzed')]
    """
    from fertool.workflows.analyze import analyze as run
    from fertool.workflows.plan import Arguments

    given = [paths] if isinstance(paths, (str, PathLike)) else paths
    chosen = _settings(course=course, db=db, every=every, detector=detector, **settings)
    arguments = Arguments(tuple(fspath(path) for path in given), lecture=lecture)
    _, found = run(arguments, chosen, reporter=_Logged(on_progress))
    return found


def assess(
    *,
    course: str | None = None,
    lecture: str | None = None,
    db: Name | None = None,
    plugins: Sequence[Name] = (),
    **settings: Any,
) -> pl.DataFrame:
    """Judge what is stored with every rule, those in the files `plugins` included; no video is read.

    Returns the new assessments, one row each: course, lecture, segment, student (null for the class), rule,
    version, options, value, level, message, said, start_s, end_s (seconds of the lecture), evidence,
    coverage, low, high (interval of the value), spans. A rule that fails is in the log and has no rows.
    `course` and `lecture` narrow down what is judged: without, the course of fertool.toml, else all. Raises
    FertoolError if nothing
    fits, or for a broken plugin.

    >>> import fertool
    >>> found = fertool.assess(course="signals")
    >>> found["course"].unique().to_list()
    ['signals']
    """
    from fertool.analysis import pipeline
    from fertool.host import toolbox
    from fertool.workflows.assess import absent, analyzed

    course = config.course(Path.cwd(), course)
    chosen = _settings(course=course, db=db, **settings)
    rules = toolbox.toolbox(chosen, files=[Path(file) for file in plugins]).rules
    store, reporter = _opened(chosen), _Logged()
    lectures = analyzed(store, course, lecture)
    result = pipeline.assess(store, rules, lectures, kept=True)
    for of, name in lectures:
        record(store, "assess", of, what=f"{len(rules)} rules", lecture=name)
    for line in [*dict.fromkeys(result.skipped), *absent(result.absent), *result.failed]:
        reporter.warning(line)
    return result.table()


def report(
    out: Name = "fertool-report",
    *,
    course: str | None = None,
    lecture: str | None = None,
    db: Name | None = None,
    k: int | None = None,
    formats: Sequence[str] = ("html",),
    lang: str = "en",
    **settings: Any,
) -> Path:
    """Write the report into the folder `out`; an older report there is replaced as a whole.

    Figures about fewer than `k` students (5 unless the settings say otherwise) are left out. `formats`:
    some of html, pdf, csv, parquet, json, xapi; `lang`: en or de. Returns the path of `index.html`, or of
    the folder where there are no pages. Raises FertoolError if there is nothing to report, or the folder
    holds something else.

    >>> import fertool
    >>> fertool.report("site", course="signals").name
    'index.html'
    """
    from fertool.workflows import report as workflow

    course = config.course(Path.cwd(), course)
    chosen = _settings(course=course, db=db, k=k, **settings)
    store, reporter = _opened(chosen), _Logged()
    how = replace(workflow.options(chosen, lang=lang), formats=formats)
    return workflow.write(store, Path(out), course, lecture, how, reporter)[0]


def open(db: Name | None = None) -> Results:
    """Open a database to read its tables as polars; None: the one of the settings.

    Nothing is written. Raises StoreError if there is no such database.

    >>> import fertool
    >>> results = fertool.open("fertool.duckdb")
    >>> results.query("SELECT count(*) > 0 AS any FROM frame_emotions")["any"].item()
    True
    """
    from fertool.storage.store import Store
    from fertool.workflows.privacy import pending

    chosen = _settings(db=db)
    store = Store(Path(chosen.db), read_only=True, create=False)
    for line in pending(store, chosen):
        log.warning(line)
    return Results(store)


class Results:
    """Tables of a database, for reading. Students who may not be shown are in none of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def faces(self, course: str | None = None, lecture: str | None = None) -> pl.DataFrame:
        """One row per face of the current run of each recording: the view `frame_emotions`, by course,
        lecture, recording, sample. Times in seconds of the recording, boxes in pixels, probabilities from 0
        to 1.

        >>> import fertool
        >>> fertool.open("fertool.duckdb").faces("signals").columns[:5]
        ['course', 'lecture', 'recording', 'student', 'sample']
        """
        from fertool.storage import views

        return views.read(self._store.database, "frame_emotions", course, lecture)

    def samples(self, course: str | None = None, lecture: str | None = None) -> pl.DataFrame:
        """One row per analyzed instant, those without a face included: the view `samples_seen`.

        >>> import fertool
        >>> fertool.open("fertool.duckdb").samples("signals")["sample"].is_sorted()
        True
        """
        from fertool.storage import views

        return views.read(self._store.database, "samples_seen", course, lecture)

    def assessments(self, course: str | None = None, lecture: str | None = None) -> pl.DataFrame:
        """What each rule said last: the view `assessments_latest`. Of a whole course, `lecture` is null; of
        all courses, `course` too: such rows are left out where a lecture or a course is given.

        >>> import fertool
        >>> "presence" in fertool.open("fertool.duckdb").assessments("signals")["rule"]
        True
        """
        from fertool.storage import views

        return views.read(self._store.database, "assessments_latest", course, lecture)

    def students(self, course: str | None = None) -> pl.DataFrame:
        """One row per student: course, student, lectures, recordings, seen_s (seconds on screen), consent
        (yes: in force today; no: refused or withdrawn; else null), by course and label.

        >>> import fertool
        >>> fertool.open("fertool.duckdb").students("signals")["student"].first()
        'student-01'
        """
        from fertool.storage import views

        return views.students(self._store.database, course)

    def query(self, sql: str, **params: Any) -> pl.DataFrame:
        """The answer to one SQL statement; `params` are its `$name`s. Raises StoreError if it fails.

        >>> import fertool
        >>> fertool.open("fertool.duckdb").query("SELECT $n + 1 AS n", n=1)["n"].item()
        2
        """
        return self._store.query(sql, **params)


def _settings(**given: Any) -> config.Settings:
    if given.get("db") is not None:
        given["db"] = fspath(given["db"])
    chosen = config.load(Path.cwd(), **given)
    guard.set_limit(chosen.plugin_limit)
    return chosen


def _opened(chosen: config.Settings) -> Store:
    """The database, up to date, and to be written to."""
    from fertool.storage.store import Store
    from fertool.workflows.privacy import bring_up_to_date

    store = Store(Path(chosen.db), create=False)
    bring_up_to_date(store, chosen, _Logged())
    return store


class _Logged(Reporter):
    """Messages and warnings to the log, progress to a callback."""

    def __init__(self, on_progress: Callable[[Progress], None] | None = None) -> None:
        self.on_progress = on_progress
        self._now = Progress("", 0, 0, 0, 0.0)

    def message(self, text: str) -> None:
        log.info(text)

    def warning(self, text: str) -> None:
        log.warning(text)

    def result(self, text: str) -> None:
        log.info(text)

    def video(self, file: File) -> None:
        self._now = Progress(file.name, 0, 0, 0, 0.0)

    def started(self, planned: int, done: int) -> None:
        self._tell(Progress(self._now.file, done, planned, 0, 0.0))

    def advanced(self, samples: int, faces: int, time_s: float) -> None:
        now = self._now
        self._tell(Progress(now.file, now.done + samples, now.planned, now.faces + faces, time_s))

    def _tell(self, now: Progress) -> None:
        self._now = now
        if self.on_progress is not None:
            self.on_progress(now)
