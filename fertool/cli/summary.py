"""What an analysis of recordings came to: judged, and shown as a table or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.cli.common import clock, print_json, print_line, print_table
from fertool.cli.people import record

if TYPE_CHECKING:
    from fertool.analysis import Analysis
    from fertool.pipeline import Outcome
    from fertool.remote import File
    from fertool.request import Request
    from fertool.setup import Toolbox
    from fertool.store import Store


def note(file: File | str, request: Request | Analysis, outcome: Outcome, store: Store, shown: Any) -> None:
    """Put an analysis on record, and show what is worth knowing of it."""
    students = store.students(outcome.run)
    record(store, "analyze", request.course, students, str(file), request.lecture)
    for text in outcome.notes:
        shown.message(f"{file}: {text}")
    if not outcome.fresh:
        shown.message(f"{file}: already analyzed with this configuration (--force does it again)")


def judge(store: Store, tools: Toolbox, outcomes: list[Outcome], recut: list[tuple[str, str]]) -> list[str]:
    """Assess the lectures that got new observations or segments; returns what went wrong."""
    from fertool.pipeline import assess

    homes = {store.home(outcome.recording) for outcome in outcomes if outcome.changed}
    return assess(store, tools.rules, sorted({*recut, *(home for home in homes if home)})).failed


def summary(
    store: Store, outcomes: list[Outcome], failed: list[tuple[str, str]], *, json: bool, lines: bool = False
) -> None:
    """`lines`: JSON on one line, the last of several."""
    from fertool.types import EMOTIONS

    rows = [store.summary(outcome.run) for outcome in outcomes]
    if json:
        whole = {"runs": rows, "failed": [{"file": f, "reason": r} for f, r in failed]}
        if lines:
            print_line({"event": "summary"} | whole)
        else:
            print_json(whole)
        return
    if rows:
        print_table(
            ["recording", "lecture", "length", "samples", "coverage", "students", *EMOTIONS, "took", "speed"],
            [_cells(row, EMOTIONS) for row in rows],
        )
    if failed:
        print_table(["failed", "reason"], failed)


def _cells(row: dict[str, Any], emotions: tuple[str, ...]) -> list[str]:
    seconds = row["seconds"] or 0
    speed = f"{row['analyzed_s'] / seconds:.1f}x" if seconds else ""
    shares = ["–" if row[name] is None else f"{row[name]:.0%}" for name in emotions]
    return [
        row["name"],
        f"{row['course']} / {row['lecture']}",
        clock(row["duration_s"]),
        str(row["samples"]),
        f"{row['coverage']:.0%}",
        str(row["students"]),
        *shares,
        f"{seconds:.1f} s",
        speed,
    ]
