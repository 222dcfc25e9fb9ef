"""Progress of recordings on many workers: of each, and of the whole set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fertool.analysis.run import CHUNK_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.run import Analysis
    from fertool.distributed.worker import Job


@dataclass(slots=True)
class RecordingProgress:
    """Of one recording."""

    job: Job
    analysis: Analysis | None = None
    missing: frozenset[int] = frozenset()
    """Chunks that had to be measured when the recording was described."""
    measured: frozenset[int] = frozenset()
    """Those of them that are known to be in the spool: each counts once, however often it was measured."""
    done: bool = False
    reason: str = ""
    """Why it failed; empty if it did not."""
    looked: float = 0.0
    """When its part of the spool was looked at."""

    @property
    def length_s(self) -> float:
        """Of video to be analyzed; 0 until that is known."""
        return CHUNK_S * len(self.analysis.chunks) if self.analysis else 0.0

    @property
    def done_s(self) -> float:
        """Of video, whenever it was measured."""
        return self.length_s - CHUNK_S * len(self.missing - self.measured)


@dataclass(frozen=True, slots=True)
class Status:
    """How far the whole set is."""

    recordings: int
    done: int
    """Failed ones too."""
    failed: int
    workers: int
    """That are ready."""
    hours_done: float
    """Of video, whenever it was measured."""
    hours: float
    """Of all recordings; those that nobody has looked at yet count as long as the others, and failed ones
    as long as what was measured of them: no more will be."""
    speed: float
    """Hours of video per hour, of what is measured by this set of workers; 0 while nothing is known."""
    left_s: float | None
    """Seconds to go; None while nothing is known."""


def status(progress: Sequence[RecordingProgress], workers: int, spent_s: float) -> Status:
    """The sum of all, `spent_s` after the beginning."""
    known = [one.length_s for one in progress if one.analysis]
    usual_s = sum(known) / len(known) if known else 0.0
    lengths = (one.length_s if one.analysis else usual_s for one in progress)
    total_s = sum(one.done_s if one.reason else length for one, length in zip(progress, lengths, strict=True))
    done_s = sum(one.done_s for one in progress)
    speed = CHUNK_S * sum(len(one.measured) for one in progress) / spent_s
    return Status(
        recordings=len(progress),
        done=sum(one.done for one in progress),
        failed=sum(bool(one.reason) for one in progress),
        workers=workers,
        hours_done=done_s / 3600,
        hours=total_s / 3600,
        speed=speed,
        left_s=max(0.0, total_s - done_s) / speed if speed else None,
    )
