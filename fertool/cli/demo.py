"""`fertool demo`: a generated course, analyzed and reported, without network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fertool.assessment.runner import Result

STEPS = 4
"""Of the demo, said as they begin."""


def register(app: typer.Typer) -> None:
    """Add the command `demo`."""
    app.command(name="demo")(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the demo.", metavar="DIR")] = Path(
        "fertool-demo"
    ),
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Make a gallery-view lecture of six people who come and go, analyze it, simulate the rest of their
    course, and write its report."""
    from fertool import files
    from fertool.cli import analyze, assess, report
    from fertool.cli.terminal.options import bring_up_to_date, open_store
    from fertool.cli.terminal.progress import Plain
    from fertool.config import Settings
    from fertool.demo.course import COURSE, GALLERY, store_demo
    from fertool.demo.gallery import DEMO, LENGTH_S, make_gallery
    from fertool.errors import ConfigError
    from fertool.workflows.plan import Arguments

    def step(number: int, what: str) -> None:
        Plain().message(f"{number} of {STEPS}: {what}")

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made: {error.strerror}", "choose another folder") from error
    video, db = out / "lecture.mp4", out / "fertool.duckdb"
    if not video.exists():
        step(1, f"drawing a lecture of {LENGTH_S:.0f} s, {len(DEMO)} people: {video}")
        with files.swapped(video) as draft:
            make_gallery(draft)
    else:
        step(1, f"the lecture is there: {video}")
    step(2, "analyzing it")
    # The demo always shows the same: settings of the folder it is run in do not count.
    chosen = Settings(db=str(db), course=COURSE)
    analyze.run(Arguments((str(video),), lecture=GALLERY), chosen)
    step(3, "simulating the lectures around it (no video; see fertool/demo/course.py), judging all")
    store = open_store(str(db))
    bring_up_to_date(store)
    store_demo(store)
    _findings(assess.judge(chosen, None, None, [], []))
    step(4, "writing the report")
    report.report(course="", lecture=None, out=out / "report", show=show, db=str(db))


def _findings(result: Result) -> None:
    """One line per rule: what needs attention, else the highest value, of the simulated lectures."""
    from fertool.cli.terminal.options import print_table
    from fertool.demo.course import GALLERY

    def order(row: dict[str, Any]) -> tuple[bool, bool, float]:
        quiet = row["level"] in ("info", "good", "not measurable")
        return quiet, row["lecture"] == GALLERY, -(row["value"] or 0)

    first = {row["rule"]: row for row in sorted(result.rows, key=order, reverse=True)}
    print_table(
        ["rule", "lecture", "of", "found"],
        [
            [rule, row["lecture"] or "all", row["student"] or "class", row["message"]]
            for rule, row in sorted(first.items())
        ],
        title="For example",
    )
