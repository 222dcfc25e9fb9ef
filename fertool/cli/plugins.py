"""`fertool plugins`: installed plugins with options, and broken ones with the reason."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fertool.cli.terminal.options import Json, PluginFiles, print_json, print_table
from fertool.host import guard

app = typer.Typer(help="List every plugin, and each broken one with its reason; check one of your own.")


def register(parent: typer.Typer) -> None:
    """Add the commands `plugins ...`."""
    parent.add_typer(app, name="plugins")


@app.callback(invoke_without_command=True)
def plugins(context: typer.Context, plugin: PluginFiles = None, json: Json = False) -> None:
    """List every plugin with kind, version, origin and options, and each broken one with its reason."""
    if context.invoked_subcommand is None:
        _list(plugin or [], json=json)


@app.command()
def check(
    names: Annotated[
        list[str], typer.Argument(help="Python files, or installed packages.", metavar="FILE.py|PACKAGE...")
    ],
) -> None:
    """Hold the plugins of files and installed packages against their contracts, and say what to change."""
    from fertool.errors import PluginError
    from fertool.host import registry as loader

    bad = 0
    for name in names:
        try:
            found, broken = loader.of(name)
        except PluginError as error:
            print(f"fertool: {error}", file=sys.stderr)
            bad += 1
            continue
        for one in broken:
            print(f"{name}: {one.name}: {one.reason}{one.place}", file=sys.stderr)
        bad += len(broken)
        for each in found:
            reason = _fault(each.plugin, name)
            bad += bool(reason)
            about = f"{name}: {each.plugin.kind} {each.plugin.name}"
            if reason:
                print(f"{about}: {reason}", file=sys.stderr)
            elif missing := guard.available(each.plugin()):
                print(
                    f"{about}: can be registered; the rest was not tried, for it cannot run here: {missing}"
                )
            else:
                print(f"{about}: keeps its contract")
    if bad:
        raise typer.Exit(2)


def _fault(plugin: Any, name: str) -> str:
    """What the conformance kit has to say against a plugin; empty for nothing."""
    from fertool.errors import FertoolError
    from fertool.host.registry import raised_at
    from fertool.testing import check_plugin

    file = name if name.endswith(".py") else sys.modules[plugin.__module__].__file__
    try:
        check_plugin(plugin)
    except (AssertionError, FertoolError) as error:
        return f"{getattr(error, 'message', error)}{raised_at(error.__cause__ or error, file)}"
    except Exception as error:  # a plugin's own bug, before it was asked anything
        return f"raised {type(error).__name__}: {error}{raised_at(error, file)}"
    return ""


def _list(plugin: list[Path], *, json: bool) -> None:
    from fertool.host import registry as loader

    registry = loader.load_plugins(plugin)
    found = [_describe(f) for kind in loader.KINDS for f in registry.of_kind(kind)]
    broken = [{"name": b.name, "source": b.source, "reason": f"{b.reason}{b.place}"} for b in registry.broken]
    if json:
        print_json({"plugins": found, "broken": broken})
        raise typer.Exit(2 if broken else 0)
    print_table(
        ["kind", "name", "version", "from", "note"],
        [(f["kind"], f["name"], f["version"], f["source"], f["note"]) for f in found],
    )
    options = [(f"{f['name']}.{o['name']}={o['default']}", o["help"]) for f in found for o in f["options"]]
    print_table(["option (-o), default", "meaning"], options)
    if broken:
        rows = [(b["name"], b["source"], b["reason"]) for b in broken]
        print_table(["broken", "from", "reason"], rows)
        raise typer.Exit(2)


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
