"""Corrections of a lecturer, found again in the tracks of another analysis. Pure.

A decision names no track, for a re-analysis makes new ones: it names a place (the center of a face, in
pixels) at a time of a recording. The person there now is meant.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

REACH_S = 3.0
"""A face this far from the time of a decision may still be the one meant: with sparser sampling, nobody was
looked at in that very instant."""


def apply(decisions: pl.DataFrame, observations: pl.DataFrame) -> dict[str, str]:
    """Track -> label that was decided for it.

    `decisions`: one recording's, in the order in which they were made: time_s, x, y, label. `observations`
    of one run of it: track, time_s, x1, y1, x2, y2. Either may be empty. A decision means the face whose box
    holds its place, nearest in time within REACH_S; one that finds none is passed over, and where two are
    about the same track, the later one holds.
    """
    if observations.is_empty():
        return {}
    seen = observations.sort("time_s", "track")
    times = seen["time_s"].to_numpy()
    boxes = seen.select("x1", "y1", "x2", "y2").to_numpy()
    tracks = seen["track"].to_list()
    found: dict[str, str] = {}
    for time_s, x, y, label in decisions.select("time_s", "x", "y", "label").iter_rows():
        low, high = np.searchsorted(times, [time_s - REACH_S, time_s + REACH_S])
        near = boxes[low:high]
        holds = (near[:, 0] <= x) & (x <= near[:, 2]) & (near[:, 1] <= y) & (y <= near[:, 3])
        if holds.any():
            late = np.abs(times[low:high] - time_s)
            off = np.hypot(near[:, 0] + near[:, 2] - 2 * x, near[:, 1] + near[:, 3] - 2 * y)
            best = np.lexsort((off, late, ~holds))[0]
            found[tracks[low + int(best)]] = label
    return found


def settle(people: Iterable[Sequence[str]], decided: Mapping[str, str]) -> list[str | None]:
    """The label of each person (a group of tracks) if decisions are about at least half of the tracks, else
    None; ties go to the label of the earlier track. So tracks that are new follow those that were decided."""
    return [_majority(tracks, decided) for tracks in people]


def _majority(tracks: Sequence[str], decided: Mapping[str, str]) -> str | None:
    votes = Counter(decided[track] for track in tracks if track in decided)
    return max(votes, key=votes.__getitem__) if 2 * votes.total() >= len(tracks) > 0 else None
