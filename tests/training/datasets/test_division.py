"""Data sets divided: counts by hand, persons on one side, the same on any machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import ConfigError, FertoolError
from fertool.training.datasets import division
from fertool.training.datasets.dataset import Dataset
from fertool.training.datasets.division import Division, divided, fold, parts, set_aside, shares

SEEDS = range(8)


def made(labels: list[int], persons: list[str] | None = None, split: list[str] | None = None) -> Dataset:
    """Pictures of one pixel, all different."""
    n = len(labels)
    return Dataset(
        np.arange(n, dtype=np.uint8).reshape(n, 1, 1),
        np.array(labels),
        None,
        np.array(split or ["all"] * n),
        np.array([f"{i}.png" for i in range(n)]),
        Path("faces"),
        persons=None if persons is None else np.array(persons),
    )


# -- which picture goes where -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pictures", "share", "counts"),
    [
        (10, [80, 10, 10], {(8, 1, 1)}),
        (100, [90, 5, 5], {(90, 5, 5)}),
        (100, [70, 15, 15], {(70, 15, 15)}),
        (7, [1, 1, 1], {(2, 2, 3), (2, 3, 2), (3, 2, 2)}),  # 7 / 3 = 2.33
        (5, [80, 10, 10], {(4, 1, 0), (4, 0, 1)}),  # 4; the fifth is half validation's and half test's
        (1, [80, 10, 10], {(1, 0, 0), (0, 0, 1)}),  # in these eight draws
    ],
)
def test_the_shares_of_one_class(pictures: int, share: list[float], counts: set[tuple[int, ...]]) -> None:
    found = [parts(np.full(pictures, 3), None, share, seed) for seed in SEEDS]
    assert {tuple(np.bincount(part, minlength=3).tolist()) for part in found} == counts


def test_every_class_has_its_share() -> None:
    labels = np.array([0] * 30 + [3] * 100 + [6] * 10)
    part = parts(labels, None, [80, 10, 10], seed=3)
    assert [np.bincount(part[labels == label]).tolist() for label in (0, 3, 6)] == [
        [24, 3, 3],
        [80, 10, 10],
        [8, 1, 1],
    ]


@pytest.mark.parametrize(
    ("persons", "share", "counts"),
    [
        # (person, pictures of it): whole persons only. Ten alike: eight, one and one.
        ([(name, 7) for name in "ABCDEFGHIJ"], [80, 10, 10], (56, 7, 7)),
        # A first, into train; B and C into validation and test, which are full then; D and E into train.
        ([("A", 4), ("B", 2), ("C", 2), ("D", 1), ("E", 1)], [60, 20, 20], (6, 2, 2)),
        # Who is most of the data is in train, and the others have one each.
        ([("A", 8), ("B", 1), ("C", 1)], [80, 10, 10], (8, 1, 1)),
        # Three persons cannot be divided by 80/10/10.
        ([("A", 5), ("B", 5), ("C", 5)], [80, 10, 10], (5, 5, 5)),
        ([(name, 1) for name in "ABCDEF"], [1, 1, 1], (2, 2, 2)),
        # Five folds of twelve: two have three.
        ([(name, 2) for name in "ABCDEFGHIJKL"], [1] * 5, (6, 6, 4, 4, 4)),
    ],
)
def test_the_shares_of_whole_persons(
    persons: list[tuple[str, int]], share: list[float], counts: tuple[int, ...]
) -> None:
    who = np.array([name for name, count in persons for _ in range(count)])
    for seed in SEEDS:
        part = parts(np.zeros(len(who), np.int64), who, share, seed)
        assert tuple(np.bincount(part, minlength=len(share)).tolist()) == counts
        assert all(len(set(part[who == name])) == 1 for name, _ in persons)


def test_persons_are_spread_so_that_every_class_is() -> None:
    """Six persons show only happy faces, six only sad ones: of each, a half."""
    labels, who = np.repeat([3, 4], 12), np.repeat(list("abcdefABCDEF"), 2)
    for seed in SEEDS:
        part = parts(labels, who, [50, 50], seed)
        assert [np.bincount(part[labels == label]).tolist() for label in (3, 4)] == [[6, 6], [6, 6]]


def test_the_seed_decides_and_nothing_else() -> None:
    labels, who = np.arange(42) % 7, np.repeat(list("ABCDEFGHIJKLMN"), 3)
    for persons in (None, who):
        first, again, other = (parts(labels, persons, [60, 20, 20], seed) for seed in (1, 1, 2))
        assert first.tolist() == again.tolist() != other.tolist()
    # On any machine, today and later: what weights remember is to be found again.
    assert parts(np.array([0] * 5 + [3] * 6), None, [60, 20, 20], seed=0).tolist() == PINNED
    assert parts(labels[:21], who[:21], [60, 20, 20], seed=0)[::3].tolist() == PINNED_PERSONS


PINNED = [1, 2, 0, 0, 0, 1, 0, 0, 2, 0, 0]
PINNED_PERSONS = [0, 0, 0, 2, 1, 1, 0]


@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=80),
    share=st.lists(st.integers(1, 90), min_size=2, max_size=10),
    seed=st.integers(0, 9),
)
def test_any_pictures(labels: list[int], share: list[float], seed: int) -> None:
    part = parts(np.array(labels), None, share, seed)
    assert part.tolist() == parts(np.array(labels), None, share, seed).tolist()
    assert len(part) == len(labels)
    assert set(part) <= set(range(len(share)))
    for label in set(labels):
        counts = np.bincount(part[np.array(labels) == label], minlength=len(share))
        ideal = np.array(share) / sum(share) * labels.count(label)
        assert (np.abs(counts - ideal) < 1).all(), "each class within one picture"


@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.sampled_from("ABCDEFGHIJKLM")), min_size=1, max_size=80),
    share=st.lists(st.integers(1, 90), min_size=2, max_size=10),
    seed=st.integers(0, 9),
)
def test_any_persons(rows: list[tuple[int, str]], share: list[float], seed: int) -> None:
    labels, who = np.array([label for label, _ in rows]), np.array([name for _, name in rows])
    part = parts(labels, who, share, seed)
    assert part.tolist() == parts(labels, who, share, seed).tolist()
    assert len(part) == len(rows)
    assert set(part) <= set(range(len(share)))
    assert all(len(set(part[who == name])) == 1 for name in set(who)), "each person in one part"


# -- into splits ------------------------------------------------------------------------------------------


def test_undivided_pictures_get_three_splits() -> None:
    data = made([i % 7 for i in range(70)])
    found = divided(data, shares("80/10/10", seed=1))
    assert found.splits() == {"train": 56, "validation": 7, "test": 7}
    assert np.bincount(found.take("test").labels).tolist() == [1] * 7
    assert found.ids.tolist() == data.ids.tolist()
    assert found.images is data.images
    assert found.notes == (
        "who is in a picture is not known: one person can be in several splits, which flatters figures",
    )


def test_persons_are_in_one_split() -> None:
    persons = [f"S{i // 7:03d}" for i in range(70)]
    found = divided(made([i % 7 for i in range(70)], persons), shares("80/10/10", seed=1))
    assert found.splits() == {"train": 56, "validation": 7, "test": 7}
    sides = {split: set(found.take(split).persons) for split in found.splits()}
    assert [len(side) for side in sides.values()] == [1, 8, 1]
    assert set.union(*sides.values()) == set(persons)
    assert found.notes == ()


def test_splits_of_its_own_do_not_count() -> None:
    data = made([0] * 20, split=["train"] * 10 + ["public"] * 10)
    found = divided(data, shares("80/10/10", seed=0))
    assert found.splits() == {"train": 16, "validation": 2, "test": 2}
    assert set(found.split[10:]) >= {"train"}
    assert found.notes[0] == "its own splits (public, train) do not count: all pictures were divided"


def test_a_part_of_train_is_set_aside_and_the_test_stays() -> None:
    data = made([0] * 10 + [3] * 20 + [0] * 5, split=["train"] * 30 + ["test"] * 5)
    found = divided(data, set_aside("10%", seed=0))
    assert found.splits() == {"train": 27, "validation": 3, "test": 5}
    assert np.bincount(found.take("validation").labels).tolist() == [1, 0, 0, 2]
    assert found.take("test").ids.tolist() == data.ids[30:].tolist()


def test_every_picture_is_test_in_one_fold() -> None:
    data = made([i % 7 for i in range(70)], [f"S{i // 7:03d}" for i in range(70)])
    folds = [divided(data, fold(f"{k}/5", seed=2)) for k in range(1, 6)]
    tests = [set(found.take("test").ids) for found in folds]
    assert [len(one) for one in tests] == [14] * 5
    assert set.union(*tests) == set(data.ids)
    # The next fold selects; after the last one comes the first.
    assert [set(found.take("validation").ids) for found in folds] == [*tests[1:], tests[0]]
    assert all(found.splits() == {"train": 42, "validation": 14, "test": 14} for found in folds)


@pytest.mark.parametrize(
    ("data", "how", "said"),
    [
        (made([0, 3]), shares("80/10/10", 0), r"faces: too few pictures to divide: none is left for '"),
        (
            made([0] * 9, ["A"] * 5 + ["B"] * 4),
            fold("1/3", 0),
            r"faces: too few persons to divide: none is left",
        ),
        (made([0] * 9), set_aside("10%", 0), r"faces: no split 'train' \(there are: all \(9\)\)"),
        (
            made([0] * 9, split=["train"] * 5 + ["validation"] * 4),
            set_aside("20%", 0),
            r"faces: there is a split 'validation' already",
        ),
    ],
)
def test_what_cannot_be_divided(data: Dataset, how: Division, said: str) -> None:
    with pytest.raises(FertoolError, match=said):
        divided(data, how)


# -- words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "names", "share", "of"),
    [
        (shares("80/10/10", 0), "train validation test", [80, 10, 10], None),
        (shares("66.5/16.5/17", 0), "train validation test", [66.5, 16.5, 17], None),
        (fold("1/3", 0), "test validation train", [1, 1, 1], None),
        (fold("4/5", 0), "train train train test validation", [1] * 5, None),
        (fold("5/5", 0), "validation train train train test", [1] * 5, None),
        (set_aside("10%", 0), "train validation", [90, 10], "train"),
        (set_aside("12.5%", 0), "train validation", [87.5, 12.5], "train"),
    ],
)
def test_words_of_a_division(found: Division, names: str, share: list[float], of: str | None) -> None:
    assert found == Division(tuple(zip(names.split(), share, strict=True)), 0, of)


@pytest.mark.parametrize(
    "text", ["80/20", "80/10/5", "80/20/0", "110/-20/10", "nan/50/50", "a/b/c", "", "80/10/10/0", "inf/1/1"]
)
def test_bad_shares(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--split: .* sum to 100, got '.*' \(such as 80/10/10\)"):
        shares(text, 0)


@pytest.mark.parametrize("text", ["0/5", "6/5", "1/2", "3", "a/5", "1/5/5", "-1/5", ""])
def test_bad_folds(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--fold: .* three or more, got '.*' \(such as 3/10\)"):
        fold(text, 0)


@pytest.mark.parametrize("text", ["0%", "100%", "-5%", "ten%", "nan%", "%"])
def test_bad_parts_of_train(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--validate-on: .*, got '.*' \(such as 10%\)"):
        set_aside(text, 0)


def test_a_division_is_remembered_as_json() -> None:
    import json

    for found in (shares("80/10/10", 7), fold("2/3", 0), set_aside("10%", 1)):
        assert Division.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert division.NAMES == ("train", "validation", "test")
