"""Tiles of a gallery view: who follows whom in a tile, and when tiles changed places. Pure numpy.

In a gallery, a tile mostly stays somebody's. A track that begins where another just ended is likely the same
person, unless the faces say otherwise; and when several tiles change their person at once, they were
shuffled, and then places say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fertool.vision import boxes as geometry
from fertool.vision.tracking import MIN_OVERLAP, enlarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from fertool.types import Floats

    Doubles = npt.NDArray[np.float64]

GAP_S = 60.0
"""Somebody who is away for longer may come back anywhere."""
AT_ONCE_S = 3.0
"""Changes so close in time belong together: tracks begin when a face is next seen well."""
SHUFFLED = 3
"""So many tiles that change their person at once were shuffled; two may be a coincidence."""


@dataclass(frozen=True, slots=True)
class TileChange:
    """One track follows another in a tile."""

    before: int
    after: int
    """Row numbers of the two tracks."""
    same: bool
    """Whether the faces may be one person's."""


def changes(
    embeddings: Floats, spans: Doubles, first: Floats, last: Floats, limit: float
) -> list[TileChange]:
    """Which track follows which in its place, in order of time.

    `embeddings` (n, d) unit rows, `spans` (n, 2) seconds of first and last sight, `first` and `last` (n, 4)
    boxes at those times; n may be 0. Two faces further apart than `limit` are not one person's.
    """
    found = []
    begun, ended = enlarge(first), enlarge(last)
    for after in np.argsort(spans[:, 0], kind="stable"):
        gap = spans[after, 0] - spans[:, 1]
        near = np.flatnonzero((gap > 0) & (gap <= GAP_S))
        here = geometry.iou(ended[near], begun[after][None])[:, 0] >= MIN_OVERLAP
        if here.any():
            before = near[here][np.argmin(gap[near[here]])]
            apart = float(np.linalg.norm(embeddings[before] - embeddings[after]))
            found.append(TileChange(int(before), int(after), apart <= limit))
    return found


def shuffles(found: list[TileChange], spans: Doubles) -> list[float]:
    """When people changed tiles: seconds, in order, of the first sight of one in another's tile."""
    return at_once(float(spans[change.after, 0]) for change in found if not change.same)


def at_once(times: Iterable[float]) -> list[float]:
    """When people changed tiles, given the seconds at which somebody took over another's tile: in order,
    the first of every SHUFFLED or more within AT_ONCE_S."""
    left = sorted(times)
    shuffled: list[float] = []
    while left:
        together = [time for time in left if time - left[0] <= AT_ONCE_S]
        shuffled += together[:1] if len(together) >= SHUFFLED else []
        left = left[len(together) if len(together) >= SHUFFLED else 1 :]
    return shuffled


def hints(found: list[TileChange], spans: Doubles) -> npt.NDArray[np.intp]:
    """(m, 2) row numbers of two tracks that are one person, says the place. Not across a shuffle."""
    shuffled = shuffles(found, spans)

    def calm(change: TileChange) -> bool:
        gone, come = spans[change.before, 1], spans[change.after, 0]
        return not any(gone < time <= come + AT_ONCE_S for time in shuffled)

    pairs = [(change.before, change.after) for change in found if change.same and calm(change)]
    return np.array(pairs, np.intp).reshape(-1, 2)
