"""Ingestion of a spool: load the chunks of each measured run, then link its students.

Rows are loaded for many runs at once; students are linked run by run, in the order in which they were asked
for, as if each had been analyzed here: so the tables end the same. What is there already is left alone.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fertool.analysis import pipeline
from fertool.analysis.spool import TABLES
from fertool.errors import ConfigError, FertoolError, StoreError, reason
from fertool.storage import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from fertool.analysis.pipeline import Outcome
    from fertool.analysis.run import Analysis
    from fertool.analysis.spool import Spool
    from fertool.storage.store import Store


RUNS_AT_ONCE = 20
"""Loaded together. Others who want the database wait for as long: 13 s were measured for twenty lectures of
an hour with 25 faces a second, and they give up after 30 s."""


@dataclass(slots=True)
class Ingested:
    """What became of the runs in a spool."""

    outcomes: list[tuple[Analysis, Outcome]] = field(default_factory=list)
    refused: list[tuple[Analysis, str]] = field(default_factory=list)
    """With the reason: not measured to the end, no longer allowed, or an error."""
    traces: list[str] = field(default_factory=list)
    """Of the errors that are bugs."""


def ingest(
    store: Store,
    spool: Spool,
    notify: Callable[[Analysis, int, int], None] = lambda *_: None,
    only: Container[str] | None = None,
    replace: Container[str] = (),
) -> Ingested:
    """All measured runs of a spool, or `only` these, into the database.

    `notify` is called before each with its number, from 0, and how many there are. Of runs in `replace`,
    what the database has is replaced. Raises StoreError if the spool or the database cannot be read.
    """
    result = Ingested()
    analyses = [one for one in spool.analyses() if only is None or one.run.id in only]
    for begin, batch in _batches(store, analyses):
        with store.database.kept():
            refused = _load(store, spool, batch, replace)
            for number, analysis in enumerate(batch, start=begin):
                notify(analysis, number, len(analyses))
                if why := refused.get(analysis.run.id):
                    result.refused.append((analysis, why))
                    continue
                try:
                    result.outcomes.append((analysis, pipeline.finish(store, analysis)))
                except StoreError:
                    raise  # the next one would meet it too
                except Exception as error:
                    result.refused.append((analysis, reason(error)))
                    result.traces += [] if isinstance(error, FertoolError) else [traceback.format_exc()]
    return result


def _batches(store: Store, analyses: Sequence[Analysis]) -> Iterator[tuple[int, list[Analysis]]]:
    """(number of the first, analyses) that may be loaded together before any of them is finished.

    To finish a run is to look at what the database has of its course and lecture. So a batch holds one run
    of a lecture, and a recording that was there before comes first: what is loaded may replace it.
    """
    known = store.known_recordings()
    batch: list[Analysis] = []
    begin = 0
    for number, one in enumerate(analyses):
        shared = any(one.home == other.home for other in batch)
        if batch and (shared or one.recording.id in known or len(batch) == RUNS_AT_ONCE):
            yield begin, batch
            begin, batch = number, []
        batch.append(one)
        known.add(one.recording.id)
    if batch:
        yield begin, batch


def _load(store: Store, spool: Spool, batch: Sequence[Analysis], replace: Container[str]) -> dict[str, str]:
    """The chunks of these runs, unless they are finished; returns why some were refused."""
    refused: dict[str, str] = {}
    files: dict[tuple[str, int], str] = {}
    for analysis in batch:
        run = analysis.run.id
        if pipeline.elsewhere(store, analysis) or (run not in replace and store.run_state(run) == "finished"):
            continue
        chunks = spool.chunk_files(run)
        if why := _unfit(store, analysis, chunks.keys()):
            refused[run] = why
            continue
        if run in replace:
            store.delete_run(run)
        if store.home(analysis.recording.id) is None:  # else it moves when the run is finished
            store.add_recording(analysis.recording)
        store.begin_run(analysis.run)
        files |= {(run, chunk): file for chunk, file in chunks.items()}
    if files:
        bulk.load(store.database, files, TABLES, None if spool.local else spool.files)
    return refused


def _unfit(store: Store, analysis: Analysis, measured: AbstractSet[int]) -> str:
    """Why a run may not be taken in; empty if it may."""
    missing = len({*analysis.chunks} - measured)
    if missing:
        return f"{missing} of {len(analysis.chunks)} chunks are not measured yet: analyze it again"
    try:
        gate = pipeline.gate(store, analysis)
    except ConfigError as error:
        return str(error)
    if (gate.state if gate else None) != analysis.gate_state:
        return "consents or enrolled pictures have changed since it was measured: analyze it again"
    return ""
