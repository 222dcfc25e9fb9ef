"""Whose faces may be kept. Pure.

To know whether a face belongs to somebody who agreed, it has to be compared: what is measured of the others
exists in memory until the end of its chunk (60 s of video), expression included. Nothing of it is stored but
the number of faces.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fertool.errors import ConfigError
from fertool.students import identity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from fertool.types import Floats

    Tables = dict[str, pl.DataFrame]

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets through who looks like a student whose consent is in force, and like nobody who is known and
    has not consented."""

    known: Mapping[str, Floats]
    """YES and NO -> (n, d) float32 unit rows of enrolled pictures; NO may be missing."""
    limit: float
    """Distance up to which an embedding is somebody's."""
    state: str
    """Hash of whose consent was in force and of their pictures: part of a run's identity."""

    def keep(self, tables: Tables) -> Tables:
        """The tables of a chunk (`Chunk.finish`) with the rows of those who may be kept; `samples` counts the
        faces left in `faces` and the others in `dropped`. Tracks without an embedding cannot be anybody's."""
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
        return [who == YES for who in identity.match(embeddings, self.known, self.limit)]


def gate(course: str, pictures: Mapping[str, Floats], consenting: AbstractSet[str], limit: float) -> Gate:
    """`pictures`: student -> (k, d) unit rows of everybody enrolled; `consenting`: whose consent is in force.

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
    text = json.dumps([sorted(agreed), [_digest(known[kind]) for kind in sorted(known)]])
    return Gate(known, limit, hashlib.sha256(text.encode()).hexdigest()[:12])


def _digest(rows: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows, np.float32).tobytes()).hexdigest()
