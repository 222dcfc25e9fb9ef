"""Whole reports on composed lectures, as the words that a reader sees."""

from __future__ import annotations

import html
import re

import numpy as np

from fertool.analysis import pipeline
from fertool.host import registry
from fertool.report import ReportOptions, render
from fertool.storage.consents import CONSENTS
from fertool.storage.students import ENROLLED
from fertool.storage.tables import SEGMENTS, frame
from fertool.testing import store_lecture, timeline

UNSEEN = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
LONELY = re.compile(r" ([,.:;])")
"""A sign that a tag has parted from its word."""


def teach(store, *weeks, course="signals", parts=2, points=(), difficulty="", further=(), **more):
    """A lecture a week, cut into equal parts, judged by all rules; `weeks`: student -> spec of `timeline`.

    `points`: the knowledge point of each part; parts without one have none. `difficulty`: of all parts.
    `further`: labels of the classifier beyond the seven.
    """
    for week, people in enumerate(weeks, 1):
        students = {name: timeline(spec, further=further) for name, spec in people.items()}
        length = max(len(rows) for rows in students.values()) / parts
        rows = [
            {
                "segment": i, "title": f"part {i + 1}", "start_s": i * length, "end_s": (i + 1) * length,
                "point": points[i] if i < len(points) else "", "difficulty": difficulty,
            }
            for i in range(parts)
        ]  # fmt: skip
        name = f"week {week}"
        segments = frame(rows, SEGMENTS)
        store_lecture(store, course, name, students, recording_name=name, segments=segments, **more)
    rules = [found.plugin() for found in registry.load_plugins().of_kind("rule")]
    pipeline.assess(store, rules, store.lectures(course))
    return store


def enroll(store, *students, **dates):
    """A picture of everybody, and the days of consent of some (`no`: who refused)."""
    rows = [
        {
            "student": who,
            "picture": f"{who}.jpg",
            "sha256": who,
            "embedding": np.eye(4)[0].tolist(),
            "model": "",
        }
        for who in students
    ]
    store.students.enroll("signals", frame(rows, ENROLLED))
    consents = [{"student": who, "consent": True, "given": day} for who, day in dates.items()]
    store.consents.set_consents("signals", frame(consents, CONSENTS))


def refuse(store, student):
    store.consents.set_consents("signals", frame([{"student": student, "consent": False}], CONSENTS))


def speaker_view(order):
    """Four people, each shown for 45 s of a lecture, one after another; nobody together with anybody."""
    found = {}
    for turn, n in enumerate(order):
        blocks = {"absent": 45 * turn, "neutral": 45, "absent ": 45 * (len(order) - 1 - turn)}
        found[f"student-{n}"] = " ".join(
            f"{state.strip()}*{count}" for state, count in blocks.items() if count
        )
    return found


def read(store, folder, course=None, **options):
    """Folder of a page and number among its kind (`index`, `lectures 0`, `handouts 1`) -> its text."""
    render(store, folder, course, options=ReportOptions(**{"k": 1, **options}))
    return pages(folder)


def pages(folder):
    """The same of a report that was written before."""
    found = {"index": text(folder / "index.html"), "method": text(folder / "method.html")}
    for kind in ("courses", "lectures", "segments", "students", "handouts"):
        for i, path in enumerate(sorted((folder / kind).glob("*.html"))):
            found[f"{kind} {i}"] = text(path)
    return found


def text(path):
    """What a page says, in one line: names of drawings, scripts and styles are left out."""
    markup = UNSEEN.sub(" ", path.read_text(encoding="utf-8"))
    words = " ".join(html.unescape(TAG.sub(" ", markup)).split())
    return LONELY.sub(r"\1", words)
