"""Segments of equal length. Pure."""

from __future__ import annotations

from fertool.types import Segment

PART_S = 300.0


def equal_parts(duration_s: float, part_s: float = PART_S) -> list[Segment]:
    """Parts of `part_s` seconds covering [0, duration_s); a short rest is joined to the part before.

    A rest shorter than half a part would be judged on too few samples. Empty for a duration of 0.
    """
    if duration_s <= 0:
        return []
    count = max(1, int(duration_s / part_s + 0.5))
    edges = [i * part_s for i in range(count)] + [duration_s]
    return [Segment(i, f"Part {i + 1}", edges[i], edges[i + 1]) for i in range(count)]
