"""Cross-validation figures: each fold evaluated by weights that did not learn from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fertool.errors import ConfigError
from fertool.training import evaluate, metrics
from fertool.training.datasets import division
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.contracts import Classifier, Encoder
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.division import Division
    from fertool.training.evaluate import Seen

FIGURES = ("accuracy", "macro_f1", "uar")


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold: its pictures, and how good they were classified."""

    number: int
    """From 1."""
    model: int
    """Index of the classifier that was asked."""
    persons: int | None
    """How many are in its pictures; None where that is not known."""
    n: int
    accuracy: float
    macro_f1: float
    uar: float


@dataclass(frozen=True, slots=True)
class Folds:
    """All folds of a data set."""

    folds: tuple[Fold, ...]
    mean: dict[str, float]
    """Of accuracy, macro_f1 and uar over the folds, each fold counting alike."""
    sd: dict[str, float]
    """Their standard deviation (n - 1)."""
    together: metrics.Scores
    """Of all pictures, each in the fold that held it out."""
    warnings: tuple[str, ...]


def measure(
    models: Sequence[tuple[Classifier, Dataset]],
    count: int,
    seed: int,
    *,
    encoder: Encoder | None = None,
    tta: bool = False,
    seen: Seen = lambda *_: None,
) -> Folds:
    """Evaluate on `count` folds, by persons where the data tell them.

    `models`: loaded classifiers with their `evaluate.faces` of the same data. One is asked about every fold;
    `count` of them, trained with `train --fold 1/count` and so on by the same seed, each about its own.
    `encoder` as for `evaluate.as_seen`.
    ConfigError if there are fewer than three folds, another number of models, or a fold without weights.
    """
    if count < 3:
        raise ConfigError(f"--folds: expected three or more, got {count}")
    ways = [division.fold(f"{number}/{count}", seed) for number in range(1, count + 1)]
    asked = [0] * count if len(models) == 1 else _held_out(models, ways)
    folds, truth, said, warnings = [], [], [], []
    for number, (way, model) in enumerate(zip(ways, asked, strict=True), 1):
        classifier, data = models[model]
        cut = division.divided(data, way)
        part = cut.take("test")
        shown = evaluate.as_seen(classifier, part, encoder)
        rows = evaluate.classify(classifier, shown, tta=tta, seen=seen)
        scores = metrics.score(part.labels, rows, EMOTIONS)
        persons = None if part.persons is None else len(set(part.persons))
        figures = [getattr(scores, name) for name in FIGURES]
        folds.append(Fold(number, model, persons, scores.n, *figures))
        truth.append(part.labels)
        said.append(rows)
        warnings += [*evaluate.warnings(classifier, data, cut.split == "test", f"fold {number}"), *cut.notes]
    each = {name: [getattr(one, name) for one in folds] for name in FIGURES}
    return Folds(
        folds=tuple(folds),
        mean={name: statistics.fmean(values) for name, values in each.items()},
        sd={name: statistics.stdev(values) for name, values in each.items()},
        together=metrics.score(np.concatenate(truth), np.concatenate(said), EMOTIONS),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _held_out(models: Sequence[tuple[Classifier, Dataset]], ways: Sequence[Division]) -> list[int]:
    """The model of each fold: the one that was trained without it."""
    if len(models) != len(ways):
        raise ConfigError(
            f"--folds {len(ways)}: expected one model, or one for each fold, got {len(models)}",
            f"train --fold 1/{len(ways)} makes the first one",
        )
    remembered = [evaluate.division(classifier, data) for classifier, data in models]
    for number, way in enumerate(ways, 1):
        if way not in remembered:
            raise ConfigError(
                f"--folds {len(ways)}: none of the weights held out fold {number} of these pictures "
                f"by --seed {way.seed}",
                f"train --fold {number}/{len(ways)} makes them",
            )
    return [remembered.index(way) for way in ways]
