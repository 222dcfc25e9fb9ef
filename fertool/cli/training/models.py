"""`fertool models`: list, pull and verify weights that fertool does not ship."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fertool import text
from fertool.cli.terminal.options import Json, print_json, print_table

if TYPE_CHECKING:
    from fertool.contracts import Model

Name = Annotated[str, typer.Argument(help="As `fertool models list` shows it.", metavar="NAME")]

app = typer.Typer(no_args_is_help=True, help="Weights that are not shipped: list, pull, verify, path.")


def register(parent: typer.Typer) -> None:
    """Add the commands `models ...`."""
    parent.add_typer(app, name="models")


@app.command(name="list")
def list_(json: Json = False) -> None:
    """What can be pulled, under which license, and what is here."""
    from fertool.host import weights

    rows = [(m.name, weights.verify(m), _size(m), m.license, m.url, m.note) for m in _catalog().values()]
    columns = ["name", "state", "size", "license", "from", "note"]
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(columns, rows)


@app.command()
def pull(
    name: Name,
    source: Annotated[
        Path | None, typer.Option("--from", help="Take the file from this folder: no network.", metavar="DIR")
    ] = None,
) -> None:
    """Fetch a model and check it. Other commands use the network only for addresses given to them."""
    from fertool.host import weights

    model = _model(name)
    for line in filter(None, (f"license: {model.license}", model.note)):
        print(line, file=sys.stderr)
    print(weights.pull(model, source, _shown))


@app.command()
def verify(name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None) -> None:
    """Hold what is here against the catalog's hashes."""
    from fertool.host import weights

    chosen = [_model(name)] if name else list(_catalog().values())
    states = [(m.name, weights.verify(m)) for m in chosen]
    print_table(["name", "state"], states)
    if any(state == "mismatch" for _, state in states) or (name and states[0][1] != "ok"):
        raise typer.Exit(2)


@app.command()
def path(name: Name) -> None:
    """Where a model lies."""
    from fertool.host import weights

    print(weights.require(_model(name)))


def _catalog() -> dict[str, Model]:
    from fertool.host.registry import KINDS, load_plugins

    registry = load_plugins()
    return {m.name: m for kind in KINDS for found in registry.of_kind(kind) for m in found.plugin.models}


def _model(name: str) -> Model:
    from fertool.errors import FertoolError

    known = _catalog()
    if name not in known:
        hint = text.did_you_mean(name, known, f"known: {', '.join(known)}")
        raise FertoolError(f"unknown model {name!r}", hint)
    return known[name]


def _size(model: Model) -> str:
    return f"{model.size / 1e6:.1f} MB" if model.size else "?"


def _shown(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{done / 1e6:.1f} of {total / 1e6:.1f} MB", end="\n" if done == total else "", file=sys.stderr
        )
