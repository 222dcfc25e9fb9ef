"""`fertool plugins`: what is installed, with its options; what is broken, with the reason."""

from __future__ import annotations

from typing import Any

import typer

from fertool.cli.common import Json, PluginFiles, print_json, print_table


def register(app: typer.Typer) -> None:
    app.command(name="plugins")(plugins)


def plugins(plugin: PluginFiles = None, json: Json = False) -> None:
    """List every plugin with kind, version, origin and options, and each broken one with its reason."""
    from fertool import plugins as loader

    registry = loader.load(plugin or [])
    found = [_describe(f) for kind in loader.KINDS for f in registry.of_kind(kind)]
    broken = [{"name": b.name, "source": b.source, "reason": b.reason} for b in registry.broken]
    if json:
        print_json({"plugins": found, "broken": broken})
        return
    print_table(
        ["kind", "name", "version", "from", "options (-o name.option=value)", "note"],
        [(f["kind"], f["name"], f["version"], f["source"], _spell(f["options"]), f["note"]) for f in found],
    )
    if broken:
        rows = [(b["name"], b["source"], b["reason"]) for b in broken]
        print_table(["broken", "from", "reason"], rows)


def _describe(found: Any) -> dict[str, Any]:
    from fertool.options import describe

    plugin = found.plugin
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "version": plugin.version,
        "source": found.source,
        "summary": (plugin.__doc__ or "").strip().split("\n")[0],
        "options": [o._asdict() for o in describe(plugin)],
        "note": plugin().available(),
    }


def _spell(options: list[dict[str, Any]]) -> str:
    return "\n".join(f"{o['name']}={o['default']}  {o['help']}" for o in options)
