"""Options of a plugin: its dataclass fields, read from `-o name.field=value`."""

from __future__ import annotations

import inspect
import sys
import typing
from dataclasses import MISSING, Field, fields
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from fertool.errors import ConfigError
from fertool.host.guard import guarded
from fertool.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fertool.contracts import Plugin

Given = dict[str, dict[str, Any]]
"""plugin name -> option -> value, as text from the command line or typed from fertool.toml."""


class Option(typing.NamedTuple):
    """One option of a plugin, for `fertool plugins`."""

    name: str
    type: str
    default: Any
    help: str


def describe(plugin: type[Plugin]) -> list[Option]:
    """The options of a plugin in the order in which it declares them."""
    return [
        Option(f.name, _spell(_hint(plugin, f)), _default(f), str(f.metadata.get("help", "")))
        for f in fields(plugin)
        if f.init
    ]


def parse(pairs: Iterable[str]) -> Given:
    """`["ssd.threshold=0.4"]` -> `{"ssd": {"threshold": "0.4"}}`."""
    given: Given = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        plugin, dot, option = key.partition(".")
        if not (equals and dot and plugin and option):
            raise ConfigError(f"-o {pair}: expected plugin.option=value", "for example -o ssd.threshold=0.4")
        given.setdefault(plugin, {})[option] = value
    return given


def merge(*layers: Mapping[str, Mapping[str, Any]]) -> Given:
    """Later layers win, option by option."""
    merged: Given = {}
    for layer in layers:
        for plugin, values in layer.items():
            merged.setdefault(plugin, {}).update(values)
    return merged


def build(plugin: type[Plugin], given: Mapping[str, Any]) -> Plugin:
    """An instance with these options; an unknown name or unfit value is a ConfigError."""
    known = {f.name: f for f in fields(plugin) if f.init}
    values = {}
    for name, value in given.items():
        if name not in known:
            hint = did_you_mean(name, known, f"it has: {', '.join(sorted(known)) or 'none'}")
            raise ConfigError(f"{plugin.kind} {plugin.name!r} has no option {name!r}", hint)
        values[name] = _convert(value, _hint(plugin, known[name]), f"{plugin.name}.{name}")
    try:
        with guarded(f"{plugin.kind} {plugin.name!r} in {plugin.__name__}()"):
            return plugin(**values)
    except ValueError as error:  # a plugin's own __post_init__ check
        raise ConfigError(f"{plugin.kind} {plugin.name!r}: {error}", "see `fertool plugins`") from error


def values(plugin: Plugin) -> dict[str, Any]:
    """The options in force, in order; JSON-able."""
    return {f.name: getattr(plugin, f.name) for f in fields(plugin) if f.init}


def check_names(
    given: Given, known: Iterable[str], installed: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Options for a plugin that takes no part are a slip of the pen: say so.

    `installed`: name -> kind of the plugins that could take part.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            hint = did_you_mean(name, names, f"in use: {', '.join(names)}")
            if kind := installed.get(name):
                hint = f"add --{kind} {name}, or leave this option out"
            raise ConfigError(f"-o {name}.…: plugin {name!r} is not in use", hint)


def _hint(plugin: type[Plugin], f: Field[Any]) -> Any:
    """The type of one field. `get_type_hints` would evaluate every annotation of the class, also those
    whose names exist for the type checker only."""
    if not isinstance(f.type, str):
        return f.type
    owner = next(base for base in plugin.__mro__ if f.name in inspect.get_annotations(base))
    return eval(f.type, vars(sys.modules[owner.__module__]) | vars(typing))  # noqa: S307  (its own source)


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Text or a TOML value -> the field's type."""
    if get_origin(hint) in (Union, UnionType):
        if value in (None, "none"):
            return None
        return _convert(value, next(a for a in get_args(hint) if a is not type(None)), where)
    if get_origin(hint) is Literal:
        allowed = {str(a): a for a in get_args(hint)}
        if str(value) not in allowed:
            raise ConfigError(f"{where}: expected {' or '.join(allowed)}, got {value!r}")
        return allowed[str(value)]
    if get_origin(hint) is tuple:
        if not isinstance(value, str | list | tuple):
            raise ConfigError(f"{where}: expected {_spell(hint)}, got {value!r}")
        parts = value.split(",") if isinstance(value, str) else list(value)
        item = get_args(hint)[0]
        return tuple(_convert(p.strip() if isinstance(p, str) else p, item, where) for p in parts if p != "")
    try:
        if hint is bool:
            return _truth(value)
        if hint is float and isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
        if hint is int and (isinstance(value, str) or type(value) is int):
            return int(value)
        if hint is str and isinstance(value, str | int | float):
            return str(value)
    except ValueError:
        pass
    raise ConfigError(f"{where}: expected {_spell(hint)}, got {value!r}")


def _truth(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    text = str(value).lower()
    if text not in words:
        raise ValueError(text)
    return words[text]


def _spell(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(str(a) for a in get_args(hint))
    if isinstance(hint, type) and not get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "")


def _default(f: Any) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else None
