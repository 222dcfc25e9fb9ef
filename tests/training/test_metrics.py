"""Figures of a classifier, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fertool.training import metrics

LABELS = ("a", "b", "c")
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2])
# 3 of 4 a's, 1 of 3 b's and no c is right.
SAID = np.array([0, 0, 0, 1, 1, 0, 2, 0])


def certain(said: np.ndarray, k: int = 3, confidence: float = 1.0) -> np.ndarray:
    rows = np.full((len(said), k), (1 - confidence) / (k - 1))
    rows[np.arange(len(said)), said] = confidence
    return rows


def test_confusion_has_the_truth_in_rows() -> None:
    assert metrics.confusion(TRUTH, SAID, 3).tolist() == [[3, 1, 0], [1, 1, 1], [1, 0, 0]]


def test_all_figures_by_hand() -> None:
    scores = metrics.score(TRUTH, certain(SAID), LABELS)
    assert scores.n == 8
    assert scores.accuracy == 4 / 8
    a, b, c = scores.classes
    assert (a.n, a.precision, a.recall, a.f1) == (4, 3 / 5, 3 / 4, pytest.approx(2 / 3))
    assert (b.n, b.precision, b.recall, b.f1) == (3, 1 / 2, 1 / 3, pytest.approx(0.4))
    assert (c.n, c.precision, c.recall, c.f1) == (1, 0, 0, 0)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.4 + 0) / 3)
    assert scores.uar == pytest.approx((3 / 4 + 1 / 3 + 0) / 3)
    assert scores.ece == pytest.approx(0.5)  # always certain, half of the time right
    assert scores.interval[0] < 0.5 < scores.interval[1]


def test_classes_that_do_not_occur_are_left_out_of_means() -> None:
    scores = metrics.score(np.array([0, 0]), certain(np.array([0, 0])), LABELS)
    assert (scores.macro_f1, scores.uar) == (1, 1)
    assert scores.classes[2].n == 0


@pytest.mark.parametrize(
    ("confidence", "right", "ece"),
    [
        (1.0, 8, 0.0),  # certain and right
        (1.0, 0, 1.0),  # certain and wrong
        (0.75, 6, 0.0),  # as sure as it should be
        (0.6, 8, 0.4),  # too modest
    ],
)
def test_calibration_error(confidence: float, right: int, ece: float) -> None:
    truth = np.zeros(8, np.int64)
    said = np.array([0] * right + [1] * (8 - right))
    assert metrics.calibration_error(truth, certain(said, 3, confidence)) == pytest.approx(ece)


def test_calibration_error_looks_at_each_bin() -> None:
    """Too sure here and too modest there do not cancel."""
    rows = np.concatenate([certain(np.zeros(10, int), 2, 0.95), certain(np.zeros(10, int), 2, 0.55)])
    truth = np.array([0] * 5 + [1] * 5 + [0] * 10)  # at 0.95 half is right, at 0.55 all
    assert metrics.calibration_error(truth, rows) == pytest.approx((0.45 + 0.45) / 2)


@pytest.mark.parametrize(
    ("believed", "expected"),
    [
        ([1.0, 1.0], 0.0),  # certain and right
        ([0.5, 0.25], 3 / 2 * np.log(2)),  # (ln 2 + 2 ln 2) / 2
        ([1 / 3, 1 / 3], np.log(3)),  # a blind guess among three
        ([0.0, 1.0], -np.log(2.0**-126) / 2),  # certain and wrong: finite, 2**-126 for 0
    ],
)
def test_cross_entropy(believed: list[float], expected: float) -> None:
    rows = np.array([[p, 1 - p, 0] for p in believed])
    truth = np.zeros(2, np.int64)
    assert metrics.cross_entropy(truth, rows) == pytest.approx(expected)
    assert metrics.score(truth, rows, LABELS).cross_entropy == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.2, 6), seed=st.integers(0, 99))
def test_temperature_undoes_scaled_logits(scale: float, seed: int) -> None:
    """Labels drawn from softmax(logits): given scale * logits, the temperature is the scale."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2, (4000, 4))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (p.cumsum(1) > chance.random((4000, 1))).argmax(1)
    assert metrics.temperature(truth, logits * scale) == pytest.approx(scale, rel=0.15)


def test_bootstrap_interval_is_deterministic_and_narrows() -> None:
    few, many = np.arange(100) < 70, np.arange(10_000) < 7000
    assert metrics.bootstrap(few) == metrics.bootstrap(few)
    assert np.diff(metrics.bootstrap(many))[0] < np.diff(metrics.bootstrap(few))[0] / 5
    low, high = metrics.bootstrap(many)  # 0.7 +- 1.96 * sqrt(0.7 * 0.3 / 10000)
    assert (low, high) == (pytest.approx(0.691, abs=1e-3), pytest.approx(0.709, abs=1e-3))


KAPPAS = [
    # Cohen's way of counting, worked out by hand.
    ([[5, 0], [0, 5]], 1.0),  # always agreed
    ([[0, 5], [5, 0]], -1.0),  # never
    ([[25, 25], [25, 25]], 0.0),  # as often as by chance
    ([[20, 5], [10, 15]], 0.4),  # po = .7, pe = .5 * .6 + .5 * .4 = .5
    ([[7, 0], [0, 0]], 1.0),  # one class, and said so
    ([[0, 7], [0, 0]], 0.0),  # one class, never said
]


@pytest.mark.parametrize(("table", "kappa"), KAPPAS)
def test_kappa_by_hand(table: list[list[int]], kappa: float) -> None:
    assert metrics.over_classes(np.array(table))["kappa"] == pytest.approx(kappa)


def test_figures_over_classes_are_those_of_each_class() -> None:
    scores = metrics.score(TRUTH, certain(SAID), LABELS)
    present = [c for c in scores.classes if c.n]
    assert scores.macro_f1 == pytest.approx(np.mean([c.f1 for c in present]))
    assert scores.uar == pytest.approx(np.mean([c.recall for c in present]))


@settings(deadline=None, max_examples=30)
@given(cells=st.lists(st.integers(0, 40), min_size=9, max_size=9).filter(any), seed=st.integers(0, 9))
def test_intervals_are_ordered_and_each_matrix_counts_by_itself(cells: list[int], seed: int) -> None:
    table = np.array(cells).reshape(3, 3)
    for name, (low, high) in metrics.intervals(table, seed).items():
        assert -1 <= low <= high <= 1, name
        assert np.isfinite([low, high]).all()
    stacked = metrics.over_classes(np.stack([table, table]))
    for name, value in metrics.over_classes(table).items():
        np.testing.assert_allclose(stacked[name], [value, value])


def test_intervals_are_those_of_resampled_faces() -> None:
    """Against the slow way: faces drawn one by one."""
    chance = np.random.default_rng(1)
    truth = np.repeat(np.arange(3), (300, 200, 100))
    said = np.where(chance.random(600) < 0.7, truth, chance.integers(0, 3, 600))
    table = metrics.confusion(truth, said, 3)
    slow: dict[str, list[float]] = {"macro_f1": [], "uar": [], "kappa": []}
    for _ in range(400):
        some = chance.integers(0, 600, 600)
        for name, value in metrics.over_classes(metrics.confusion(truth[some], said[some], 3)).items():
            slow[name].append(value)
    for name, (low, high) in metrics.intervals(table).items():
        assert (low, high) == pytest.approx(tuple(np.quantile(slow[name], (0.025, 0.975))), abs=0.02), name
        assert low < metrics.over_classes(table)[name] < high


def test_certain_agreement_has_no_spread() -> None:
    assert set(metrics.intervals(np.diag([10, 20])).values()) == {(1.0, 1.0)}


def test_mcnemar_by_hand() -> None:
    """The first alone is right 6 times, the second alone never: p = 2 / 2**6."""
    truth = np.zeros(10, np.int64)
    first, second = certain(np.array([0] * 8 + [1] * 2)), certain(np.array([0] * 2 + [1] * 8))
    found = metrics.compare(truth, first, second)
    assert (found.only_first, found.only_second) == (6, 0)
    assert found.p == pytest.approx(2 / 2**6)
    assert found.difference == pytest.approx(0.6)
    assert 0 < found.interval[0] <= 0.6 <= found.interval[1]


def test_two_that_agree_do_not_differ() -> None:
    found = metrics.compare(TRUTH, certain(SAID), certain(SAID))
    assert (found.p, found.difference, found.interval) == (1.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),  # one test needs no correction
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 3 x .01; 2 x .03; 1 x .04, raised to the one before
        ([0.02, 0.02], [0.04, 0.04]),  # 2 x .02; 1 x .02, raised
        ([0.9, 0.6, 0.001], [1, 1, 0.003]),  # 2 x .6 is more than a probability can be
        ([1, 1, 1], [1, 1, 1]),
        ([0.005, 0.011, 0.02, 0.04, 0.13], [0.025, 0.044, 0.06, 0.08, 0.13]),  # 5, 4, 3, 2, 1 times
    ],
)
def test_holm(p: list[float], adjusted: list[float]) -> None:
    assert metrics.holm(p) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_is_between_the_test_alone_and_bonferroni(p: list[float], chance) -> None:
    adjusted = metrics.holm(p)
    assert all(one <= other <= min(1, len(p) * one) for one, other in zip(p, adjusted, strict=True))
    mixed = list(range(len(p)))
    chance.shuffle(mixed)
    assert metrics.holm([p[i] for i in mixed]) == [adjusted[i] for i in mixed], "the order does not matter"


def test_majority_counts_heads_and_average_counts_belief() -> None:
    doubtful, sure = certain(np.array([0]), 3, 0.4), certain(np.array([1]), 3, 0.9)
    assert metrics.majority([doubtful, doubtful, sure]).argmax() == 0
    assert metrics.average([doubtful, doubtful, sure]).argmax() == 1
    assert metrics.average([doubtful, sure], [1, 0]).argmax() == 0
    assert metrics.majority([doubtful, sure]).argmax() == 1, "a tie goes to the more certain"


@given(st.integers(2, 5), st.integers(1, 6))
def test_ensembles_give_probabilities(k: int, members: int) -> None:
    chance = np.random.default_rng(k * 10 + members)
    rows = [chance.dirichlet(np.ones(k), 20) for _ in range(members)]
    for mixed in (metrics.majority(rows), metrics.average(rows)):
        assert np.allclose(mixed.sum(1), 1)
        assert (mixed >= 0).all()


def test_weights_prefer_the_better_member() -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(0, 3, 300)
    good, bad = certain(truth, 3, 0.8), certain(chance.integers(0, 3, 300), 3, 0.8)
    weights = metrics.fit_weights(truth, [bad, good])
    assert weights[1] > 0.9
    assert sum(weights) == pytest.approx(1)
