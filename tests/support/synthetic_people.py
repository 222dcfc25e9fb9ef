"""Recordings of synthetic people, each a vector: tracks without video, linked as an analysis links them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from fertool import Detector, Encoder
from fertool.analysis.request import Request
from fertool.host.toolbox import Plugged, Toolbox
from fertool.identity import linking
from fertool.storage.runs import Recording, Run
from fertool.storage.students import ENROLLED
from fertool.storage.tables import TRACKS, frame

ADA, BEN, CAM, DAN, EVE = range(5)
LIMIT = 0.5


@dataclass
class Eyes(Detector):
    name, version, same_person = "eyes", "1", LIMIT

    def detect(self, images):
        return []


@dataclass
class Nothing(Encoder):
    name, version, same_person = "nothing", "1", 0.1

    def encode(self, images, faces):
        return list(faces)

    def embed(self, crops):
        raise NotImplementedError


TOOLS = Toolbox(Plugged(Eyes()), Plugged(Nothing()), None, [])


def face(who, lean=0.0, to=EVE + 1):
    """A person's embedding; `lean` degrees towards axis `to`: 10 degrees are a distance of 0.17."""
    row = np.zeros(8, np.float32)
    row[who], row[to] = np.cos(np.radians(lean)), np.sin(np.radians(lean))
    return row


def tracks(*people, start=0):
    """(embedding, chunks it is seen in, samples per chunk) -> a table of tracks, one per person and chunk."""
    rows = [
        {
            "track": f"{chunk:02d}-{person}",
            "chunk": chunk,
            "first_s": 60.0 * chunk,
            "last_s": 60.0 * chunk + 59,
            "samples": samples,
            "embedding": None if row is None else [float(x) for x in row],
        }
        for person, (row, chunks, samples) in enumerate(people)
        for chunk in chunks
    ]
    return pl.DataFrame(rows, schema=TRACKS)


def analyzed(store, name, table, *, course="signals", student=None, tools=TOOLS, planned=60):
    """A recording with these tracks; returns who its people are, in their order, and the notes."""
    recording = Recording(name, name, course, name, f"/{name}.mp4", f"{name}.mp4", 1, 600, 600, 640, 480, "h")
    request = Request(course, name, tools, student=student)
    run = Run(f"run-{name}", name, "0", "full", {"model": tools.model}, planned)
    store.add_recording(recording)
    store.delete_run(run.id)
    store.begin_run(run)
    table = table.with_columns(track=pl.lit(f"{name}-") + pl.col("track"))
    for (chunk,), rows in table.group_by("chunk", maintain_order=True):
        store.commit_chunk(run.id, chunk, 1.0, {"tracks": rows})
    students, notes = linking.link(store, run, recording, request.same_person, request.model, request.student)
    store.finish_run(run.id, students, notes, recording)
    people = table["track"].str.split("-").list.last()
    of = {person: students.get(track) for track, person in zip(table["track"], people, strict=True)}
    return [of[person] for person in sorted(of)], notes


def enroll(store, course="signals", **pictures):
    """student=embedding, a picture of each."""
    rows = [
        {"student": who, "picture": f"{who}.jpg", "sha256": who, "embedding": row.tolist()}
        for who, row in pictures.items()
    ]
    rows = [row | {"model": TOOLS.model} for row in rows]
    store.students.enroll(course, frame(rows, ENROLLED))
