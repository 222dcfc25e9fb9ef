"""`fertool policy explain`: what the settings switch on and off, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fertool.cli.terminal.options import Json, print_json, print_table, settings

if TYPE_CHECKING:
    from fertool.contracts import Rule


def register(app: typer.Typer) -> None:
    """Add the commands `policy ...`."""
    policy = typer.Typer(help="What may be computed, stored and shown.", no_args_is_help=True)
    policy.command(name="explain")(explain)
    app.add_typer(policy, name="policy")


def explain(
    policy: Annotated[
        str | None, typer.Option("--policy", help="As for analyze: full or behaviour.", metavar="P")
    ] = None,
    consent: Annotated[
        str | None, typer.Option("--consent", help="As for analyze: off or required.", metavar="C")
    ] = None,
    json: Json = False,
) -> None:
    """Explain what the settings in force here switch on and off, and why."""
    from dataclasses import asdict

    from fertool.host.registry import load_plugins
    from fertool.privacy.policy import explain as explain_all

    chosen = settings(policy=policy, consent=consent)
    registry = load_plugins([*map(Path, chosen.plugins)])
    found = [cast("type[Rule]", rule.plugin) for rule in registry.of_kind("rule")]
    rules = [(rule.name, rule.signals) for rule in found]
    lines = explain_all(chosen, sorted(rules))
    if json:
        print_json([asdict(line) for line in lines])
    else:
        print_table(["what", "state", "why"], [(line.what, line.state, line.why) for line in lines])
