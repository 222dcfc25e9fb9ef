"""The analysis of many recordings, in this process or on workers, and its summary."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from fertool.cli.students.settle import remind, unrecognizable
from fertool.cli.summary import Entry, entry, judge, note, summary
from fertool.cli.terminal.options import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fertool.analysis.pipeline import Outcome
    from fertool.analysis.request import Request
    from fertool.cli.flags import Flags
    from fertool.config import Settings
    from fertool.media.remote import File
    from fertool.storage.store import Store


def run_all(
    files: Sequence[File],
    chosen: Settings,
    flags: Flags,
    pairs: list[str],
    plugin_files: list[Path],
    *,
    failed: list[tuple[str, str]],
    skipped: Sequence[tuple[str, str]] = (),
    json: bool = False,
) -> None:
    """Analyze the files, one after the other or on workers, judge their lectures, print the summary.

    `failed`: (what, why) of arguments that could not even be looked at; `skipped`: of what lies beside the
    recordings. Exits with 2 if anything failed; on several workers (`flags.where`) with 3 if only some did.
    """
    from fertool.cli import fleet
    from fertool.cli.flags import requests
    from fertool.host import toolbox

    tools = toolbox.toolbox(chosen, pairs, plugin_files)
    asked = requests(_named_in_utf8(files, failed), chosen, flags, tools)
    store = open_store(chosen.db, create=True, remind=False)
    unrecognizable(store, chosen, tools.model)
    if course := flags.syllabus:
        held = {lecture.name: lecture.held for lecture in course.lectures}
        store.describe_course(course.course, course.instructor, course.topics, held)
    where = flags.where
    if where is None:
        done = _one_by_one(asked, store, failed, quiet=json)
    else:
        kit = fleet.pack(chosen, pairs, plugin_files, tools, where)
        done = fleet.run(asked, kit, store, where, failed, json=json)
    found = [entry(file, outcome) for file, outcome in done]
    found += [Entry(what, "skipped", why) for what, why in skipped]
    found += [Entry(what, "failed", why) for what, why in failed]
    outcomes = [outcome for _, outcome in done if not outcome.same_as]
    if not (flags.lecture or flags.syllabus):
        _named_alike(store, outcomes)
    recut = _cut(store, flags, outcomes, failed)
    problems = judge(store, tools, outcomes, recut)
    summary(store, outcomes, found, failed, json=json, lines=where is not None)
    remind(store)
    for problem in problems:
        print(f"fertool: {problem}", file=sys.stderr)
    if failed and where is not None:
        print(f"fertool: to try again what failed: {fleet.retry(flags.given, failed)}", file=sys.stderr)
    if failed and not (where is not None and outcomes):
        raise typer.Exit(2)
    if failed or problems:
        raise typer.Exit(3)


def _named_in_utf8(files: Sequence[File], failed: list[tuple[str, str]]) -> list[File]:
    """The files whose names can be stored and shown. Adds the others to `failed`."""
    from fertool.media.remote import in_utf8, shown

    for file in files:
        if not in_utf8(file):
            failed.append((shown(file), "expected a name in UTF-8: rename the file or its folder"))
            print(f"fertool: {': '.join(failed[-1])}", file=sys.stderr)
    return [file for file in files if in_utf8(file)]


def _one_by_one(
    requests: list[tuple[File, Request]], store: Store, failed: list[tuple[str, str]], *, quiet: bool
) -> list[tuple[str, Outcome]]:
    """In this process, straight into the database."""
    import traceback

    from fertool.analysis.pipeline import analyze as analyze_one
    from fertool.cli.terminal.progress import progress
    from fertool.errors import FertoolError, StoreError, reason

    outcomes: list[tuple[str, Outcome]] = []
    with progress(quiet=quiet) as shown:
        for file, request in requests:
            try:
                shown.video(file)
                outcome = analyze_one(file, request, store, shown)
                outcomes.append((str(file), outcome))
                note(file, request, outcome, store, shown)
            except StoreError:
                raise  # the next file would meet it too
            except Exception as error:
                failed.append((str(file), reason(error)))
                known = isinstance(error, FertoolError)
                shown.message(f"fertool: {error}" if known else f"fertool: {file}: {traceback.format_exc()}")
            except KeyboardInterrupt:
                shown.message("Stopped. What was measured is stored: run the same command again to go on.")
                raise typer.Exit(130) from None
    return outcomes


def _named_alike(store: Store, outcomes: list[Outcome]) -> None:
    """Say which lectures, named after their files, have several recordings now."""
    from fertool.media.remote import located

    for home in sorted({home for one in outcomes if one.fresh and (home := store.home(one.recording))}):
        paths = dict.fromkeys(path for path, *_ in store.recordings(*home))  # a file may have two pictures
        names = [located(path).name for path in paths]
        if len(names) > 1:
            told = (
                f"{' / '.join(home)}: one lecture of {len(names)} recordings, named alike: {', '.join(names)}"
            )
            print(f"fertool: {told} (--lecture names another one)", file=sys.stderr)


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
