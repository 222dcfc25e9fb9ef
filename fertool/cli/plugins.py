"""`fertool plugins`: installed plugins with options, and broken ones with the reason."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from fertool.cli.terminal.options import Json, PluginFiles, print_json, print_table
from fertool.host import guard

app = typer.Typer(help="List every plugin, and each broken one with its reason; check one of your own.")


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="plugins")


@app.callback(invoke_without_command=True)
def plugins(context: typer.Context, plugin: PluginFiles = None, json: Json = False) -> None:
    """List every plugin with kind, version, origin and options, and each broken one with its reason."""
    if context.invoked_subcommand is None:
        _list(plugin or [], json=json)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Python files with plugins.", metavar="FILE.py...")],
) -> None:
    """Hold the plugins of a file against their contracts, and say what to change."""
    from fertool.errors import PluginError
    from fertool.host import registry as loader

    bad = 0
    for file in files:
        try:
            found = [f for f in loader.load_plugins([file]).found.values() if f.source == str(file)]
        except PluginError as error:
            print(f"fertool: {error}", file=sys.stderr)
            bad += 1
            continue
        for one in found:
            reason = _fault(one.plugin, file)
            bad += bool(reason)
            about = f"{file}: {one.plugin.kind} {one.plugin.name}"
            if reason:
                print(f"{about}: {reason}", file=sys.stderr)
            elif missing := guard.available(one.plugin()):
                print(
                    f"{about}: can be registered; the rest was not tried, for it cannot run here: {missing}"
                )
            else:
                print(f"{about}: keeps its contract")
    if bad:
        raise typer.Exit(2)


def _fault(plugin: Any, file: Path) -> str:
    """What the conformance kit has to say against a plugin; empty for nothing."""
    from fertool.errors import FertoolError
    from fertool.testing import check_plugin

    try:
        check_plugin(plugin)
    except (AssertionError, FertoolError) as error:
        cause = error.__cause__ or error
        return f"{getattr(error, 'message', error)}{_line(cause, file)}"
    except Exception as error:  # a plugin's own bug, before it was asked anything
        return f"raised {type(error).__name__}: {error}{_line(error, file)}"
    return ""


def _line(error: BaseException, file: Path) -> str:
    """Where in the author's file it happened."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file.resolve()
    ]
    return f" [{file}:{lines[-1]}]" if lines else ""


def _list(plugin: list[Path], *, json: bool) -> None:
    from fertool.host import registry as loader

    registry = loader.load_plugins(plugin)
    found = [_describe(f) for kind in loader.KINDS for f in registry.of_kind(kind)]
    broken = [{"name": b.name, "source": b.source, "reason": b.reason} for b in registry.broken]
    if json:
        print_json({"plugins": found, "broken": broken})
        return
    print_table(
        ["kind", "name", "version", "from", "note"],
        [(f["kind"], f["name"], f["version"], f["source"], f["note"]) for f in found],
    )
    # The encoder and the classifier `faceapi` share an option: it is one.
    options = {f"{f['name']}.{o['name']}={o['default']}": o["help"] for f in found for o in f["options"]}
    print_table(["option (-o), default", "meaning"], options.items())
    if broken:
        rows = [(b["name"], b["source"], b["reason"]) for b in broken]
        print_table(["broken", "from", "reason"], rows)


def _describe(found: Any) -> dict[str, Any]:
    from fertool.host.options import describe

    plugin = found.plugin
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "version": plugin.version,
        "source": found.source,
        "summary": (plugin.__doc__ or "").strip().split("\n")[0],
        "options": [o._asdict() for o in describe(plugin)],
        "note": guard.available(plugin()),
    }
