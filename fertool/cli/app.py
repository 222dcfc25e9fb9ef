"""The `fertool` command: every subcommand in its own file.

Command modules import nothing heavy at their top, so that `fertool --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from fertool.cli import (
    analyze,
    assess,
    demo,
    doctor,
    identity,
    ingest,
    new,
    plugins,
    query,
    report,
    rules,
    runs,
    segments,
)
from fertool.cli.privacy import blur, custody, policy
from fertool.cli.students import consent, corrections, enroll, listing, review
from fertool.cli.terminal import streams
from fertool.cli.training import evaluate, export, models, train
from fertool.config import LIMIT
from fertool.errors import FertoolError
from fertool.host import guard

app = typer.Typer(
    name="fertool",
    help="Recorded lecture videos in, engagement reports out: offline, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (analyze, assess, report, demo, runs, query, doctor, train, evaluate, export):
    module.register(app)
for module in (models, policy, custody, identity, blur, ingest):
    module.register(app)
custody.register_students(listing.app)
listing.register(app)
for module in (enroll, review, corrections, consent):
    module.register(listing.app)
for module in (segments, plugins, rules, new):
    module.register(app)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    plugin_limit: int | None = typer.Option(
        None,
        "--plugin-limit",
        min=0,
        envvar=LIMIT,
        help="Seconds that one call of a plugin may take; 0: any.",
        show_default="plugin_limit of fertool.toml, else 600",
        metavar="SECONDS",
    ),
    verbose: bool = typer.Option(
        False, "-v", "--verbose", help="Say each step of the work, before a command."
    ),
    log_file: Path | None = typer.Option(
        None, "--log-file", help="Append each step of the work to a file.", metavar="FILE"
    ),
) -> None:
    streams.log_steps(verbose=verbose, file=log_file)
    if plugin_limit is not None:
        os.environ[LIMIT] = str(plugin_limit)  # read with the settings, of workers too
        guard.set_limit(plugin_limit)
    if version:
        from fertool import __version__

        print(f"fertool {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command; an error a user can act on is one line and exit code 2, a bug keeps its traceback."""
    # All that fertool writes is about people: the owner's eyes only, DuckDB's own log files included.
    os.umask(0o077)
    streams.prepare()
    code = 0
    try:
        app()
    except SystemExit as error:
        code = streams.code(error)
    except FertoolError as error:
        if os.environ.get("FERTOOL_DEBUG"):
            raise
        print(f"fertool: {error}", file=sys.stderr)
        code = 2
    except OSError:
        if (lost := streams.fault(probe=True)) is None:
            raise
        sys.exit(streams.unwritable(lost))
    if (lost := streams.fault()) is not None:
        code = streams.unwritable(lost)
    sys.exit(code)
