"""Identity metrics against a ground truth: IDF1, switches, purity, coverage. Pure polars.

IDF1 after Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking"
(2016): one assignment of students to people for everything at once, so that a mistake counts for as long
as it lasts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

from fertool import sheets
from fertool.errors import ConfigError
from fertool.storage.tables import frame
from fertool.vision import boxes as geometry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

MIN_IOU = 0.5
"""Overlap from which a face and a box of the truth are the same face."""
NEAR_S = 0.5
"""A sample this close to a time of the truth shows that instant."""
TRUTH: dict[str, pl.DataType] = {
    "recording": pl.String(),
    "time_s": pl.Float64(),
    "person": pl.String(),
    **dict.fromkeys(("x1", "y1", "x2", "y2"), pl.Float64()),
}
"""One row per person to be seen at an instant; `recording` is a file name. Instants without any row were
not annotated, and do not count."""
FACES: dict[str, pl.DataType] = {
    "recording": pl.String(),
    "time_s": pl.Float64(),
    "student": pl.String(),
    **dict.fromkeys(("x1", "y1", "x2", "y2"), pl.Float64()),
}
"""One row per face that was found; `student` is null for one that is nobody's."""
PAIRS: dict[str, pl.DataType] = {
    "recording": pl.String(),
    "time_s": pl.Float64(),
    "person": pl.String(),
    "student": pl.String(),
}
"""A person of the truth and the student found in the same place."""


@dataclass(frozen=True, slots=True)
class Score:
    """All figures of a comparison."""

    people: int
    students: int
    boxes: int
    """Rows of the truth."""
    idf1: float
    """Harmonic mean of the two below, 0 to 1; 0 when there is nothing to compare."""
    precision: float
    """Share of the students' faces that show the person the student stands for."""
    recall: float
    """Share of the truth that was found under the student who stands for the person."""
    switches: int
    """How often a person became another student, within a recording and from one to the next."""
    hours: float
    switches_per_hour: float | None
    """None when there are no hours."""
    purity: float
    """Share of the faces found in the truth that show whom their student shows most."""
    coverage: float
    """Share of the truth that was found as any student at all."""


def read_truth(path: Path) -> pl.DataFrame:
    """A CSV with the columns of TRUTH, in any order and perhaps with others; at least one row.

    Raises ConfigError, with file and line, for what cannot be read.
    """
    sheet = sheets.read(path, tuple(TRUTH))
    if missing := sorted(TRUTH.keys() - set(sheet.columns)):
        what = f"{sheet.where}: no column {', '.join(missing)}"
        raise ConfigError(what, f"expected {', '.join(TRUTH)}")
    rows = [_row(line.cells, line.where, comma=sheet.decimal_comma) for line in sheet.lines]
    if not rows:
        raise ConfigError(f"{path}: no row in it", "expected one row per person to be seen at an instant")
    return frame(rows, TRUTH)


def _row(row: Mapping[str, str], where: str, *, comma: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in TRUTH:
        text = row[name]
        if name in ("recording", "person"):
            if not text:
                raise ConfigError(f"{where}: expected a {name}, got nothing")
            found[name] = text
            continue
        try:
            number = float(text.replace(",", ".") if comma else text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ConfigError(f"{where}: {name}: expected a number, got {text!r}")
        found[name] = number
    return found


def score(truth: pl.DataFrame, faces: pl.DataFrame) -> Score:
    """Compare; columns as in TRUTH and FACES. Either may be empty. Recordings count in order of name."""
    truth = truth.select(*TRUTH).cast(pl.Schema(TRUTH))
    faces = at_times(faces.select(*FACES).cast(pl.Schema(FACES)), truth)
    named = faces.filter(pl.col("student").is_not_null())
    pairs = overlaps(truth, named)
    hits = _best(pairs)
    right, shown = _explained(_together(pairs)), _together(hits)
    precision, recall = _share(right, len(named)), _share(right, len(truth))
    changed, hours = switches(hits), _hours(truth)
    return Score(
        people=truth["person"].n_unique(),
        students=named["student"].n_unique(),
        boxes=len(truth),
        idf1=_share(2 * right, len(truth) + len(named)),
        precision=precision,
        recall=recall,
        switches=changed,
        hours=hours,
        switches_per_hour=changed / hours if hours else None,
        purity=_share(int(shown.max(axis=0, initial=0).sum()), int(shown.sum())),
        coverage=_share(len(hits), len(truth)),
    )


def at_times(faces: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """The faces of the samples nearest to the times of the truth, NEAR_S away at most; `time_s` is the
    truth's from then on. A sample stands for one time of the truth at most."""
    samples = faces.select("recording", "time_s").unique()
    times = truth.select("recording", "time_s").unique()
    near = (
        times.join(samples, on="recording", suffix="_seen")
        .with_columns(late=(pl.col("time_s") - pl.col("time_s_seen")).abs())
        .filter(pl.col("late") <= NEAR_S + 1e-6)
        .sort("late", "time_s", "time_s_seen")
        .unique(["recording", "time_s"], keep="first", maintain_order=True)
        .unique(["recording", "time_s_seen"], keep="first", maintain_order=True)
    )
    joined = faces.join(
        near.select("recording", wanted="time_s", time_s="time_s_seen"), on=["recording", "time_s"]
    )
    return joined.with_columns(time_s="wanted").select(*FACES)


def overlaps(truth: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """All pairs of a truth's row and a face of the same instant that overlap by MIN_IOU; PAIRS and `iou`."""
    pairs = truth.join(named, on=["recording", "time_s"], suffix="_seen")
    one, other = (
        pairs.select(*(f"{edge}{which}" for edge in ("x1", "y1", "x2", "y2"))).to_numpy()
        for which in ("", "_seen")
    )
    iou = geometry.paired_iou(one, other)
    return pairs.select(*PAIRS).with_columns(iou=iou).filter(pl.col("iou") >= MIN_IOU)


def switches(hits: pl.DataFrame) -> int:
    """How often a person became another student; PAIRS in order of time, one row per person and instant."""
    found = 0
    for (_person,), rows in hits.group_by("person"):
        found += sum(before != after for before, after in pairwise(rows["student"]))
    return found


def _best(pairs: pl.DataFrame) -> pl.DataFrame:
    """One student per person and instant and one person per face, as many as possible, the closest."""
    rows = [
        group[int(k)]
        for _, group in pairs.group_by("recording", "time_s", maintain_order=True)
        for k in _assigned(group)
    ]
    chosen = pl.concat(rows) if rows else pairs.clear()
    return chosen.select(*PAIRS).sort("recording", "time_s", "person")


def _assigned(group: pl.DataFrame) -> npt.NDArray[np.intp]:
    """Rows of the pairs of one instant."""
    people, i = np.unique(group["person"].to_numpy(), return_inverse=True)
    students, j = np.unique(group["student"].to_numpy(), return_inverse=True)
    rows = np.full((len(people), len(students)), -1)
    worth = np.zeros(rows.shape)
    rows[i, j], worth[i, j] = np.arange(len(group)), 1 + group["iou"].to_numpy()  # a pair more counts more
    chosen = rows[linear_sum_assignment(worth, maximize=True)]
    return np.asarray(chosen[chosen >= 0])


def _together(pairs: pl.DataFrame) -> npt.NDArray[np.int64]:
    """How often each person (rows) was each student (columns)."""
    once = pairs.unique(["recording", "time_s", "person", "student"])
    people, i = np.unique(once["person"].to_numpy(), return_inverse=True)
    students, j = np.unique(once["student"].to_numpy(), return_inverse=True)
    table = np.zeros((len(people), len(students)), np.int64)
    np.add.at(table, (i, j), 1)
    return table


def _explained(table: npt.NDArray[np.int64]) -> int:
    """Faces that the best assignment of students to people explains."""
    return int(table[linear_sum_assignment(table, maximize=True)].sum())


def _hours(truth: pl.DataFrame) -> float:
    """From the first to the last instant of every recording."""
    spans = truth.group_by("recording").agg(pl.col("time_s").max() - pl.col("time_s").min())
    return float(spans["time_s"].sum()) / 3600


def _share(part: float, whole: int) -> float:
    return float(part / whole) if whole else 0.0
