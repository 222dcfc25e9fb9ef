"""From a spool into the database: load the chunks of every measured run, then link its students.

Run by run, in the order in which they were asked for, as if each had been analyzed here: so the tables end
the same. What is there already is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool import bulk, pipeline
from fertool.errors import ConfigError
from fertool.spool import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from fertool.analysis import Analysis
    from fertool.pipeline import Outcome
    from fertool.spool import Spool
    from fertool.store import Store


@dataclass(slots=True)
class Ingested:
    """What became of the runs in a spool."""

    outcomes: list[tuple[Analysis, Outcome]] = field(default_factory=list)
    refused: list[tuple[Analysis, str]] = field(default_factory=list)
    """With the reason: not measured to the end, or no longer allowed."""


def ingest(
    store: Store,
    spool: Spool,
    told: Callable[[Analysis, int, int], None] = lambda *_: None,
    only: Container[str] | None = None,
    anew: Container[str] = (),
) -> Ingested:
    """All measured runs of a spool, or `only` these, into the database.

    `told` is called before each with its number, from 0, and how many there are. Runs in `anew` replace what
    the database has of them. Raises StoreError if the spool or the database cannot be read.
    """
    result = Ingested()
    analyses = [one for one in spool.analyses() if only is None or one.run.run in only]
    for number, analysis in enumerate(analyses):
        told(analysis, number, len(analyses))
        run = analysis.run.run
        if run not in anew and store.run_state(run) == "finished":
            result.outcomes.append((analysis, pipeline.finish(store, analysis)))
        elif reason := _unfit(store, spool, analysis):
            result.refused.append((analysis, reason))
        else:
            if run in anew:
                store.delete_run(run)
            _load(store, spool, analysis)
            result.outcomes.append((analysis, pipeline.finish(store, analysis)))
    return result


def _load(store: Store, spool: Spool, analysis: Analysis) -> None:
    store.add_recording(analysis.recording)
    store.begin_run(analysis.run)
    run, remote = analysis.run.run, None if spool.local else spool.files
    bulk.load(store.database, run, spool.chunk_files(run), TABLES, remote)


def _unfit(store: Store, spool: Spool, analysis: Analysis) -> str:
    """Why a run may not be taken in; empty if it may."""
    missing = len({*analysis.chunks} - spool.done(analysis.run.run))
    if missing:
        return f"{missing} of {len(analysis.chunks)} chunks are not measured yet: analyze it again"
    if analysis.consent != "required":
        return ""
    try:
        gate = pipeline.gate(store, analysis)
    except ConfigError as error:
        return str(error)
    if gate is None or gate.state != analysis.run.config["consent"]["state"]:
        return "consents or enrolled pictures have changed since it was measured: analyze it again"
    return ""
