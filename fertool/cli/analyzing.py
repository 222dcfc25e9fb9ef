"""Recordings analyzed, here or on workers, their lectures cut and judged, and the summary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from fertool.cli.common import open_store
from fertool.cli.people import remind, unrecognizable
from fertool.cli.summary import judge, note, summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fertool.cli.flags import Flags
    from fertool.config import Settings
    from fertool.pipeline import Outcome
    from fertool.remote import File
    from fertool.request import Request
    from fertool.store import Store


def run_all(
    files: Sequence[File],
    chosen: Settings,
    flags: Flags,
    pairs: list[str],
    plugin_files: list[Path],
    *,
    failed: list[tuple[str, str]],
    json: bool = False,
) -> None:
    """Analyze the files, one after the other or on workers, judge their lectures, print the summary.

    `failed`: (what, why) of arguments that could not even be looked at. Exits with 2 if anything failed; on
    several workers (`flags.where`) with 3 if only some did.
    """
    from fertool import setup
    from fertool.cli import fleet
    from fertool.cli.flags import requests

    tools = setup.toolbox(chosen, pairs, plugin_files)
    asked = requests(files, chosen, flags, tools)
    store = open_store(chosen.db, create=True, remind=False)
    unrecognizable(store, chosen, tools.model)
    if course := flags.syllabus:
        held = {lecture.name: lecture.held for lecture in course.lectures}
        store.describe_course(course.course, course.instructor, course.topics, held)
    where = flags.where
    if where is None:
        outcomes = _one_by_one(asked, store, failed, quiet=json)
    else:
        kit = fleet.pack(chosen, pairs, plugin_files, tools, where)
        outcomes = fleet.run(asked, kit, store, where, failed, json=json)
    recut = _cut(store, flags, outcomes, failed)
    problems = judge(store, tools, outcomes, recut)
    summary(store, outcomes, failed, json=json, lines=where is not None)
    remind(store)
    for problem in problems:
        print(f"fertool: {problem}", file=sys.stderr)
    if failed and where is not None:
        print(f"fertool: to try again what failed: {fleet.retry(flags.given, failed)}", file=sys.stderr)
    if failed and not (where is not None and outcomes):
        raise typer.Exit(2)
    if failed or problems:
        raise typer.Exit(3)


def _one_by_one(
    requests: list[tuple[File, Request]], store: Store, failed: list[tuple[str, str]], *, quiet: bool
) -> list[Outcome]:
    """In this process, straight into the database."""
    from fertool.cli.progress import progress
    from fertool.errors import FertoolError, StoreError
    from fertool.pipeline import analyze as analyze_one

    outcomes: list[Outcome] = []
    with progress(quiet=quiet) as shown:
        for file, request in requests:
            try:
                shown.video(file)
                outcomes.append(analyze_one(file, request, store, shown))
                note(file, request, outcomes[-1], store, shown)
            except StoreError:
                raise  # the next file would meet it too
            except FertoolError as error:
                failed.append((str(file), str(error)))
                shown.message(f"fertool: {error}")
            except KeyboardInterrupt:
                shown.message("Stopped. What was measured is stored: run the same command again to go on.")
                raise typer.Exit(130) from None
    return outcomes


def _cut(
    store: Store, flags: Flags, outcomes: list[Outcome], failed: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Cut the lectures as was asked; returns those whose segments are others now. Adds to `failed`."""
    from fertool.cli.segments import cut
    from fertool.errors import FertoolError

    recut = []
    for home in sorted({home for one in outcomes if (home := store.home(one.recording))}):
        try:
            changed, notes = cut(store, [home], *flags.source(home[1]))
        except FertoolError as error:
            failed.append((" / ".join(home), str(error)))
            continue
        recut += changed
        for text in notes:
            print(f"fertool: {text}", file=sys.stderr)
    return recut
