"""The courses of `fertool demo`, as data: simulated lectures without video.

Beside the gallery lecture, which is made and analyzed from pixels, its six students and two named ones
meet in four more lectures; the named two also take a second course by the same instructor. Everybody
looks as `USUAL` says, except where `STORY` says otherwise, and for what.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import cycle, groupby, islice
from typing import TYPE_CHECKING

import polars as pl

from fertool.demo.timelines import store_lecture, timeline
from fertool.media.sampling import parse_time
from fertool.storage.tables import segment_table
from fertool.types import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fertool.storage.store import Store

COURSE, OTHER, NEXT = "demo", "demo-filters", "demo-images"
GALLERY = "gallery"
INSTRUCTOR = "E. Noether"
TOPICS = {
    COURSE: ["sampling", "spectra"],
    OTHER: ["filters", "sampling"],
    NEXT: ["images", "filters"],
}
HELD: dict[str, dict[str, date | None]] = {
    COURSE: {
        GALLERY: date(2026, 9, 28),
        "week 1": date(2026, 10, 5),
        "week 2": date(2026, 10, 12),
        "week 3": date(2026, 10, 19),
        "week 4": date(2026, 10, 26),
    },
    OTHER: {"lab 1": date(2026, 10, 8), "lab 2": date(2026, 10, 15)},
    NEXT: {"next term": None},
}
"""What is not in `PARTS` is not simulated."""
LECTURE_S, PART_S = 1200, 300
PARTS = {
    "week 1": ("Welcome", "Signals", "Systems", "Questions"),
    "week 2": ("Recap", "Sampling", "Rates", "Questions"),
    "week 3": ("Recap", "Aliasing", "Spectra", "Quiz"),
    "week 4": ("Recap", "Aliasing again", "Windows", "Quiz"),
    "lab 1": ("Safety", "Filters", "At the bench", "Reports"),
    "lab 2": ("Recap", "Noise", "At the bench", "Reports"),
}
"""Lecture -> titles of its parts of `PART_S` seconds."""
POINTS = {
    "Signals": ("signals", ""),
    "Systems": ("systems", ""),
    "Sampling": ("sampling", ""),
    "Rates": ("sampling", ""),
    "Aliasing": ("aliasing", "hard"),
    "Aliasing again": ("aliasing", "hard"),
    "Spectra": ("spectra", ""),
    "Windows": ("windows", ""),
    "Filters": ("filters", ""),
    "At the bench": ("filters", ""),
    "Noise": ("noise", "hard"),
}
"""Title -> knowledge point and difficulty; the other parts have none."""
USUAL = {
    "student-01": "neutral*40 happy*9",
    "student-02": "neutral*31 happy*10 surprise*3",
    "student-03": "neutral*55 happy*4",
    "student-04": "neutral*47 surprise*5",
    "student-05": "neutral*37 sad*4 neutral*12 happy*5",
    "student-06": "neutral*29 happy*3 absent*2",
    "Ada": "neutral*43 happy*4",
    "Ben": "neutral*35 happy*9 surprise*2",
    "Cleo": "neutral*33 happy*7",
    "Dan": "neutral*51 fear*2 happy*3",
    "Eve": "neutral*27 happy*5 absent*1",
    "Finn": "neutral*45 surprise*4",
}
"""What each shows, as in `timeline`, again and again."""
STUDENTS = {COURSE: tuple(USUAL)[:8], OTHER: tuple(USUAL)[6:]}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a report of the course has to tell."""

    lecture: str
    students: tuple[str, ...]
    start: str
    end: str
    """m:ss, up to which, but not including it, they show `state`."""
    state: str
    """As in `timeline`, again and again."""
    rule: str
    level: str
    """What finds it, and with what level."""


CLASS = STUDENTS[COURSE]
STORY = (
    # Everybody laughs at once.
    Event("week 1", CLASS, "2:00", "2:40", "happy", "synchrony", "info"),
    Event("week 1", CLASS, "2:00", "2:40", "happy", "good-moments", "happier"),
    Event("week 1", ("student-02",), "5:00", "9:00", "happy*4 surprise*1", "engagement", "info"),
    Event("week 1", ("student-02",), "5:00", "9:00", "happy*4 surprise*1", "shares", "happy"),
    Event("week 1", ("student-04",), "10:00", "15:00", "neutral/left", "concentration", "attention"),
    # A camera fails for two and a half minutes, then works again.
    Event("week 2", ("student-04",), "6:00", "8:30", "absent", "focus", "technical"),
    Event("week 2", ("student-03",), "10:30", "14:30", "neutral/down", "involvement", "attention"),
    # student-06 drops out: three minutes early, then halfway, in the end right at the beginning.
    Event("week 2", ("student-06",), "17:00", "20:00", "absent", "presence", "attention"),
    Event("week 3", ("student-06",), "0:00", "5:00", "absent*7 neutral*3", "focus", "attention"),
    Event("week 3", ("student-06",), "10:00", "20:00", "absent", "presence", "attention"),
    Event("week 4", ("student-06",), "4:00", "20:00", "absent", "presence", "attention"),
    # Aliasing loses the class; explained again a week later, it does not.
    Event("week 3", ("student-02",), "6:30", "8:00", "sad*9 neutral", "lost-moments", "attention"),
    Event("week 3", ("student-03",), "6:30", "8:00", "sad*9 neutral", "lost-moments", "attention"),
    Event("week 3", ("Ben",), "6:30", "8:00", "fear*4 neutral", "lost-moments", "attention"),
    Event("week 3", ("student-01",), "6:30", "8:00", "absent", "lost-moments", "attention"),
    Event("week 3", ("Ben",), "6:30", "8:00", "fear*4 neutral", "hard-points", "attention"),
    Event("week 3", ("student-05",), "6:20", "7:10", "angry", "difficulty", "attention"),
    Event("week 3", ("student-05",), "7:10", "9:30", "fear*3 neutral*1", "state", "attention"),
    # Ada likes the other course better.
    Event("lab 1", ("Ada",), "0:00", "20:00", "happy*3 neutral*1", "preference", "preferred"),
    Event("lab 2", ("Ada",), "0:00", "20:00", "happy*2 neutral*1", "preference", "preferred"),
)  # fmt: skip
"""The truth: later rows overrule earlier ones."""


def store_demo(store: Store) -> None:
    """Write the simulated lectures, unless they are there, and what is known of the courses."""
    with store.database.kept():
        there, usual = store.lectures(), store.baselines(COURSE)
        for course, held in HELD.items():
            store.describe_course(course, INSTRUCTOR, TOPICS[course], held)
            for lecture in held:
                if lecture not in PARTS or (course, lecture) in there:
                    continue
                store_lecture(
                    store,
                    course,
                    lecture,
                    {student: _timeline(lecture, student, usual) for student in STUDENTS[course]},
                    recording_name=f"{lecture}.mp4",
                    segments=_segments(lecture),
                    notes=["simulated: no video lies behind this lecture"],
                    chunk_s=LECTURE_S,
                )


def shown(lecture: str, student: str) -> list[str]:
    """What a student shows in each second of a lecture."""
    late = 7 * list(USUAL).index(student)  # not everybody begins at once
    states = list(islice(_repeated(USUAL[student]), late, late + LECTURE_S))
    for event in STORY:
        if event.lecture == lecture and student in event.students:
            start, end = int(parse_time(event.start)), int(parse_time(event.end))
            states[start:end] = islice(_repeated(event.state), end - start)
    return states


def _timeline(lecture: str, student: str, usual: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """Before the camera that the gallery lecture shows: heads are held as there."""
    held = usual.get(student, {})
    rows = timeline(" ".join(f"{state}*{len([*same])}" for state, same in groupby(shown(lecture, student))))
    return rows.with_columns(pl.col(angle) + held.get(angle, 0.0) for angle in ("yaw_deg", "pitch_deg"))


def _repeated(pattern: str) -> Iterator[str]:
    """`happy*2 sad` -> happy, happy, sad, happy, ..."""
    blocks = [block.partition("*") for block in pattern.split()]
    return cycle([state for state, _, count in blocks for _ in range(int(count or 1))])


def _segments(lecture: str) -> pl.DataFrame:
    parts = [
        Segment(number, title, number * PART_S, (number + 1) * PART_S, difficulty, point)
        for number, title in enumerate(PARTS[lecture])
        for point, difficulty in [POINTS.get(title, ("", ""))]
    ]
    return segment_table(parts)
