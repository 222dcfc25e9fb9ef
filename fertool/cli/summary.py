"""Summary of an analysis: the inventory, as a table or JSON."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fertool.cli.students.settle import record
from fertool.cli.terminal.options import absent, clock, print_json, print_line, print_table
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.pipeline import Outcome
    from fertool.analysis.request import Request
    from fertool.analysis.run import Analysis
    from fertool.host.toolbox import Toolbox
    from fertool.media.remote import File
    from fertool.storage.store import Store

MOSTLY = 3
"""Expressions in the table; --json has all of them."""
BECAME = ("analyzed", "resumed", "done before", "same as", "skipped", "failed")
"""What may become of a file."""
NAMED = 3
"""Files with the same reason that are named in the table; --json has all of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that was found, and what became of it."""

    file: str
    became: str
    """One of `BECAME`."""
    reason: str = ""
    """Why, of a file that was not analyzed."""


def entry(file: str, outcome: Outcome) -> Entry:
    if outcome.same_as:
        return Entry(file, "same as", outcome.same_as)
    if not outcome.fresh:
        return Entry(file, "done before")
    return Entry(file, "resumed" if outcome.resumed else "analyzed")


def note(file: File | str, request: Request | Analysis, outcome: Outcome, store: Store, shown: Any) -> None:
    """Put an analysis on record, and show what is worth knowing of it."""
    if outcome.same_as:
        shown.message(f"{file}: {outcome.same_as}")
        return
    students = store.students_in(outcome.run)
    record(store, "analyze", request.course, students, str(file), request.lecture)
    for text in outcome.notes:
        shown.message(f"{file}: {text}")
    if not outcome.fresh:
        shown.message(f"{file}: already analyzed with this configuration (--force does it again)")


def judge(store: Store, tools: Toolbox, outcomes: list[Outcome], recut: list[tuple[str, str]]) -> list[str]:
    """Assess the lectures that got new observations or segments; returns what went wrong."""
    from fertool.analysis.pipeline import assess

    homes = {store.home(outcome.recording) for outcome in outcomes if outcome.changed}
    for course, lecture in {outcome.left for outcome in outcomes if outcome.left}:
        # What is said of the whole course counts the recording no more, even where its lecture is gone.
        homes.update(store.lectures(course, lecture) or store.lectures(course)[:1])
    result = assess(store, tools.rules, sorted({*recut, *(home for home in homes if home)}))
    for line in absent(result.absent):
        print(f"fertool: {line}", file=sys.stderr)
    return result.failed


def summary(
    store: Store,
    outcomes: list[Outcome],
    found: list[Entry],
    failed: list[tuple[str, str]],
    *,
    json: bool,
    lines: bool = False,
) -> None:
    """`found`: what became of every file. `failed`: (what, why), lectures that could not be cut included.
    `lines`: JSON on one line, the last of several."""
    rows = [store.summary(outcome.run) for outcome in outcomes]
    if json:
        whole = {
            "runs": rows,
            "failed": [{"file": f, "reason": r} for f, r in failed],
            "inventory": [asdict(one) for one in found],
        }
        if lines:
            print_line({"event": "summary"} | whole)
        else:
            print_json(whole)
        return
    if rows:
        labels = (*EMOTIONS, *store.further_labels())
        print_table(
            ["recording", "lecture", "length", "coverage", "students", "expressions", "speed"],
            [_cells(row, labels) for row in rows],
        )
    if left := _left_out(found):
        print_table(["not analyzed", "files", "reason"], left)
    if failed:
        print_table(["failed", "reason"], failed)
    counts = Counter(one.became for one in found)
    became = ", ".join(f"{counts[word]} {word}" for word in BECAME if counts[word])
    print(f"{len(found)} found: {became.replace('same as', 'the same as another')}" if found else "0 found")


def _left_out(found: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """What is no recording of its own: a row for each reason, with the first names."""
    files: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if one.became in ("same as", "skipped"):
            files.setdefault((one.became, one.reason), []).append(PurePath(one.file).name)
    rows = []
    for (became, reason), names in files.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        rows.append((became, ", ".join(names[:NAMED]) + more, reason))
    return rows


def _cells(row: dict[str, Any], labels: Sequence[str]) -> list[str]:
    speed = f"{row['analyzed_s'] / row['seconds']:.1f}x" if row["seconds"] else ""
    return [
        row["name"],
        f"{row['course']} / {row['lecture']}",
        clock(row["duration_s"]),
        f"{row['coverage']:.0%}",
        str(row["students"]),
        _mostly(row, labels),
        speed,
    ]


def _mostly(row: dict[str, Any], labels: Sequence[str] = EMOTIONS) -> str:
    """The three most frequent expressions, one a line: seven columns have no room on a terminal of 80."""
    shares = sorted(((row[name], name) for name in labels if row[name]), key=lambda pair: -pair[0])
    return "\n".join(f"{name} {share:.0%}" for share, name in shares[:MOSTLY]) or "–"
