"""Metrics of classifiers. Pure numpy and scipy.

All functions take `truth` (n,) class numbers and `probabilities` (n, k) whose rows sum to 1, n >= 1; the
predicted class is the most probable one, the first of equals.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]

BINS = 15
"""Of equal width, for the calibration error (Guo et al., ICML 2017)."""
RESAMPLES = 2000
LEAST = float(np.finfo(np.float32).tiny)
"""Probability that 0 counts as in a logarithm: the smallest that float32 has in full precision."""


@dataclass(frozen=True, slots=True)
class PerClass:
    """One class; a ratio whose denominator is 0 counts as 0."""

    label: str
    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What `fertool evaluate` reports of one model on one split."""

    n: int
    accuracy: float
    interval: tuple[float, float]
    """95 % of bootstrap resamples of the faces have their accuracy in here."""
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    """95 % of bootstrap resamples, as for accuracy; of `uar` and `kappa` likewise."""
    uar: float
    """Unweighted average recall, over the classes that occur."""
    uar_interval: tuple[float, float]
    kappa: float
    """Cohen's: agreement beyond what the shares of true and of said classes would give by chance."""
    kappa_interval: tuple[float, float]
    ece: float
    cross_entropy: float
    classes: tuple[PerClass, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows: true class, columns: predicted class."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def score(truth: Integers, probabilities: Doubles, labels: Sequence[str], seed: int = 0) -> Scores:
    """All figures at once; the bootstrap is deterministic by `seed`."""
    predicted = probabilities.argmax(axis=1)
    table = confusion(truth, predicted, len(labels))
    classes = tuple(per_class(table, labels))
    figures, spans = over_classes(table), intervals(table, seed)
    right = predicted == truth
    return Scores(
        n=len(truth),
        accuracy=float(right.mean()),
        interval=bootstrap(right, seed),
        macro_f1=figures["macro_f1"],
        macro_f1_interval=spans["macro_f1"],
        uar=figures["uar"],
        uar_interval=spans["uar"],
        kappa=figures["kappa"],
        kappa_interval=spans["kappa"],
        ece=calibration_error(truth, probabilities),
        cross_entropy=cross_entropy(truth, probabilities),
        classes=classes,
        confusion=tuple(tuple(int(v) for v in row) for row in table),
    )


def confusion(truth: Integers, predicted: Integers, k: int) -> Integers:
    """(k, k) counts; rows: true class, columns: predicted class."""
    return np.bincount(truth * k + predicted, minlength=k * k).reshape(k, k).astype(np.int64)


def per_class(table: Integers, labels: Sequence[str]) -> list[PerClass]:
    """Precision, recall and F1 of every class of a confusion matrix."""

    def ratio(a: float, b: float) -> float:
        return a / b if b else 0.0

    rows = []
    for i, label in enumerate(labels):
        hit, true, said = float(table[i, i]), float(table[i].sum()), float(table[:, i].sum())
        rows.append(
            PerClass(label, int(true), ratio(hit, said), ratio(hit, true), ratio(2 * hit, true + said))
        )
    return rows


def over_classes(tables: Integers) -> dict[str, Any]:
    """(..., k, k) confusion matrices -> macro F1, UAR and Cohen's kappa, each (...): a float for one matrix.

    Macro F1 and UAR are means over the classes that occur in the first matrix of all. Kappa is (po - pe) /
    (1 - pe), po being the share of agreement and pe the one that the margins give by chance (Cohen,
    "A coefficient of agreement for nominal scales", 1960); where everything is one class, 1 if said so and 0
    otherwise.
    """
    hit = np.diagonal(tables, axis1=-2, axis2=-1).astype(np.float64)
    true, said = tables.sum(axis=-1).astype(np.float64), tables.sum(axis=-2).astype(np.float64)
    total = true.sum(axis=-1)
    occurs = true > 0 if tables.ndim == 2 else (true > 0).any(axis=tuple(range(true.ndim - 1)))
    both = true + said
    f1 = np.divide(2 * hit, both, out=np.zeros_like(hit), where=both > 0)
    recall = np.divide(hit, true, out=np.zeros_like(hit), where=true > 0)
    agreed, chance = hit.sum(axis=-1) / total, (true * said).sum(axis=-1) / total**2
    kappa = np.where(chance < 1, (agreed - chance) / np.where(chance < 1, 1 - chance, 1), agreed)
    found = {"macro_f1": f1[..., occurs].mean(-1), "uar": recall[..., occurs].mean(-1), "kappa": kappa}
    return {name: float(value) if tables.ndim == 2 else value for name, value in found.items()}


def intervals(table: Integers, seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % intervals of the figures of `over_classes`, by resampling faces.

    Resampling n faces with replacement and counting them by true and predicted class is a multinomial draw.
    """
    count = int(table.sum())
    draws = np.random.default_rng(seed).multinomial(count, table.ravel() / count, RESAMPLES)
    found = over_classes(draws.reshape(RESAMPLES, *table.shape))
    spans = {name: np.quantile(values, (0.025, 0.975)) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in spans.items()}


def bootstrap(right: npt.NDArray[np.bool_], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the share of true values, by resampling (Efron 1979).

    Resampling n values with replacement and counting the true ones is a binomial draw.
    """
    draws = np.random.default_rng(seed).binomial(len(right), right.mean(), RESAMPLES) / len(right)
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


def calibration_error(truth: Integers, probabilities: Doubles, bins: int = BINS) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over bins of equal width,
    weighted by their numbers of faces (Guo et al., ICML 2017, eq. 3)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, right - confidence, minlength=bins)  # summed: weight times gap
    return float(np.abs(gaps).sum() / len(truth))


def cross_entropy(truth: Integers, probabilities: Doubles) -> float:
    """Mean of -ln(probability of the true class): 0 if always certain and right, ln(k) for a blind guess."""
    believed = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(believed, LEAST)).mean())


def temperature(truth: Integers, logits: Doubles) -> float:
    """The T > 0 for which softmax(logits / T) is most likely to give the truth (Guo et al., sec. 4.2).

    Fit it on the validation split. The most probable class stays what it is.
    """

    def loss(log_t: float) -> float:
        scaled = logits / np.exp(log_t)
        top = scaled.max(axis=1)
        normalizer = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float((normalizer - scaled[np.arange(len(truth)), truth]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same faces."""

    only_first: int
    """Faces that only the first one got right."""
    only_second: int
    p: float
    """Of McNemar's exact test: how likely at least such a difference is if both are equally good."""
    difference: float
    """Accuracy of the first minus that of the second."""
    interval: tuple[float, float]
    """95 % of paired bootstrap resamples."""


def compare(truth: Integers, first: Doubles, second: Doubles, seed: int = 0) -> Comparison:
    """McNemar's exact test (1947) and a paired bootstrap of the difference in accuracy."""
    a, b = first.argmax(axis=1) == truth, second.argmax(axis=1) == truth
    won, lost = int((a & ~b).sum()), int((b & ~a).sum())
    p = binomtest(won, won + lost).pvalue if won + lost else 1.0
    n = len(truth)
    chances = np.array([won, lost, n - won - lost]) / n
    draws = np.random.default_rng(seed).multinomial(n, chances, RESAMPLES)
    low, high = np.quantile((draws[:, 0] - draws[:, 1]) / n, (0.025, 0.975))
    return Comparison(won, lost, float(p), (won - lost) / n, (float(low), float(high)))


def holm(p: Sequence[float]) -> list[float]:
    """P values of m tests, adjusted so that the chance of any false alarm among them keeps to the level.

    Step-down (Holm, Scandinavian Journal of Statistics 6, 1979): of the ascending p_(1) .. p_(m), the i-th
    becomes the largest of (m - j + 1) p_(j), j <= i, at most 1. In the order given; empty for none.
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.asarray(p, np.float64)[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1)
    return [float(value) for value in adjusted]


def majority(members: Sequence[Doubles]) -> Doubles:
    """Each member (n, k) has one vote per face; ties go to the class with the higher mean probability."""
    stack = np.stack(members)
    votes = np.eye(stack.shape[2])[stack.argmax(axis=2)].sum(axis=0)
    return np.asarray((votes + stack.mean(axis=0) * 0.5) / (len(members) + 0.5))


def average(members: Sequence[Doubles], weights: Sequence[float] | None = None) -> Doubles:
    """Weighted mean of the members' probabilities; equal weights when left out."""
    return np.asarray(np.average(np.stack(members), axis=0, weights=weights))


def fit_weights(truth: Integers, members: Sequence[Doubles], rounds: int = 50) -> list[float]:
    """Weights for `average`, chosen greedily on the validation split: in every round the member whose
    addition helps accuracy most is added once more (Caruana et al., ICML 2004); of equals, the one that
    believes most in the truth. They sum to 1."""
    counts = np.zeros(len(members))
    total = np.zeros_like(members[0])
    each = np.arange(len(truth))
    belief = [m[each, truth].mean() for m in members]
    for _ in range(rounds):
        gains = [((total + m).argmax(axis=1) == truth).mean() for m in members]
        best = max(range(len(members)), key=lambda i: (gains[i], belief[i]))
        counts[best] += 1
        total = total + members[best]
    return [float(c) for c in counts / counts.sum()]
