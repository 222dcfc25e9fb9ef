"""The registry: find plugins, load them, and explain failures.

First-party plugins come through the same entry points as everybody's. Each is loaded in a `try`:
one broken plugin is listed with its reason and raised only when somebody asks for it by name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import pluggy

from fertool import hookspecs
from fertool.contracts import Plugin
from fertool.errors import PluginError
from fertool.host.guard import guarded
from fertool.sections import PageKind
from fertool.types import Scope, Signal, Subject, is_label

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

GROUP = "fertool"
KINDS = ("detector", "encoder", "classifier", "rule", "section")
NAME = re.compile(r"[a-z][a-z0-9-]*")
WORDS: dict[str, dict[str, Any]] = {
    "rule": {"signals": Signal, "scope": Scope, "subject": Subject},
    "section": {"pages": PageKind},
}
"""What these attributes of a kind may say."""
P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True, slots=True)
class Found:
    """One registered plugin class."""

    plugin: type[Plugin]
    source: str
    """The distribution it came from with its version, or the file given with `--plugin`."""
    digest: str = ""
    """SHA-256 of a `--plugin` file: an edited file is another configuration."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry point, file or class that could not be registered."""

    name: str
    source: str
    reason: str


@dataclass(slots=True)
class Registry:
    """All plugins by kind and name, in order of registration."""

    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[Found]:
        return [found for (k, _), found in self.found.items() if k == kind]

    def get(self, kind: str, name: str) -> Found:
        """The plugin asked for by name, or a PluginError with its reason or the nearest name."""
        if found := self.found.get((kind, name)):
            return found
        for broken in self.broken:
            if name in {broken.name, broken.name.removesuffix(f"-{kind}")}:
                what = f"{kind} {name!r} is broken: {broken.reason}"
                raise PluginError(what, f"it comes from {broken.source}")
        known = [found.plugin.name for found in self.of_kind(kind)]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
        raise PluginError(f"unknown {kind} {name!r}", hint)

    def add_module(self, module: ModuleType, name: str, source: str, digest: str = "") -> None:
        """Register everything one module offers; whatever is wrong with it goes to `broken`."""
        try:
            with guarded("its hook"):
                classes = _classes(module, name)
            for plugin in classes:
                self._add(plugin, source, digest)
        except (Exception, SystemExit) as error:
            self.broken.append(Broken(name, source, _reason(error)))

    def _add(self, plugin: type[Plugin], source: str, digest: str) -> None:
        reason = misfit(plugin)
        if not reason and (other := self.found.get((plugin.kind, plugin.name))):
            reason = f"the name is taken by {other.source}"
        if reason:
            self.broken.append(Broken(str(getattr(plugin, "name", repr(plugin))), source, reason))
        else:
            self.found[plugin.kind, plugin.name] = Found(plugin, source, digest)


def load_plugins(files: Iterable[Path] = ()) -> Registry:
    """Every installed plugin, then every `--plugin` file. Only a bad file raises: it was asked for."""
    registry = Registry(dict(_installed().found), list(_installed().broken))
    for file in {file.resolve(): file for file in files}.values():  # fertool.toml and --plugin may agree
        before = len(registry.broken)
        _load_file(registry, file)
        if registry.broken[before:]:
            raise PluginError(f"--plugin {file}: {registry.broken[before].reason}")
    return registry


@cache
def _installed() -> Registry:
    registry = Registry()
    for entry, source in _entry_points():
        try:
            with guarded(f"{source}: import of {entry.name!r}"):
                module = entry.load()
        except (Exception, SystemExit) as error:  # a plugin must not be able to end every command
            registry.broken.append(Broken(entry.name, source, _reason(error)))
            continue
        registry.add_module(module, entry.name, source)
    return registry


def _entry_points() -> list[tuple[EntryPoint, str]]:
    """Our own distribution first, so that nobody takes a first-party name; then by name.

    A distribution seen twice (an editable install beside a folder on the path) counts once.
    """
    seen: dict[str, list[tuple[EntryPoint, str]]] = {}
    for dist in distributions():
        entries = [e for e in dist.entry_points if e.group == GROUP]
        name = str(dist.name).lower().replace("_", "-")  # a broken one has no name
        if entries and name not in seen:
            seen[name] = [(e, f"{name} {dist.version}") for e in entries]
    ordered = sorted(seen, key=lambda name: (name != "fertool", name))
    return [pair for name in ordered for pair in seen[name]]


def _load_file(registry: Registry, file: Path) -> None:
    if not file.is_file():
        raise PluginError(f"--plugin {file}: no such file", "give the path of a Python file")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    name = f"fertool_plugin_{digest[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginError(f"--plugin {file}: not a Python file", "its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        with guarded("its import"):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise PluginError(f"--plugin {file}: {_reason(error)}") from error
    registry.add_module(module, file.stem, str(file), digest)


def _classes(module: Any, name: str) -> list[type[Plugin]]:
    """What the module's hook returns; a misspelt hook is an error, not silence."""
    manager = pluggy.PluginManager("fertool")
    manager.add_hookspecs(hookspecs)
    # Only its functions: pluggy looks at every attribute, and that would load the lazy modules of the facade.
    manager.register(
        SimpleNamespace(**{n: f for n, f in vars(module).items() if type(f) is FunctionType}), name
    )
    manager.check_pending()
    answers = [*manager.hook.fertool_plugins(), *manager.hook.fertool_report_sections()]
    if not answers:
        raise PluginError("it has no hook", "decorate `def fertool_plugins()` with @hookimpl")
    return [plugin for classes in answers for plugin in classes]


def misfit(plugin: Any) -> str:
    """Why a class cannot be a plugin, or an empty string."""
    made = inspect.isclass(plugin) and issubclass(plugin, Plugin)
    if not made or getattr(plugin, "kind", None) not in KINDS:
        return f"expected a class made from Detector, Encoder, Classifier, Rule or Section, got {plugin!r}"
    if missing := sorted(getattr(plugin, "__abstractmethods__", ())):
        return f"{plugin.__name__} does not define {', '.join(missing)}()"
    for attribute in _required(plugin):
        if not hasattr(plugin, attribute):
            return f"{plugin.__name__} has no `{attribute}`"
    if not (isinstance(plugin.name, str) and NAME.fullmatch(plugin.name)):
        return f"name {plugin.name!r}: expected lower case letters, digits and '-'"
    if not isinstance(plugin.version, str):
        return f"version {plugin.version!r}: expected text"
    if reason := _misspelt(plugin):
        return reason
    if "__dataclass_fields__" not in vars(plugin) and _bare_options(plugin):
        return f"{plugin.__name__} has options ({', '.join(_bare_options(plugin))}) but is no @dataclass"
    return ""


def _required(plugin: type[Plugin]) -> list[str]:
    """Attributes that its contract declares without a value."""
    contracts = [base for base in plugin.__mro__ if base.__module__ == Plugin.__module__]
    declared = [name for base in reversed(contracts) for name in inspect.get_annotations(base)]
    return [name for name in declared if not any(name in vars(base) for base in contracts)]


def _misspelt(plugin: Any) -> str:
    """Words that nothing would ever ask for: a misspelt signal slips past the policy against it."""
    if plugin.kind == "classifier":
        if not len(plugin.labels) == len(set(plugin.labels)) >= 2:
            return f"labels {plugin.labels!r}: expected at least two, each once"
        if odd := [label for label in plugin.labels if not is_label(label)]:
            expected = "lower case letters, digits, '-' and '_', and no name of another column"
            return f"label {odd[0]!r}: expected {expected}"
    for attribute, kind in WORDS.get(plugin.kind, {}).items():
        value, allowed = getattr(plugin, attribute), get_args(kind)
        words = {value} if isinstance(value, str) else set(value)
        if odd := sorted(words - set(allowed)):
            return f"{attribute} {', '.join(map(repr, odd))}: expected {', '.join(allowed)}"
    return ""


def _bare_options(plugin: type[Plugin]) -> list[str]:
    """Annotated attributes that look like options: without @dataclass they would be ignored silently."""
    contract = {name for base in plugin.__mro__[1:] for name in inspect.get_annotations(base)}
    own = inspect.get_annotations(plugin)
    return [n for n, kind in own.items() if n not in contract and "ClassVar" not in str(kind)]


def _reason(error: BaseException) -> str:
    text = str(error) or "no message"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text.splitlines()[0]}"
