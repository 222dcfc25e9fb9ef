"""The registry: find plugins, load them, and explain failures.

First-party plugins come through the same entry points as everybody's. Each is loaded in a `try`:
one broken plugin is listed with its reason and raised only when somebody asks for it by name.
"""

from __future__ import annotations

import importlib.util
import inspect
import logging
import re
import sys
import traceback
from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import CodeType, FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import pluggy

from fertool import hookspecs
from fertool.contracts import Plugin
from fertool.errors import PluginError
from fertool.files import sha256
from fertool.host.guard import guarded
from fertool.sections import PageKind
from fertool.text import did_you_mean, nearest
from fertool.types import EMOTIONS, Feed, Matter, Scope, Signal, Subject, is_label

if TYPE_CHECKING:
    from types import ModuleType

log = logging.getLogger(__name__)
GROUP = "fertool"
HOOKS = ("fertool_plugins", "fertool_report_sections")
KINDS = ("detector", "encoder", "classifier", "rule", "section")
SEVERAL = {"signals", "pages"}
"""Of the attributes in WORDS, those that hold several."""
OPTIONAL = {"feeds", "advises"}
"""Those that may be None."""
NEAR = 0.8
"""Likeness (see `fertool.text`) from which a name counts as a misspelt one."""
NAME = re.compile(r"[a-z][a-z0-9-]*")
WORDS: dict[str, dict[str, Any]] = {
    "rule": {
        "signals": Signal,
        "scope": Scope,
        "subject": Subject,
        "feeds": Feed,
        "advises": Matter,
    },
    "section": {"pages": PageKind},
}
"""What these attributes of a kind may say."""
P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True, slots=True)
class FoundPlugin:
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
    place: str = ""
    """` [FILE:LINE]` of its code, as far as that is known."""


@dataclass(slots=True)
class Registry:
    """All plugins by kind and name, in order of registration."""

    found: dict[tuple[str, str], FoundPlugin] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[FoundPlugin]:
        """All plugins of one kind, in the order in which they were registered."""
        return [found for (k, _), found in self.found.items() if k == kind]

    def named(self, name: str) -> FoundPlugin | None:
        """The plugin of that name, of whatever kind."""
        return next((found for (_, known), found in self.found.items() if known == name), None)

    def get(self, kind: str, name: str) -> FoundPlugin:
        """The plugin asked for by its name or a former one, or a PluginError with its reason or the nearest
        name."""
        if found := self.found.get((kind, name)):
            return found
        for found in self.of_kind(kind):
            if name in found.plugin.formerly:
                now = found.plugin.name
                _note(f"{kind} {name!r} is called {now!r} now; the old name works in this release")
                return found
        for broken in self.broken:
            if name in {broken.name, broken.name.removesuffix(f"-{kind}")}:
                what = f"{kind} {name!r} is broken: {broken.reason}"
                raise PluginError(what, f"it comes from {broken.source}")
        known = [found.plugin.name for found in self.of_kind(kind)]
        hint = did_you_mean(name, known, f"known: {', '.join(known) or 'none'}")
        raise PluginError(f"unknown {kind} {name!r}", hint)

    def add_module(self, module: ModuleType, name: str, source: str, digest: str = "") -> None:
        """Register everything one module offers; whatever is wrong with it goes to `broken`."""
        try:
            with guarded("its hook"):
                classes = _classes(module, name)
            for plugin in classes:
                self._add(plugin, source, digest)
        except (Exception, SystemExit) as error:
            self.broken.append(Broken(name, source, _reason(error), raised_at(error, module.__file__)))

    def _add(self, plugin: type[Plugin], source: str, digest: str) -> None:
        reason = misfit(plugin)
        if not reason and (other := self.named(plugin.name)):
            reason = f"the name is taken by {other.source}"
            reason += f", for its {other.plugin.kind}" * (other.plugin.kind != plugin.kind)
        if reason:
            broken = Broken(str(getattr(plugin, "name", repr(plugin))), source, reason, defined_at(plugin))
            self.broken.append(broken)
        else:
            self.found[plugin.kind, plugin.name] = FoundPlugin(plugin, source, digest)


@cache
def _note(what: str) -> None:
    """Once, though plugins are looked up several times."""
    log.warning(what)


def load_plugins(files: Iterable[Path] = ()) -> Registry:
    """Every installed plugin, then every `--plugin` file. Only a bad file raises: it was asked for."""
    registry = Registry(dict(_installed().found), list(_installed().broken))
    for file in {file.resolve(): file for file in files}.values():  # fertool.toml and --plugin may agree
        before = len(registry.broken)
        _load_file(registry, file)
        if registry.broken[before:]:
            broken = registry.broken[before]
            raise PluginError(f"--plugin {file}: {broken.reason}{broken.place}")
    return registry


def of(name: str) -> tuple[list[FoundPlugin], list[Broken]]:
    """The plugins of a Python file, or of an installed package by the name of its distribution or module.

    A bad file, and a name that is neither, raise a PluginError.
    """
    if name.endswith(".py") or Path(name).is_file():
        registry, file = Registry(dict(_installed().found)), Path(name)
        _load_file(registry, file)
        return [one for one in registry.found.values() if one.source == str(file)], registry.broken
    asked = name.lower().replace("_", "-")
    sources = {
        source
        for entry, source in _entry_points()
        if asked in (source.rpartition(" ")[0], entry.module.partition(".")[0].lower().replace("_", "-"))
    }
    if not sources:
        packages = sorted({source.rpartition(" ")[0] for _, source in _entry_points()})
        what = f"{name}: neither a Python file nor an installed package with plugins"
        raise PluginError(what, f"packages with plugins: {', '.join(packages)}")
    registry = _installed()
    return (
        [one for one in registry.found.values() if one.source in sources],
        [one for one in registry.broken if one.source in sources],
    )


@cache
def _installed() -> Registry:
    registry = Registry()
    for entry, source in _entry_points():
        try:
            with guarded(f"{source}: import of {entry.name!r}"):
                module = entry.load()
        except (Exception, SystemExit) as error:  # a plugin must not be able to end every command
            registry.broken.append(Broken(entry.name, source, _reason(error), raised_at(error)))
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
        if not entries:
            continue  # before its name: reading that of every distribution takes a quarter of a second
        name = str(dist.name).lower().replace("_", "-")  # a broken one has no name
        if name not in seen:
            seen[name] = [(e, f"{name} {dist.version}") for e in entries]
    ordered = sorted(seen, key=lambda name: (name != "fertool", name))
    return [pair for name in ordered for pair in seen[name]]


class _Uncompiled(SourceFileLoader):
    """Reads the source every time. Python would keep a compiled copy beside it, and take that for a file
    that was edited within the same second and kept its length."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _load_file(registry: Registry, file: Path) -> None:
    if not file.is_file():
        raise PluginError(f"--plugin {file}: no such file", "give the path of a Python file")
    digest = sha256(file)
    name = f"fertool_plugin_{digest[:12]}"
    if file.suffix != ".py":
        raise PluginError(f"--plugin {file}: not a Python file", "its name should end in .py")
    spec = importlib.util.spec_from_file_location(name, file, loader=_Uncompiled(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        with guarded("its import"):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise PluginError(f"--plugin {file}: {_reason(error)}{raised_at(error, str(file))}") from error
    registry.add_module(module, file.stem, str(file), digest)


def _classes(module: Any, name: str) -> list[type[Plugin]]:
    """What the module's hooks return; a misspelt hook is an error, not silence."""
    manager = pluggy.PluginManager("fertool")
    manager.add_hookspecs(hookspecs)
    # Only its functions: pluggy looks at every attribute, and that would load the lazy modules of the facade.
    functions = {n: f for n, f in vars(module).items() if type(f) is FunctionType}
    for hook, function in functions.items():
        if hasattr(function, "fertool_impl") and hook not in HOOKS:
            hint = did_you_mean(hook, HOOKS, f"known: {', '.join(HOOKS)}")
            code = function.__code__
            raise PluginError(f"hook {hook!r} is unknown [{code.co_filename}:{code.co_firstlineno}]", hint)
    manager.register(SimpleNamespace(**functions), name)
    answers = [(hook, answer) for hook in HOOKS for answer in getattr(manager.hook, hook)()]
    for hook, answer in answers:
        if isinstance(answer, type | Plugin | str) or not isinstance(answer, Iterable):
            raise PluginError(
                f"{hook}() returned {spell(answer)}, expected a list of classes", "return [MyPlugin]"
            )
    if not answers:
        raise PluginError("it has no hook", "decorate `def fertool_plugins()` with @hookimpl")
    return [plugin for _, classes in answers for plugin in classes]


def misfit(plugin: Any) -> str:
    """Why a class cannot be a plugin, or an empty string."""
    made = inspect.isclass(plugin) and issubclass(plugin, Plugin)
    if not made or getattr(plugin, "kind", None) not in KINDS:
        return (
            f"expected a class made from Detector, Encoder, Classifier, Rule or Section, got {spell(plugin)}"
        )
    if missing := sorted(getattr(plugin, "__abstractmethods__", ())):
        return f"{plugin.__name__} does not define {', '.join(missing)}()"
    for attribute in _required(plugin):
        if not hasattr(plugin, attribute):
            return f"{plugin.__name__} has no `{attribute}`"
    if not (isinstance(plugin.name, str) and NAME.fullmatch(plugin.name)):
        return f"name {plugin.name!r}: expected lower case letters, digits and '-'"
    former = plugin.formerly
    if not (isinstance(former, tuple) and all(isinstance(n, str) and NAME.fullmatch(n) for n in former)):
        return f"formerly {former!r}: expected a tuple of names, for example ('old',)"
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
        if attribute in SEVERAL and isinstance(value, str):
            return f"{attribute} {value!r}: expected a set, {{{value!r}}}"
        if value is None and attribute in OPTIONAL:
            continue
        words = value if isinstance(value, set | frozenset | list | tuple) else [value]
        if odd := sorted(repr(word) for word in words if word not in allowed):
            return f"{attribute} {', '.join(odd)}: expected {', '.join(allowed)}"
    return _misspelt_need(plugin.needs) if plugin.kind == "rule" else ""


def _misspelt_need(needs: Any) -> str:
    """A label that no classifier can have, or that is nearly one of the seven: no run would have it."""
    if not isinstance(needs, tuple | list):
        return f"needs {needs!r}: expected a tuple of labels, for example ('happy',)"
    for label in needs:
        near = nearest(str(label), EMOTIONS, NEAR)
        if not (isinstance(label, str) and is_label(label)) or (near and label not in EMOTIONS):
            known = f"{', '.join(EMOTIONS)}, or a further label of a classifier"
            return f"needs {label!r}: expected {known}" + (f"; did you mean {near!r}?" if near else "")
    return ""


def misspelt_attribute(plugin: type[Plugin]) -> str:
    """An attribute that nothing reads and whose name is nearly one of the contract's; empty for none.

    Options are the plugin's own, as is what begins with `_`.
    """
    contracts = [base for base in plugin.__mro__ if base.__module__ == Plugin.__module__]
    contract = {n for base in contracts for n in (*vars(base), *inspect.get_annotations(base)) if n[0] != "_"}
    own = {
        n: v
        for base in plugin.__mro__
        if base not in (*contracts, ABC, object)
        for n, v in vars(base).items()
    }
    free = sorted(contract - own.keys())
    for name, value in own.items():
        if name.startswith("_") or name in contract or name in getattr(plugin, "__dataclass_fields__", ()):
            continue
        alike = [n for n in free if callable(getattr(plugin, n, None)) == callable(value)]
        if near := nearest(name, alike, NEAR):
            what = f"{plugin.__name__} has `{name}`, which nothing reads: did you mean `{near}`?"
            return f"{what} A name of your own may begin with _"
    return ""


def _bare_options(plugin: type[Plugin]) -> list[str]:
    """Annotated attributes that look like options: without @dataclass they would be ignored silently."""
    contract = {name for base in plugin.__mro__[1:] for name in inspect.get_annotations(base)}
    own = inspect.get_annotations(plugin)
    return [n for n, kind in own.items() if n not in contract and "ClassVar" not in str(kind)]


def spell(value: Any) -> str:
    """A returned value in words: the class P, an instance of P."""
    return (
        f"the class {value.__name__}" if inspect.isclass(value) else f"an instance of {type(value).__name__}"
    )


def defined_at(thing: Any) -> str:
    """` [FILE:LINE]` where a class, or that of an instance, is defined; empty where it has no source."""
    made = thing if inspect.isclass(thing) else type(thing)
    try:
        return f" [{inspect.getsourcefile(made)}:{inspect.getsourcelines(made)[1]}]"
    except (OSError, TypeError):
        return ""


def raised_at(error: BaseException, file: str | None = None) -> str:
    """` [FILE:LINE]` of the last frame of an error in this file, or, without a file, of the last one in files
    of others than Python's import and fertool; empty where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    if file is None:
        ours = (str(Path(__file__).parents[1]), "<frozen", str(Path(importlib.util.__file__).parent))
        places = [f"{f.filename}:{f.lineno}" for f in frames if not f.filename.startswith(ours)]
    else:
        there = Path(file).resolve()
        places = [f"{file}:{f.lineno}" for f in frames if Path(f.filename).resolve() == there]
    return f" [{places[-1]}]" if places else ""


def _reason(error: BaseException) -> str:
    text = str(error) or "no message"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text.splitlines()[0]}"
