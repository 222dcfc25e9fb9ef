"""`fertool doctor`: what an analysis needs, what is missing, and how to install it."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from pathlib import Path

import typer

from fertool.cli.terminal.options import print_table
from fertool.host import guard

PACKAGES = {
    "torch": "torch", "cv2": "opencv-python", "av": "av", "duckdb": "duckdb", "polars": "polars",
    "pyarrow": "pyarrow", "plotly": "plotly", "insightface": "insightface", "scipy": "scipy",
}  # fmt: skip
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb.so.1": "libxcb1",
    "libSM.so.6": "libsm6",
    "libXext.so.6": "libxext6",
}
"""System libraries that `import cv2` may miss, and the Debian or Ubuntu package that brings each."""
LOW_DISK = 1e9


def register(app: typer.Typer) -> None:
    """Add the command `doctor`."""
    app.command(name="doctor")(doctor)


def doctor() -> None:
    """Check packages, system libraries, devices, plugins, models and disk; say what to do."""
    rows = [("ok", "python", platform.python_version())]
    rows += [_package(module, dist) for module, dist in PACKAGES.items()]
    bad = [row for row in rows if row[0] == "missing"]
    if not bad:
        rows += [_device(), *_plugins()]
    rows.append(_disk())
    print_table(["", "what", "found"], rows)
    if bad:
        raise typer.Exit(2)


def _package(module: str, dist: str) -> tuple[str, str, str]:
    from importlib.metadata import PackageNotFoundError, version  # slow to import, for every command

    try:
        importlib.import_module(module)
        return "ok", dist, version(dist)
    except PackageNotFoundError:
        return "ok", dist, "unknown version"
    except ImportError as error:
        return "missing", dist, advice(str(error))


def advice(error: str) -> str:
    """What to do about an ImportError's text."""
    for library, package in LIBRARIES.items():
        if library in error:
            return f"the system library {library} is missing: apt-get install {package}"
    return f"{error}: pip install it again"


def _device() -> tuple[str, str, str]:
    import torch

    from fertool.host.toolbox import device

    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()}"
    return "ok", "device", f"{device('auto')}, {threads}"


def _plugins() -> list[tuple[str, str, str]]:
    from fertool.host.registry import KINDS, load_plugins

    registry = load_plugins()
    rows = []
    for kind in KINDS:
        for found in registry.of_kind(kind):
            missing = guard.available(found.plugin())
            rows.append(("note" if missing else "ok", f"{kind} {found.plugin.name}", missing or found.source))
    return rows + [("broken", broken.name, broken.reason) for broken in registry.broken]


def _disk() -> tuple[str, str, str]:
    free = shutil.disk_usage(Path.cwd()).free
    return "note" if free < LOW_DISK else "ok", "disk", f"{free / 1e9:.1f} GB free in {Path.cwd()}"
