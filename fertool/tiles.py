"""Places of a gallery view: who follows whom in a tile, and when the tiles were dealt anew. Pure numpy.

In a gallery, a tile mostly stays somebody's. A track that begins where another just ended is likely the same
person, unless the faces say otherwise; and when several tiles change their person at once, they were
shuffled, and then places say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fertool import boxes as geometry
from fertool.tracking import MIN_OVERLAP, enlarge

if TYPE_CHECKING:
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
class Change:
    """One track follows another in a tile."""

    before: int
    after: int
    """Row numbers of the two tracks."""
    same: bool
    """Whether the faces may be one person's."""


def changes(embeddings: Floats, spans: Doubles, first: Floats, last: Floats, limit: float) -> list[Change]:
    """Which track follows which in its place, in order of time.

    `embeddings` (n, d) unit rows, `spans` (n, 2) seconds of first and last sight, `first` and `last` (n, 4)
    boxes at those times; n may be 0. Two faces further apart than `limit` are not one person's.
    """
    found = []
    for after in np.argsort(spans[:, 0], kind="stable"):
        gap = spans[after, 0] - spans[:, 1]
        near = np.flatnonzero((gap > 0) & (gap <= GAP_S))
        here = geometry.iou(enlarge(last[near]), enlarge(first[after][None]))[:, 0] >= MIN_OVERLAP
        if here.any():
            before = near[here][np.argmin(gap[near[here]])]
            apart = float(np.linalg.norm(embeddings[before] - embeddings[after]))
            found.append(Change(int(before), int(after), apart <= limit))
    return found


def shuffles(found: list[Change], spans: Doubles) -> list[float]:
    """When the tiles were dealt anew: seconds, in order, of the first sight of somebody in another's tile."""
    strange = [float(spans[change.after, 0]) for change in found if not change.same]
    times: list[float] = []
    while strange:
        together = [time for time in strange if time - strange[0] <= AT_ONCE_S]
        if len(together) >= SHUFFLED:
            times.append(together[0])
            strange = strange[len(together) :]
        else:
            strange = strange[1:]
    return times


def hints(found: list[Change], spans: Doubles) -> npt.NDArray[np.bool_]:
    """(n, n) symmetric: does the place say that two tracks are one person? Not across a shuffle."""
    table = np.zeros((len(spans), len(spans)), bool)
    dealt = shuffles(found, spans)
    for change in found:
        gone, come = spans[change.before, 1], spans[change.after, 0]
        if change.same and not any(gone < time <= come + AT_ONCE_S for time in dealt):
            table[change.before, change.after] = table[change.after, change.before] = True
    return table
