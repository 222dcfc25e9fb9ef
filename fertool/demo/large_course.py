"""A large simulated course, for benchmarks and tests of reports. Deterministic."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from fertool.assessment.segments.equal_parts import equal_parts
from fertool.demo.timelines import store_lecture, timeline
from fertool.storage.tables import segment_table
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    import polars as pl

    from fertool.storage.store import Store

FIRST = date(2026, 9, 7)
USUAL = (0.03, 0.01, 0.02, 0.15, 0.08, 0.05, 0.66)
"""How often each of `EMOTIONS` is shown."""
POINTS = ("sampling", "aliasing", "windows", "filters", "noise", "spectra")
PARTS = 8


def store_course(
    store: Store, course: str, lectures: int = 20, students: int = 30, duration_s: int = 3600
) -> None:
    """Write weekly lectures `week 01`, ..., of students `student-01`, ...: one sample a second.

    Every lecture has `PARTS` segments with titles, knowledge points and difficulty; nobody judged it yet.
    """
    names = [f"student-{number:02d}" for number in range(1, students + 1)]
    held = {f"week {week:02d}": FIRST + timedelta(weeks=week - 1) for week in range(1, lectures + 1)}
    store.describe_course(course, "E. Noether", ["sampling", "filters"], held)
    for week, lecture in enumerate(held):
        rng = np.random.default_rng(week)
        store_lecture(
            store,
            course,
            lecture,
            {name: wander(rng, duration_s) for name in names},
            recording_name=f"{lecture}.mp4",
            segments=_segments(duration_s, week),
            chunk_s=duration_s,
        )


def wander(rng: np.random.Generator, samples: int) -> pl.DataFrame:
    """Somebody who looks so for 5 to 60 samples, then otherwise, is away for some, and bows now and then."""
    blocks, count = [], 0
    while count < samples:
        shown, away = int(rng.integers(5, 60)), int(rng.integers(1, 10))
        pose = "/down" if rng.random() < 0.15 else ""
        blocks.append(f"{rng.choice(EMOTIONS, p=USUAL)}{pose}*{shown} absent*{away}")
        count += shown + away
    return timeline(" ".join(blocks)).head(samples)


def _segments(duration_s: int, week: int) -> pl.DataFrame:
    parts = []
    for part in equal_parts(duration_s, duration_s / PARTS):
        number = week + part.index  # each point comes again in other lectures
        point = POINTS[number % len(POINTS)]
        hard = "hard" if number % 3 == 1 else ""
        parts.append(replace(part, title=point.capitalize(), difficulty=hard, point=point))
    return segment_table(parts)
