"""Every module can be imported where what only POSIX has is missing, as on Windows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WITHOUT = """
import importlib, pkgutil, signal, sys

POSIX = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "spwd", "syslog", "readline"}
SIGNALS = ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGQUIT", "SIGSTOP")

# Third-party libraries are imported first: they have files of their own for Windows.
for name in sys.argv[1:]:
    importlib.import_module(name)


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in POSIX:
            raise ImportError(f"no {name} on this system")


for name in POSIX:
    sys.modules.pop(name, None)
for name in SIGNALS:
    if hasattr(signal, name):
        delattr(signal, name)
sys.meta_path.insert(0, Missing())
broken = []
for package in ("fertool", "fertool_plugins"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except ImportError as error:
            if getattr(error, "name", None) not in ("ray", "insightface", "openpyxl"):
                broken.append(f"{found.name}: {error!r}")
        except Exception as error:
            broken.append(f"{found.name}: {error!r}")
print("\\n".join(broken))
"""
THEIRS = (
    *("asyncio", "concurrent.futures.process", "getpass", "http.server", "multiprocessing.popen_spawn_posix"),
    *("subprocess", "webbrowser", "av", "cryptography.fernet", "cv2", "duckdb", "fsspec", "jinja2", "numpy"),
    *("onnxruntime", "plotly.graph_objects", "polars", "rich.console", "rich.progress", "safetensors.torch"),
    *("torch", "typer"),
)
LATER = ("signal.SIGKILL", "signal.SIGHUP", "os.fork(", "os.getuid(")


def test_no_module_needs_what_only_posix_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *THEIRS], capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


def test_signals_and_modules_of_posix_are_asked_for_with_care() -> None:
    """A name that is used when the module is imported fails above; one that is used later is found here."""
    found = []
    for folder in ("fertool", "plugins/fertool_plugins"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                if any(
                    name in line for name in ("signal.SIGKILL", "signal.SIGHUP", "os.fork(", "os.getuid(")
                ):
                    found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []
