"""Figures and names as text: times, percentages, file names, command lines."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import unicodedata
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from fertool import messages, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SLUG_LENGTH = 40
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
"""File names that Windows does not allow, and sticks travel."""


def clock(seconds: float | None) -> str:
    """3725.4 -> `1:02:05`, rounded to the second; null -> a dash."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    return text.clock(round(seconds))


def count(number: int) -> str:
    """12345 -> `12 345`, with a narrow space that does not break."""
    return f"{number:,}".replace(",", "\u202f")


def percent(part: float | None, whole: int | None = None) -> str:
    """`percent(1, 3)` and `percent(0.333)` -> `33.3 %`; of nothing: `not measurable`.

    Never `0.0 %` for something, nor `100.0 %` for less than everything.
    """
    if part is None or whole == 0:
        return "not measurable"
    share = part if whole is None else part / whole
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{share:.1%}".replace("%", "\u00a0%")


def whole(share: float) -> str:
    """`messages.whole_percent` with a space that does not break: 0.834 -> `83 %`."""
    return messages.whole_percent(share, "\u00a0")


ROUNDING = 1e-12
"""What is smaller is nothing but the error of a sum."""


def number(value: float | None, digits: int = 3) -> str:
    """A rule's figure or a measurement: `digits` significant ones; null -> a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) < ROUNDING:
        value = 0.0
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def degrees(value: float | None) -> str:
    """-12.3 -> `−12°`; null -> a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    whole = round(value)
    return f"{whole:+d}°".replace("-", "−") if whole else "0°"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Name -> file name stem of `a-z0-9-` only, at most 60 characters; no two names share one.

    A name that is its own slug keeps it; any other gets a piece of its hash behind, so that the file name
    of a page does not depend on what else is in the report.
    """
    names = sorted(set(names), key=lambda name: (_slug(name) != name, name))  # the exact ones first
    taken: dict[str, str] = {}
    for name in names:
        stem, digest, length = _slug(name), hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(), 8
        slug = stem if stem and stem == name else f"{stem}-{digest[:length]}".lstrip("-")
        while slug in taken.values():
            length += 1
            slug = f"{stem}-{digest[:length]}".lstrip("-")
        taken[name] = slug
    return taken


def _slug(name: str) -> str:
    """Lower case ASCII letters, digits and single dashes; may be empty."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower())[:SLUG_LENGTH].strip("-")
    return f"{slug}-" if slug in RESERVED else slug


def shorten(names: Iterable[str], length: int = 24) -> list[str]:
    """Names cut to `length` characters for an axis, on one line, still all different."""
    short: list[str] = []
    for name in names:
        line = " ".join(name.split()) or "(no name)"
        line = line if len(line) <= length else f"{line[: length - 1]}…"
        copy, n = line, 1
        while copy in short:
            n += 1
            copy = f"{line} ({n})"
        short.append(copy)
    return short


def script_json(text: str) -> Markup:
    """JSON text made safe inside `<script>`: no `<`, so neither `</script>` nor a comment can appear."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (escaped just above)


def command(path: str, course: str, lecture: str, config: Mapping[str, Any]) -> str:
    """The `fertool analyze` that repeats a run, quoted for a POSIX shell.

    The encoder has no flag of its own: fertool.toml names it.
    """
    words = ["fertool", "analyze", path, "--course", course, "--lecture", lecture]
    for kind in ("detector", "classifier"):
        if name := plugin(config, kind).get("name"):
            words += [f"--{kind}", str(name)]
    if every := config.get("every"):
        words += ["--every", period(every)]
    for flag, key in {"--start": "start_s", "--end": "end_s", "--policy": "policy"}.items():
        if config.get(key):  # starting at 0 needs no flag
            words += [flag, str(config[key])]
    if mode := plugin(config, "consent").get("mode"):
        words += ["--consent", str(mode)]
    for kind in ("detector", "encoder", "classifier"):
        for part in members(plugin(config, kind)):
            options = part.get("options")
            for option, value in options.items() if isinstance(options, dict) else ():
                words += ["-o", f"{part.get('name')}.{option}={_spelled(value)}"]
    return shlex.join(words)


def period(every: float | str) -> str:
    """As `--every` takes it: 0.5 -> `0.5s`; `keyframes` and `1s` stay."""
    return every if isinstance(every, str) else f"{str(every).removesuffix('.0')}s"


def _spelled(value: object) -> str:
    """An option's value as `-o` reads it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def plugin(config: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """One plugin's part of a run's configuration; empty when there was none, or it is malformed."""
    part = config.get(kind)
    return part if isinstance(part, dict) else {}


def members(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A plugin's part of a configuration, followed by those of its members if it is an ensemble."""
    found = part.get("members")
    return [part, *(one for one in found if isinstance(one, dict))] if isinstance(found, list) else [part]
