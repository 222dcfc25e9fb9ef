"""`fertool export`: the network of a classifier as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fertool.cli.terminal.options import Options, PluginFiles
from fertool.cli.training.networks import trainable
from fertool.host import guard


def register(app: typer.Typer) -> None:
    """Add the command `export`."""
    app.command(name="export")(export)


def export(
    name: Annotated[str, typer.Argument(help="A classifier with trained weights.", metavar="NAME")],
    onnx: Annotated[Path, typer.Option("--onnx", help="The file to write.", metavar="FILE")],
    option: Options = None,
    plugin: PluginFiles = None,
) -> None:
    """Write a classifier's network as ONNX, held against PyTorch on random faces before it is kept.

    Input `faces` (n, channels, size, size) float32 in 0..1, output `probabilities` (n, labels).
    """
    from fertool.errors import FertoolError
    from fertool.training.onnx import export as write

    chosen = trainable(name, option or [], plugin or [])
    if reason := guard.available(chosen):
        raise FertoolError(f"classifier {name!r} cannot be exported: {reason}")
    if not onnx.parent.is_dir():
        raise FertoolError(f"--onnx: no folder {onnx.parent}", "make it first, or give another file")
    difference = write(chosen, onnx)
    print(f"{onnx} ({onnx.stat().st_size / 1e6:.1f} MB), at most {difference:.1e} from PyTorch")
