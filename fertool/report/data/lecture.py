"""One lecture as tables: store -> polars. Draws nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from fertool.assessment import statistics
from fertool.report.data import confidence
from fertool.report.text import command
from fertool.storage.erase import word
from fertool.text import natural
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from fertool.storage.store import Store

LEFT_OUT = "…"
"""Stands where the name of a student who refuses stood in a text, such as the path of a recording."""


@dataclass(frozen=True)
class Run:
    """Where a lecture's figures come from: the current run of one recording."""

    run: str
    recording: str
    """File name."""
    path: str
    sha256: str
    duration_s: float
    started_at: datetime
    seconds: float | None
    """Computing time."""
    samples: int
    planned: int
    fertool: str
    policy: str
    config: Mapping[str, Any]
    """As the pipeline wrote it; any key may be missing."""
    notes: tuple[str, ...]
    command: str
    """Repeats the run."""
    offset_s: float = 0.0
    """Where the recording begins on the lecture's clock."""


@dataclass(frozen=True)
class Summary:
    """A lecture in one row of the index."""

    course: str
    lecture: str
    analyzed: datetime
    duration_s: float
    period_s: float
    """Median time between two samples."""
    samples: int
    students: int
    expected: int
    """Samples at which a student could have been seen, summed over students."""
    measured: int
    """Of these: the expression was read, or, where no expression was computed, a face was seen."""
    expressions: bool
    policies: tuple[str, ...]


@dataclass(frozen=True)
class Lecture:
    """All tables of one lecture, and what is derived from them."""

    course: str
    lecture: str
    runs: tuple[Run, ...]
    samples: pl.DataFrame
    """recording, sample, time_s, faces (those that are only counted, too): one row per sample, face-less
    ones too; by time."""
    seen: pl.DataFrame
    """`tables.SEEN`; empty when nobody was found."""
    segments: pl.DataFrame
    assessments: pl.DataFrame
    """As `Store.assessments`."""
    unassigned: int
    """Faces that belong to no student: too little of them was seen."""
    dropped: int = 0
    """Faces of people without consent, who are in no other figure."""
    one_at_a_time: bool = False
    """As in `types.Context`: nobody's absence is measured."""
    k: int = 1
    """Figures about fewer students are not shown."""

    @cached_property
    def policies(self) -> tuple[str, ...]:
        """Policies of its runs, in order of name, each once."""
        return tuple(sorted({run.policy for run in self.runs}))

    @cached_property
    def expressions(self) -> bool:
        """Whether expressions may be shown and there are any."""
        return self.policies != ("behaviour",) and self.seen["emotion"].count() > 0

    @cached_property
    def duration_s(self) -> float:
        """Of the longest recording: a lecture's recordings run side by side."""
        return max(run.duration_s for run in self.runs)

    @cached_property
    def period_s(self) -> float:
        """Median time between two samples; 0 for fewer than two."""
        return median_step(self.samples["time_s"].unique().sort())

    @cached_property
    def with_face(self) -> int:
        """Samples with at least one face."""
        return self.samples.filter(pl.col("faces") > 0).height

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """As `statistics.labels`; the canonical ones where no expression was read."""
        return statistics.labels(self.seen) or EMOTIONS

    @cached_property
    def students(self) -> pl.DataFrame:
        """One row per student in natural order of names; no row when nobody was found.

        `samples` (of the recordings the student is in), `present`, `measured` (expression), `posed` (head
        pose): counts. `count:LABEL`: samples at which LABEL was the most probable, `of:LABEL`: those at which
        it could have been, read by a classifier that has it; `LEVEL:LABEL`: as `confidence.counts`; `main`:
        the most frequent, the first label on a tie. `confidence`, `yaw_deg`, `pitch_deg`, `roll_deg`: means.
        """
        table = self.seen.group_by("student").agg(
            samples=pl.len(),
            present=pl.col("present").sum(),
            measured=pl.col("emotion").count(),
            posed=pl.col("pitch_deg").is_not_nan().sum(),
            confidence=pl.col("confidence").mean(),
            **{name: pl.col(name).fill_nan(None).mean() for name in ("yaw_deg", "pitch_deg", "roll_deg")},
            **{f"count:{label}": (pl.col("emotion") == label).sum() for label in self.labels},
            **{f"of:{label}": pl.col(label).count() for label in self.labels},
            **confidence.counts(self.labels),
        )
        main = pl.struct(f"count:{label}" for label in self.labels).map_elements(_most, pl.String)
        order = sorted(table["student"].to_list(), key=lambda name: (natural(name), name))
        rank = pl.DataFrame({"student": order}, schema={"student": pl.String()}).with_row_index("rank")
        return table.with_columns(main=main).join(rank, on="student").sort("rank").drop("rank")

    @cached_property
    def summary(self) -> Summary:
        """Its figures as a whole."""
        measured = "measured" if self.expressions else "present"
        return Summary(
            course=self.course,
            lecture=self.lecture,
            analyzed=max(run.started_at for run in self.runs),
            duration_s=self.duration_s,
            period_s=self.period_s,
            samples=self.samples.height,
            students=self.students.height,
            expected=int(self.students["samples"].sum()),
            measured=int(self.students[measured].sum()),
            expressions=self.expressions,
            policies=self.policies,
        )

    def student(self, name: str) -> pl.DataFrame:
        """One student's rows of `seen`, by time."""
        return self.seen.filter(pl.col("student") == name)


def named(lecture: Lecture, names: Mapping[str, str], labels: Collection[str] = ()) -> Lecture:
    """The same with names instead of pseudonyms; students without a name keep theirs.

    A name that is another student's label already is shown with the pseudonym: two must not become one.
    `labels`: of the whole course, so that a student has one name in all its lectures.
    """
    told = shown_as(names, {*labels, *lecture.seen["student"]})
    shown = pl.col("student").replace(told)
    seen, assessments = (table.with_columns(shown) for table in (lecture.seen, lecture.assessments))
    return replace(lecture, seen=seen, assessments=assessments)


def shown_as(names: Mapping[str, str], labels: Collection[str]) -> dict[str, str]:
    """Student -> what stands in the pages: see `named`."""
    taken = set(labels) - names.keys()
    return {student: f"{name} ({student})" if name in taken else name for student, name in names.items()}


def labels(store: Store, course: str) -> list[str]:
    """Everybody seen in the course, in natural order."""
    return sorted(store.labels(course), key=lambda name: (natural(name), name))


def load(store: Store, course: str, lecture: str, k: int = 1) -> Lecture:
    """Read one lecture; it must have a finished run. `k`: the fewest students to show figures about."""
    with store.database.kept():  # ten tables: to open a file takes longer than to read one
        runs = store.runs().filter(
            (pl.col("course") == course) & (pl.col("lecture") == lecture) & pl.col("current")
        )
        offsets = store.analyses(course).select("recording", "offset_s")
        rows = runs.join(offsets, "recording").sort("name", "run").to_dicts()
        samples = store.samples(course, lecture)
        refusing = store.consents.refusing(course)
        return Lecture(
            course=course,
            lecture=lecture,
            runs=tuple(_run(row, refusing) for row in rows),
            samples=samples.select("recording", "sample", "time_s", pl.col("faces") + pl.col("dropped")),
            seen=store.seen(course, lecture),
            segments=store.segments(course, lecture),
            assessments=store.assessments(course, lecture),
            unassigned=store.unassigned(course, lecture),
            dropped=int(samples["dropped"].sum()),
            one_at_a_time=store.one_at_a_time(course, lecture),
            k=k,
        )


def median_step(times: pl.Series) -> float:
    """Median difference of ascending times in seconds; 0 for fewer than two."""
    step = times.diff().median()
    return float(step) if isinstance(step, (int, float)) else 0.0


def _run(row: Mapping[str, Any], refusing: Collection[str]) -> Run:
    """Without the names of those who refuse: a webcam's file is often named after its student."""
    config = _parsed(row["config"], dict)
    names = [re.compile(word(label).pattern, re.IGNORECASE) for label in sorted(refusing)]

    def without(text: str) -> str:
        return reduce(lambda left, name: name.sub(LEFT_OUT, left), names, text)

    path = without(row["path"])
    return Run(
        run=row["run"],
        recording=without(row["name"]),
        path=path,
        sha256=row["sha256"],
        duration_s=row["duration_s"],
        started_at=row["started_at"],
        seconds=row["seconds"],
        samples=row["samples"],
        planned=row["planned"],
        fertool=row["fertool"],
        policy=row["policy"],
        config=config,
        notes=tuple(without(str(note)) for note in _parsed(row["notes"], list)),
        command=command(path, row["course"], row["lecture"], {**config, "policy": row["policy"]}),
        offset_s=row["offset_s"],
    )


def _parsed(text: str | None, kind: type) -> Any:
    """JSON of the expected kind, or an empty one: a report must not fail over what only decorates it."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        return kind()
    return value if isinstance(value, kind) else kind()


def _most(counts: Mapping[str, int]) -> str | None:
    """Key of the highest count without its `count:`; None if all are 0."""
    best = max(counts, key=lambda key: counts[key])
    return best.removeprefix("count:") if counts[best] else None
