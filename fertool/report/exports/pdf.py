"""Pages as PDF: a Chromium on this machine prints what was rendered, without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import FertoolError

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = "pdf"
VARIABLE = "FERTOOL_CHROMIUM"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
TIMEOUT_S = 180
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the network is off, whatever a page asks for
    "--no-pdf-header-footer",
    "--virtual-time-budget=10000",  # waits for charts, not for a clock
)
ELSEWHERE = re.compile(r'(<a\b[^>]*?)\shref="(?!#)[^"]*"')
"""Links out of a page: on paper they lead nowhere, and would spell where the report lay."""


def browser() -> str:
    """The program to print with: FERTOOL_CHROMIUM, else what is on the path. Raises FertoolError."""
    wanted = os.environ.get(VARIABLE)
    found = [path for name in ([wanted] if wanted else PROGRAMS) if (path := shutil.which(name))]
    if not found:
        what = f"{VARIABLE}={wanted}: no such program" if wanted else "PDF needs Chromium, which is not here"
        hint = (
            f"install chromium (Debian: apt-get install chromium) or Chrome, or set {VARIABLE} to the program"
        )
        raise FertoolError(what, hint)
    return found[0]


def write(site: Path, folder: Path, progress: Callable[[str], None] = lambda _: None) -> None:
    """`pdf/PAGE.pdf` in `folder` for every HTML page of the site, in the same folders as the pages."""
    program = browser()
    pages = sorted(site.rglob("*.html"))
    with tempfile.TemporaryDirectory(prefix="fertool-print-") as work:
        # A copy to print from: Chromium of some packages may read only some folders, and links are cut.
        copy = Path(work, "site")
        shutil.copytree(site, copy)
        for page in pages:
            name = page.relative_to(site)
            progress(f"{name} as PDF")
            draft = copy / name
            draft.write_text(ELSEWHERE.sub(r"\1", draft.read_text(encoding="utf-8")), encoding="utf-8")
            target = folder / FOLDER / name.with_suffix(".pdf")
            target.parent.mkdir(parents=True, exist_ok=True)
            _print(program, draft, target, Path(work, "profile"))


def _print(program: str, page: Path, target: Path, profile: Path) -> None:
    root = (
        ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    )  # it refuses root otherwise
    words = [program, *FLAGS, *root, f"--user-data-dir={profile}", f"--print-to-pdf={target}", page.as_uri()]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FertoolError(f"{program}: printing {page.name} failed: {error}", f"set {VARIABLE}") from error
    if done.returncode or not target.is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FertoolError(
            f"{program}: printing {page.name} failed: {last}", f"set {VARIABLE} to another one"
        )
