"""The page "Write a rule" in plugins/README.md: every command on it is run, in its order."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Write a rule\n")[1].split("\n## ")[0]
COMMANDS = [shlex.split(line) for line in SECTION.splitlines() if line.startswith("    ")]


def watch(words: list[str]) -> str:
    """Run one that watches until it does, and end it as a person would."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout
        shown = []
        for line in running.stdout:
            shown.append(line)
            if line.startswith("watching"):
                running.send_signal(signal.SIGINT)
    assert running.returncode == 0, shown
    return "".join(shown)


def test_every_command_does_what_the_page_says(fertool, tmp_path: Path) -> None:
    assert [words[:2] for words in COMMANDS] == [
        ["fertool", command] for command in ["demo", "new", "plugins", "assess", "query", "assess", "report"]
    ]
    shown = {}
    for words in COMMANDS:
        if "--watch" in words:
            shown["watch"] = watch(words)
            continue
        done = fertool(*words[1:])
        assert done.code == 0, (words, done.err)
        shown[words[1]] = done.out
    assert "seen_enough.py: rule seen-enough: keeps its contract" in shown["plugins"]
    assert "seen-enough" in shown["assess"]
    assert "seen-enough" in shown["watch"]
    assert "student-06" in shown["query"], "six people"
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "report").rglob("*.html")]
    assert any("seen-enough" in page for page in pages)
    found = fertool(*COMMANDS[4][1:], "--json")
    values = {row["student"]: row["value"] for row in json.loads(found.out)}
    assert len(values) == 12, "six people from pixels, two with a name, four in the other course"
    assert all(0 <= value <= 1 for value in values.values())
    assert min(values.values()) < 1, "they come and go"
