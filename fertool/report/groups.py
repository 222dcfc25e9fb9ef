"""Suppression for a lecture: which class figures are held back, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.privacy.suppression import suppressed, too_small

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    import polars as pl

    from fertool.privacy.suppression import Reason

COUNTED = ("samples", "present", "posed", "measured", "known")
"""What a figure of the class is counted over: columns of counts, a row per student. A student is behind the
figure who has more than 0 of it."""

Reasons = dict[str, dict[Any, "Reason | None"]]
"""What is counted over -> part of a whole -> why its figures are held back. A part that is missing is about
nobody."""


def of_segments(cells: pl.DataFrame, k: int) -> Reasons:
    """For the segments of a lecture and the time outside of them; None: the whole lecture.

    `cells`: segment (null: the whole lecture), student, the columns of COUNTED, and `of:LABEL`, the samples
    that a share of this label is counted over.
    """
    found: Reasons = {}
    for counted in (*COUNTED, *(name for name in cells.columns if name.startswith("of:"))):
        people = _people(cells, "segment", counted)
        whole = people.pop(None, set())
        small: bool = too_small(len(whole), k)
        found[counted] = {None: "few" if small else None}
        found[counted] |= dict.fromkeys(people, "few") if small else _of_parts(people, k)
    return found


def of_labels(segments: Reasons, labels: Iterable[str], segment: int | None) -> dict[str, Reason | None]:
    """For the share of each label in a segment. Samples of all labels add up to those that were measured:
    where one label is held back, so are the others."""
    own = {label: segments[f"of:{label}"].get(segment) for label in labels}
    return {label: why or ("subtraction" if any(own.values()) else None) for label, why in own.items()}


def of_bins(bins: pl.DataFrame, segments: Reasons, k: int) -> Reasons:
    """For bins of time, `start_s`: they are parts of their segment, and share its fate.

    `bins`: start_s, segment, student, `samples` and `measured`.
    """
    found: Reasons = {}
    for counted in ("samples", "measured"):
        found[counted] = {}
        for (segment,), rows in bins.partition_by("segment", as_dict=True, maintain_order=True).items():
            people = _people(rows, "start_s", counted)
            reason = segments[counted].get(segment)
            found[counted] |= dict.fromkeys(people, reason) if reason else _of_parts(people, k)
    return found


def counted_over(signals: Collection[str]) -> str:
    """What a rule of the class that looks at these signals counts over: everybody, if presence is among them,
    since then absence is data; else the students in whom it was measured. Without signals: those seen."""
    if "presence" in signals:
        return "samples"
    return "measured" if "expression" in signals else "posed" if "pose" in signals else "present"


def _of_parts(people: dict[Any, set[str]], k: int) -> dict[Any, Reason | None]:
    return dict(zip(people, suppressed(list(people.values()), k), strict=True))


def _people(rows: pl.DataFrame, part: str, counted: str) -> dict[Hashable, set[str]]:
    """Part -> the students behind a figure counted over `counted` in it, in the order of the rows."""
    behind = rows.filter(rows[counted] > 0).group_by(part, maintain_order=True).agg("student")
    return {key: set(students) for key, students in behind.select(part, "student").iter_rows()}
