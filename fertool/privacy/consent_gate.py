"""The consent gate: whose faces may be stored. Pure.

A no holds always: a face that looks like the enrolled picture of a student who refuses is counted, and
nothing else of it is stored. Where consent is required, silence is a no as well.

To know whose a face is, it has to be compared: what is measured of everybody exists in memory until the end
of its chunk (60 s of video), expression included.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fertool.errors import ConfigError
from fertool.identity import matching

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from fertool.types import Floats

    Tables = dict[str, pl.DataFrame]

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets through what looks like a picture of YES and is clearly nearer to it than to any of NO; where
    silence is no no, also what looks like no picture of NO."""

    known: Mapping[str, Floats]
    """YES and NO -> (n, d) float32 unit rows of enrolled pictures; one of them may be missing."""
    limit: float
    """Distance up to which an embedding is somebody's."""
    state: str
    """Hash of who is YES and NO, and of their pictures: part of a run's identity."""
    silence: bool
    """Whether a face that looks like no picture may be kept."""

    def keep(self, tables: Tables) -> Tables:
        """The tables of a chunk (`Chunk.finish`) with the rows of those who may be kept; `samples` counts the
        faces left in `faces` and the others in `dropped`. A track without an embedding may be anybody's, so
        it is not kept."""
        tracks, faces = tables["tracks"], tables["observations"]
        tracks = tracks.filter(self._passes(tracks["embedding"]))
        known = pl.col("track").is_in(tracks["track"].implode())
        counts = faces.group_by("sample").agg(
            faces=known.sum().cast(pl.Int32), dropped=(~known).sum().cast(pl.Int32)
        )
        samples = tables["samples"].drop("faces").join(counts, on="sample", how="left", maintain_order="left")
        return {
            "samples": samples.with_columns(pl.col("faces", "dropped").fill_null(0)),
            "tracks": tracks,
            "observations": faces.filter(known),
        }

    def _passes(self, embeddings: pl.Series) -> pl.Series:
        measured = embeddings.is_not_null()
        rows = np.array(embeddings.filter(measured).to_list(), np.float32)
        found = iter(self.passes(rows))
        return pl.Series([there and next(found) for there in measured], dtype=pl.Boolean)

    def passes(self, embeddings: Floats) -> list[bool]:
        """(n, d) float32 unit rows -> whether each may be kept; n may be 0."""
        yes = [who == YES for who in matching.match(embeddings, self.known, self.limit)]
        if not self.silence:
            return yes
        refused = {NO: self.known[NO]}  # the margin protects: on the edge, a face counts as refused
        no = matching.match(embeddings, refused, self.limit, margin=0)
        return [sure or looks is None for sure, looks in zip(yes, no, strict=True)]


def required(course: str, pictures: Mapping[str, Floats], consenting: AbstractSet[str], limit: float) -> Gate:
    """Only those who agreed. `pictures`: student -> (k, d) unit rows of everybody enrolled; `consenting`:
    whose consent is in force.

    Raises ConfigError when that leaves nobody: the whole analysis would be for nothing.
    """
    agreed = {student: rows for student, rows in pictures.items() if student in consenting}
    if not agreed:
        what = f"consent is required, and no student of course {course!r} has a picture and consent in force"
        raise ConfigError(what, "`fertool students enroll` takes both; `fertool policy explain` says more")
    others = [rows for student, rows in pictures.items() if student not in agreed]
    known = {YES: np.concatenate([*agreed.values()])}
    if others:
        known[NO] = np.concatenate(others)
    state = _hash([sorted(agreed), [_digest(known[kind]) for kind in sorted(known)]])
    return Gate(known, limit, state, silence=False)


def unless_refused(pictures: Mapping[str, Floats], refusing: AbstractSet[str], limit: float) -> Gate | None:
    """Everybody but those who refuse; None if there is no picture of any of them. `pictures` as for
    `required`; those of the others are what a face that looks like two students may be nearer to."""
    kinds = {student: NO if student in refusing else YES for student in pictures}
    if NO not in kinds.values():
        return None
    known = {
        kind: np.concatenate([rows for student, rows in pictures.items() if kinds[student] == kind])
        for kind in sorted({*kinds.values()})
    }
    state = _hash(sorted((kinds[student], _digest(rows)) for student, rows in pictures.items()))
    return Gate(known, limit, state, silence=True)


def _hash(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _digest(rows: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows, np.float32).tobytes()).hexdigest()
