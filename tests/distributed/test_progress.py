"""Progress of a set of recordings on workers, worked out by hand. A chunk is a minute of video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.analysis.run import CHUNK_S
from fertool.distributed.progress import RecordingProgress, status


@dataclass(frozen=True)
class Described:
    """What progress reads of an analysis: its chunks."""

    chunks: tuple[int, ...]


def recording(
    chunks: int | None, missing: int = 0, measured: int = 0, *, done: bool = False, reason: str = ""
) -> RecordingProgress:
    """`chunks` minutes, of which `missing` had to be measured and `measured` are; None: not looked at yet."""
    job: Any = None
    analysis: Any = None if chunks is None else Described(tuple(range(chunks)))
    return RecordingProgress(
        job, analysis, frozenset(range(missing)), frozenset(range(measured)), done, reason
    )


@pytest.mark.parametrize(
    ("one", "length_s", "done_s"),
    [
        (recording(None), 0, 0),  # nobody has looked at it
        (recording(10, 10), 600, 0),
        (recording(10, 10, 4), 600, 240),
        (recording(10, 3), 600, 420),  # seven were in the spool before
        (recording(10, 3, 3), 600, 600),
        (recording(10), 600, 600),  # nothing was missing
    ],
)
def test_of_one_recording(one: RecordingProgress, length_s: float, done_s: float) -> None:
    assert (one.length_s, one.done_s) == (length_s, done_s)


def test_a_chunk_counts_once_however_often_it_was_measured() -> None:
    """A worker died after it had written chunk 5, which belongs to no missing one of the retry."""
    one = recording(10, 3)
    one.measured = frozenset({0, 1, 5})
    assert one.done_s == 600 - 60


@pytest.mark.parametrize(
    ("all_of_them", "spent_s", "expected"),
    [
        # recordings, done, failed, hours done, hours, speed, seconds left
        ([recording(60, 60)], 60, (1, 0, 0, 0, 1, 0, None)),  # nothing is known of the speed
        ([recording(60, 60, 30)], 900, (1, 0, 0, 0.5, 1, 2, 900)),  # half an hour in a quarter
        # One that nobody has looked at counts as long as the other.
        ([recording(60, 60, 30), recording(None)], 900, (2, 0, 0, 0.5, 2, 2, 2700)),
        # One that is known to be empty is not one that nobody has looked at.
        ([recording(60, 60, 30), recording(0)], 900, (2, 0, 0, 0.5, 1, 2, 900)),
        # All done before: nothing was measured by these workers, so no speed, and nothing left to say.
        ([recording(60, done=True)], 10, (1, 1, 0, 1, 1, 0, None)),
        # What failed counts as long as what was measured of it.
        (
            [recording(60, 60, 15, done=True, reason="damaged"), recording(60, 60, 45)],
            1800,
            (2, 1, 1, 1, 1.25, 2, 450),
        ),
        ([recording(60, 60, 60, done=True)], 1800, (1, 1, 0, 1, 1, 2, 0)),
    ],
)
def test_of_the_whole_set(all_of_them: list[RecordingProgress], spent_s: float, expected: tuple) -> None:
    found = status(all_of_them, 3, spent_s)
    assert found.workers == 3
    figures = (found.recordings, found.done, found.failed, found.hours_done, found.hours, found.speed)
    assert figures == pytest.approx(expected[:-1])
    assert found.left_s == (None if expected[-1] is None else pytest.approx(expected[-1]))


counts = st.integers(0, 30)


@given(st.lists(st.tuples(counts, counts, counts, st.booleans()), min_size=1, max_size=6), st.floats(1, 1e5))
def test_a_set_is_never_more_than_done(rows: list[tuple[int, int, int, bool]], spent_s: float) -> None:
    made = []
    for chunks, missing, measured, failed in rows:
        missing = min(missing, chunks)
        made.append(recording(chunks, missing, min(measured, missing), reason="x" if failed else ""))
    found = status(made, 1, spent_s)
    assert 0 <= found.hours_done <= found.hours + 1e-9
    assert found.hours <= sum(row[0] for row in rows) * CHUNK_S / 3600 + 1e-9
    assert found.left_s is None or found.left_s >= 0
    assert (found.left_s is None) == (found.speed == 0)
