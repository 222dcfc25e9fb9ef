"""`fertool new`: the source of a new plugin that passes its checks as written."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

USES = {
    "rule": "fertool assess",
    "detector": "fertool analyze VIDEO --detector",
    "classifier": "fertool analyze VIDEO --classifier",
    "encoder": "fertool analyze VIDEO --encoder",
}
"""Kind -> the command that makes use of one."""


def register(app: typer.Typer) -> None:
    """Add the command `new`."""
    app.command(name="new")(new)


def new(
    kind: Annotated[str, typer.Argument(help="rule, detector, classifier or encoder.", metavar="KIND")],
    name: Annotated[str, typer.Argument(help="Lower case letters, digits and '-'.", metavar="NAME")],
    package: Annotated[
        bool, typer.Option("--package", help="A package with entry point, tests and README.")
    ] = False,
    folder: Annotated[
        Path, typer.Option("--dir", help="Where to put it.", show_default="here", metavar="DIR")
    ] = Path(),
) -> None:
    """Write a plugin to start from: one file, or with --package all that a package needs."""
    _check(kind, name)
    content = _package(kind, name) if package else {f"{_module(name, False)}.py": _plugin(kind, name)}
    root = folder / f"fertool-{name}" if package else folder
    _write(root, content)
    own = root / next(iter(content))
    print(root if package else own)
    if package:
        print(f"next: pip install -e {root} && pytest {root}")
    else:
        print(f"next: fertool plugins check {own}")


def _check(kind: str, name: str) -> None:
    from fertool.errors import ConfigError
    from fertool.host import registry
    from fertool.report.text import RESERVED

    if kind not in USES:
        raise ConfigError(f"new {kind!r}: unknown kind of plugin", f"known: {', '.join(USES)}")
    if not registry.NAME.fullmatch(name):
        what = f"new {kind} {name!r}: expected lower case letters, digits and '-', beginning with a letter"
        raise ConfigError(what, "such as turned-away")
    if name in RESERVED:
        raise ConfigError(f"new {kind} {name!r}: Windows has no file of that name", "choose another")
    if taken := registry.load_plugins().named(name):
        raise ConfigError(f"new {kind} {name!r}: the name is taken by {taken.source}", "choose another")


def _module(name: str, package: bool) -> str:
    """A plain `import` must not find somebody else's module: `fertool_` in front, in a package."""
    return ("fertool_" if package else "") + name.replace("-", "_")


def _plugin(kind: str, name: str, package: bool = False) -> str:
    return _fill(f"{kind}.py", kind, name, package)


def _package(kind: str, name: str) -> dict[str, str]:
    """File -> content."""
    test = "test_rule.py" if kind == "rule" else "test_plugin.py"
    return {
        f"{_module(name, True)}.py": _plugin(kind, name, True),
        "pyproject.toml": _fill("pyproject.toml", kind, name, True),
        "README.md": _fill("README.md", kind, name, True),
        f"tests/test_{name.replace('-', '_')}.py": _fill(test, kind, name, True),
    }


def _fill(template: str, kind: str, name: str, package: bool) -> str:
    text = (files("fertool.cli") / "templates" / f"{template}.txt").read_text(encoding="utf-8")
    words = {
        "kind": kind,
        "name": name,
        "title": name.replace("-", " ").capitalize(),
        "module": _module(name, package),
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "use": USES[kind] + ("" if kind == "rule" else f" {name}"),
    }
    return Template(text).substitute(words)


def _write(root: Path, content: dict[str, str]) -> None:
    from fertool.errors import ConfigError

    for file in content:
        if (root / file).exists():
            raise ConfigError(f"{root / file}: there is something already", "choose another --dir or name")
    try:
        for file, text in content.items():
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{root}: cannot be written: {error.strerror}") from error
