"""Values that move between the steps. Frozen, with units; arrays are checked in `host.validate`.

Nothing heavy is imported here: numpy arrays appear in annotations only, so that
`import fertool` stays light for a plugin author and for `fertool --help`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fertool.difficulty import says_difficult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Image = npt.NDArray[np.uint8]
    """(H, W, 3) uint8, BGR, as shown: square pixels, upright (`fertool.media.display`)."""
    Floats = npt.NDArray[np.float32]
    Plain = float | int | str | Sequence[str]
    """What stands in a sentence of a rule."""

EMOTIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Canonical expression labels, in FER2013's order."""

COLUMNS = frozenset({
    "course", "lecture", "recording", "student", "sample", "time_s", "present", "x1", "y1", "x2", "y2",
    "detection", "yaw_deg", "pitch_deg", "roll_deg", "emotion", "confidence",
})  # fmt: skip
"""Columns that stand beside the labels in `frame_emotions` and `tables.SEEN`: a label cannot be called so."""

MOST_ROLL_DEG = 45.0
"""A face with more roll lies: another quarter turn of the picture would make it more upright. Networks have
learned from upright faces, so expression, yaw and pitch of one that lies count as not measured."""

Signal = Literal["presence", "pose", "expression"]
Scope = Literal["segment", "lecture", "course", "all"]
Subject = Literal["student", "class"]
Unit = Literal["share", "samples", "number"]
"""How a rule's value is written: a share of something in percent, a count of samples, a plain number."""
Feed = Literal["lost moments", "good moments", "hard points", "feedback", "recommendation"]
"""A place of its own in a report: see plugins/README.md."""
Matter = Literal["difficult", "negative", "lowered", "unseen", "index"]
"""What a rule's advice to a student is about, in the order of the sheets: negative expressions in a row at a
difficult point, negative expressions, the head lowered, the face not seen, a figure of several things."""
Better = Literal["higher", "lower", "neither"]
"""Which values of a rule ask for nothing: the high ones, the low ones, or neither is better."""


def is_label(name: object) -> bool:
    """Whether a classifier may call an expression so: it becomes a column, and a class in a stylesheet."""
    fits = isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_-]*", name) is not None
    return fits and name not in COLUMNS


def further(columns: Iterable[str]) -> tuple[str, ...]:
    """Labels beyond the seven among the columns of `frame_emotions` or `tables.SEEN`, in their order."""
    return tuple(name for name in columns if name not in COLUMNS and name not in EMOTIONS)


class LectureKey(NamedTuple):
    """What identifies a lecture: its name alone does not, each course may have a `week 1`."""

    course: str
    lecture: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One analyzed instant of a recording."""

    index: int
    """Position in the run's sampling plan, counted from 0."""
    time_s: float
    """Presentation time: seconds from the start of the recording, from the container's PTS."""
    image: Image
    """(H, W, 3) uint8 BGR, as a player shows it: square pixels, upright (`fertool.media.display`)."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The n faces of one sample, as a struct of arrays; n may be 0. All arrays share their order."""

    boxes: Floats
    """(n, 4) float32: x1, y1, x2, y2 in pixels of the frame as shown; may reach beyond its edge."""
    scores: Floats
    """(n,) float32 in 0..1: the detector's confidence."""
    landmarks: Floats | None = None
    """(n, k, 2) float32 pixels, or None. k = 68 (iBUG order) or 5 (right eye, left eye, nose,
    right and left mouth corner, "right" being the person's own right, so left in the picture)."""
    pose_deg: Floats | None = None
    """(n, 3) float32: yaw, pitch, roll in degrees, or None; NaN where it could not be measured. Of a face
    that lies (`MOST_ROLL_DEG`) only the roll is stored.
    Positive yaw: the person looks to the picture's right; positive pitch: up; positive roll: clockwise
    in the picture."""
    embeddings: Floats | None = None
    """(n, d) float32, L2-normalized rows, or None."""

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls) -> Faces:
        """No face at all."""
        import numpy as np

        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def take(self, index: Any) -> Faces:
        """The faces at `index` (integers or a boolean mask), every array in step."""

        def at(array: Any) -> Any:
            return None if array is None else array[index]

        return Faces(*(at(getattr(self, name)) for name in self.__slots__))

    def with_(self, **arrays: Any) -> Faces:
        """A copy with some arrays replaced."""
        return replace(self, **arrays)


@dataclass(frozen=True, slots=True)
class Crop:
    """How a network wants to see a face; `fertool.vision.crops` cuts it."""

    size: int
    """Side of the square crop in pixels."""
    margin: float = 0.0
    """Added on every side, as a share of the side of the square around the face."""
    align: bool = True
    """Turn the crop upright by the eye line and place the eyes at a fixed position; needs landmarks
    (without them the square around the box is cut)."""
    channels: Literal[1, 3] = 3
    """3: BGR; 1: gray."""
    anchors: float = 0.0
    """More than 0: one more plane, which says how near the nearest landmark is: 255 exp(-d^2 / (2 s^2)), s
    being `anchors` sides of the crop. Black without landmarks."""
    anchor_points: tuple[int, ...] = ()
    """Which of 68 landmarks count for `anchors`, from 0 on; empty: all. Of five, all do."""
    center: tuple[float, float] = (0.5, 0.43)
    """Where the middle of eyes and mouth lies in an aligned crop without margin: shares of its side from the
    left and from the top. Unless given, as the networks of face-api.js were trained."""
    sampling: Literal["bilinear", "bicubic"] = "bilinear"
    """How a value between frame pixels is found. Bilinear blurs faces that are about as large as the crop, or
    smaller; a network that was trained on pictures as they are wants bicubic."""
    least_side: float = 0.0
    """An aligned square smaller than this share of the box (its longer side) is not used: the box is cut. A
    share of detected boxes: only for networks whose boxes lie close around faces."""

    @property
    def planes(self) -> int:
        """How many values a pixel of the crop has."""
        return self.channels + (self.anchors > 0)


@dataclass(frozen=True, slots=True)
class Segment:
    """An interval [start_s, end_s) of a lecture."""

    index: int
    title: str
    start_s: float
    end_s: float
    difficulty: str = ""
    """Mark of how hard its matter is, as the lecturer typed it (`very hard`): see `fertool.difficulty`; empty
    where there is none."""
    point: str = ""
    """The knowledge point it treats; empty where nobody said."""

    @property
    def difficult(self) -> bool | None:
        """Whether it is marked as difficult; None where the mark is not understood."""
        return says_difficult(self.difficulty)


@dataclass(frozen=True, slots=True)
class Course:
    """What course.toml says of a course."""

    instructor: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may know beside the table it judges."""

    course: str | None
    """None when the rule's scope is `all`."""
    lecture: str | None
    """None when the rule's scope is wider than a lecture."""
    segment: Segment | None
    """None when the rule's scope is wider than a segment."""
    student: str | None
    """None when the rule's subject is the class."""
    period_s: float
    """Median time between two samples of the window, in seconds; 0 for fewer than two samples."""
    baseline: Mapping[str, float] = field(default_factory=dict)
    """What is usual for this student, over all lectures of the course that are stored: medians `yaw_deg`
    and `pitch_deg`, the share of each expression (`neutral`: 0.8) of those that a classifier with this label
    measured, and the number of samples read by a classifier with all seven (`measured`). Of this lecture,
    where its scope is no wider: the pose of a level head before this camera, as `fertool.head_level.of` reads
    it. A key is missing where nothing was measured; empty when the subject is the class or the scope `all`.
    """
    courses: Mapping[str, Course] = field(default_factory=dict)
    """Every course that a course.toml describes, also those that the student is not in; empty unless the
    scope is `all`."""
    window: tuple[float, float] | None = None
    """(start_s, end_s) of what is judged, on the lecture's clock: the segment, or the whole lecture. Evidence
    lies in it. None when the scope is wider than a lecture."""
    segments: tuple[Segment, ...] = ()
    """All segments of the lecture, in order of time; empty when the scope is wider than a lecture."""
    lecture_seen: pl.DataFrame | None = None
    """The subject's rows of the whole lecture, `seen` among them: for what began before the window or goes
    on after it. None when the scope is wider than a lecture."""
    one_at_a_time: bool = False
    """Whether the recording shows one face at a time of several students (a speaker view): then a student
    who is not seen may well be there, and `present` measures nobody's absence."""
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Student -> `baseline`, when the subject is the class; otherwise empty."""

    @property
    def difficult(self) -> bool | None:
        """Whether the segment is marked as difficult; None where its mark is not understood."""
        return self.segment.difficult if self.segment is not None else False


class Message:
    """One sentence of a rule as data, so that a page can say it in its own language.

        Message("seen in {share:share} of {samples} samples", share=0.8, samples=40)

    `text`: English, with places for the values; after a colon how a value is written (`fertool.messages`). A
    value is a number, a text, a list of texts, or a sentence. `str()` gives the English sentence.
    """

    __slots__ = ("text", "values")

    def __init__(self, text: str, /, **values: Plain | Message) -> None:
        self.text = text
        self.values = values

    def __str__(self) -> str:
        from fertool import messages

        return messages.render(self)

    def __repr__(self) -> str:
        return f"Message({self.text!r}, **{self.values!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.text, self.values) == (other.text, other.values)

    __hash__ = None  # type: ignore[assignment]  # its values may be lists


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a rule says of a student, or of the class, in a segment."""

    value: float | None
    """The rule's figure, or None when it could not be measured."""
    level: str = "info"
    """`info`, `good`, `attention`, or `not measurable`; a rule may use its own words, and one that
    returns several assessments tells them apart by it."""
    message: str | Message = ""
    """One sentence for a lecturer. A `Message` can be said in other languages, a text only in English."""
    start_s: float | None = None
    """Evidence span in seconds of the lecture; the window when left out."""
    end_s: float | None = None
    evidence: dict[str, float | int | str] = field(default_factory=dict)
    """Small, JSON-able facts behind the value (`{"samples": 42}`)."""
    coverage: float | None = None
    """Share of the window's samples that could be measured, 0..1."""
    interval: tuple[float, float] | None = None
    """(low, high): 95 % interval of the value; None where there is too little to say."""
    spans: tuple[tuple[float, float], ...] = ()
    """Where in the lecture the evidence lies: (start_s, end_s), in order of time. The host cuts times and
    spans to `Context.window`; one that lies outside of it breaks the contract."""
    student: str | None = None
    """Whom a rule of the class speaks of; the class when left out."""
