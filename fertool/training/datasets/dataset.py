"""Labeled faces, to train and evaluate with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fertool.errors import FertoolError
from fertool.training.datasets import formats

if TYPE_CHECKING:
    from fertool.training.datasets.division import Division
    from fertool.training.datasets.formats import Integers, Pixels, Strings
    from fertool.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """n labeled pictures as a struct of arrays, all in the same order."""

    images: Pixels
    """(n, size, size) uint8 gray, or (n, size, size, 3) uint8 BGR."""
    labels: Integers
    """(n,) int64: index into `fertool.types.EMOTIONS`."""
    votes: Floats | None
    """(n, 7) float32, rows sum to 1: the shares of the FER+ votes for the seven expressions (votes for
    contempt, unknown and "not a face" do not count; a picture without any other keeps its label); or None."""
    split: Strings
    """(n,) str: `train`, `public`, ...; `all` where the data come undivided."""
    ids: Strings
    """(n,) str: "row 123" (counted from 0), or a file's path below `source`."""
    source: Path
    """The file or folder they were read from."""
    notes: tuple[str, ...] = ()
    """What a user must know of how it was read: what was left out, how numbers were understood."""
    persons: Strings | None = None
    """(n,) str: who is in each picture; None where the layout does not tell it of all."""
    division: Division | None = None
    """What divided them into the splits, if not the layout."""
    uncut: Pixels | None = None
    """The pictures as they came, where `images` are faces cut out of them (`alignment.aligned`)."""

    def __len__(self) -> int:
        return len(self.labels)

    def splits(self) -> dict[str, int]:
        """Name of every split -> how many pictures it has."""
        names, counts = np.unique(self.split, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @property
    def there(self) -> str:
        """The splits in words: `test (3068), train (12271)`."""
        return ", ".join(f"{name} ({count})" for name, count in self.splits().items())

    def take(self, split: str) -> Dataset:
        """The pictures of one split; a FertoolError if it has none."""
        if split not in self.splits():
            raise FertoolError(f"{self.source}: no split {split!r}", f"there are: {self.there}")
        return self.at(np.flatnonzero(self.split == split))

    def at(self, index: Integers) -> Dataset:
        """The pictures at `index` (integers or a boolean mask), every array in step."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            votes=None if self.votes is None else self.votes[index],
            split=self.split[index],
            ids=self.ids[index],
            persons=None if self.persons is None else self.persons[index],
            uncut=None if self.uncut is None else self.uncut[index],
        )

    def digest(self, split: str | None = None) -> str:
        """SHA-256 in hex over pixels and labels: of a split (a FertoolError if it has no picture), or of all.

        It does not depend on the order of the pictures, on the layout they were read from, nor on whether
        faces were cut out of them, so that the same data have the same digest as Parquet and as CSV. It does
        depend on the size.
        """
        rows = self if split is None else self.take(split)
        pictures = rows.images if rows.uncut is None else rows.uncut
        each = sorted(
            hashlib.sha256(image.tobytes() + bytes([label])).digest()
            for image, label in zip(pictures, rows.labels.tolist(), strict=True)
        )
        return hashlib.sha256(f"{pictures.shape}".encode() + b"".join(each)).hexdigest()


def load(path: Path, size: int = 48, channels: Literal[1, 3] = 1) -> Dataset:
    """The data set at `path`, its pictures made `size` pixels square, gray (1) or BGR (3).

    The layout follows from `path`: see `datasets.formats`. Pictures of another
    shape are cut to the square in their middle, so that faces keep their proportions.
    A FertoolError names the file and the row or picture that cannot be used.
    """
    return Dataset(*formats.read(Path(path), size, channels))
