"""Subject access: everything held on one student, as JSON, CSV, and a sheet in plain words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fertool.errors import FertoolError
from fertool.files import swapped

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANS = {
    "students": "your entry in the list of the course's students",
    "enrolled": "pictures by which you are recognised: not the pictures, but numbers made from them "
    "(`embedding`), with the file's name and fingerprint",
    "consents": "what you agreed to, from when until when",
    "decisions": "corrections by a person: who you are in which stretch of a recording",
    "tracks": "stretches of up to a minute in which your face was followed, each with numbers that describe "
    "your face (`embedding`): they identify you, as a fingerprint does",
    "observations": "your face in single moments: where in the picture (x1, y1, x2, y2), how sure the "
    "detector was, how the head was turned (degrees), and what expression a program read from it "
    "(probabilities, those of further labels together in `others`; empty if that was not computed)",
    "assessments": "what rules concluded from that, old ones included",
    "audit": "which command read or wrote your data, and when",
}


def write(out: Path, course: str, student: str, held: Mapping[str, pl.DataFrame]) -> None:
    """Write the folder `out`, which must be new or empty: `data.json`, one CSV per table, `READ_ME.txt`.

    Complete or not at all; readable by its owner only.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FertoolError(f"{out}: not an empty folder", "give a new one with --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with swapped(out, private=True) as folder:
            folder.mkdir()
            for name, text in files(course, student, held).items():
                (folder / name).write_text(text, encoding="utf-8")
                (folder / name).chmod(0o600)
    except OSError as error:
        raise FertoolError(f"{out}: could not be written: {error}", "check space and permissions") from error


def files(course: str, student: str, held: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """File name -> content."""
    whole = {table: rows.to_dicts() for table, rows in held.items()}
    about = {"course": course, "student": student, "held": whole}
    texts = {f"{table}.csv": _flat(rows).write_csv() for table, rows in held.items()}
    texts["data.json"] = json.dumps(about, indent=1, ensure_ascii=False, default=str) + "\n"
    texts["READ_ME.txt"] = sheet(course, student, held)
    return texts


def sheet(course: str, student: str, held: Mapping[str, pl.DataFrame]) -> str:
    """What is held, in plain words."""
    lines = [
        f"What is held on {student} in the course {course}",
        f"as of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "",
        "A program called fertool looked at recordings of lectures. This folder holds everything that its",
        "database has on you: all of it in data.json, and the same as tables, which any spreadsheet opens.",
        "No picture of you is stored in the database. The recordings themselves are not part of it: ask",
        "the person who made them.",
        "",
    ]
    for table, rows in held.items():
        lines += [f"{table}.csv: {_number(len(rows))}", f"    {MEANS[table]}", ""]
    lines += _period(held)
    lines += [
        "Expressions are not feelings. What a program reads from a face is often wrong, and says nothing of",
        "what you felt, understood or paid attention to.",
        "",
        f"All of this can be deleted: fertool students forget {student!r} --course {course!r}",
    ]
    return "\n".join(lines) + "\n"


def _number(rows: int) -> str:
    return f"{rows} entr{'y' if rows == 1 else 'ies'}" if rows else "nothing"


def _period(held: Mapping[str, pl.DataFrame]) -> list[str]:
    seen = held["observations"]
    if seen.is_empty():
        return []
    lectures = ", ".join(seen["lecture"].unique().sort())
    read = seen["emotion"].count()
    return [
        f"You were seen at {len(seen)} moments in: {lectures}.",
        f"An expression was read at {read} of them." if read else "No expression was read from your face.",
        "",
    ]


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """CSV has no lists: they become JSON."""
    nested = [name for name, kind in rows.schema.items() if kind.is_nested()]
    return rows.with_columns(
        pl.col(name).map_elements(lambda value: json.dumps(list(value)), return_dtype=pl.String)
        for name in nested
    )
