"""Who may import whom, read from the source: the table of fertool/README.md, held."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOT_MODULES = ("errors", "types", "difficulty", "text", "messages", "sections", "recipes", "contracts")
ROOT_MODULES += ("hookspecs", "files", "sheets", "config")
PACKAGES = {
    "vision": "pure steps on pictures, boxes and poses",
    "media": "from files to pictures at their times",
    "host": "plugins: found, loaded, configured, run, validated",
    "storage": "the database",
    "assessment": "from stored observations to what rules say of them",
    "identity": "who is who: from tracks to students",
    "privacy": "who may be stored and shown",
    "analysis": "one recording, from pixels to stored observations",
    "distributed": "many recordings on several processes or machines",
    "training": "data sets to weights and figures",
    "report": "tables to pages and exports",
    "workflows": "what the commands do, callable from Python",
    "demo": "a course whose truth is known",
    "testing": "for authors of plugins",
    "cli": "the commands, the only place that prints",
}
"""From the bottom up; each imports only from those above its line, and from the modules at the root."""
LEVEL = {package: level for level, package in enumerate(PACKAGES, 1)}
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
    """All modules of the core but the two doors, `fertool/__init__.py` and `fertool/__main__.py`."""
    return sorted(
        p for p in (ROOT / "fertool").rglob("*.py") if p.parent.name != "fertool" or p.stem[0] != "_"
    )


def package(file: Path) -> str:
    """The package a module stands in; empty at the root."""
    folder, *rest = file.relative_to(ROOT / "fertool").parts
    return folder if rest else ""


@pytest.mark.parametrize("file", core_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_core_imports_only_its_own_package_and_those_below(file: Path) -> None:
    names = {name.split(".")[1] for name in imported(file) if name.startswith("fertool.")}
    mine = LEVEL.get(package(file), 0)
    above = {name for name in names & LEVEL.keys() if LEVEL[name] > mine}
    assert not above, f"{package(file) or file.stem} reaches up to {sorted(above)}"


def modules_table() -> str:
    """Table of packages from the bottom up, with one line per module: the first sentence of its docstring."""
    lines = ["| package | module | what it is |", "|---|---|---|"]
    for folder, role in {"": "values, contracts and the facade, light to import", **PACKAGES}.items():
        lines.append(f"| **{folder or 'fertool'}** | | {role} |")
        for file in (file for file in core_files() if package(file) == folder):
            name = ".".join(file.relative_to(ROOT / "fertool" / folder).with_suffix("").parts)
            name = name.removesuffix("__init__").rstrip(".")
            sentence = re.split(r"(?<=\.)\s", ast.get_docstring(ast.parse(file.read_text())) or "")[0]
            if name:
                said = " ".join(sentence.split()).removesuffix(".").replace("|", "\\|")
                lines.append(f"| | `{name}` | {said} |")
    return "\n".join(lines)


def test_readme_lists_every_module() -> None:
    """To write the table again: `python tests/test_layers.py`."""
    assert modules_table() in (ROOT / "fertool" / "README.md").read_text(encoding="utf-8")


def test_every_core_module_has_a_place() -> None:
    assert {package(file) for file in core_files()} == {"", *PACKAGES}
    assert {file.stem for file in core_files() if not package(file)} == {*ROOT_MODULES}


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
        assert not printing or package(file) == "cli", file


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


@pytest.mark.parametrize(
    "what",
    [
        "import fertool",
        "import fertool; fertool.open",
        "import fertool.cli.app",
        "import fertool.host.registry",
    ],
)
def test_stays_light(what: str) -> None:
    code = f"import sys; {what}; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_loading_all_plugins_stays_light() -> None:
    code = "import sys; from fertool.host import registry; registry.load_plugins()\n"
    code += f"print(*sorted({HEAVY!r} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fertool', '--help']\n"
        "from fertool.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n"
        f"    print(*sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: fertool" in shown.stdout
    assert shown.stderr.split() == []


LOADED = [
    # what is typed, which modules of commands are imported
    ("--help", set()),
    ("--version", set()),
    ("runs --help", {"fertool.cli.runs"}),
    ("blur --help", {"fertool.cli.privacy", "fertool.cli.privacy.blur"}),
    ("models --help", {"fertool.cli.training", "fertool.cli.training.models"}),
    ("analyz", set()),  # no such command: names are compared, nothing is imported
]


@pytest.mark.parametrize(("typed", "modules"), LOADED)
def test_a_command_imports_no_other_one(typed: str, modules: set[str]) -> None:
    code = (
        f"import sys; sys.argv = ['fertool', *{typed.split()!r}]\n"
        "from fertool.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n"
        "    print('#', *sorted(sys.modules), file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(shown.stderr.rpartition("#")[2].split())
    commands = {name for name in found if name.startswith("fertool.cli.")} - {"fertool.cli.app"}
    assert {name for name in commands if not name.startswith("fertool.cli.terminal")} == modules
    assert not [name for name in found if name.startswith("fertool_plugins")]
    if not modules:  # boxes take longer to import than all the rest
        assert not found & {"rich.markdown", "typer.rich_utils", *HEAVY}


if __name__ == "__main__":
    page = ROOT / "fertool" / "README.md"
    text = page.read_text(encoding="utf-8")
    start = text.index("| package | module |")
    page.write_text(text[:start] + modules_table() + text[text.index("\n\n", start) :], encoding="utf-8")
