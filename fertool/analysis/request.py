"""A request: what to analyze, how, and under which policy. Every step reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from fertool.media.display import AS_DECLARED, View
from fertool.storage.student_labels import clean_label

if TYPE_CHECKING:
    from fertool.host.toolbox import Toolbox
    from fertool.media.sampling import Every


class Asked(Protocol):
    """What is asked about people: part of a request, and of an analysis that was described from one."""

    @property
    def course(self) -> str:
        """Name of the course."""

    @property
    def student(self) -> str | None:
        """Name of the only person of a webcam recording; None for any other."""

    @property
    def consent(self) -> str:
        """`required`, or `off`."""

    @property
    def same_person(self) -> float:
        """Distance of two embeddings up to which they are one person."""

    @property
    def model(self) -> str:
        """What makes the embeddings."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to do with one recording."""

    course: str
    lecture: str
    tools: Toolbox
    every: Every = 1.0
    start_s: float = 0.0
    end_s: float = math.inf
    policy: str = "full"
    consent: str = "off"
    """`required`: nothing is kept of faces that are not a consenting student's but their number. `off`: of
    those who refuse, as far as pictures tell who that is."""
    device: str = "cpu"
    student: str | None = None
    """Name of the only person of a webcam recording."""
    offset_s: float | None = None
    """When the recording begins, on the clock of its lecture. None: as is known already, else 0."""
    force: bool = False
    move: bool = False
    """Whether a recording that belongs to another lecture leaves it for this one."""
    view: View = AS_DECLARED
    """Which pictures of the file, and how far they are turned."""
    find_rotation: bool = False
    """Find out from the first faces how far they are to be turned, in place of `view.rotate`."""

    def __post_init__(self) -> None:
        if self.student is not None:
            object.__setattr__(self, "student", clean_label(self.student, "--student"))

    @property
    def same_person(self) -> float:
        """Distance of two tracks' embeddings up to which they are one person."""
        return self.tools.same_person

    @property
    def model(self) -> str:
        """What makes the embeddings."""
        return self.tools.model

    def facts(self) -> dict[str, Any]:
        """Everything but the tools: what can travel to a worker, who has tools of its own."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "tools"}
