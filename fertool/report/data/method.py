"""Formulas of rules, figures of model cards and detectors, and lectures with equal configuration."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fertool.contracts import Detector
from fertool.host import options
from fertool.report.text import members, plugin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fertool.host.registry import Registry
    from fertool.report.data.course import Course
    from fertool.report.data.digest import Digest
    from fertool.report.data.lecture import Run

KINDS = ("detector", "encoder", "classifier")


@dataclass(frozen=True, slots=True)
class Formula:
    """A rule as it judged."""

    rule: str
    version: str
    options: dict[str, Any]
    text: tuple[str, ...]
    """Paragraphs of its docstring; none when it is not installed here."""
    loaded: str
    """The version that the docstring is of."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a model card says of the weights that a run used."""

    classifier: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caveat: str
    """What the card says of these figures; empty if nothing."""


@dataclass(frozen=True, slots=True)
class UsedDetector:
    """A detector with options that recordings were analyzed with."""

    name: str
    """Empty: none was recorded."""
    version: str
    options: Mapping[str, Any]
    """Those that are not the default; all of them where this version is not installed here."""
    lectures: tuple[str, ...]
    """A lecture that several detectors looked at is named once for each of its recordings."""
    plugin: type[Detector] | None
    """The class of it in this version; None if that is not installed here."""
    license: str
    """Of the weights in use; empty if unknown."""


@dataclass(frozen=True)
class Setup:
    """Plugins with their options that several recordings were analyzed with."""

    config: Mapping[str, Any]
    policy: str
    fertool: str
    lectures: tuple[str, ...]


def formula(registry: Registry | None, row: Mapping[str, Any]) -> Formula:
    """`row`: rule, version, options (JSON)."""
    found = {it.plugin.name: it.plugin for it in registry.of_kind("rule")} if registry else {}
    rule = found.get(row["rule"])
    doc = inspect.getdoc(rule) or "" if rule is not None and rule.__doc__ else ""
    text = tuple(" ".join(part.split()) for part in doc.split("\n\n") if part.strip())
    version = rule.version if rule is not None else ""
    return Formula(row["rule"], row["version"], json.loads(row["options"] or "{}"), text, version)


def cards(registry: Registry | None, runs: Iterable[Run]) -> list[Card]:
    """Figures of the classifiers in use, as far as a model card lies beside the very weights."""
    parts = [part for run in runs for part in members(plugin(run.config, "classifier"))]
    used = {str(part["name"]): part for part in parts if part.get("name")}
    found = {it.plugin.name: it.plugin for it in registry.of_kind("classifier")} if registry else {}
    cards = []
    for name, part in sorted(used.items()):
        kind, weights = found.get(name), part.get("weights")
        if kind is None or not isinstance(weights, dict):
            continue
        path: Path | None = getattr(kind(), "path", None)
        beside = path.with_suffix(".md") if path is not None else None
        if beside is None or not beside.is_file():
            continue
        text = beside.read_text(encoding="utf-8")
        if any(str(digest) in text for digest in weights.values()):
            (header, *rows), caveat = _figures(text)
            cards.append(Card(name, header, tuple(rows), caveat))
    return cards


def detectors(registry: Registry | None, courses: Sequence[Course]) -> list[UsedDetector]:
    """The detectors in use, each with the lectures that it looked at, in order of their first lecture."""
    plugins = [it.plugin for it in registry.of_kind("detector")] if registry else []
    installed = {(it.name, it.version): it for it in plugins if issubclass(it, Detector)}
    found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for course in courses:
        for one in course.lectures:
            several = len({_detector(run) for run in one.runs}) > 1
            for run in one.runs:
                name = _name(courses, one) + (f" ({run.recording})" if several else "")
                found.setdefault(_detector(run), (plugin(run.config, "detector"), []))[1].append(name)
    return [_used(installed, part, names) for part, names in found.values()]


def mixed(courses: Sequence[Course]) -> list[str]:
    """Courses whose recordings were not all looked at by one detector, in one version, with equal options."""
    return [
        course.course
        for course in courses
        if len({_detector(run) for one in course.lectures for run in one.runs}) > 1
    ]


def _detector(run: Run) -> str:
    """Equal for runs whose detectors were in everything alike."""
    return json.dumps(plugin(run.config, "detector"), sort_keys=True, default=str)


def _used(
    installed: Mapping[tuple[str, str], type[Detector]], part: Mapping[str, Any], lectures: Sequence[str]
) -> UsedDetector:
    """`installed`: by name and version. `part`: of a run's configuration."""
    name, version = (str(part.get(key) or "") for key in ("name", "version"))
    given, weights = (plugin(part, key) for key in ("options", "weights"))
    kind = installed.get((name, version))
    names = tuple(dict.fromkeys(lectures))
    if kind is None:
        return UsedDetector(name, version, given, names, None, "")
    usual = {one.name: _spelled(one.default) for one in options.describe(kind)}
    changed = {option: value for option, value in given.items() if _spelled(value) != usual.get(option)}
    pulled = [model.license for model in kind.models if model.file in weights]
    return UsedDetector(name, version, changed, names, kind, pulled[0] if pulled else kind.license)


def _spelled(value: object) -> str:
    """A tuple as the list that it becomes in a configuration."""
    return json.dumps(value, default=str)


def setups(courses: Sequence[Course]) -> list[Setup]:
    """Recordings that were analyzed alike, together: twenty lectures are mostly one setup."""
    found: dict[str, tuple[Run, list[str]]] = {}
    for course in courses:
        for one in course.lectures:
            for run in one.runs:
                # The consent in force changes from day to day, the way of measuring does not.
                config = {key: value for key, value in run.config.items() if key != "consent"}
                key = json.dumps([config, run.policy, run.fertool], sort_keys=True, default=str)
                found.setdefault(key, (run, []))[1].append(_name(courses, one))
    return [
        Setup(run.config, run.policy, run.fertool, tuple(dict.fromkeys(names)))
        for run, names in found.values()
    ]


def _name(courses: Sequence[Course], one: Digest) -> str:
    return one.lecture if len(courses) == 1 else f"{one.course} / {one.lecture}"


def _figures(text: str) -> tuple[list[tuple[str, ...]], str]:
    """The Markdown table under `## Figures`, header first, and the paragraph below it, which may be empty."""
    section = text.partition("## Figures")[2].partition("\n## ")[0]
    table, _, below = section.strip().partition("\n\n")
    rows = []
    for line in table.splitlines():
        if not line.startswith("|"):
            break
        if not set(line) <= set("|-: "):
            rows.append(tuple(cell.replace("`", "").strip() for cell in line.strip("|").split("|")))
    return rows or [()], " ".join(below.partition("\n\n")[0].replace("`", "").split())
