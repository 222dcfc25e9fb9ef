"""Simulated students in one line: `timeline("neutral*60 happy*30 absent*20")`. Deterministic.

For trying rules and reports without any video.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import polars as pl

import fertool
from fertool import types
from fertool.assessment.segments.equal_parts import equal_parts
from fertool.errors import ConfigError
from fertool.storage.runs import Recording, Run
from fertool.storage.tables import OBSERVATIONS, SAMPLES, SEGMENTS, TRACKS, frame, seen_schema, segment_table
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.storage.store import Store

CHUNK_S = 60
CONFIDENCE = 0.7
"""Probability of the emotion a timeline names; the other labels share the rest equally."""
POSES: dict[str, tuple[str, float]] = {
    "down": ("pitch_deg", -25.0),
    "up": ("pitch_deg", 25.0),
    "left": ("yaw_deg", -40.0),
    "right": ("yaw_deg", 40.0),
    "tilted": ("roll_deg", 25.0),
    "unposed": ("", 0.0),  # a face whose pose could not be measured
}
STATES = (*EMOTIONS, "present", "absent")
"""`present`: a face was there, its expression was not computed."""
UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
CONFIG: dict[str, Any] = {
    "detector": {"name": "synthetic", "version": "1", "options": {}, "weights": {}},
    "encoder": {"name": "synthetic", "version": "1", "options": {}, "weights": {}},
    "classifier": {"name": "synthetic", "version": "1", "options": {}, "weights": {}},
    "every": 1.0,
    "start_s": 0.0,
    "end_s": None,
    "chunk_s": CHUNK_S,
    "format": 1,
}


class RunOptions(TypedDict, total=False):
    """How a simulated recording was analyzed; every field may be left out."""

    recording_name: str
    """`lecture.mp4` when left out; several recordings of one lecture need different names."""
    policy: str
    """`full` when left out. Under `behaviour` no expression is stored, whatever the timelines say."""
    config: Mapping[str, Any] | None
    """Replaces parts of the run's configuration."""
    notes: Sequence[str]
    """Sentences about the run, as a report shows them."""
    chunk_s: int
    """Seconds of one chunk, 60 when left out; long chunks are written faster."""


def timeline(
    spec: str, every: str = "1s", student: str = "student-01", further: Sequence[str] = ()
) -> pl.DataFrame:
    """One student as `tables.SEEN`: one row per sample, at times k * `every` seconds, k = 0, 1, ...

    `spec`: blocks `STATE*COUNT` separated by spaces; COUNT samples, 1 when left out. STATE is an emotion,
    `present` (seen, but no expression) or `absent` (all measurements null). A head pose may follow after
    a slash: `neutral/down*10`; see `POSES`. An empty spec is an error. `further`: labels that the classifier
    has beyond the seven, `("contempt",)`; each is a STATE, and a column after those of `SEEN`.
    """
    period = _seconds(every)
    if odd := [label for label in further if label in STATES or not types.is_label(label)]:
        raise ConfigError(f"timeline: {odd[0]!r} is no further label", "for example contempt")
    blocks = [_block(block, further) for block in spec.split()]
    if not blocks:
        raise ConfigError("timeline: nothing in it", 'for example "neutral*60 happy*30 absent*20"')
    rows = frame([{"student": student, **state} for state, _ in blocks], dict(seen_schema(further)))
    rows = rows[np.repeat(np.arange(len(blocks)), [count for _, count in blocks])]
    return rows.with_columns(time_s=pl.Series(np.arange(len(rows)) * period).round(6))


def store_lecture(
    store: Store,
    course: str,
    lecture: str,
    students: Mapping[str, pl.DataFrame],
    *,
    segments: pl.DataFrame | None = None,
    assessments: pl.DataFrame | None = None,
    **how: Unpack[RunOptions],
) -> str:
    """Write timelines as if a recording had been analyzed, chunk by chunk; returns the run's id.

    `students`: name -> `tables.SEEN` (its `student` column is ignored), with the same further labels for all,
    since one classifier reads a recording. The samples of the recording are the times of all timelines
    together, so a lecture without any face is `{"": timeline("absent*60")}`.
    `how`: the fields of `RunOptions`. Without `segments` there are equal parts, as after an analysis.
    """
    policy, chunk_s = how.get("policy", "full"), how.get("chunk_s", CHUNK_S)
    further = _further(students, f"store_lecture {course}/{lecture}")
    schema = seen_schema(further)
    faces = pl.concat(
        [rows.cast(schema).with_columns(student=pl.lit(name)) for name, rows in students.items()]
    )
    times = faces["time_s"].unique().sort()
    samples = pl.DataFrame({"sample": range(len(times)), "time_s": times})
    if policy == "behaviour":
        expression = (*EMOTIONS, "emotion", "confidence", *further)
        faces = faces.with_columns(pl.lit(None).cast(schema[name]).alias(name) for name in expression)
    seen = faces.filter("present").join(samples, on="time_s").sort("sample", "student")

    file = how.get("recording_name", "lecture.mp4")
    recording = _recording(course, lecture, file, _duration(times), faces)
    whole = {**CONFIG, "policy": policy, "chunk_s": chunk_s, **(how.get("config") or {})}
    if policy == "behaviour":
        whole["classifier"] = None
    run = hashlib.sha256(f"{recording.sha256}{json.dumps(whole, sort_keys=True)}".encode()).hexdigest()[:16]
    with store.database.kept():
        store.add_recording(recording)
        store.begin_run(Run(run, recording.id, fertool.__version__, policy, whole, len(samples)))
        owners = _commit_chunks(store, run, samples, _with_others(seen, further), chunk_s)
        store.students.know(course, *sorted(set(owners.values())))
        store.finish_run(run, owners, how.get("notes", ()))
        parts = segment_table(equal_parts(_duration(times))) if segments is None else _as(segments, SEGMENTS)
        store.set_segments(course, lecture, parts)
        if assessments is not None:
            store.save_assessments(assessments)
    return run


def _seconds(every: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|min)", every)
    if not match or not (seconds := float(match[1]) * UNITS[match[2]]):
        raise ConfigError(f"timeline: every={every!r} is not a period", "for example 500ms, 1s or 2.5s")
    return seconds


def _block(block: str, further: Sequence[str]) -> tuple[dict[str, object], int]:
    """`happy/down*3` -> a row, and how often it stands there."""
    state, star, count = block.partition("*")
    emotion, *poses = state.split("/")
    if emotion not in (*STATES, *further):
        raise ConfigError(f"timeline: unknown state in {block!r}", f"one of {', '.join((*STATES, *further))}")
    if star and not re.fullmatch(r"[1-9]\d*", count):
        raise ConfigError(f"timeline: {block!r} has no positive count", "for example happy*30")
    if unknown := [pose for pose in poses if pose not in POSES]:
        raise ConfigError(f"timeline: unknown pose {unknown[0]!r} in {block!r}", f"one of {', '.join(POSES)}")
    if emotion == "absent" and poses:
        raise ConfigError(f"timeline: {block!r}: nobody there has no head pose", "write absent*COUNT")
    return _row(emotion, poses, (*EMOTIONS, *further)), int(count or 1)


def _row(emotion: str, poses: list[str], labels: Sequence[str]) -> dict[str, object]:
    if emotion == "absent":
        return {"present": False}
    row: dict[str, object] = {"present": True, "x1": 100, "y1": 80, "x2": 180, "y2": 180, "detection": 0.9}
    if "unposed" not in poses:
        row |= {"yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0} | dict(POSES[pose] for pose in poses)
    if emotion != "present":
        rest = (1 - CONFIDENCE) / (len(labels) - 1)
        row |= dict.fromkeys(labels, rest) | {
            emotion: CONFIDENCE,
            "emotion": emotion,
            "confidence": CONFIDENCE,
        }
    return row


def _duration(times: pl.Series) -> float:
    """Up to the end of the last sample's period, the first gap standing for it; 1 s for one sample."""
    last = float(times[-1])
    return last + (float(times[1] - times[0]) if len(times) > 1 else 1.0)


def _further(students: Mapping[str, pl.DataFrame], where: str) -> tuple[str, ...]:
    """The further labels of all timelines. Raises ConfigError where they differ, or there is no sample."""
    if not students or not any(len(rows) for rows in students.values()):
        raise ConfigError(f"{where}: no samples", "give at least one timeline")
    kinds = {types.further(rows.columns) for rows in students.values()}
    if len(kinds) > 1:
        what = f"{where}: timelines differ in their further labels"
        raise ConfigError(what, "one classifier reads a recording: give each timeline the same")
    return kinds.pop()


def _recording(course: str, lecture: str, name: str, duration_s: float, faces: pl.DataFrame) -> Recording:
    """A recording whose hash depends on what is seen in it, as a file's would."""
    content = f"{json.dumps([course, lecture, name])}{faces.write_csv()}".encode()
    sha256 = hashlib.sha256(content).hexdigest()
    return Recording(
        id=sha256[:12],
        sha256=sha256,
        course=course,
        lecture=lecture,
        path=f"/recordings/{name}",
        name=name,
        bytes=len(content),
        duration_s=duration_s,
        readable_s=duration_s,
        width=1280,
        height=720,
        codec="h264",
    )


def _with_others(seen: pl.DataFrame, further: Sequence[str]) -> pl.DataFrame:
    """With the column `others` of an analysis: further labels as JSON, null where no expression was read."""
    if not further:
        return seen.with_columns(others=pl.lit(None, pl.String()))
    labels = pl.struct(further).struct.json_encode()
    return seen.with_columns(others=pl.when(pl.col("emotion").is_not_null()).then(labels))


def _commit_chunks(
    store: Store, run: str, samples: pl.DataFrame, seen: pl.DataFrame, chunk_s: int
) -> dict[str, str]:
    """Chunk by chunk, one track per student and chunk; returns track -> student."""
    chunk = (pl.col("time_s") // chunk_s).cast(pl.Int32).alias("chunk")
    samples = samples.join(seen.group_by("sample").len("faces"), on="sample", how="left").with_columns(
        pl.col("faces").fill_null(0), chunk
    )
    seen = seen.with_columns(
        chunk,
        face=pl.int_range(pl.len()).over("sample"),
    )
    who = seen.select("chunk", "student").unique().sort("chunk", "student")
    number = pl.int_range(pl.len()).over("chunk")
    who = who.with_columns(track=pl.format("{}-{}-{}", pl.lit(run), "chunk", number))
    seen = seen.join(who, on=["chunk", "student"]).sort("sample", "face")
    tracks = (
        seen.group_by("track", "chunk")
        .agg(
            first_s=pl.col("time_s").min(),
            last_s=pl.col("time_s").max(),
            samples=pl.len(),
            embedding=pl.lit(None, TRACKS["embedding"]),
            change=pl.lit(None, TRACKS["change"]),
        )
        .sort("track")
    )
    for index in samples["chunk"].unique().sort():
        here = pl.col("chunk") == index
        tables = {
            "samples": _as(samples.filter(here), SAMPLES),
            "tracks": _as(tracks.filter(here), TRACKS),
            "observations": _as(seen.filter(here), OBSERVATIONS),
        }
        store.commit_chunk(run, index, 0.0, tables)
    return dict(zip(who["track"], who["student"], strict=True))


def _as(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Exactly these columns, with exactly these types."""
    return rows.select(list(schema)).cast(pl.Schema(schema))
