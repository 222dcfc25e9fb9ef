"""Names are data: whatever courses, lectures, students, segments, points and recordings are called, all pages
and files are written, and say the names as they are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hostile import NAMES
from sites import pages

from fertool.analysis import pipeline
from fertool.host import registry
from fertool.report import ReportOptions, render
from fertool.report.text import RESERVED
from fertool.storage.store import Store
from fertool.storage.tables import SEGMENTS, frame
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("first", range(0, len(NAMES), 8))
def test_any_name_is_only_a_name(first: int, tmp_path: Path) -> None:
    """Eight names at once, in every role: five are students, some also a course, a lecture, a segment."""
    names = [NAMES[(first + i) % len(NAMES)] for i in range(8)]
    store = Store(tmp_path / "x.duckdb")
    parts = [
        {"segment": i, "title": title, "start_s": 6.0 * i, "end_s": 6.0 * i + 6, "point": names[3 + i]}
        for i, title in enumerate(names[2:4])
    ]
    people = {name: timeline("happy*6 sad*6") for name in names[3:]}
    for lecture in names[:2]:
        segments = frame(parts, SEGMENTS)
        recording = names[4] + ".mp4"
        store_lecture(store, names[1], lecture, people, recording_name=recording, segments=segments)
    pipeline.assess(
        store, [one.plugin() for one in registry.load_plugins().of_kind("rule")], store.lectures()
    )
    out = render(
        store,
        tmp_path / "out",
        options=ReportOptions(k=1, formats=("html", "csv", "parquet", "json", "xapi")),
    ).parent
    found = pages(out)
    said = " ".join(found.values())
    for name in names:
        assert " ".join(name.split()) in said
    assert "7 * 7" in said or "{{ 7 * 7 }}" not in names
    for path in out.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    inside = {path.resolve() for path in tmp_path.rglob("*")}
    assert all(path.is_relative_to(tmp_path.resolve()) for path in inside)
    for path in inside:
        assert len(path.name.encode()) <= 255
        # What Windows takes: no colon, no dot or blank at the end, none of its devices.
        assert re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*", path.name, re.ASCII), path.name
        assert path.name.partition(".")[0] not in RESERVED
    seen = store.query("SELECT DISTINCT course, lecture, student FROM frame_emotions").rows()
    assert set(seen) == {(names[1], lecture, student) for lecture in names[:2] for student in names[3:]}
