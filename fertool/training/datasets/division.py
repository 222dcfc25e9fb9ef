"""Division of a data set: by shares, into folds, or a part of `train` set aside.

Every class has the same shares in every split, and where persons are known, each is in one split only. The
same division of the same data gives the same splits on any machine.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fertool.errors import ConfigError, FertoolError
from fertool.training.datasets.folders import UNDIVIDED

if TYPE_CHECKING:
    import numpy.typing as npt

    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.formats import Integers, Strings

    Doubles = npt.NDArray[np.float64]

NAMES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Division:
    """Which splits a data set is divided into."""

    parts: tuple[tuple[str, float], ...]
    """(name of the split, its share in any unit), several parts may have one name."""
    seed: int
    of: str | None = None
    """The split that is divided; None: all pictures, whichever split they came in."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Division:
        """What `to_dict` gave, JSON having made lists of tuples."""
        parts = tuple((str(name), float(share)) for name, share in values["parts"])
        return Division(parts, values["seed"], values["of"])


def shares(text: str, seed: int) -> Division:
    """`80/10/10`: percent of train, validation and test. A ConfigError if it is anything else."""
    found = [_percent(part) for part in text.split("/")]
    if len(found) != len(NAMES) or not min(found) > 0 or abs(sum(found) - 100) > 1e-6:
        raise ConfigError(
            f"--split: expected percentages of train, validation and test that sum to 100, got {text!r}",
            "such as 80/10/10",
        )
    return Division(tuple(zip(NAMES, found, strict=True)), seed)


def fold(text: str, seed: int) -> Division:
    """`3/10`: of ten folds the third is test, the next one validation, the others train; after the last one
    comes the first. A ConfigError if it is anything else, or there are fewer than three folds."""
    numbers = text.split("/")
    number, count = map(int, numbers) if len(numbers) == 2 and all(map(str.isdecimal, numbers)) else (0, 0)
    if not 1 <= number <= count or count < len(NAMES):
        raise ConfigError(
            f"--fold: expected the number of a fold of three or more, got {text!r}", "such as 3/10"
        )
    names = {number - 1: "test", number % count: "validation"}
    return Division(tuple((names.get(i, "train"), 1.0) for i in range(count)), seed)


def set_aside(text: str, seed: int) -> Division:
    """`10%`: so much of split `train` is validation. A ConfigError if it is anything else."""
    found = _percent(text.removesuffix("%"))
    if not found:
        raise ConfigError(f"--validate-on: expected a share of split 'train', got {text!r}", "such as 10%")
    return Division((("train", 100 - found), ("validation", found)), seed, of="train")


def divided(data: Dataset, division: Division) -> Dataset:
    """The same pictures in the same order, in other splits, of which each has at least one picture.

    FertoolError if there are too few pictures (or persons) for that, if the split that is to be divided is
    missing, or if a part of it would get the name of another split.
    """
    names = [name for name, _ in division.parts]
    notes = data.notes
    if division.of is None:
        rows = np.arange(len(data))
        if own := sorted(set(data.splits()) - {UNDIVIDED}):
            notes += (f"its own splits ({', '.join(own)}) do not count: all pictures were divided",)
    else:
        data.take(division.of)
        rows = np.flatnonzero(data.split == division.of)
        if taken := (set(data.splits()) - {division.of}) & set(names):
            raise FertoolError(f"{data.source}: there is a split {taken.pop()!r} already")
    persons = None if data.persons is None else data.persons[rows]
    part = parts(data.labels[rows], persons, [share for _, share in division.parts], division.seed)
    if empty := [name for i, name in enumerate(names) if i not in part]:
        what = "pictures" if persons is None else "persons"
        raise FertoolError(f"{data.source}: too few {what} to divide: none is left for {empty[0]!r}")
    if persons is None:
        notes += (
            "who is in a picture is not known: one person can be in several splits, which flatters figures",
        )
    split = data.split.astype(object)
    split[rows] = np.array(names, object)[part]
    return replace(data, split=split.astype(str), division=division, notes=notes)


def parts(labels: Integers, persons: Strings | None, shares: list[float], seed: int) -> Integers:
    """(n,) int64: the part of each picture, 0 to len(shares) - 1; shares are positive, in any unit.

    Without persons, a part has its share of the pictures of each class, rounded down or up. With persons,
    shares are met as nearly as whole persons allow.
    """
    share = np.array(shares) / sum(shares)
    rng = np.random.default_rng(seed)
    return _pictures(labels, share, rng) if persons is None else _persons(labels, persons, share, rng)


def _pictures(labels: Integers, share: Doubles, rng: np.random.Generator) -> Integers:
    part = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        # Chance decides where shares that are no whole numbers are rounded down and where up, for each class
        # by itself: rounded alike, a small part would lose a picture of every class.
        ends = np.floor(np.cumsum(share)[:-1] * len(rows) + rng.random())
        part[rows] = np.searchsorted(ends, np.arange(len(rows)), side="right")
    return part


def _persons(labels: Integers, persons: Strings, share: Doubles, rng: np.random.Generator) -> Integers:
    """Persons with most pictures first, each to the part that lacks most of what the person shows."""
    names, who = np.unique(persons, return_inverse=True)
    # Of each person, the share of all pictures of each class, and of all pictures.
    shown = np.zeros((len(names), labels.max() + 2))
    np.add.at(shown, (who, labels), 1)
    shown[:, -1] = shown.sum(axis=1)
    shown /= np.maximum(shown.sum(axis=0), 1)
    filled = np.zeros((len(share), shown.shape[1]))
    part = np.empty(len(names), np.int64)
    order = rng.permutation(len(names))
    for person in order[np.argsort(-shown[order, -1], kind="stable")]:
        lacking = ((1 - filled / share[:, None]) * shown[person]).sum(axis=1)
        # Rounded, so that equals are equal on any machine; of equals the first.
        part[person] = np.argmax(lacking.round(9))
        filled[part[person]] += shown[person]
    return part[who]


def _percent(text: str) -> float:
    """0 if it is no number between 0 and 100."""
    try:
        return float(text) if 0 < float(text) < 100 else 0.0
    except ValueError:
        return 0.0
