"""The contact sheet: faces of students, to name, merge and split them.

One page that holds its pictures; it is not part of a report and is meant to be deleted after use.
"""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from fertool.report.render import environment
from fertool.report.style import stylesheet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fertool.types import Floats

PAIRS = 8
"""Look-alikes shown, at most."""
NEAR = 1.25
"""Who is up to this much of `same_person` apart may well be one person: the light was another."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a student, or none if it could not be cut."""

    lecture: str
    recording: str
    """File name."""
    time_s: float
    jpeg: bytes | None

    @property
    def source(self) -> str:
        """For an img element."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg or b"").decode()


@dataclass(frozen=True, slots=True)
class Card:
    """One student."""

    student: str
    """As commands want it."""
    name: str | None
    lectures: int
    recordings: int
    seen_s: float
    shots: tuple[Shot, ...]
    refused: bool = False
    """Refuses to be analyzed: shown only beside somebody who looks alike, and so may have to leave too."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two students who may be one person; `one` is whose label to keep."""

    one: Card
    other: Card
    distance: float

    @classmethod
    def of(cls, a: Card, b: Card, distance: float) -> Pair:
        """Keep who was enrolled or named, else who was seen for longer."""
        b_first = (not b.recordings, b.name is not None, b.seen_s) > (
            not a.recordings,
            a.name is not None,
            a.seen_s,
        )
        return cls(*((b, a) if b_first else (a, b)), distance)


def lookalikes(
    prototypes: Mapping[str, Floats], together: Collection[tuple[str, str]], limit: float
) -> list[tuple[str, str, float]]:
    """Pairs of students at most `limit` apart, nearest first: the distance of their nearest prototypes.

    `together`: pairs that were seen at the same time, so are two people, in whatever order. Embeddings of
    different lengths come from different models and are not compared.
    """
    apart = {frozenset(pair) for pair in together}
    found = []
    for (one, a), (other, b) in combinations(prototypes.items(), 2):
        if a.shape[1] == b.shape[1] and frozenset((one, other)) not in apart:
            distance = float(np.linalg.norm(a[:, None] - b[None], axis=2).min())
            if distance <= limit:
                found.append((one, other, distance))
    return sorted(found, key=lambda pair: pair[2])[:PAIRS]


def sheet(
    course: str,
    cards: Sequence[Card],
    alike: Sequence[tuple[str, str, float]],
    notes: Sequence[str],
    extra: Sequence[str] = (),
    names: str | None = None,
) -> str:
    """The page. `alike`: from `lookalikes`; `extra`: flags that the commands on it need, beside --course;
    `names`: the names file in use."""
    known = {card.student: card for card in cards}
    pairs = [Pair.of(known[a], known[b], d) for a, b, d in alike if a in known and b in known]
    pages = environment()
    pages.globals["command"] = _Command(("--course", course, *extra))
    return pages.get_template("contact.html").render(
        course=course,
        cards=[card for card in cards if card.recordings],
        unseen=[card for card in cards if not card.recordings and not card.refused],
        pairs=pairs,
        notes=notes,
        style=stylesheet(),
        rename_flags=("--names", names or "names.json"),
        merge_flags=("--names", names) if names else (),
    )


@dataclass(frozen=True, slots=True)
class _Command:
    """What to type."""

    flags: tuple[str, ...]

    def __call__(self, what: str, *arguments: object) -> str:
        return shlex.join(["fertool", "students", what, *map(str, arguments), *self.flags])
