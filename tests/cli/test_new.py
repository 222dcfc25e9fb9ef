"""`fertool new` writes what `fertool plugins check` and its own tests are content with, as written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = ["rule", "detector", "classifier", "encoder"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_keeps_its_contract(fertool, kind: str) -> None:
    made = fertool("new", kind, "my-own")
    assert made.code == 0, made.err
    assert made.out == "my_own.py\nnext: fertool plugins check my_own.py\n"
    checked = fertool("plugins", "check", "my_own.py")
    assert (checked.code, checked.out) == (0, f"my_own.py: {kind} my-own: keeps its contract\n")
    again = fertool("new", kind, "my-own")
    assert again.code == 2
    assert "my_own.py: there is something already" in again.err


def test_a_new_rule_is_ready_for_assess(fertool, tmp_path: Path) -> None:
    from fertool.storage.store import Store
    from fertool.testing import store_lecture, timeline

    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {"ann": timeline("neutral*10 absent*30")})
    assert fertool("new", "rule", "seen-enough", "--dir", "rules").code == 0
    done = fertool("assess", "--plugin", "rules/seen_enough.py", "-o", "seen-enough.low=0.2", "--json")
    assert done.code == 0, done.err
    mine = [r for r in json.loads(done.out)["assessments"] if r["rule"] == "seen-enough"]
    assert [(r["value"], r["level"]) for r in mine] == [(0.25, "good")]


def test_new_packages_install_and_pass_their_own_tests(fertool, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    for kind in KINDS:
        made = fertool("new", kind, f"my-{kind}", "--package")
        assert made.out.startswith(f"fertool-my-{kind}\nnext: pip install -e fertool-my-{kind} && pytest")
    folders = [tmp_path / f"fertool-my-{kind}" for kind in KINDS]
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(target)]
    pip = [sys.executable, "-m", "pip", "install", *flags, *map(str, folders)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    env = {**os.environ, "PYTHONPATH": str(target)}
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    tests = subprocess.run(
        [sys.executable, *words, *(str(f / "tests") for f in folders)],
        env=env,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert tests.returncode == 0, tests.stdout
    assert "8 passed" in tests.stdout
    code = (
        "from fertool.host.registry import load_plugins as load; print(*sorted(n for _, n in load().found))"
    )
    listed = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert {f"my-{kind}" for kind in KINDS} <= set(listed.stdout.split())


BAD = [
    (["rules", "x"], "unknown kind of plugin (known: rule, detector, classifier, encoder)"),
    (["rule", "My Rule"], "expected lower case letters"),
    (["rule", "presence"], "the name is taken by fertool"),
    (["rule", "nul"], "Windows has no file of that name"),  # nul.py
    (["rule", "x", "--dir", "file.txt"], "cannot be written"),
]


@pytest.mark.parametrize(("words", "reason"), BAD)
def test_what_cannot_be_made_is_said(fertool, words: list[str], reason: str) -> None:
    Path("file.txt").write_text("")
    done = fertool("new", *words)
    assert done.code == 2
    assert reason in done.err
    assert [p.name for p in Path().iterdir()] == ["file.txt"], "nothing is left behind"
