"""Ensembles: several classifiers that are asked as one, `--classifier compact+hafnet2025`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fertool.contracts import Classifier
from fertool.errors import ConfigError
from fertool.files import sha256
from fertool.host import guard, validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from fertool.types import Floats

JOIN = "+"
"""Between the names of members. No plugin has it in its name."""


@dataclass
class Ensemble(Classifier):
    """The mean of the members' probabilities, weighted or equal.

    Members see the same crop and have the same labels, in whatever order; a face below the floor of one of
    them is not measured. It is not registered: `join` makes it of members that are not loaded yet.
    """

    name: ClassVar[str] = "ensemble"
    version: ClassVar[str] = "1"

    file: str = field(
        default="",
        metadata={"help": "weights of the members, as `evaluate --ensemble weighted --weights-to` wrote"},
    )

    def join(self, members: Sequence[Classifier]) -> None:
        """Become the ensemble of these, at least two. ConfigError where they do not go together."""
        first, *others = members
        names = [member.name for member in members]
        joined = f"classifier {JOIN.join(names)!r}"
        if len(set(names)) < len(names):
            raise ConfigError(f"{joined}: expected each member once")
        for other in others:
            both = f"{first.name!r} and {other.name!r}"
            if other.crop != first.crop:
                what = f"{joined}: {both} want faces cut in different ways"
                raise ConfigError(
                    what, "choose members with one crop, such as the networks trained on FER2013"
                )
            if set(other.labels) != set(first.labels):
                raise ConfigError(f"{joined}: {both} have different labels", "choose members with the same")
        self.members = tuple(members)
        self.shares = self._shares(names)
        own = {
            "name": JOIN.join(names),
            "labels": first.labels,
            "crop": first.crop,
            "floor_px": max(member.floor_px for member in members),
            "concurrent": all(member.concurrent for member in members),
        }
        for attribute, value in own.items():  # of this instance, in place of those of its class
            setattr(self, attribute, value)

    def weights(self) -> dict[str, str]:
        """Of the file with the shares; members name their own (`Plugged.describe`)."""
        return {Path(self.file).name: sha256(Path(self.file).expanduser())} if self.file else {}

    def load(self, device: str) -> None:
        """See `Plugin.load`."""
        for member in self.members:
            guard.load(member, device)

    def classify(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """See `Classifier.classify`."""
        rows = []
        for member in self.members:
            columns = [member.labels.index(label) for label in self.labels]
            rows.append(validate.classify(member, crops)[:, columns])
        return np.asarray(np.average(np.stack(rows), axis=0, weights=self.shares), np.float32)

    def _shares(self, names: Sequence[str]) -> list[float]:
        if not self.file:
            return [1 / len(names)] * len(names)
        try:
            stored: Any = json.loads(Path(self.file).expanduser().read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            what = f"{self.file}: expected weights of an ensemble: {error}"
            raise ConfigError(what, "`evaluate --ensemble weighted --weights-to FILE` writes them") from error
        if not isinstance(stored, dict) or set(stored) != set(names):
            came = ", ".join(stored) if isinstance(stored, dict) else type(stored).__name__
            raise ConfigError(f"{self.file}: expected weights of {', '.join(names)}, found {came or 'none'}")
        shares = [stored[name] for name in names]
        if not all(type(s) in (int, float) and 0 <= s <= 1 for s in shares) or not sum(shares) > 0:
            raise ConfigError(f"{self.file}: expected weights of 0 to 1, not all 0, found {shares}")
        return [share / sum(shares) for share in shares]
