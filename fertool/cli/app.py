"""The `fertool` command: every subcommand in its own file.

`fertool --help` imports none of these files, and a command only its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from fertool.cli.terminal import streams
from fertool.config import LIMIT
from fertool.errors import FertoolError

if TYPE_CHECKING:
    from typer._click.core import Context
    from typer._click.formatting import HelpFormatter

COMMANDS = {
    "analyze": ("analyze", "Analyze recordings: faces, students, expressions, frame by frame, into DuckDB."),
    "assess": (
        "assess",
        "Judge what is stored with every rule, also with one of your own: --plugin my_rule.py.",
    ),
    "report": (
        "report",
        "Render HTML pages that work anywhere, also from a USB stick without network, or tables and PDF.",
    ),
    "demo": (
        "demo",
        "Make a gallery-view lecture of six people who come and go, analyze it, simulate the rest of their "
        "course, and write its report.",
    ),
    "runs": (
        "runs",
        "List all runs, newest first; the current run of a recording is the one that reports use.",
    ),
    "query": (
        "query",
        "Ask the database in SQL, read-only. Views: frame_emotions, samples_seen, assessments_latest.",
    ),
    "doctor": (
        "doctor",
        "Check packages, system libraries, devices, plugins, models and disk; say what to do.",
    ),
    "train": (
        "training.train",
        "Train a classifier on split `train`, selecting the best epoch on `validation` (or `public`).",
    ),
    "evaluate": (
        "training.evaluate",
        "Accuracy, F1, calibration, cross-entropy, time and memory; models are compared.",
    ),
    "export": (
        "training.export",
        "Write a classifier's network as ONNX, held against PyTorch on random faces before it is kept.",
    ),
    "explain": (
        "training.explain",
        "Show which pixels of a face a classifier's answer rests on, as a page that holds the face.",
    ),
    "models": ("training.models", "Weights that are not shipped: list, pull, verify, path."),
    "policy": ("privacy.policy", "What may be computed, stored and shown."),
    "purge": (
        "privacy.custody",
        "Remove what was analyzed longer ago than that, and rewrite the database without it.",
    ),
    "audit": ("privacy.custody", "List which command showed or changed whose data, newest first."),
    "identity": ("identity", "How well people were told apart: evaluate."),
    "blur": (
        "privacy.blur",
        "Write a copy with faces blurred in every frame and the sound as it was, for sharing.",
    ),
    "ingest": (
        "ingest",
        "Load all that was measured into a spool, link students, judge. Doing it twice changes nothing.",
    ),
    "students": (
        "students.listing",
        "Who is who in a course: enroll, list, show, review, rename, merge, split; what they may ask for: "
        "consent, withdraw, export, forget.",
    ),
    "segments": (
        "segments",
        "Cut an analyzed lecture into other segments and judge it again, or show those it has.",
    ),
    "plugins": ("plugins", "List every plugin, and each broken one with its reason; check one of your own."),
    "rules": ("rules", "Sensitivity to thresholds and to errors of the classifier."),
    "new": ("new", "Write a plugin to start from: one file, or with --package all that a package needs."),
}
"""Name -> the module in `fertool.cli`, and what the help of the command begins with."""


_DELETE = "`fertool students forget` removes a student, `fertool purge --older-than 0d` all that was analyzed"
GUESSED = {
    **dict.fromkeys(("delete", "remove", "rm", "drop"), _DELETE),
    **dict.fromkeys(("open", "view", "show"), "`fertool report --open` shows the report in the browser"),
    "serve": "`fertool report --serve` shows it here, up to date",
    "undo": "`fertool students rename`, `merge` and `split` correct who is who",
    "list": "`fertool runs` lists what was analyzed, `fertool students list` who was seen",
    "pull": "`fertool models pull` fetches weights",
    "sql": "`fertool query` asks the database in SQL",
    "consent": "`fertool students consent` records it",
    **{
        name: f"`fertool students {name}` does that"
        for name in ("enroll", "review", "rename", "merge", "split", "withdraw", "forget")
    },
}
"""Commands as people guess them -> what does that."""


@cache
def _loaded(name: str) -> TyperCommand | TyperGroup:
    """A command or group, built by its module."""
    parent = typer.Typer()
    import_module(f"fertool.cli.{COMMANDS[name][0]}").register(parent)
    return get_group(parent).commands[name]  # type: ignore[return-value]


class _Commands(Mapping[str, "TyperCommand | TyperGroup"]):
    """All commands by name; a module is imported when its command is asked for."""

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        if name not in COMMANDS:
            raise KeyError(name)
        return _loaded(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Root(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()  # type: ignore[assignment]

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, TyperCommand | TyperGroup | None, list[str]]:
        """As of any group; of a command that people guess, the error says which one does that."""
        if args and args[0] in GUESSED:
            ctx.fail(f"No such command {args[0]!r}: {GUESSED[args[0]]}.")
        return super().resolve_command(ctx, args)  # type: ignore[return-value]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The list in `fertool --help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


app = typer.Typer(
    name="fertool",
    cls=_Root,
    help="Recorded lecture videos in, engagement reports out: offline, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain: to import what draws boxes takes longer than all else. Help of a single command has them.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


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
        from fertool.host import guard

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
