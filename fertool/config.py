"""Settings: command line over environment over fertool.toml over default."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fertool.errors import ConfigError
from fertool.text import did_you_mean

FILE = "fertool.toml"
LIMIT = "FERTOOL_PLUGIN_LIMIT"
POLICIES = ("full", "behaviour")
CONSENT = ("off", "required")
SMALLEST_GROUP = 5
"""Students below whose number no figure is reported, unless it is set otherwise."""
DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True, slots=True)
class Settings:
    """What fertool.toml may say; every key is also a flag."""

    db: str = "fertool.duckdb"
    course: str = "course"
    every: str = "1s"
    detector: str = "yunet"
    encoder: str = "faceapi"
    classifier: str = "compact"
    policy: str = "full"
    consent: str = "off"
    k: int = SMALLEST_GROUP
    """Figures about fewer students than this are not reported."""
    retention: str = ""
    """How long data are to be kept, as `180d`; reports say so, `fertool purge` does it. Empty: not said."""
    device: str = "auto"
    plugin_limit: int = 600
    """Seconds that one call of a plugin may take; 0: any."""
    plugins: list[str] = field(default_factory=list)
    """Plugin files, relative to fertool.toml."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`[options.ssd]` tables: options of plugins."""

    def __post_init__(self) -> None:
        _one_of("policy", self.policy, POLICIES)
        _one_of("consent", self.consent, CONSENT)
        if self.k < 1:
            raise ConfigError(f"k: expected a number of students from 1 on, got {self.k}")
        if self.retention:
            days(self.retention)
        _one_of("device", self.device, DEVICES)
        if self.plugin_limit < 0:
            raise ConfigError(f"plugin_limit: expected seconds, or 0 for any time, got {self.plugin_limit}")


def load(folder: Path, **flags: Any) -> Settings:
    """Settings for a command run in `folder`; flags that are None were not given."""
    given = {name: value for name, value in flags.items() if value is not None}
    return Settings(**{**_file(folder / FILE), **_environment(), **given})


def course(folder: Path, flag: str | None) -> str | None:
    """Which course a command is about that can be about all: `flag`, else that of fertool.toml; None for all,
    which an empty flag asks for."""
    chosen = _file(folder / FILE).get("course") if flag is None else flag
    return chosen or None


def days(text: str) -> int:
    """`180d` -> 180. Raises ConfigError."""
    number, unit = text[:-1], text[-1:]
    if unit != "d" or not number.isascii() or not number.isdigit() or not int(number):
        raise ConfigError(f"retention: expected a number of days such as 180d, got {text!r}")
    return int(number)


def _environment() -> dict[str, Any]:
    given: dict[str, Any] = {}
    if db := os.environ.get("FERTOOL_DB"):
        given["db"] = db
    if limit := os.environ.get(LIMIT):
        if not limit.isascii() or not limit.isdigit():
            raise ConfigError(f"{LIMIT}: expected seconds, or 0 for any time, got {limit!r}")
        given["plugin_limit"] = int(limit)
    return given


def _file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "see README for an example") from error
    kinds = {name: type(getattr(Settings(), name)) for name in Settings.__slots__}
    for key, value in content.items():
        if key not in kinds:
            hint = did_you_mean(key, kinds, f"known: {', '.join(kinds)}")
            raise ConfigError(f"{path}: unknown key {key!r}", hint)
        if not isinstance(value, kinds[key]):
            what = f"{path}: {key}: expected {kinds[key].__name__}, got {type(value).__name__} {value!r}"
            raise ConfigError(what)
    for name, table in content.get("options", {}).items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: options.{name}: expected a table, got {table!r}", f"[options.{name}]")
    if "plugins" in content:
        content["plugins"] = [str(path.parent / str(name)) for name in content["plugins"]]
    return content


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}: expected {' or '.join(allowed)}, got {value!r}")
