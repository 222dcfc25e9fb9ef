"""Validation of what plugins return. Errors name the plugin, what was expected and what came."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool import messages
from fertool.errors import PluginError
from fertool.host.guard import ASK, call
from fertool.sections import Chart, Prose, Table
from fertool.types import Assessment, Faces, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fertool.contracts import Classifier, Detector, Encoder, Plugin, Rule, Section
    from fertool.sections import Given, Part
    from fertool.types import Context, Floats, Image

MAX_FRACTION_OFF = 1e-3
"""How far probabilities may be from summing to 1 (float32 and bf16 rounding)."""
MOST_ROWS, MOST_LINES = 500, 7
"""Of a section: rows of a table, columns of a chart."""
LANDMARKS = (5, 68)
"""Points a face that `fertool.vision.crops` can align by."""


def detect(detector: Detector, images: Sequence[Image]) -> list[Faces]:
    """Call a detector and check what came: one sound `Faces` per image."""
    came = call(detector, "detect", detector.detect, [_read_only(image) for image in images])
    faces = _listed(detector, "detect", came, len(images))
    for one, image in zip(faces, images, strict=True):
        _faces(detector, "detect", one)
        _near(detector, one, image)
    return faces


def encode(encoder: Encoder, images: Sequence[Image], faces: Sequence[Faces]) -> list[Faces]:
    """Call an encoder: the same faces, now with landmarks and pose."""
    came = call(encoder, "encode", encoder.encode, [_read_only(image) for image in images], faces)
    encoded = _listed(encoder, "encode", came, len(images))
    for before, after in zip(faces, encoded, strict=True):
        _faces(encoder, "encode", after)
        if len(before) != len(after):
            raise _unfit(encoder, "encode", f"{len(before)} faces, as given", f"{len(after)}")
        if not np.array_equal(before.boxes, after.boxes):
            raise _unfit(encoder, "encode", "the same boxes in the same order", "others")
        if len(after) and (after.landmarks is None or after.pose_deg is None):
            raise _unfit(encoder, "encode", "landmarks and pose_deg filled in", "None")
    return encoded


def embed(encoder: Encoder, crops: Any) -> Floats:
    """Call an encoder's `embed`: (n, d) float32 unit rows."""
    rows = call(encoder, "embed", encoder.embed, _read_only(crops))
    _array(encoder, "embed", "embeddings", rows, (len(crops), None))
    _unit(encoder, "embed", rows)
    return np.asarray(rows, np.float32)


def classify(classifier: Classifier, crops: Any) -> Floats:
    """Call a classifier: (n, labels) float32 probabilities whose rows sum to 1."""
    rows = call(classifier, "classify", classifier.classify, _read_only(crops))
    _array(classifier, "classify", "probabilities", rows, (len(crops), len(classifier.labels)))
    if (rows < 0).any() or not np.allclose(rows.sum(axis=1), 1, atol=MAX_FRACTION_OFF):
        sums = rows.sum(axis=1)
        came = f"sums {sums.min():.3g} to {sums.max():.3g}, least value {rows.min():.3g}"
        raise _unfit(classifier, "classify", "rows >= 0 that sum to 1", came)
    return np.asarray(rows, np.float32)


def assess(rule: Rule, seen: pl.DataFrame, context: Context) -> list[Assessment]:
    """Call a rule: None, an Assessment or a list of them -> always a list, its times within the window."""
    result = call(rule, "assess", rule.assess, seen, context)
    results = [] if result is None else result if isinstance(result, list) else [result]
    results = [_plain(one) if isinstance(one, Assessment) else one for one in results]
    for one in results:
        if not isinstance(one, Assessment):
            raise _unfit(rule, "assess", "an Assessment, a list of them, or None", _describe(one))
        for what, number in (("value", one.value), ("start_s", one.start_s), ("end_s", one.end_s)):
            if number is not None and not _number(number):
                raise _unfit(rule, "assess", f"a finite {what}, or None", _short(number))
        if not isinstance(one.level, str):
            raise _unfit(rule, "assess", "text as level", _describe(one.level))
        _sayable(rule, "assess", one.message)
        _jsonable(rule, one.evidence)
        _judgment(rule, one)
    return results if context.window is None else [_within(rule, one, context.window) for one in results]


def _sayable(plugin: Plugin, method: str, said: str | Message) -> None:
    if not isinstance(said, str | Message):
        raise _unfit(plugin, method, "a text or a Message", _describe(said))
    try:
        str(said)
        if isinstance(said, Message):
            messages.to_json(said)
    except (LookupError, TypeError, ValueError) as error:
        raise _unfit(plugin, method, "a Message with a fit value for every place", repr(error)) from error


def _judgment(rule: Rule, one: Assessment) -> None:
    """What is said beside the value: coverage, interval, spans, whom it is about."""
    if one.coverage is not None and not (_number(one.coverage) and 0 <= one.coverage <= 1):
        raise _unfit(rule, "assess", "coverage in 0..1, or None", repr(one.coverage))
    if one.interval is not None and not _interval(one.interval):
        raise _unfit(rule, "assess", "an interval (low, high), or None", repr(one.interval))
    if not isinstance(one.spans, list | tuple) or not all(map(_interval, one.spans)):
        raise _unfit(rule, "assess", "spans ((start_s, end_s), ...)", repr(one.spans)[:120])
    if one.student is not None and not (isinstance(one.student, str) and rule.subject == "class"):
        raise _unfit(rule, "assess", "a student from rules of the class only", repr(one.student))


def _within(rule: Rule, one: Assessment, window: tuple[float, float]) -> Assessment:
    """The assessment with its evidence cut to the window: the last period of a sample, or a part of 30 s that
    a rule judges at once, may reach beyond it. What lies outside altogether is a mistake of the rule."""
    first, last = window
    whole = (one.start_s if one.start_s is not None else first, one.end_s if one.end_s is not None else last)
    for start, end in (whole, *one.spans):
        if start > end or start > last or end < first:
            expected = f"times in order and within {first:g} to {last:g} s"
            raise _unfit(rule, "assess", expected, f"{start:g} to {end:g} s")
    if first <= whole[0] and whole[1] <= last and all(first <= a and b <= last for a, b in one.spans):
        return one
    spans = [(max(start, first), min(end, last)) for start, end in one.spans]
    return replace(
        one,
        start_s=None if one.start_s is None else max(one.start_s, first),
        end_s=None if one.end_s is None else min(one.end_s, last),
        spans=tuple(span for span in spans if span[0] < span[1]),
    )


def build(section: Section, given: Given) -> list[Part]:
    """Call a section: a list of Prose, Table and Chart whose columns are there and of use."""
    parts = call(section, "build", section.build, given)
    if not isinstance(parts, list) or not all(isinstance(part, Prose | Table | Chart) for part in parts):
        raise _unfit(section, "build", "a list of Prose, Table and Chart", _describe(parts))
    for part in parts:
        if isinstance(part, Prose):
            _sayable(section, "build", part.text)
        else:
            _rows(section, part)
    return parts


def _rows(section: Section, part: Table | Chart) -> None:
    rows = part.rows
    if not isinstance(rows, pl.DataFrame) or not isinstance(part.title, str):
        raise _unfit(section, "build", "a title and a polars table", _describe(rows))
    if nested := [name for name, kind in rows.schema.items() if kind.is_nested() or kind == pl.Binary]:
        raise _unfit(section, "build", "columns of numbers, texts, dates or truth values", nested[0])
    if len(rows) > MOST_ROWS:
        raise _unfit(section, "build", f"at most {MOST_ROWS} rows, which a person can read", str(len(rows)))
    if isinstance(part, Chart):
        if missing := sorted({part.x, *part.y} - set(rows.columns)):
            raise _unfit(section, "build", f"the column {missing[0]!r}, which the chart names", "none")
        if not 1 <= len(part.y) <= MOST_LINES or not all(rows.schema[name].is_numeric() for name in part.y):
            came = ", ".join(f"{name}: {rows.schema[name]}" for name in part.y) or "none"
            raise _unfit(section, "build", f"one to {MOST_LINES} columns of numbers to draw", came)
        if rows[part.x].has_nulls() or rows[part.x].is_duplicated().any():
            raise _unfit(section, "build", f"each value of {part.x!r} once", "some missing or repeated")


def _number(value: Any) -> bool:
    """Finite, and not too large for a column."""
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False


def _short(value: object) -> str:
    return text if len(text := repr(value)) <= 60 else f"{text[:20]}... ({len(text)} characters)"


def _plain(one: Assessment) -> Assessment:
    """The assessment with Python's numbers in place of numpy's."""
    names = ("value", "start_s", "end_s", "coverage", "interval", "spans", "evidence")
    if not any(isinstance(leaf, np.generic) for name in names for leaf in _leaves(getattr(one, name))):
        return one
    return replace(one, **{name: _unboxed(getattr(one, name)) for name in names})


def _leaves(value: Any) -> Iterator[Any]:
    """Every value in nested dicts, lists and tuples."""
    if isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one)
    else:
        yield value


def _unboxed(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _unboxed(one) for key, one in value.items()}
    return type(value)(map(_unboxed, value)) if isinstance(value, list | tuple) else value


def _interval(value: Any) -> bool:
    """Two finite numbers in order."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(map(_number, value)):
        return False
    return bool(value[0] <= value[1])


def _jsonable(rule: Rule, evidence: Any) -> None:
    plain = isinstance(evidence, dict) and all(
        isinstance(key, str) and (isinstance(one, str) or _number(one)) for key, one in evidence.items()
    )
    if plain:  # the usual case, and quicker than writing it
        return
    try:
        json.dumps(evidence, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        what = "evidence of plain finite numbers and text"
        raise _unfit(rule, "assess", what, f"{_short(evidence)}: {error}") from error


def _read_only(pixels: Any) -> Any:
    """A view that cannot be written: what one plugin changes, the next one would measure."""
    view = pixels.view()
    view.flags.writeable = False
    return view


def _listed(plugin: Plugin, method: str, got: Any, n: int) -> list[Faces]:
    if not isinstance(got, list) or len(got) != n or not all(isinstance(one, Faces) for one in got):
        came = f"{len(got)} of them" if isinstance(got, list) else _describe(got)
        raise _unfit(plugin, method, f"a list of {n} Faces, one per image", came)
    return got


def _faces(plugin: Plugin, method: str, faces: Faces) -> None:
    n = len(faces.boxes) if np.ndim(faces.boxes) else 0
    _array(plugin, method, "boxes", faces.boxes, (n, 4))
    _array(plugin, method, "scores", faces.scores, (n,))
    if n and not (faces.boxes[:, 2:] > faces.boxes[:, :2]).all():
        raise _unfit(plugin, method, "boxes x1, y1, x2, y2 with x2 > x1 and y2 > y1", "others")
    if n and not ((faces.scores >= 0) & (faces.scores <= 1)).all():
        came = f"{faces.scores.min():.3g} to {faces.scores.max():.3g}"
        raise _unfit(plugin, method, "scores in 0..1", came)
    if faces.landmarks is not None:
        _array(plugin, method, "landmarks", faces.landmarks, (n, None, 2))
        if faces.landmarks.shape[1] not in LANDMARKS:
            raise _unfit(plugin, method, "5 or 68 landmarks a face", str(faces.landmarks.shape[1]))
    if faces.pose_deg is not None:  # NaN: could not be measured
        _array(plugin, method, "pose_deg", faces.pose_deg, (n, 3), finite=False)
    if faces.embeddings is not None:
        _array(plugin, method, "embeddings", faces.embeddings, (n, None))
        _unit(plugin, method, faces.embeddings)


def _near(plugin: Plugin, faces: Faces, image: Image) -> None:
    """Boxes may reach beyond the picture, by its own size at most."""
    height, width = image.shape[:2]
    sides = np.array([width, height] * 2, np.float32)
    near = ((faces.boxes >= -sides) & (faces.boxes <= 2 * sides)).all(axis=1)
    if not near.all():
        came = ", ".join(f"{side:.0f}" for side in faces.boxes[~near][0])
        raise _unfit(plugin, "detect", f"boxes in the picture of {width} x {height} pixels", came)


def _unit(plugin: Plugin, method: str, rows: Floats) -> None:
    norms = np.linalg.norm(rows, axis=1)
    if not np.allclose(norms, 1, atol=1e-2):
        came = f"lengths {norms.min():.3g} to {norms.max():.3g}"
        raise _unfit(plugin, method, "embeddings of length 1", came)


def _array(
    plugin: Plugin, method: str, what: str, got: Any, shape: tuple[int | None, ...], *, finite: bool = True
) -> None:
    expected = f"{what} of shape ({', '.join('any' if s is None else str(s) for s in shape)}), floating point"
    if not isinstance(got, np.ndarray) or got.dtype.kind != "f" or len(got.shape) != len(shape):
        raise _unfit(plugin, method, expected, _describe(got))
    if any(want is not None and want != have for want, have in zip(shape, got.shape, strict=True)):
        raise _unfit(plugin, method, expected, _describe(got))
    if finite and not np.isfinite(got).all():
        raise _unfit(plugin, method, f"finite {what}", "NaN or infinity")


def _describe(got: Any) -> str:
    if isinstance(got, np.ndarray):
        return f"an array of shape {got.shape}, {got.dtype}"
    return f"{type(got).__name__} {got!r}"[:120]


def _unfit(plugin: Plugin, method: str, expected: str, got: str) -> PluginError:
    text = f"{plugin.kind} {plugin.name!r}: {method}() broke its contract: expected {expected}; got {got}"
    return PluginError(text, ASK)
