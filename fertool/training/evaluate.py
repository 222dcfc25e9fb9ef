"""Evaluation of classifiers on a labeled data set: accuracy, calibration, speed."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import safe_open

from fertool import recipes
from fertool.contracts import Trainable
from fertool.errors import FertoolError
from fertool.host import validate
from fertool.training import metrics
from fertool.training.alignment import aligned
from fertool.training.datasets.dataset import load
from fertool.training.datasets.division import Division, divided
from fertool.training.near_duplicates import near
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fertool.contracts import Classifier, Encoder
    from fertool.training.datasets.dataset import Dataset

    Doubles = Any
    Seen = Callable[[int, int], None]
    """Called with the faces that are done, and all there are."""

BATCH = 64


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One classifier on one split."""

    name: str
    scores: metrics.Scores
    unseen: metrics.Scores | None
    """Without near-duplicates of training pictures; None if the data has no training split."""
    warnings: tuple[str, ...]
    faces_per_s: dict[int, float]
    """By batch size."""
    seconds: float
    """Processing of all faces of the split, in batches of BATCH: reading and cutting them not included."""
    peak_mb: float | None
    """Most memory of this process in that time, its data and other loaded networks included; None where the
    system (all but Linux) does not tell."""
    truth: Any
    probabilities: Doubles
    ids: Any
    """(n,) str, of the faces in their order: as of `Dataset`."""
    fresh: Any
    """(n,) bool: no near-duplicate of a training picture; None as `unseen`."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Runs of one recipe that differ in their seed."""

    name: str
    """Of the classifier."""
    recipe: str
    """Its name; empty for one that the classifier does not have."""
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    """Of each, in 0..1."""
    mean: float
    sd: float
    """Standard deviation of the sample."""


def spread(found: Sequence[tuple[Classifier, Evaluation]]) -> list[Spread]:
    """One row for every two or more of the models that were trained alike with different seeds, in the order
    of their first. Alike: classifier and its version, options, recipe, data, teachers, beginning."""
    groups: dict[str, list[tuple[int, float, Classifier, dict[str, Any]]]] = {}
    for classifier, evaluation in found:
        about = made(classifier.path) if isinstance(classifier, Trainable) else {}
        if "seed" in about:
            key = json.dumps({k: v for k, v in about.items() if k != "seed"}, sort_keys=True)
            run = (about["seed"], evaluation.scores.accuracy, classifier, about)
            groups.setdefault(key, []).append(run)
    rows = []
    for runs in groups.values():
        seeds, accuracies, (classifier, *_), (about, *_) = zip(*runs, strict=True)
        if len(set(seeds)) > 1:
            mean, sd = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
            rows.append(Spread(classifier.name, _recipe(classifier, about), seeds, accuracies, mean, sd))
    return rows


def _recipe(classifier: Trainable, about: dict[str, Any]) -> str:
    stored = recipes.current(about["recipe"])
    known = {name: json.loads(json.dumps(asdict(recipe))) for name, recipe in classifier.recipes.items()}
    return next((name for name, recipe in known.items() if recipe == stored), "")


def faces(classifier: Classifier, path: Path) -> Dataset:
    """The data at `path` in the size and the colors that `classifier` sees."""
    return load(path, classifier.crop.size, classifier.crop.channels)


def as_seen(classifier: Classifier, part: Dataset, encoder: Encoder | None) -> Dataset:
    """Some of its `faces` as they are or, with a loaded `encoder`, cut as `analyze` cuts faces."""
    return part if encoder is None else aligned(part, encoder, classifier.crop)


def measure(
    classifier: Classifier,
    data: Dataset,
    split: str,
    *,
    division: Division | None = None,
    encoder: Encoder | None = None,
    tta: bool = False,
    speed: bool = True,
    seen: Seen = lambda *_: None,
) -> Evaluation:
    """Evaluate a loaded classifier on one split of `data`, which are its `faces`, divided by `division` or
    else as they came. `encoder` as for `as_seen`. `seen` receives how many faces are classified, and of how
    many.

    Raises FertoolError if its labels do not cover the seven of the data.
    """
    cut = data if division is None else divided(data, division)
    part = cut.take(split)
    shown = as_seen(classifier, part, encoder)
    _forget_peak()
    began = time.perf_counter()
    rows = classify(classifier, shown, tta=tta, seen=seen)
    seconds, peak_mb = time.perf_counter() - began, _peak_mb()
    fresh = _unseen(cut, part, split)
    return Evaluation(
        name=classifier.name,
        scores=metrics.score(part.labels, rows, EMOTIONS),
        unseen=None if fresh is None else metrics.score(part.labels[fresh], rows[fresh], EMOTIONS),
        warnings=(*warnings(classifier, data, cut.split == split, f"split {split!r}"), *cut.notes),
        faces_per_s={n: _speed(classifier, shown, n) for n in (1, 16)} if speed else {},
        seconds=seconds,
        peak_mb=peak_mb,
        truth=part.labels,
        probabilities=rows,
        ids=part.ids,
        fresh=fresh,
    )


def classify(
    classifier: Classifier, data: Dataset, *, tta: bool = False, seen: Seen = lambda *_: None
) -> Doubles:
    """(n, 7) float64 probabilities in the order of EMOTIONS, rows sum to 1; labels beyond the seven are
    left out. With `tta`, the mean over the face and its mirror image. `seen` and errors as of `measure`."""
    missing = [e for e in EMOTIONS if e not in classifier.labels]
    if missing:
        raise FertoolError(f"classifier {classifier.name!r} has no label {', '.join(missing)}")
    columns = [classifier.labels.index(e) for e in EMOTIONS]
    crops = data.images[..., None] if data.images.ndim == 3 else data.images
    parts = []
    for start in range(0, len(crops), BATCH):
        batch = crops[start : start + BATCH]
        found = validate.classify(classifier, batch)
        if tta:
            mirrored = validate.classify(classifier, np.ascontiguousarray(batch[:, :, ::-1]))
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


def trained_on(classifier: Classifier) -> dict[str, Any]:
    """What its weights remember of the data they were trained on; empty if nothing."""
    file = classifier.path if isinstance(classifier, Trainable) else None
    found: dict[str, Any] = made(file).get("data", {})
    return found


def division(classifier: Classifier, data: Dataset) -> Division | None:
    """How `data`, its `faces`, were divided when the weights of `classifier` were trained on them.

    None if the weights remember no division, or one of other data.
    """
    return _division(trained_on(classifier), data)


def warnings(classifier: Classifier, data: Dataset, rows: Any, what: str) -> list[str]:
    """A figure flatters weights if the pictures trained or selected them, or those that they began with.

    `rows` (n,) bool are the pictures of `data` that were measured, in words `what`; `data` are the `faces` of
    `classifier` as they came. Only the very data of the training are recognized, by hashes of their splits.
    """
    used = {"selected_on": np.zeros_like(rows), "train": np.zeros_like(rows)}
    about = trained_on(classifier)
    while about:
        way = _division(about, data)
        cut = data if way is None else divided(data, way)
        for split in cut.splits():
            digest = cut.digest(split)
            for role, mask in used.items():
                if about.get(role) == digest:
                    mask |= cut.split == split
        about = about.get("before", {})
    said, total = [], int(rows.sum())
    for role, use in (("selected_on", "select"), ("train", "train")):
        if count := int((rows & used[role]).sum()):
            how_many = f"{what} was" if count == total else f"{count} of the {total} pictures of {what} were"
            said.append(f"{how_many} used to {use} these weights: the figures flatter them")
    return said


def _division(about: dict[str, Any], data: Dataset) -> Division | None:
    if "division" not in about:
        return None
    found = Division.from_dict(about["division"])
    try:
        same = divided(data, found).digest("train") == about["train"]
    except FertoolError:  # others, which cannot be divided so
        return None
    return found if same else None


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


def _forget_peak() -> None:
    """From now on, Linux counts the peak of this process from what it takes now (man 5 proc: clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float | None:
    """Most memory of this process since `_forget_peak`; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), None)
