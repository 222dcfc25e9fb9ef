"""Measure classifiers, of whatever kind, on a labelled data set: accuracy, calibration, speed."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import safe_open

from fertool import checks
from fertool.contracts import Trainable
from fertool.errors import FertoolError
from fertool.training import metrics
from fertool.training.alignment import aligned
from fertool.training.data import load
from fertool.training.duplicates import near
from fertool.training.loop import selection
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fertool.contracts import Classifier, Encoder
    from fertool.training.data import Dataset

    Doubles = Any
    Seen = Callable[[int, int], None]
    """Called with the faces that are done, and all there are."""

BATCH = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """One classifier on one split."""

    name: str
    scores: metrics.Scores
    unseen: metrics.Scores | None
    """Without near-duplicates of training pictures; None if the data has no training split."""
    warnings: tuple[str, ...]
    faces_per_s: dict[int, float]
    """By batch size."""
    peak_mb: float
    """Of this process so far."""
    held_out: str
    """The split of the same data to select on."""
    truth: Any
    probabilities: Doubles


def measure(
    classifier: Classifier,
    path: Path,
    split: str,
    *,
    tta: bool = False,
    speed: bool = True,
    encoder: Encoder | None = None,
    seen: Seen = lambda *_: None,
) -> Measured:
    """Evaluate a loaded classifier on one split of the data at `path`; with a loaded `encoder`, its faces are
    aligned by the eyes first. `seen` is told how many faces are classified, and of how many.

    Raises FertoolError if its labels do not cover the seven of the data.
    """
    missing = [e for e in EMOTIONS if e not in classifier.labels]
    if missing:
        raise FertoolError(f"classifier {classifier.name!r} has no label {', '.join(missing)}")
    data = load(path, classifier.crop.size, classifier.crop.channels)
    if encoder is not None:
        data = aligned(data, encoder, classifier.crop)
    part = data.take(split)
    rows = classify(classifier, part, tta=tta, seen=seen)
    fresh = _unseen(data, part, split)
    scored = metrics.score(part.labels, rows, EMOTIONS)
    return Measured(
        name=classifier.name,
        scores=scored,
        unseen=None if fresh is None else metrics.score(part.labels[fresh], rows[fresh], EMOTIONS),
        warnings=(*_warnings(classifier, part, split), *data.notes),
        faces_per_s={n: _speed(classifier, part, n) for n in (1, 16)} if speed else {},
        peak_mb=_peak_mb(),
        held_out=selection(data),
        truth=part.labels,
        probabilities=rows,
    )


def said(
    classifier: Classifier,
    path: Path,
    split: str,
    *,
    tta: bool = False,
    encoder: Encoder | None = None,
    seen: Seen = lambda *_: None,
) -> tuple[Any, Doubles]:
    """The `truth` and the `probabilities` of `measure`, and nothing else."""
    part = load(path, classifier.crop.size, classifier.crop.channels).take(split)
    if encoder is not None:
        part = aligned(part, encoder, classifier.crop)
    return part.labels, classify(classifier, part, tta=tta, seen=seen)


def classify(
    classifier: Classifier, data: Dataset, *, tta: bool = False, seen: Seen = lambda *_: None
) -> Doubles:
    """(n, 7) float64 probabilities in the order of EMOTIONS, rows sum to 1; labels beyond the seven are
    left out. With `tta`, the mean over the face and its mirror image. `seen` as of `measure`."""
    columns = [classifier.labels.index(e) for e in EMOTIONS]
    crops = data.images[..., None] if data.images.ndim == 3 else data.images
    parts = []
    for start in range(0, len(crops), BATCH):
        batch = crops[start : start + BATCH]
        found = checks.classify(classifier, batch)
        if tta:
            mirrored = checks.classify(classifier, np.ascontiguousarray(batch[:, :, ::-1]))
            found = np.asarray((found + mirrored) / 2, np.float32)
        parts.append(found[:, columns])
        seen(start + len(batch), len(crops))
    rows = np.concatenate(parts).astype(np.float64)
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def made(file: Path | None) -> dict[str, Any]:
    """What a weights file remembers of its training; empty if nothing, or if there is no such file."""
    if file is None or not file.is_file():
        return {}
    with safe_open(file, "np") as opened:
        about = opened.metadata() or {}
    found: dict[str, Any] = json.loads(about.get("made", "{}"))
    return found


def _warnings(classifier: Classifier, part: Dataset, split: str) -> list[str]:
    """A figure on data that the weights were selected on, or trained on, flatters."""
    data = made(classifier.path if isinstance(classifier, Trainable) else None).get("data", {})
    digest = part.digest()
    if data.get("selected_on") == digest:
        return [f"split {split!r} was used to select these weights: the figures flatter them"]
    if data.get("train") == digest:
        return [f"split {split!r} is what these weights were trained on"]
    return []


def _unseen(data: Dataset, part: Dataset, split: str) -> Any:
    """(n,) bool: no near-duplicate of a training picture; None where there is no other training split."""
    if split == "train" or "train" not in data.splits():
        return None
    return ~near(part.images, data.take("train").images)


def _speed(classifier: Classifier, part: Dataset, size: int, seconds: float = 1.0) -> float:
    """Faces per second in batches of `size`, for about a second after a warm-up."""
    crops = part.images[..., None] if part.images.ndim == 3 else part.images
    batch = np.resize(crops, (size, *crops.shape[1:]))
    classifier.classify(batch)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        classifier.classify(batch)
        done += size
    return done / (time.perf_counter() - began)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
