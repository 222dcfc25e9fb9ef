"""`fertool demo`: a lecture made at run time, analyzed and reported, without network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    app.command(name="demo")(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the demo.", metavar="DIR")] = Path(
        "fertool-demo"
    ),
    show: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
) -> None:
    """Make a gallery-view lecture of six people who come and go, analyze it and write its report."""
    from fertool.cli import analyze, report
    from fertool.config import Settings
    from fertool.testing.gallery import make_gallery

    out.mkdir(parents=True, exist_ok=True)
    video, db = out / "lecture.mp4", out / "fertool.duckdb"
    if not video.exists():
        print(f"making {video} (one minute, six people)")
        part = video.with_suffix(".part.mp4")
        make_gallery(part)
        part.replace(video)
    # The demo always shows the same: settings of the folder it is run in do not count.
    chosen = Settings(db=str(db), course="demo", detector="ssd")
    flags: dict[str, Any] = {
        "lecture": "gallery",
        "student": None,
        "start": None,
        "end": None,
        "force": False,
    }
    analyze.run_all([video], chosen, flags, [], [], failed=[])
    print("\nThe report:")
    report.report(course=None, lecture=None, out=out / "report", show=show, db=str(db))
