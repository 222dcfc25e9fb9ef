"""Summary of an analysis: the inventory, as a table or JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fertool.cli.terminal.options import print_json, print_line, print_table
from fertool.host.profile import STAGES
from fertool.text import clock, plural
from fertool.types import EMOTIONS
from fertool.workflows.analyze import BECAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.host.profile import Profile
    from fertool.storage.store import Store
    from fertool.workflows.analyze import Concluded, Entry

MOSTLY = 3
"""Expressions in the table; --json has all of them."""
NAMED = 3
"""Files with the same reason that are named in the table; --json has all of them."""


def summary(
    store: Store, found: Concluded, *, json: bool, lines: bool = False, profile: Profile | None = None
) -> None:
    """Print what was analyzed, what was not and why, how many files became what, and where the time went.

    `lines`: after an analysis on workers: JSON on one line, the last of several, and `profile` lacks them."""
    with store.database.kept():
        rows = [store.summary(outcome.run) for outcome in found.outcomes]
        labels = (*EMOTIONS, *store.further_labels())
    if json:
        whole: dict[str, Any] = {
            "runs": rows,
            "failed": [{"file": f, "reason": r} for f, r in found.failed],
            "inventory": [asdict(one) for one in found.inventory],
        }
        if profile is not None:
            whole["profile"] = {
                "wall_s": round(profile.wall_s, 3),
                "threads": profile.threads,
                "seconds": {name: round(spent, 3) for name, spent in profile.seconds().items()},
            }
        if lines:
            print_line({"event": "summary"} | whole)
        else:
            print_json(whole)
        return
    if rows:
        print_table(
            ["recording", "lecture", "length", "coverage", "students", "expressions", "speed"],
            [_cells(row, labels) for row in rows],
        )
        print(f"detector: {', '.join(dict.fromkeys(_detector(row['detector'] or {}) for row in rows))}")
    if left := _left_out(found.inventory):
        print_table(["not analyzed", "files", "reason"], left)
    if found.failed:
        print_table(["failed", "reason"], found.failed)
    counts = Counter(one.became for one in found.inventory)
    became = ", ".join(f"{counts[word]} {word}" for word in BECAME if counts[word])
    n = len(found.inventory)
    print(f"{n} found: {became.replace('same as', 'the same as another')}" if n else "0 found")
    if profile is not None:
        _where_time_went(profile, workers=lines)


def _where_time_went(profile: Profile, *, workers: bool) -> None:
    """A row for each stage, and one for all."""
    seconds, over = profile.seconds(), plural(profile.threads, "thread")
    whole = sum(seconds.values())
    rows = [(name, spent, STAGES[name]) for name, spent in seconds.items()]
    rows.append(("all", whole, f"{profile.wall_s:.1f} s passed"))
    of = " of this process, without its workers" if workers else ""
    print_table(
        ["stage", "seconds", "share", "what"],
        [(name, f"{spent:.2f}", f"{spent / whole:.0%}", what) for name, spent, what in rows],
        title=f"Where the time went: seconds of work{of}, over {over}",
    )


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


def _detector(about: Mapping[str, Any]) -> str:
    """`yunet (net=s)`: its name and those of its options that are words, which say which network it runs; all
    options are in --json."""
    options = about.get("options", {})
    words = " ".join(f"{name}={value}" for name, value in options.items() if isinstance(value, str))
    name = about.get("name", "not recorded")
    return f"{name} ({words})" if words else name


def _mostly(row: dict[str, Any], labels: Sequence[str] = EMOTIONS) -> str:
    """The three most frequent expressions, one a line: seven columns have no room on a terminal of 80."""
    shares = sorted(((row[name], name) for name in labels if row[name]), key=lambda pair: -pair[0])
    return "\n".join(f"{name} {share:.0%}" for share, name in shares[:MOSTLY]) or "–"
