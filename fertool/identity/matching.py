"""Matching of embeddings: clusters of tracks, and their assignment to students. Pure numpy and scipy.

Within a recording: agglomerative clustering with average linkage, and one fact that no distance may
overrule: two tracks that overlap in time, by more than their edges, are two people. Across recordings: the
people of one are matched with those known so far, and what is too close to call stays unknown rather than
wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fertool.vision.tracking import mean_direction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from fertool.types import Floats

    Doubles = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Labels = npt.NDArray[np.int64]
    Pairs = npt.NDArray[np.intp]

BLOCK = 1500
"""Tracks clustered at once; memory and time grow with its square. Longer recordings go block by block,
then the blocks' clusters are clustered."""
CONFLICT = 1e9
"""Distance between tracks seen at the same time; unit embeddings are at most 2 apart. So large that one
such pair keeps two groups apart even when averaged with all their other pairs (a million at most)."""
EDGE = 0.2
"""Tracks may overlap by this share of the shorter one and yet be one person: when somebody takes over a tile
and cannot be made out at first, that tile is still thought to be the former one's for a moment."""
HINTED = 1.1
"""A hint counts up to this much of the limit: it decides between uncertain matches, and overrules no face."""
NO_HINTS: Pairs = np.zeros((0, 2), np.intp)
MARGIN = 0.05
"""How much nearer than the runner-up a student has to be: what is closer to call stays unknown."""


def match(
    embeddings: Floats, prototypes: Mapping[str, Floats], limit: float, margin: float = MARGIN
) -> list[str | None]:
    """The student that each embedding is, or None where that is uncertain.

    `embeddings` (n, d) float32 unit rows, n may be 0; `prototypes`: student -> (k, d) unit rows, several
    looks of one person; k and the mapping may be empty. A student is as near as its nearest prototype. The
    nearest student is the answer if within `limit` and at least `margin` nearer than the runner-up.
    """
    labels = list(prototypes)
    if not len(embeddings) or not labels:
        return [None] * len(embeddings)
    distance = np.stack([_nearest(embeddings, prototypes[label]) for label in labels], axis=1)
    best, _, sure = _sure(distance, limit, margin)
    return [labels[k] if known else None for k, known in zip(best, sure, strict=True)]


def assign(
    people: Sequence[Floats],
    together: Bools,
    prototypes: Mapping[str, Floats],
    limit: float,
    margin: float = MARGIN,
) -> list[str | None]:
    """The student that each person of a recording is, or None; as `match`, for people with several tracks.

    `people`: (k, d) embeddings of the tracks of each, k >= 1; `together` (n, n): seen at the same time.
    The distance of a person to a student is the median over the tracks, so that a few poor looks do not
    decide. Two who were seen together are never one student: the nearer one is, the other stays unknown.
    """
    labels = list(prototypes)
    found: list[str | None] = [None] * len(people)
    if not people or not labels:
        return found
    distance = np.array(
        [[np.median(_nearest(tracks, prototypes[label])) for label in labels] for tracks in people]
    )
    best, first, sure = _sure(distance, limit, margin)
    for person in np.argsort(first, kind="stable"):
        label = labels[best[person]]
        if sure[person] and label not in {found[other] for other in np.flatnonzero(together[person])}:
            found[person] = label
    return found


def _sure(distance: Doubles, limit: float, margin: float) -> tuple[Labels, Doubles, Bools]:
    """(n, m) distances, m >= 1 -> the nearest column, its distance, and whether that is beyond doubt."""
    best = distance.argmin(axis=1)
    first = distance.min(axis=1)
    others = distance.copy()
    others[np.arange(len(others)), best] = np.inf
    return best, first, np.asarray((first <= limit) & (first + margin <= others.min(axis=1)))


def seen_together(spans: Doubles, groups: Sequence[Labels]) -> Bools:
    """Do any two tracks of groups i and j (i != j) overlap in time? `spans` (n, 2), groups of row numbers."""
    table = [[a is not b and _shared(spans[a], spans[b]).any() for b in groups] for a in groups]
    return np.array(table, bool).reshape(len(groups), len(groups))


def _nearest(embeddings: Floats, rows: Floats) -> Doubles:
    """(n, d) and (k, d) -> (n,) distances to the nearest row; infinite where k is 0."""
    if not len(rows):
        return np.full(len(embeddings), np.inf)
    return np.asarray(_distances(embeddings, rows).min(axis=1))


def _distances(a: Floats, b: Floats) -> Doubles:
    """(n, d) and (m, d) unit rows -> (n, m) Euclidean distances, 0 to 2."""
    squared = 2 - 2 * a.astype(np.float64) @ b.astype(np.float64).T  # unit rows: |a - b|^2 = 2 - 2 a.b
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def link(embeddings: Floats, spans: Doubles, limit: float, hints: Pairs | None = None) -> Labels:
    """Cluster the tracks of one recording into people.

    `embeddings` (n, d) float32 unit rows, `spans` (n, 2) seconds of first and last sight, in order of
    time; `limit`: mean distance up to which two groups are one person; `hints` (m, 2): pairs of
    tracks that are one person as something else says (see `tiles`), which holds up to HINTED times the limit.
    n and m may be 0.
    Returns (n,) labels 0, 1, ... in order of first appearance.
    """
    if hints is None:
        hints = NO_HINTS
    if len(embeddings) <= BLOCK:
        return _ordered(_cluster(embeddings, overlapping(spans), limit, hints))
    blocks = [slice(i, i + BLOCK) for i in range(0, len(embeddings), BLOCK)]
    groups = np.zeros(len(embeddings), np.int64)
    means: list[Floats] = []
    for block in blocks:
        within = hints[((hints >= block.start) & (hints < block.stop)).all(axis=1)] - block.start
        inside = link(embeddings[block], spans[block], limit, within)
        groups[block] = inside + len(means)
        means += [mean_direction(embeddings[block][inside == k]) for k in range(int(inside.max()) + 1)]
    conflict = np.zeros((len(means), len(means)), bool)
    for block in blocks:
        here = groups[block]
        conflict[np.ix_(np.unique(here), np.unique(here))] = True  # told apart once already
        one, other = np.nonzero(_shared(spans[block], spans))
        conflict[here[one], groups[other]] = True
    np.fill_diagonal(conflict, False)
    return _ordered(_cluster(np.array(means), conflict, limit, NO_HINTS)[groups])


def overlapping(spans: Doubles) -> Bools:
    """(n, 2) closed spans -> (n, n): do spans i and j (i != j) share more than an EDGE of the shorter one?"""
    return np.asarray(_shared(spans, spans) & ~np.eye(len(spans), dtype=bool))


def _shared(a: Doubles, b: Doubles) -> Bools:
    """(n, 2) and (m, 2) closed spans -> (n, m): whether two tracks were there at the same time.

    A track of one sample is all edge: it may be in the very last sample of another.
    """
    shared = np.minimum(a[:, None, 1], b[None, :, 1]) - np.maximum(a[:, None, 0], b[None, :, 0])
    one, other = (a[:, 1] - a[:, 0])[:, None], (b[:, 1] - b[:, 0])[None]
    shorter = np.minimum(one, other)
    last = (a[:, None, 1] == b[None, :, 1]) & (np.maximum(one, other) > 0)
    return np.asarray((shared >= 0) & ((shared > EDGE * shorter) | ((shorter == 0) & ~last)))


def _cluster(embeddings: Floats, conflict: Bools, limit: float, hints: Pairs) -> Labels:
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), np.int64)
    distance = _distances(embeddings, embeddings)
    i, j = hints[distance[hints[:, 0], hints[:, 1]] <= HINTED * limit].T
    distance[i, j] = distance[j, i] = 0
    distance[conflict] = CONFLICT
    np.fill_diagonal(distance, np.inf)
    if distance.min() > limit:  # everybody beside everybody, as in a short gallery: nothing to cluster
        return np.arange(len(embeddings))
    np.fill_diagonal(distance, 0)
    from scipy.cluster.hierarchy import fcluster, linkage  # half a second, which only linking needs
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(distance, checks=False), method="average")
    return np.asarray(fcluster(tree, limit, criterion="distance"), np.int64) - 1


def _ordered(labels: Labels) -> Labels:
    """Renumber in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], np.int64)
