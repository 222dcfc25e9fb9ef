"""`fertool analyze` on several workers: start, follow, ingest."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fertool.cli.summary import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.pipeline import Outcome
    from fertool.analysis.request import Request
    from fertool.analysis.run import Analysis
    from fertool.analysis.spool import Spool
    from fertool.config import Settings
    from fertool.distributed.scheduler import Team
    from fertool.distributed.worker import Job, Kit
    from fertool.host.toolbox import Toolbox
    from fertool.media.remote import File
    from fertool.storage.store import Store


@dataclass(frozen=True, slots=True)
class Where:
    """Who does the work."""

    engine: str
    address: str
    workers: int | None
    threads: int | None
    gpus: float
    spool: str | None


def pack(
    chosen: Settings, pairs: Sequence[str], plugin_files: Sequence[Path], tools: Toolbox, where: Where
) -> Kit:
    """What the workers are sent before anything else."""
    from fertool.distributed.worker import Kit
    from fertool.vision.cores import cores

    files = {file.resolve(): file.name for file in [*map(Path, chosen.plugins), *plugin_files]}
    shared = cores() // (where.workers or 1) if where.engine == "local" else 1
    return Kit(
        settings=replace(chosen, plugins=[]),
        pairs=tuple(pairs),
        files=tuple((name, path.read_bytes()) for path, name in files.items()),
        tools=tools.describe(),
        spool=where.spool or str(Path(f"{chosen.db}.spool").resolve()),
        threads=where.threads or max(1, shared),
    )


def run(
    requests: list[tuple[File, Request]],
    kit: Kit,
    store: Store,
    where: Where,
    failed: list[tuple[str, str]],
    *,
    json: bool,
) -> list[tuple[str, Outcome]]:
    """Measure on workers into the spool, then load that and link students. Adds to `failed`."""
    from fertool.analysis.pipeline import finish
    from fertool.analysis.spool import Spool
    from fertool.cli.terminal.overall import whole
    from fertool.distributed.ingest import ingest
    from fertool.distributed.scheduler import Drive

    spool = Spool(kit.spool)
    team, count = _team(where, kit)
    jobs, refused = _jobs(requests, store)
    drive = Drive(team, kit, jobs, lambda analysis: _settled(store, analysis), spool.done)
    outcomes: list[tuple[str, Outcome]] = []
    with whole(json=json) as shown:
        for what, why in refused:
            shown.failed(what, why)
        try:
            drive.run(count, shown.told)
        except KeyboardInterrupt:
            shown.message("Stopped. What was measured is stored: run the same command again to go on.")
            raise typer.Exit(130) from None
        measured = [(one, one.analysis) for one in drive.progress if one.analysis and not one.reason]
        first = {analysis.run.run: (one, analysis) for one, analysis in reversed(measured)}
        copies = [pair for pair in measured if pair not in first.values()]
        for _, copy in copies:  # of the same bytes: whose the run is, the one described last has said
            spool.describe(first[copy.run.run][1])
        forced = {run for run, (one, _) in first.items() if one.job.force}
        found = ingest(store, spool, shown.ingesting, first, forced)
        for trace in found.traces:
            shown.message(f"fertool: {trace}")
        done = [(first[analysis.run.run][0], analysis, outcome) for analysis, outcome in found.outcomes]
        finished = {outcome.run for _, _, outcome in done}
        done += [(one, copy, finish(store, copy)) for one, copy in copies if copy.run.run in finished]
        for one, analysis, outcome in done:
            file, request = requests[one.job.number]
            resumed = len(one.missing) < len(analysis.chunks)
            note(file, request, outcome, store, shown)
            outcomes.append((str(file), replace(outcome, resumed=resumed)))
    failed += refused
    failed += [(one.job.file, one.reason) for one in drive.progress if one.reason]
    refusals = {analysis.run.run: reason for analysis, reason in found.refused}
    failed += [(one.job.file, refusals[a.run.run]) for one, a in measured if a.run.run in refusals]
    if where.spool is None:
        _clear(spool, [outcome.run for _, outcome in outcomes])
    return outcomes


def retry(given: Sequence[str], failed: list[tuple[str, str]]) -> str:
    """The command again, for the recordings that failed alone; of a course.toml what is done is skipped.

    `given`: the recordings as they were given, which the command line held between its flags.
    """
    words = sys.argv[1:]
    if not any(word.endswith(".toml") for word in given):
        rest = [word for word in words[1:] if word not in given]
        words = [words[0], *(what for what, _ in failed), *rest]
    return shlex.join(["fertool", *words])


def _jobs(requests: list[tuple[File, Request]], store: Store) -> tuple[list[Job], list[tuple[str, str]]]:
    """What is to be done, and (what, why) of what may not be. Workers have no database to look up consent."""
    from datetime import UTC, datetime

    from fertool.analysis.pipeline import gate
    from fertool.distributed.worker import Job
    from fertool.errors import ConfigError

    now = datetime.now(UTC).isoformat()
    jobs: list[Job] = []
    refused: list[tuple[str, str]] = []
    with store.database.kept():  # thousands of recordings ask
        for number, (file, request) in enumerate(requests):
            try:
                allowed = gate(store, request)
            except ConfigError as error:
                refused.append((str(file), str(error)))
                continue
            place = str(file.resolve())
            jobs.append(Job(number, place, request.facts(), allowed, (now, number), request.force))
    return jobs, refused


def _team(where: Where, kit: Kit) -> tuple[Team, int]:
    from fertool.errors import ConfigError

    if where.engine == "local":
        from fertool.distributed.local import Processes

        return Processes(), where.workers or 1
    if where.engine != "ray":
        raise ConfigError(f"--engine {where.engine}: expected local or ray")
    from fertool.distributed.ray_cluster import Cluster

    cluster = Cluster(where.address, kit.threads, where.gpus)
    return cluster, where.workers or cluster.room


def _clear(spool: Spool, runs: list[str]) -> None:
    """Of a spool that nobody asked for: what is in the database now, and the folder with the last of it."""
    for run in runs:
        spool.drop(run)
    if spool.files.isdir(spool.root) and not spool.files.ls(spool.root):
        spool.files.rmdir(spool.root)


def _settled(store: Store, analysis: Analysis) -> bool:
    """Whether nothing of a recording is to be measured."""
    from fertool.analysis.pipeline import elsewhere

    return store.run_state(analysis.run.run) == "finished" or elsewhere(store, analysis) is not None
