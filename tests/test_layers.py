"""Who may import whom, read from the source: the table of fertool/README.md, held."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [
    "errors privacy.private difficulty sheets types messages models recipes sections",
    "contracts sqlrule hookspecs",
    "plugins options config checks setup",
    "boxes crops devices head_level judging light packed pose sampling cores remote display decode video "
    "tracking segments segmenting syllabus",
    "students.identity students.stillness students.tiles students.classlist students.relabel "
    "privacy.consent privacy.policy privacy.suppression",
    "tables schema database bulk labels store students.roster students.decisions privacy.names "
    "privacy.custody privacy.answers privacy.removal privacy.erasure",
    "engine request analysis measuring students.enrolment students.glimpses students.linking "
    "students.recognition students.tracing privacy.blur chunk assessing sensitivity pipeline spool ingest "
    "fleet report training",
    "testing cli",
]
"""From the bottom up; `students` and `privacy` have modules in several rows."""
SPREAD = ("students", "privacy")
LEVEL = {module: level for level, row in enumerate(ROWS) for module in row.split()}
HEAVY = {
    "torch",
    "cv2",
    "insightface",
    "numpy",
    "polars",
    "duckdb",
    "plotly",
    "scipy",
    "av",
    "pyarrow",
    "jinja2",
    "cryptography",
}


def imported(file: Path) -> set[str]:
    """Modules imported anywhere in a file, also inside functions; `from fertool import x` as fertool.x."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def core_files() -> list[Path]:
    return sorted(p for p in (ROOT / "fertool").rglob("*.py") if p.name not in {"__init__.py", "__main__.py"})


def layer(file: Path) -> str:
    return place(file.relative_to(ROOT / "fertool").with_suffix("").parts)


def place(parts: Sequence[str]) -> str:
    """Where a module stands in the table: by itself in the folders that are spread over rows."""
    return ".".join(parts[: 2 if parts[0] in SPREAD else 1])


@pytest.mark.parametrize("file", core_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_core_imports_only_its_own_layer_and_those_below(file: Path) -> None:
    names = (name.split(".")[1:] for name in imported(file) if name.startswith("fertool."))
    used = {place(parts) for parts in names} & LEVEL.keys()
    above = {name for name in used if LEVEL[name] > LEVEL[layer(file)]}
    assert not above, f"{layer(file)} reaches up to {sorted(above)}"


def test_every_core_module_has_a_place_in_the_table() -> None:
    assert {layer(file) for file in core_files()} == LEVEL.keys()


@pytest.mark.parametrize("file", core_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_core_knows_no_concrete_plugin(file: Path) -> None:
    assert not [name for name in imported(file) if name.startswith("fertool_plugins")]


def test_report_needs_neither_pictures_nor_networks() -> None:
    for file in (ROOT / "fertool" / "report").rglob("*.py"):
        assert not imported(file) & {"cv2", "torch", "av"}, file


def test_only_the_command_line_prints() -> None:
    for file in core_files():
        calls = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)]
        printing = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
        assert not printing or layer(file) == "cli", file


@pytest.mark.parametrize(
    "file", sorted((ROOT / "plugins" / "fertool_plugins").rglob("*.py")), ids=lambda f: f.stem
)
def test_plugins_import_the_facade_and_no_other_plugin(file: Path) -> None:
    folder = file.relative_to(ROOT / "plugins").parts
    for name in imported(file):
        if name.startswith("fertool."):
            assert name.count(".") == 1, (
                f"{file.name} imports {name}: only `from fertool import ...` is public"
            )
        if name.startswith("fertool_plugins."):
            shared = name.startswith(("fertool_plugins.faceapi", "fertool_plugins.nets"))
            own = name.split(".")[1:3] == [part.removesuffix(".py") for part in folder[1:3]]
            assert shared or own, f"{file.name} imports another plugin: {name}"


@pytest.mark.parametrize("what", ["import fertool", "import fertool.cli", "import fertool.plugins"])
def test_stays_light(what: str) -> None:
    code = f"import sys; {what}; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_loading_all_plugins_stays_light() -> None:
    code = "import sys; from fertool import plugins; plugins.load()\n"
    code += f"print(*sorted({HEAVY!r} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fertool', '--help']\n"
        "from fertool.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n"
        f"    print(*sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: fertool" in shown.stdout
    assert shown.stderr.split() == []
