"""Each helper stands once: what it does is called nowhere else, but for the exceptions below."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]


TEMPORARY = ("mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory")


@cache
def sources() -> dict[str, str]:
    """Path below the repository -> text, of what is shipped: the core and its plugins."""
    folders = (ROOT / "fertool", ROOT / "plugins" / "fertool_plugins")
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(sources()[name])


def called(node: ast.AST) -> str:
    """`hashlib.sha256` of a call of that; of a method, its last two names."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def moves(node: ast.AST) -> bool:
    """A file or folder that takes another name: `os.replace`, and the methods of paths, which have one
    argument (`replace` of a text has two; polars' have one as well, hence exceptions)."""
    if called(node) in ("os.replace", "os.rename", "os.link", "shutil.move"):
        return True
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in ("replace", "rename") and len(node.args) == 1 and not node.keywords


def beside(node: ast.AST) -> bool:
    """A temporary file or folder beside the one that is to be written."""
    made = called(node).rpartition(".")[2]
    return made in (
        "mkstemp",
        "mkdtemp",
        "NamedTemporaryFile",
        "TemporaryDirectory",
    ) and "dir=" in ast.unparse(node)


def hashes(node: ast.AST) -> bool:
    return called(node).rpartition(".")[2] in ("sha256", "file_digest") and "hashlib" in called(node)


def imports(module: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        return module in names or (isinstance(node, ast.ImportFrom) and node.module == module)

    return found


def of_an_hour(node: ast.AST) -> bool:
    """Arithmetic with 60 or 3600 by which a clock is made: // or % or divmod."""
    numbers = (60, 3600)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv | ast.Mod):
        return isinstance(node.right, ast.Constant) and node.right.value in numbers
    return called(node) == "divmod" and getattr(node.args[1], "value", None) in numbers  # type: ignore[attr-defined]


def digits_apart(node: ast.AST) -> bool:
    """`re.split` at numbers, the start of a natural order."""
    return called(node) == "re.split" and re.search(r"\[0-9\]\+|\\\\d\+", ast.unparse(node)) is not None


def united(node: ast.AST) -> bool:
    """The area of two boxes together: the sum of two, less what they share."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):
        return False
    return ast.unparse(node.left).count("areas(") == 2 or "inter" in ast.unparse(node.right)


def one_person(node: ast.AST) -> bool:
    """The decision whose distance counts: the detector's where it makes embeddings, else the encoder's."""
    if not isinstance(node, ast.IfExp):
        return False
    return ast.unparse(node.test).endswith("same_person is None")


def plural(node: ast.AST) -> bool:
    """`'' if number == 1 else 's'` and the like."""
    if not isinstance(node, ast.IfExp):
        return False
    return {ast.unparse(node.body), ast.unparse(node.orelse)} == {"''", "'s'"}


DOORS = {
    # What, how it shows in the source -> the one module in which it may, and exceptions with their reason.
    "swap in": (
        moves,
        {
            "fertool/files.py": "`swapped`",
            "fertool/host/weights.py": "a folder that stands in the place of a model is moved away, not in",
            "fertool/report/data/lecture.py": "polars",
            "fertool/report/exports/tables.py": "polars",
            "fertool/training/datasets/formats.py": "polars",
        },
    ),
    "draft beside": (
        beside,
        {
            "fertool/files.py": "`swapped`",
            "fertool/storage/rewrite.py": "a copy that is searched and deleted, never put in place",
        },
    ),
    "hash": (
        hashes,
        {
            "fertool/files.py": "`sha256` of files; all others hash values in memory",
            "fertool/analysis/run.py": "a configuration",
            "fertool/demo/timelines.py": "a simulated recording, which has no file",
            "fertool/host/networks.py": "exported networks, and what decides about them",
            "fertool/host/toolbox.py": "plugins and their options",
            "fertool/identity/enrollment.py": "a picture whose bytes are read once, hashed and decoded",
            "fertool/privacy/consent_gate.py": "who is let through",
            "fertool/report/text.py": "a name",
            "fertool/training/datasets/dataset.py": "pictures",
        },
    ),
    "misspelt words": (imports("difflib"), {"fertool/text.py": "`nearest`"}),
    "clock": (of_an_hour, {"fertool/text.py": "`clock`"}),
    "natural order": (digits_apart, {"fertool/text.py": "`natural`"}),
    "plural": (plural, {"fertool/text.py": "`plural`"}),
    "overlap of boxes": (united, {"fertool/vision/boxes.py": "`paired_iou`"}),
    "CSV": (
        imports("csv"),
        {
            "fertool/sheets.py": "`read`",
            "fertool/demo/lectures.py": "writes one",
        },
    ),
    "one person": (one_person, {"fertool/host/toolbox.py": "`same_person`"}),
}


@pytest.mark.parametrize("what", DOORS)
def test_stands_once(what: str) -> None:
    shows, allowed = DOORS[what]
    found = {name for name in sources() if any(shows(node) for node in ast.walk(tree(name)))}
    assert found == {*allowed}, f"{what}: use the helper of {next(iter(allowed))}"


def test_csv_is_read_by_polars_in_one_place() -> None:
    """FER2013's, which a program wrote and which is large."""
    assert [name for name, text in sources().items() if "read_csv(" in text] == [
        "fertool/training/datasets/formats.py"
    ]


def test_consent_in_force_is_the_view_s() -> None:
    """Elsewhere the dates are shown or stored, not compared with today's: `schema.py` alone does that."""
    day = r"(given|expires|withdrawn)"
    compared = re.compile(rf"(?<!\$)\b{day}\s*[<>]=?\s*(current_date|\$)|\$\w+\s*[<>]=?\s*{day}")
    found = {name for name, text in sources().items() if compared.search(text)}
    assert found == {"fertool/storage/schema.py"}


def test_the_gate_is_made_in_one_place() -> None:
    made = re.compile(r"\bconsent_gate\.(required|unless_refused)\(")
    assert [name for name, text in sources().items() if made.search(text)] == ["fertool/analysis/pipeline.py"]


@pytest.mark.parametrize(
    ("what", "source"),
    [
        # What each of these looks for, as it was written before there was a helper.
        ("swap in", "part.replace(path)"),
        ("swap in", "os.replace(draft, target)"),
        ("draft beside", "tempfile.mkdtemp(prefix='.x', dir=out.parent)"),
        ("hash", "hashlib.sha256(file.read_bytes()).hexdigest()"),
        ("hash", "hashlib.file_digest(stream, 'sha256')"),
        ("misspelt words", "from difflib import get_close_matches"),
        ("clock", "minutes, rest = divmod(seconds, 60)"),
        ("clock", "f'{whole // 3600}'"),
        ("natural order", r"re.split(r'([0-9]+)', name)"),
        ("natural order", r"re.split(r'(\d+)', name)"),
        ("plural", "f\"{n} lecture{'' if n == 1 else 's'}\""),
        ("plural", "'s' if n != 1 else ''"),
        ("overlap of boxes", "areas(a)[:, None] + areas(b)[None] - common"),
        ("CSV", "import csv"),
        ("one person", "e.same_person if d.same_person is None else d.same_person"),
    ],
)
def test_a_copy_would_be_noticed(what: str, source: str) -> None:
    assert any(DOORS[what][0](node) for node in ast.walk(ast.parse(source)))
