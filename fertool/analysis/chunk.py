"""The tables of one chunk, built sample by sample from what the plugins measured.

Pixels are released batch by batch. What stays until the end of the chunk is small: boxes, poses,
probabilities, and at most one crop a second of every path, from which the few embeddings that
identify a track are made.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from fertool.host.inference import Engine, Looked
from fertool.host.profile import stage, staged
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS
from fertool.types import EMOTIONS, MOST_ROLL_DEG, Crop, Faces
from fertool.vision import crops, gallery_tiles
from fertool.vision.still_faces import Watch
from fertool.vision.tracking import Tracker, TrackPart, anchors, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from fertool.types import Floats, Sample
    from fertool.vision.tracking import Spot

    Tables = dict[str, pl.DataFrame]

KEEP_EVERY_S = 1.0
EMBED_EVERY_S = 15.0
"""A path is embedded this often: the price of noticing that another person took over its place. Fourteen
people in 18 minutes, with seven shuffles and a sample in five seconds: 5, 10 and 15 s gave the same IDF1 and
switches, 20 s three switches more."""
MIN_SIDE_PX = 40.0
MAX_YAW_DEG = 40.0
"""Faces smaller or turned further away make poor embeddings; used only when a path has no better one."""
LOOSER = 1.2
"""Two single embeddings of one person differ more than two means; a path is cut only beyond this much
of `same_person`. A cut too many does no harm: linking joins the parts again."""


AROUND = Crop(320, margin=1.0, align=False)
"""What is looked at to tell how a face is turned: detectors want something around it."""
LOOKS = 3
"""Of so many faces of a path must each say that it lies by the same quarter turn; one that stands upright, or
does not say, settles that it stands."""


@dataclass(slots=True)
class _Kept:
    """What may become an embedding: a crop, or the embedding that the detector gave."""

    crop: npt.NDArray[np.uint8] | None
    embedding: Floats | None
    good: bool
    """Large and frontal enough."""
    side: float


@dataclass(slots=True)
class Chunk:
    """Feed batches in order of time, then `finish`."""

    engine: Engine
    run: str
    number: int
    _tracker: Tracker = field(default_factory=Tracker)
    _watch: Watch = field(default_factory=Watch)
    _changes: dict[int, Floats] = field(default_factory=dict)
    _times: dict[int, float] = field(default_factory=dict)
    _faces: dict[int, Faces] = field(default_factory=dict)
    _classes: dict[int, Floats] = field(default_factory=dict)
    _kept: dict[Spot, _Kept] = field(default_factory=dict)
    _kept_at: dict[int, float] = field(default_factory=dict)
    _known: dict[Spot, Floats] = field(default_factory=dict)
    """The embeddings that were needed: each is computed once."""
    _quarters: dict[int, list[int | None]] = field(default_factory=dict)
    """Of every path, what `Engine.quarters` said of its first faces."""

    @staged("track")
    def add(self, batch: Sequence[Sample], looked: Sequence[Looked]) -> int:
        """Take in a batch of samples and what `Engine.look` saw in them; returns the number of faces."""
        for sample, look in zip(batch, looked, strict=True):
            found = look.faces
            paths = self._tracker.update(sample.index, found.boxes)
            self._times[sample.index] = sample.time_s
            # Landmarks have done their work, and a detector's embeddings are kept where needed.
            self._faces[sample.index] = found.with_(landmarks=None, embeddings=None)
            self._classes[sample.index] = look.classes
            self._changes[sample.index] = self._watch.update(sample.time_s, sample.image, found.boxes, paths)
            self._keep(sample, found, paths)
            self._ask_quarters(sample, found, paths)
        return sum(len(look.faces) for look in looked)

    def _keep(self, sample: Sample, faces: Faces, paths: Sequence[int]) -> None:
        """Keep a crop (or the embedding) of every face whose path has none of the last second."""
        due = [
            face
            for face, path in enumerate(paths)
            if sample.time_s - self._kept_at.get(path, -KEEP_EVERY_S) >= KEEP_EVERY_S - 1e-6
        ]
        wanted = faces.take(due)
        sides = (wanted.boxes[:, 2:] - wanted.boxes[:, :2]).min(axis=1) if due else np.zeros(0)
        good = (sides >= MIN_SIDE_PX) & _frontal(wanted)
        images = None
        if wanted.embeddings is None:
            with stage("crops"):
                images = crops.cut(sample.image, wanted.boxes, wanted.landmarks, self.engine.encoder.crop)
        for i, face in enumerate(due):
            self._kept_at[paths[face]] = sample.time_s
            self._kept[sample.index, face] = _Kept(
                None if images is None else images[i],
                None if wanted.embeddings is None else wanted.embeddings[i],
                bool(good[i]),
                float(sides[i]),
            )

    def _ask_quarters(self, sample: Sample, faces: Faces, paths: Sequence[int]) -> None:
        """Look at the faces of paths of which it is open whether they stand upright."""
        asked = [face for face, path in enumerate(paths) if self._undecided(self._quarters.get(path, []))]
        if asked:
            with stage("crops"):
                around = crops.cut(sample.image, faces.boxes[asked], None, AROUND)
            for face, quarter in zip(asked, self.engine.quarters(list(around)), strict=True):
                self._quarters.setdefault(paths[face], []).append(quarter)

    @staticmethod
    def _undecided(said: Sequence[int | None]) -> bool:
        return len(said) < LOOKS and all(said) and len({*said}) <= 1

    def _lay_down(self) -> None:
        """Of faces that lie only the roll is kept: see `MOST_ROLL_DEG`."""
        lying = {
            spot: (said[0] + 1) % 4 - 1
            for path, said in self._quarters.items()
            if len(said) == LOOKS and said[0] and len({*said}) == 1
            for spot in self._tracker.paths[path]
        }
        for sample, faces in self._faces.items():
            pose = _pose(faces).copy()
            for face in range(len(faces)):
                if (quarter := lying.get((sample, face))) is not None:
                    pose[face, 2] = 90 * quarter
            down = np.abs(pose[:, 2]) > MOST_ROLL_DEG
            pose[down, :2] = np.nan
            self._faces[sample] = faces.with_(pose_deg=pose)
            classes = self._classes[sample].copy()
            classes[down] = np.nan
            self._classes[sample] = classes

    @staged("track")
    def finish(self) -> Tables:
        """The chunk's tables `samples`, `tracks` and `observations`."""
        self._lay_down()
        parts = sorted(self._identify(), key=lambda part: part.spots[0])
        names = [f"{self.run}-{self.number:04d}-{i:03d}" for i in range(len(parts))]
        track_of = {spot: name for part, name in zip(parts, names, strict=True) for spot in part.spots}
        samples = [
            {"sample": s, "time_s": self._times[s], "faces": len(self._faces[s])} for s in sorted(self._times)
        ]
        return {
            "samples": pl.DataFrame(samples, schema=SAMPLES),
            "tracks": self._tracks(parts, names),
            "observations": self._observations(track_of),
        }

    def _identify(self) -> list[TrackPart]:
        """Every path cut into one-person parts with their mean embeddings.

        When several change their person at once, the tiles were shuffled: then every path is cut there. In
        some a face could not be made out at first, and would pass for the one who was there before.
        """
        parts = self._parts(self._tracker.paths, EMBED_EVERY_S)
        whole = {path[0] for path in self._tracker.paths}
        taken_over = [self._times[part.spots[0][0]] for part in parts if part.spots[0] not in whole]
        shuffled = gallery_tiles.at_once(taken_over)
        if not shuffled:
            return parts
        pieces = [piece for path in self._tracker.paths for piece in self._pieces(path, shuffled)]
        return self._parts(pieces, math.inf)

    def _pieces(self, path: Sequence[Spot], times: Sequence[float]) -> list[Sequence[Spot]]:
        """A path cut before these times."""
        edges = [bisect_left(path, time, key=lambda spot: self._times[spot[0]]) for time in times]
        return [path[a:b] for a, b in pairwise([0, *edges, len(path)]) if a < b]

    def _parts(self, paths: Sequence[Sequence[Spot]], every_s: float) -> list[TrackPart]:
        """Paths cut where their person changes, by what is embedded already and a face per `every_s`."""
        usable = [self._usable(path) for path in paths]
        times = [[self._times[sample] for sample, _ in spots] for spots in usable]
        chosen = (spots[i] for spots, at in zip(usable, times, strict=True) for i in anchors(at, every_s))
        known = self._embed(list(chosen))
        limit = self.engine.same_person * LOOSER

        def embed(spot: Spot) -> Floats:
            return self._embed([spot])[spot]

        return [
            part
            for path, spots in zip(paths, usable, strict=True)
            for part in split(path, spots, known, embed, limit)
        ]

    def _usable(self, path: Sequence[Spot]) -> list[Spot]:
        """The kept faces of a path fit for embedding; failing that, its largest one."""
        kept = [spot for spot in path if spot in self._kept]
        good = [spot for spot in kept if self._kept[spot].good]
        return good or sorted(kept, key=lambda spot: -self._kept[spot].side)[:1]

    def _embed(self, spots: Sequence[Spot]) -> dict[Spot, Floats]:
        """All embeddings known so far, those of these kept faces among them."""
        missing: list[tuple[Spot, npt.NDArray[np.uint8]]] = []
        for spot in spots:
            kept = self._kept[spot]
            if kept.embedding is not None:
                self._known[spot] = kept.embedding
            elif kept.crop is not None and spot not in self._known:
                missing.append((spot, kept.crop))
        if missing:
            rows = self.engine.embed([crop for _, crop in missing])
            self._known |= {spot: row for (spot, _), row in zip(missing, rows, strict=True)}
        return self._known

    def _tracks(self, parts: Sequence[TrackPart], names: Sequence[str]) -> pl.DataFrame:
        rows = [
            {
                "track": name,
                "chunk": self.number,
                "first_s": self._times[part.spots[0][0]],
                "last_s": self._times[part.spots[-1][0]],
                "samples": len(part.spots),
                "embedding": None if part.embedding is None else part.embedding.tolist(),
                "change": self._change(part),
            }
            for part, name in zip(parts, names, strict=True)
        ]
        return pl.DataFrame(rows, schema=TRACKS)

    def _change(self, part: TrackPart) -> float | None:
        """How much the place of a part's faces changed; None if no face stayed long enough to tell.

        The median: at the moment when another person took over the place, everything changed.
        """
        changes = np.array([self._changes[sample][face] for sample, face in part.spots])
        return None if np.isnan(changes).all() else float(np.nanmedian(changes))

    def _observations(self, track_of: dict[Spot, str]) -> pl.DataFrame:
        spots = [(sample, face) for sample in sorted(self._faces) for face in range(len(self._faces[sample]))]
        if not spots:
            return pl.DataFrame(schema=OBSERVATIONS)
        found = [self._faces[sample] for sample in sorted(self._faces) if len(self._faces[sample])]
        boxes = np.concatenate([f.boxes for f in found])
        pose = np.concatenate([_pose(f) for f in found])
        columns = {
            "sample": [sample for sample, _ in spots],
            "face": [face for _, face in spots],
            "track": [track_of[spot] for spot in spots],
            **{name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
            "detection": np.concatenate([f.scores for f in found]),
            **{name: pose[:, i] for i, name in enumerate(("yaw_deg", "pitch_deg", "roll_deg"))},
            **self._expression(),
        }
        # NaN is numpy's "could not be measured"; in tables that is null.
        table = pl.DataFrame(columns).fill_nan(None)
        absent = [
            pl.lit(None, OBSERVATIONS[name]).alias(name) for name in OBSERVATIONS.keys() - columns.keys()
        ]
        return table.with_columns(absent).select(*OBSERVATIONS).cast(pl.Schema(OBSERVATIONS))

    def _expression(self) -> dict[str, object]:
        """Class columns, null for a face that is too small to be classified; none under the policy
        `behaviour`."""
        classifier = self.engine.classifier
        if classifier is None:
            return {}
        labels = classifier.labels
        rows = np.concatenate([self._classes[sample] for sample in sorted(self._classes)])
        best = rows.argmax(axis=1)
        others = [i for i, label in enumerate(labels) if label not in EMOTIONS]
        columns: dict[str, object] = {
            label: rows[:, i] for i, label in enumerate(labels) if label in EMOTIONS
        }
        known = ~np.isnan(rows).any(axis=1)
        columns["emotion"] = [labels[i] if k else None for i, k in zip(best, known, strict=True)]
        columns["confidence"] = rows[np.arange(len(rows)), best]
        if others:
            columns["others"] = [
                json.dumps({labels[i]: round(float(row[i]), 6) for i in others}) if k else None
                for row, k in zip(rows, known, strict=True)
            ]
        return columns


def _pose(faces: Faces) -> Floats:
    nothing = np.full((len(faces), 3), np.nan, np.float32)
    return nothing if faces.pose_deg is None else faces.pose_deg


def _frontal(faces: Faces) -> npt.NDArray[np.bool_]:
    """NaN compares false: a pose that could not be measured is not frontal."""
    return np.asarray(np.abs(_pose(faces)[:, 0]) <= MAX_YAW_DEG)
