"""The toolbox: the plugins of a command, chosen by name, with options and device."""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fertool.errors import ConfigError, PluginError
from fertool.host import guard, options
from fertool.host.ensemble import JOIN, Ensemble
from fertool.host.registry import load_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.config import Settings
    from fertool.contracts import Classifier, Detector, Encoder, Plugin, Rule
    from fertool.host.registry import FoundPlugin, Registry

P = TypeVar("P", bound="Plugin")


@dataclass(frozen=True, slots=True)
class Plugged(Generic[P]):
    """A plugin with its options in force, not yet loaded."""

    plugin: P
    digest: str = ""
    """SHA-256 of the file it came from, when it was given as a file."""
    members: tuple[Plugged[Any], ...] = ()
    """Of an ensemble."""

    @property
    def first_name(self) -> str:
        """The oldest name: it identifies runs, also after the plugin was renamed."""
        return (*self.plugin.formerly, self.plugin.name)[0]

    def describe(self) -> dict[str, object]:
        """Everything about it that can change results."""
        about: dict[str, object] = {
            "name": self.plugin.name,
            "version": self.plugin.version,
            "options": options.values(self.plugin),
            "weights": guard.weights(self.plugin),
        }
        if self.members:
            about["members"] = [member.describe() for member in self.members]
        return about | ({"file": self.digest} if self.digest else {})


@dataclass(frozen=True, slots=True)
class Toolbox:
    """All plugins that take part in a command, by kind."""

    detector: Plugged[Detector]
    encoder: Plugged[Encoder]
    classifier: Plugged[Classifier] | None
    """None under the policy `behaviour`: no expression is computed."""
    rules: list[Rule]

    @property
    def model(self) -> str:
        """What makes the embeddings: name, version, and a hash of all that can change them. Embeddings of
        two models cannot be compared."""
        own = self.detector.plugin.same_person is not None
        embedder = self.detector if own else self.encoder
        about = embedder.describe() | {"name": embedder.first_name}
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:12]
        return f"{about['name']} {about['version']} {digest}"

    @property
    def same_person(self) -> float:
        """Distance of two embeddings up to which they are of one person."""
        return same_person(self.detector.plugin, self.encoder.plugin)

    def describe(self) -> str:
        """All plugins that measure, with version, and a hash of all that can change results."""
        used = [plugged.describe() for plugged in (self.detector, self.encoder, self.classifier) if plugged]
        digest = hashlib.sha256(json.dumps(used, sort_keys=True, default=str).encode()).hexdigest()[:12]
        return ", ".join(f"{about['name']} {about['version']}" for about in used) + f" ({digest})"


def same_person(detector: Detector, encoder: Encoder) -> float:
    """`same_person` of the plugin that makes the embeddings: a detector's own come before the encoder's."""
    return encoder.same_person if detector.same_person is None else detector.same_person


def toolbox(settings: Settings, pairs: Sequence[str] = (), files: Sequence[Path] = ()) -> Toolbox:
    """The plugins that `settings` ask for, with the options of fertool.toml and then `-o` pairs.

    Raises PluginError for an unknown, broken or unavailable plugin, ConfigError for an unknown option.
    """
    registry = load_plugins([*map(Path, settings.plugins), *files])
    given = options.merge(settings.options, options.parse(pairs))
    detector = _plug(registry, "detector", settings.detector, given)
    encoder = _plug(registry, "encoder", settings.encoder, given)
    classifier = None
    if settings.policy != "behaviour":
        classifier = _classifier(registry, settings.classifier, given)
    rules = [_build(registry, "rule", found.plugin.name, given) for found in registry.of_kind("rule")]
    judges = [rule for rule in rules if not guard.available(rule.plugin)]
    members = classifier.members if classifier else ()
    asked = (
        *((detector, settings.detector), (encoder, settings.encoder), (classifier, settings.classifier)),
        *zip(members, settings.classifier.split(JOIN), strict=False),
    )
    used = [p.plugin.name for p in (detector, encoder, classifier, *members, *judges) if p]
    used += [name for p, name in asked if p and name in p.plugin.formerly]
    chosen = {name: kind for kind, name in registry.found if kind not in ("rule", "section")}
    options.check_names(options.parse(pairs), used, chosen)
    return Toolbox(detector, encoder, classifier, [p.plugin for p in judges])


def device(name: str) -> str:
    """`auto` -> the best there is; anything else is checked. Raises ConfigError.

    PyTorch, whose import takes seconds, is not even asked where no accelerator can be.
    """
    if name == "cpu" or (name == "auto" and not accelerator_driver()):
        return "cpu"
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(d for d in ("cuda", "mps", "cpu") if there[d])
    if not there.get(name):
        have = ", ".join(d for d, ok in there.items() if ok)
        raise ConfigError(f"device {name!r} is not available to this PyTorch", f"there is: {have}")
    return name


def accelerator_driver() -> bool:
    """Whether a driver is installed that PyTorch could use: of Nvidia or AMD; macOS always has one."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _classifier(registry: Registry, name: str, given: options.Given) -> Plugged[Classifier]:
    """The classifier of that name, or of `A+B` the ensemble, whose options are those given to `A+B`."""
    names = name.split(JOIN)
    members = tuple(_plug(registry, "classifier", one, given) for one in names)
    if len(members) == 1:
        return members[0]
    joined = JOIN.join(member.plugin.name for member in members)
    ensemble = options.build(Ensemble, given.get(joined, {}))
    assert isinstance(ensemble, Ensemble)
    ensemble.join([member.plugin for member in members])
    return Plugged(ensemble, members=members)


def _plug(registry: Registry, kind: str, name: str, given: options.Given) -> Plugged[Any]:
    plugged = _build(registry, kind, name, given)
    if missing := guard.available(plugged.plugin):
        raise PluginError(f"{kind} {name!r} cannot run: {missing}")
    return plugged


def _build(registry: Registry, kind: str, name: str, given: options.Given) -> Plugged[Any]:
    found = registry.get(kind, name)
    return Plugged(options.build(found.plugin, own_options(registry, found, name, given)), found.digest)


def own_options(
    registry: Registry, found: FoundPlugin, asked: str, given: Mapping[str, Mapping[str, object]]
) -> dict[str, object]:
    """The options given to a plugin by its name, and, where it was `asked` for by a former name, by that one.

    Where another plugin is called so now, they go to both, as far as they know them.
    """
    former = given.get(asked, {}) if asked in found.plugin.formerly else {}
    if registry.named(asked):
        known = {option.name for option in options.describe(found.plugin)}
        former = {name: value for name, value in former.items() if name in known}
    return {**former, **given.get(found.plugin.name, {})}
