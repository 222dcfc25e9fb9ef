"""Contracts of plugins: detector, encoder, classifier, rule, section.

A plugin is a dataclass: its fields are its options (`-o name.field=value`), with their defaults
and, in `field(metadata={"help": ...})`, their help texts. Heavy imports belong in `load`, so that
listing plugins stays quick. What a plugin returns is held against these contracts by the host.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fertool.types import EMOTIONS, Better, Crop, Faces, Feed, Matter, Scope, Signal, Subject, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import torch

    from fertool.recipes import Recipe
    from fertool.sections import Given, PageKind, Part
    from fertool.types import Assessment, Context, Floats, Image, Message


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the catalog: one file to fetch."""

    name: str
    """As typed: `fertool models pull NAME`."""
    file: str
    """Where it lies below `models_dir()`; for an archive, the folder it is unpacked into."""
    url: str
    """Pinned (to a commit, a release) so that it cannot change underneath the hash."""
    license: str
    sha256: str = ""
    """Of the file at `url`. May be empty only for an archive fetched by https whose publisher names no
    hash: the hashes of its files are then recorded when it is pulled, and held to from then on."""
    size: int = 0
    """Of the file at `url`, in bytes; 0 if unknown."""
    archive: bool = False
    """The file at `url` is a zip that is to be unpacked."""
    note: str = ""
    """What its user must know beside the license."""

    def __post_init__(self) -> None:
        schemes = ("https://", "http://") if self.sha256 else ("https://",)
        if not self.url.startswith(schemes):
            raise ValueError(f"model {self.name}: the url must start with {' or '.join(schemes)}")
        if not (self.sha256 or self.archive):
            raise ValueError(f"model {self.name}: a single file needs its sha256")

    @property
    def download(self) -> str:
        """Name of the file at `url`, which `--from DIR` looks for too."""
        return self.url.rsplit("/", 1)[-1]


@dataclass
class Plugin(ABC):
    """Common to all kinds. Subclasses with options are `@dataclass`es."""

    kind: ClassVar[str]
    """Set by the contracts below."""
    name: ClassVar[str]
    """As typed on the command line: lower case letters, digits, `-`; no other plugin of any kind has it."""
    formerly: ClassVar[tuple[str, ...]] = ()
    """Former names, oldest first: accepted in place of `name`, with a warning. Runs are identified by the
    oldest one, so that they are resumed after a plugin was renamed."""
    version: ClassVar[str]
    """Changes whenever results change: it is part of a run's identity."""
    models: ClassVar[tuple[Model, ...]] = ()
    """Weights that `fertool models pull` may fetch for it."""

    words: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Language code -> English -> translation, of what a plugin says on pages: label and messages of a rule,
    title, texts and columns of a section, `license` and `measured` of a detector. What is missing stays
    English, and is marked so."""

    concurrent: ClassVar[bool] = False
    """Whether its methods may be called from several threads at once; otherwise calls take turns."""

    def weights(self) -> dict[str, str]:
        """File name -> SHA-256 of every weights file in use; part of a run's identity."""
        return {}

    def available(self) -> str:
        """Empty if the plugin can run here, else one sentence: what is missing and how to get it."""
        return ""

    def load(self, device: str) -> None:  # noqa: B027  (optional on purpose)
        """Get ready to work on `device`: `cpu`, `cuda` or `mps`. Called once, before anything else."""


class Detector(Plugin):
    """Finds faces."""

    kind = "detector"
    same_person: ClassVar[float | None] = None
    """As in `Encoder`, for a detector that fills in embeddings itself."""
    license: ClassVar[str] = ""
    """License of its weights, and whose they are, for the page of methods. A single file in `models` has its
    own."""
    measured: ClassVar[Message | str] = ""
    """What this version finds and misses, with which options, and on which pictures that was measured:
    sentences for the page of methods."""

    @abstractmethod
    def detect(self, images: Sequence[Image]) -> list[Faces]:
        """One `Faces` per image, in the same order. Images: (H, W, 3) uint8 BGR, n >= 1, one size.

        No face is fine. Landmarks, pose and embeddings may be filled in when they come for free:
        the encoder is then asked only for what is missing.
        """


class Encoder(Plugin):
    """Measures landmarks and head pose of every face, and embeds the few that identify a track."""

    kind = "encoder"
    crop: ClassVar[Crop]
    """The crop `embed` wants."""
    same_person: ClassVar[float]
    """Euclidean distance of two mean embeddings (on the unit sphere) up to which they are one person."""

    @abstractmethod
    def encode(self, images: Sequence[Image], faces: Sequence[Faces]) -> list[Faces]:
        """The same faces with `landmarks` and `pose_deg` filled in; same order, same number.

        Works across all samples of a batch at once. An image may have no face.
        """

    @abstractmethod
    def embed(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """(n, size, size, channels) uint8 crops, n >= 1 -> (n, d) float32, L2-normalized rows."""


class Classifier(Plugin):
    """Reads the expression of a face."""

    kind = "classifier"
    labels: ClassVar[tuple[str, ...]] = EMOTIONS
    """What the columns of `classify` mean: at least two, unique. The seven are named as in `EMOTIONS`. Any
    other label, of lower case letters, digits, `-` and `_`, becomes a further column of `frame_emotions` and
    of what rules get; it cannot have the name of one that is there already (`types.COLUMNS`)."""
    crop: ClassVar[Crop]
    """The crop `classify` wants."""
    floor_px: ClassVar[float] = 0.0
    """Least side of the square that `crop` cuts, in pixels of the frame, at which a face is classified. The
    expression of a smaller face counts as not measured: null in every table."""

    @abstractmethod
    def classify(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """(n, size, size, planes) uint8 crops, n >= 1 -> (n, len(labels)) float32, rows sum to 1."""


class Trainable(Classifier):
    """A classifier whose network `fertool train` can train, and whose weights are a safetensors file.

    Subclasses have an option `file: str = ""`: the weights to use instead of those shipped.
    """

    recipes: ClassVar[dict[str, Recipe]]
    """`best`: the default of `fertool train`. `paper`, of a published network: as published, as far as the
    paper says. Others as the network needs them."""

    @abstractmethod
    def network(self) -> torch.nn.Module:
        """A fresh network with random weights: (n, channels, size, size) float32 in 0..1, gray or BGR as
        `crop` says -> (n, len(labels)) logits. Normalization of pixels is the network's own business."""

    @property
    def path(self) -> Path:
        """The weights in use: option `file`; where there are others that ship, override this."""
        from pathlib import Path

        return Path(getattr(self, "file", ""))

    def prepare(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """What is done to faces before a network sees them, in training and in use alike: (n, size, size)
        or (n, size, size, c) uint8 -> the same shape and type. Nothing, unless overridden."""
        return images

    def outside(
        self, network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """Weights from outside, under the names that they have in `network`, for `train --from`: what is
        left out begins with random weights. Empty if `tensors` are none that it knows, as by default."""
        return {}

    def loss(
        self,
        network: torch.nn.Module,
        images: torch.Tensor,
        targets: torch.Tensor,
        votes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The scalar to be minimized, in training mode: `images` as `network` wants them, `targets`
        (n, len(labels)) float32 probabilities, `votes` likewise, given if the recipe says `vote_head`.
        Cross-entropy with `targets` unless a paper has more to it. In mixed precision it is called under
        autocast: compute losses in float32."""
        import torch

        return torch.nn.functional.cross_entropy(network(images).float(), targets)


class Rule(Plugin):
    """Judges stored observations. Pure: the same table and context give the same assessments."""

    kind = "rule"
    signals: ClassVar[frozenset[Signal]] = frozenset({"presence"})
    """What it looks at; a policy that switches a signal off skips the rule and says why."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Emotion labels that must have been classified."""
    scope: ClassVar[Scope] = "segment"
    """How wide a window is: `course` gets all stored lectures of a course at once, `all` those of all
    courses. A pseudonym means somebody else in another course, so `all` covers named students only."""
    subject: ClassVar[Subject] = "student"
    label: ClassVar[str] = ""
    """What the value is, in a few English words that are true of a high and of a low value: `time with the
    head bowed`, not `attention`. The rule's name when empty."""
    unit: ClassVar[Unit] = "number"
    better: ClassVar[Better] = "neither"
    feeds: ClassVar[Feed | None] = None
    """The place of a report that its assessments fill; counts come from their `evidence`. Of several rules
    that feed one place, the one registered last fills it: fertool's own come first, `--plugin` files last."""
    advises: ClassVar[Matter | None] = None
    """What its advice to a student is about: rules with the same matter advise the same, in the words of the
    report. None: the rule's own message is shown."""
    about: ClassVar[Mapping[str, str]] = {}
    """Language code -> the docstring in that language, for the page that gives the formulas."""

    @abstractmethod
    def assess(self, seen: pl.DataFrame, context: Context) -> Assessment | list[Assessment] | None:
        """Judge one window.

        `seen` has one row per sample of the window (subject `student`) or per sample and student
        (subject `class`), ordered by time, with the columns of `fertool.storage.tables.SEEN`; `present` is
        false where the student was not seen and every measurement is then null: absence is data.
        Called with an empty table too. In the scopes `course` and `all` there are two more columns,
        `course` and `lecture`; lecture follows lecture, each with its own clock.

        After the columns of `SEEN` comes one per further label (`contempt`) that the classifier of any stored
        run has, in alphabetical order: its probability, null where this row's classifier does not have it.
        Where a row's classifier lacks a label that the rule `needs`, all of the row's expression is null.
        """


class Section(Plugin):
    """Adds a section to pages of the report. Pure: the same tables give the same section."""

    kind = "section"
    title: ClassVar[str]
    """Its heading."""
    pages: ClassVar[frozenset[PageKind]] = frozenset({"course"})
    """Where it stands: `course`, `lecture`, `student`."""

    @abstractmethod
    def build(self, given: Given) -> list[Part]:
        """What the section says of one page, top to bottom; nothing: the page goes without it.

        `given` holds only what the page itself may show; its tables may be empty.
        """
