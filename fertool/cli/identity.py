"""`fertool identity evaluate`: identity metrics against a ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool.cli.terminal.options import (
    Courses,
    Db,
    Json,
    Lecture,
    bring_up_to_date,
    narrowed,
    open_store,
    print_json,
    print_table,
    settings,
)
from fertool.workflows.audit import record

if TYPE_CHECKING:
    import polars as pl

    from fertool.storage.store import Store

app = typer.Typer(no_args_is_help=True, help="How well people were told apart: evaluate.")


def register(parent: typer.Typer) -> None:
    """Add the commands `identity ...`."""
    parent.add_typer(app, name="identity")


@app.callback()
def _root() -> None:
    """Keeps `evaluate` a command of its own although it is the only one."""


@app.command()
def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            help="CSV: recording (file name), time_s, person, x1, y1, x2, y2 in pixels.", metavar="TRUTH.csv"
        ),
    ],
    course: Courses = None,
    lecture: Lecture = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Compare the students that were found with who was really there: IDF1, switches, purity, coverage.

    Only the instants that the truth names count; a face and a box of the truth match from an overlap (IoU)
    of 0.5. Faces that are nobody's count as not found.
    """
    from dataclasses import asdict

    from fertool.identity import evaluation

    course = narrowed(course)
    rows = evaluation.read_truth(truth)
    store = open_store(settings(db=db).db, read_only=True)
    bring_up_to_date(store)
    names = _names(store, truth, rows, course, lecture)
    faces = store.faces(list(names)).with_columns(recording=_replaced(names))
    found = asdict(evaluation.score(rows, faces))
    record(store, "identity evaluate", course, what=str(truth), lecture=lecture)
    if json:
        print_json(found)
        return
    print_table(
        ["figure", "value", "meaning"],
        [(name.replace("_", " "), found[name], meaning) for name, meaning in MEANINGS.items()],
    )


MEANINGS = {
    "people": "in the truth",
    "students": "found",
    "boxes": "rows of the truth",
    "idf1": "harmonic mean of precision and recall",
    "precision": "share of the students' faces that show the person the student stands for",
    "recall": "share of the truth that was found under the right student",
    "switches": "how often a person became another student",
    "hours": "of recordings in the truth",
    "switches_per_hour": "",
    "purity": "share of the faces found in the truth that show whom their student shows most",
    "coverage": "share of the truth that was found as any student",
}


def _replaced(names: dict[str, str]) -> pl.Expr:
    import polars as pl

    return pl.col("recording").replace_strict(names, return_dtype=pl.String())


def _names(
    store: Store, path: Path, truth: pl.DataFrame, course: str | None, lecture: str | None
) -> dict[str, str]:
    """Recording -> file name, of those in the truth."""
    from fertool.errors import ConfigError

    there = store.analyzed(course, lecture)
    wanted = truth["recording"].unique().sort().to_list()
    names = dict(there.select("recording", "name").filter(there["name"].is_in(wanted)).iter_rows())
    for name in wanted:
        count = list(names.values()).count(name)
        if count == 0:
            have = ", ".join(there["name"].unique().sort().to_list()[:5]) or "none"
            raise ConfigError(f"{path}: {name}: no such recording was analyzed", f"there is: {have}")
        if count > 1:
            raise ConfigError(
                f"{path}: {name}: {count} recordings have that name", "give --course, --lecture"
            )
    return names
