"""Many assessments in little room: a row per rule, a column per segment or student. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from fertool.report.data.digest import Digest
    from fertool.report.i18n import Language

Row = tuple[str, str]
"""A rule, and the level by which it tells several answers apart; empty for most."""


def matrix(
    assessments: Iterable[Mapping[str, Any]], column: str
) -> dict[Row, dict[Hashable, Mapping[str, Any]]]:
    """Row -> value of `column` (`segment`, `student`) -> the assessment there, in the order they come.

    A rule that says several things of one student in one segment gets a row per level.
    """
    rows = list(assessments)
    count = Counter((it["rule"], it["segment"], it["student"]) for it in rows)
    several = {rule for (rule, _, _), n in count.items() if n > 1}
    found: dict[Row, dict[Hashable, Mapping[str, Any]]] = {}
    for it in rows:
        key = (it["rule"], (it["level"] or "") if it["rule"] in several else "")
        found.setdefault(key, {})[it[column]] = it
    return found


def columns(say: Language, one: Digest) -> list[tuple[int | None, str]]:
    """The segments of a lecture, then the whole of it, if a rule spoke of that."""
    found: list[tuple[int | None, str]] = [
        (it["segment"], it["title"] or str(it["segment"])) for it in one.segments
    ]
    wide = any(row["segment"] is None for row in one.assessments)
    return [*found, (None, say("whole_lecture"))] if wide else found
