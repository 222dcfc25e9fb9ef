"""Plain words in American spelling, in everything that people read: sources, tests, pages, documentation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = {".py", ".md", ".toml", ".html", ".css", ".js", ".txt", ".yml"}
FOLDERS = ("fertool", "plugins", "examples", "tests")
AVOIDED = (
    *("whoever", "whomever", "anew", "dealt", "let go", "lets go", "of whom", "thereof", "goes by", "go by"),
    *("what becomes of", "knows of", "in doubt"),
)
"""Words that a reader must translate first, where plain ones exist: `again`, `each person`."""
AVOID = re.compile(rf"\b({'|'.join(AVOIDED)})\b", re.IGNORECASE)


def texts() -> list[Path]:
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in KINDS)
    found = [*ROOT.glob("*.md"), *sorted(inside)]
    return [path for path in found if path != Path(__file__) and not path.name.endswith(".min.js")]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Whoever agreed", ["Whoever"]),
        ("measured anew, and dealt with", ["anew", "dealt"]),
        ("a renewal; ideal; the doubt in it", []),  # whole words only
        ("two people, of whom one\nlet go", ["of whom", "let go"]),
    ],
)
def test_the_pattern(line: str, found: list[str]) -> None:
    assert AVOID.findall(line) == found


def test_plain_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in AVOID.finditer(line)
    ]
    assert found == []


def test_american_spelling() -> None:
    """codespell, as pyproject.toml sets it."""
    words = [sys.executable, "-m", "codespell_lib", *(str(path.relative_to(ROOT)) for path in texts())]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_codespell_would_find_a_word(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("The colour of a catalogue.\n")
    words = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml"), "page.md"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 65, done.stderr
    assert "colour ==> color" in done.stdout
    assert "catalogue ==> catalog" in done.stdout
