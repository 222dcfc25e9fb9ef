"""Runs of small tables, put into a store as an analysis puts them."""

from __future__ import annotations

from fertool.storage.runs import Recording, Run
from fertool.storage.tables import ASSESSMENTS, OBSERVATIONS, SAMPLES, SEGMENTS, TRACKS, frame


def recording(recording="r1", course="signals", lecture="week-1", **more):
    values = {
        "id": recording, "sha256": recording * 4, "course": course, "lecture": lecture,
        "path": f"/v/{recording}.mp4", "name": f"{recording}.mp4", "bytes": 1000, "duration_s": 130.0,
        "readable_s": 129.5, "width": 640, "height": 360, "codec": "h264",
    }  # fmt: skip
    return Recording(**values | more)


def chunk(run, number=0, people=("a",), samples=(0, 1), absent=()):
    """The tables of one chunk: everybody in every sample, but for (sample, person) pairs in `absent`."""
    faces = [
        {
            "sample": s, "face": f, "track": f"{run}-{number}-{p}", "x1": 10.0 * f, "y1": 5.0,
            "x2": 10.0 * f + 9, "y2": 15.0, "detection": 0.9, "yaw_deg": 1.0, "happy": 0.75,
            "neutral": 0.25, "emotion": "happy", "confidence": 0.75,
        }
        for s in samples for f, p in enumerate(people) if (s, p) not in absent
    ]  # fmt: skip
    count = {s: sum(face["sample"] == s for face in faces) for s in samples}
    tracks = [
        {
            "track": f"{run}-{number}-{p}", "chunk": number, "first_s": float(samples[0]),
            "last_s": float(samples[-1]), "samples": sum(f["track"].endswith(f"-{p}") for f in faces),
            "embedding": [0.6, 0.8],
        }
        for p in people
    ]  # fmt: skip
    return {
        "samples": frame([{"sample": s, "time_s": float(s), "faces": count[s]} for s in samples], SAMPLES),
        "tracks": frame(tracks, TRACKS),
        "observations": frame(faces, OBSERVATIONS),
    }


def begin(store, run="run1", rec=None, policy="full"):
    rec = rec or recording()
    store.add_recording(rec)
    store.begin_run(Run(run, rec.id, "0.1.0", policy, {"every": 1.0}, planned=2))


def analyzed(store, run="run1", rec=None, students=None, policy="full", **content):
    """A finished run of one chunk; `students`: person -> label."""
    begin(store, run, rec, policy)
    store.commit_chunk(run, 0, 2.5, chunk(run, **content))
    store.finish_run(
        run, {f"{run}-0-{p}": label for p, label in (students or {"a": "student-01"}).items()}, []
    )


def segments(*titles):
    rows = [
        {"segment": i, "title": t, "start_s": 60.0 * i, "end_s": 60.0 * (i + 1)} for i, t in enumerate(titles)
    ]
    return frame(rows, SEGMENTS)


def assessments(*values, lecture="week-1"):
    same = {"course": "signals", "lecture": lecture, "version": "1", "options": "{}", "evidence": "{}"}
    return frame([same | {"rule": rule, "value": value} for rule, value in values], ASSESSMENTS)
