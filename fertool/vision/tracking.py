"""The tracker: people followed through the samples of one chunk. Pure numpy and scipy.

Two steps: paths by box overlap from sample to sample, then a check by embedding. Overlap alone takes the
new person in a reshuffled tile for the one who was there before; so a few faces of every path are
embedded, and a path is cut where two of them are not one person.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fertool.vision import boxes as geometry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from fertool.types import Floats

    Spot = tuple[int, int]
    """(sample index, face index)"""

BUFFER = 0.5
"""Boxes are enlarged by this share of their size before their overlap is taken, so that a head which
moved its own width in a second is still followed (buffered IoU; Yang et al., WACV 2023)."""
MIN_OVERLAP = 0.3
MAX_GAP = 2
"""A path ends when its person is not seen in more than this many samples."""


class Tracker:
    """Paths by box overlap. Feed samples in order of time."""

    def __init__(self) -> None:
        self.paths: list[list[Spot]] = []
        """One list of (sample, face) per path, in order of appearance."""
        self._open: dict[int, tuple[int, Floats]] = {}  # path -> (turn it was last seen, box)
        self._turn = 0

    def update(self, sample: int, boxes: Floats) -> list[int]:
        """Add the faces of one sample, (n, 4) pixels, n may be 0; returns the path of each face."""
        self._turn += 1
        self._open = {p: seen for p, seen in self._open.items() if self._turn - seen[0] <= MAX_GAP + 1}
        paths = self._continue(boxes)
        for face, path in enumerate(paths):
            if path == len(self.paths):  # new paths are numbered in the order of their faces
                self.paths.append([])
            self.paths[path].append((sample, face))
            self._open[path] = (self._turn, boxes[face])
        return paths

    def _continue(self, boxes: Floats) -> list[int]:
        """The path of each face: the open one it overlaps most (as a whole assignment), else a new one."""
        open_paths = list(self._open)
        last = np.array([self._open[p][1] for p in open_paths], np.float32).reshape(-1, 4)
        overlap = geometry.iou(enlarge(last), enlarge(boxes))
        overlap[overlap < MIN_OVERLAP] = 0  # two poor matches must not outweigh a good one
        matched = {int(face): open_paths[row] for row, face in zip(*_assigned(overlap), strict=True)}
        paths, new = [], len(self.paths)
        for face in range(len(boxes)):
            paths.append(matched.get(face, new))
            new += face not in matched
        return paths


def _assigned(overlap: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """(n, m) overlaps -> rows and columns of those pairs, each in one pair, whose overlaps sum up to most;
    none of overlap 0."""
    rows, columns = overlap.nonzero()
    if len({*rows}) < len(rows) or len({*columns}) < len(columns):  # some have a choice
        from scipy.optimize import linear_sum_assignment  # its import takes longer than a short recording

        rows, columns = linear_sum_assignment(overlap, maximize=True)
        paired = overlap[rows, columns] > 0
        rows, columns = rows[paired], columns[paired]
    return rows, columns


def enlarge(boxes: Floats) -> Floats:
    """(n, 4) boxes grown by BUFFER of their width and height on every side."""
    grow = (boxes[:, 2:] - boxes[:, :2]) * BUFFER
    return np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], axis=1)


@dataclass(frozen=True, slots=True)
class TrackPart:
    """A stretch of a path that is one person."""

    spots: tuple[Spot, ...]
    embedding: Floats | None
    """(d,) float32, L2-normalized mean, or None when no face of it could be embedded."""


def anchors(times: Sequence[float], every_s: float) -> list[int]:
    """Positions in `times` (ascending seconds) to embed: first, last, and about one per `every_s`."""
    if not times:
        return []
    chosen = [0]
    for position, time in enumerate(times):
        if time - times[chosen[-1]] >= every_s:
            chosen.append(position)
    return chosen if chosen[-1] == len(times) - 1 else [*chosen, len(times) - 1]


def split(
    path: Sequence[Spot],
    usable: Sequence[Spot],
    known: dict[Spot, Floats],
    embed: Callable[[Spot], Floats],
    limit: float,
) -> list[TrackPart]:
    """Cut a path where its embeddings say that one person took another's place.

    `usable`: the spots of the path that can be embedded, in order; `known`: embeddings of some of them,
    the first and the last at least. Where two neighboring known ones are more than `limit` apart, the
    change is found by bisection, at the cost of a logarithm of further calls of `embed`.
    """
    if not usable:
        return [TrackPart(tuple(path), None)]
    starts: list[Spot] = []
    at = [i for i, spot in enumerate(usable) if spot in known]
    for low, high in pairwise(at):
        if _apart(known[usable[low]], known[usable[high]]) > limit:
            starts.append(usable[_change(usable, known, embed, low, high)])
    return [_part(spots, known) for spots in _cut(path, starts)]


def _change(
    usable: Sequence[Spot], known: dict[Spot, Floats], embed: Callable[[Spot], Floats], low: int, high: int
) -> int:
    """Position of the first spot that looks like `high` rather than like `low`; new ones become known."""
    first, last = known[usable[low]], known[usable[high]]
    while high - low > 1:
        middle = (low + high) // 2
        vector = known[usable[middle]] = embed(usable[middle])
        if _apart(vector, first) <= _apart(vector, last):
            low = middle
        else:
            high = middle
    return high


def _cut(path: Sequence[Spot], starts: Sequence[Spot]) -> list[tuple[Spot, ...]]:
    edges = [0, *(path.index(start) for start in starts), len(path)]
    return [tuple(path[a:b]) for a, b in pairwise(edges)]


def _part(spots: tuple[Spot, ...], known: dict[Spot, Floats]) -> TrackPart:
    rows = [known[spot] for spot in spots if spot in known]
    return TrackPart(spots, mean_direction(np.array(rows)) if rows else None)


def mean_direction(rows: Floats) -> Floats:
    """(n, d) unit rows, n >= 1 -> (d,) float32: their mean, brought back to length 1."""
    mean = rows.mean(axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def _apart(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b))
