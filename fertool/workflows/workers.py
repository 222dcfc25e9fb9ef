"""Analyze recordings on several workers: send out the work, follow it, take the results into the database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import ConfigError
from fertool.workflows.analyze import Measured, note
from fertool.workflows.plan import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.analysis.pipeline import Outcome
    from fertool.analysis.request import Request
    from fertool.analysis.run import Analysis
    from fertool.analysis.spool import Spool
    from fertool.distributed.scheduler import WorkerPool
    from fertool.distributed.worker import Job, WorkerConfig
    from fertool.media.remote import File
    from fertool.storage.store import Store
    from fertool.workflows.plan import Failed, Plan
    from fertool.workflows.reporter import Reporter


def measure(plan: Plan, store: Store, reporter: Reporter) -> Measured:
    """Measure on workers into the spool, then load that and link students.

    Raises ConfigError for an unknown engine; a recording that fails is in the result, with the reason.
    """
    from fertool.analysis.pipeline import finish
    from fertool.analysis.spool import Spool
    from fertool.distributed.ingest import ingest
    from fertool.distributed.scheduler import Scheduler

    where = plan.arguments.workers or Workers()
    config = _config(plan, where)
    spool = Spool(config.spool)
    pool, count = _pool(where, config)
    jobs, refused = _jobs(plan.requests, store)
    scheduler = Scheduler(pool, config, jobs, lambda analysis: _settled(store, analysis), spool.done)
    for what, why in refused:
        reporter.failed(what, why)
    scheduler.run(count, reporter.notified)
    measured = [(one, one.analysis) for one in scheduler.progress if one.analysis and not one.reason]
    first = {analysis.run.id: (one, analysis) for one, analysis in reversed(measured)}
    copies = [pair for pair in measured if pair not in first.values()]
    for _, copy in copies:  # of the same bytes: whose the run is, the one described last has said
        spool.describe(first[copy.run.id][1])
    forced = {run for run, (one, _) in first.items() if one.job.force}
    found = ingest(store, spool, reporter.ingesting, first, forced)
    for trace in found.traces:
        reporter.warning(trace)
    done = [(first[analysis.run.id][0], analysis, outcome) for analysis, outcome in found.outcomes]
    finished = {outcome.run for _, _, outcome in done}
    done += [(one, copy, finish(store, copy)) for one, copy in copies if copy.run.id in finished]
    outcomes: list[tuple[str, Outcome]] = []
    for one, analysis, outcome in done:
        file, request = plan.requests[one.job.number]
        resumed = len(one.missing) < len(analysis.chunks)
        note(file, request, outcome, store, reporter)
        outcomes.append((str(file), replace(outcome, resumed=resumed)))
    failed = [*refused, *((one.job.file, one.reason) for one in scheduler.progress if one.reason)]
    refusals = {analysis.run.id: reason for analysis, reason in found.refused}
    failed += [(one.job.file, refusals[a.run.id]) for one, a in measured if a.run.id in refusals]
    if where.spool is None:
        _clear(spool, [outcome.run for _, outcome in outcomes])
    return Measured(outcomes, failed)


def _config(plan: Plan, where: Workers) -> WorkerConfig:
    """What the workers are sent before anything else."""
    from fertool.distributed.worker import WorkerConfig
    from fertool.vision.cores import cores

    files = {file.resolve(): file.name for file in [*map(Path, plan.settings.plugins), *plan.plugins]}
    shared = cores() // (where.workers or 1) if where.engine == "local" else 1
    return WorkerConfig(
        settings=replace(plan.settings, plugins=[]),
        pairs=tuple(plan.options),
        files=tuple((name, path.read_bytes()) for path, name in files.items()),
        tools=plan.tools.describe(),
        spool=where.spool or str(Path(f"{plan.settings.db}.spool").resolve()),
        threads=where.threads or max(1, shared),
    )


def _jobs(requests: Sequence[tuple[File, Request]], store: Store) -> tuple[list[Job], Failed]:
    """What is to be done, and (what, why) of what may not be. Workers have no database to look up consent."""
    from datetime import UTC, datetime

    from fertool.analysis.pipeline import gate
    from fertool.distributed.worker import Job

    now = datetime.now(UTC).isoformat()
    jobs: list[Job] = []
    refused: Failed = []
    with store.database.kept():  # thousands of recordings ask
        for number, (file, request) in enumerate(requests):
            try:
                allowed = gate(store, request)
            except ConfigError as error:
                refused.append((str(file), str(error)))
                continue
            place = str(file.resolve())
            jobs.append(Job(number, place, request.facts(), allowed, (now, number)))
    return jobs, refused


def _pool(where: Workers, config: WorkerConfig) -> tuple[WorkerPool, int]:
    """Where workers come from, and how many."""
    if where.engine == "local":
        from fertool.distributed.local import Processes

        return Processes(), where.workers or 1
    if where.engine != "ray":
        raise ConfigError(f"--engine {where.engine}: expected local or ray")
    from fertool.distributed.ray_cluster import Cluster

    cluster = Cluster(where.address, config.threads, where.gpus)
    return cluster, where.workers or cluster.room


def _clear(spool: Spool, runs: Sequence[str]) -> None:
    """Delete from a spool that nobody asked for what is in the database now, and its folder once empty."""
    for run in runs:
        spool.drop(run)
    if spool.files.isdir(spool.root) and not spool.files.ls(spool.root):
        spool.files.rmdir(spool.root)


def _settled(store: Store, analysis: Analysis) -> bool:
    """Whether nothing of a recording is to be measured."""
    from fertool.analysis.pipeline import elsewhere

    return store.run_state(analysis.run.id) == "finished" or elsewhere(store, analysis) is not None
