"""`--watch`: wait for saved files, and print what changed."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    Rows = Sequence[dict[str, Any]]

POLL_S = 0.3


def saves(files: Sequence[Path], poll_s: float = POLL_S) -> Iterator[Path]:
    """The file that was saved, each time one is from this call on; never ends by itself.

    Looks at times and sizes. A file that is gone for a moment, as some editors have it, is waited for.
    """
    return _saves(files, {file: _stamp(file) for file in files}, poll_s)


def _saves(files: Sequence[Path], before: dict[Path, Any], poll_s: float) -> Iterator[Path]:
    while True:
        for file in files:
            stamp = _stamp(file)
            if stamp is not None and stamp != before[file]:
                before[file] = stamp
                yield file
        time.sleep(poll_s)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def difference(before: Rows, after: Rows) -> list[str]:
    """What other assessments there are now (rows as in `tables.ASSESSMENTS`): `+` new, `-` gone, `~` changed.

    One line each, in the order of `after`, those gone at the end; empty for none.
    """
    old, new = _keyed(before), _keyed(after)
    lines = []
    for key, row in new.items():
        if key not in old:
            lines.append(f"+ {_where(row)}: {_said(row)}")
        elif _said(old[key]) != _said(row):
            lines.append(f"~ {_where(row)}: {_said(old[key])} -> {_said(row)}")
    return lines + [f"- {_where(row)}: {_said(row)}" for key, row in old.items() if key not in new]


def _keyed(rows: Rows) -> dict[tuple[Any, ...], dict[str, Any]]:
    """A rule may say several things of one window: they are told apart by their order."""
    keyed: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("rule", "course", "lecture", "segment", "student"))
        keyed[next((*key, i) for i in count() if (*key, i) not in keyed)] = row
    return keyed


def _where(row: dict[str, Any]) -> str:
    part = "" if row["segment"] is None else f", segment {row['segment']}"
    places = [place for place in (row["course"], row["lecture"]) if place]
    return f"{row['rule']}, {' / '.join(places)}{part}, {row['student'] or 'class'}"


def _said(row: dict[str, Any]) -> str:
    value = "no value" if row["value"] is None else f"{row['value']:.6g}"
    return f"{value} {row['level']}" + (f" ({row['message']})" if row["message"] else "")
