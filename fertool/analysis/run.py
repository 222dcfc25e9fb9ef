"""A run described: what identifies it, and all that is needed to finish it.

A description travels as JSON, so that a run can be measured on one machine and finished on another.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fertool import __version__
from fertool.errors import VideoError
from fertool.host.profile import staged
from fertool.media import probe
from fertool.media.remote import size
from fertool.media.sampling import plan
from fertool.storage.runs import Recording, Run
from fertool.types import LectureKey, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from fertool.analysis.request import Request
    from fertool.contracts import Classifier
    from fertool.host.toolbox import Plugged, Toolbox
    from fertool.media.remote import File
    from fertool.media.sampling import Times
    from fertool.privacy.consent_gate import Gate

FORMAT = 5
"""Raised when the pipeline itself changes results: part of every run's identity."""
CHUNK_S = 60.0


@dataclass(frozen=True, slots=True)
class Source:
    """A recording that was opened, and the samples wanted of it."""

    video: probe.VideoInfo
    targets: Times
    """Of the samples, in seconds; never empty."""
    bytes: int | None = None
    """Size of the file before it was opened; None where it is not on this machine."""

    @property
    def numbers(self) -> npt.NDArray[np.int_]:
        """Of every sample the chunk that it belongs to."""
        return (self.targets // CHUNK_S).astype(int)


@dataclass(frozen=True, slots=True)
class Analysis:
    """A run, the recording it is about, and what linking its tracks to students needs to know."""

    recording: Recording
    run: Run
    same_person: float
    """Distance of two embeddings up to which they are one person's."""
    student: str | None
    """Name of the only person of a webcam recording."""
    chunks: tuple[int, ...]
    """Numbers of the chunks that its samples belong to, ascending."""
    chapters: tuple[Segment, ...]
    warnings: tuple[str, ...]
    """What is wrong with the file although it can be read."""
    asked: tuple[str, int] = ("", 0)
    """When its set of recordings was asked for, and its place there: students are linked in this order."""
    move: bool = False
    """As in `Request`."""

    @property
    def home(self) -> LectureKey:
        """The lecture that its recording belongs to."""
        return LectureKey(self.course, self.lecture)

    @property
    def course(self) -> str:
        """Name of its course."""
        return self.recording.course

    @property
    def lecture(self) -> str:
        """Name of its lecture."""
        return self.recording.lecture

    @property
    def model(self) -> str:
        """What makes the embeddings: see `Toolbox.model`."""
        return str(self.run.config["model"])

    @property
    def policy(self) -> str:
        """`full`, or `behaviour`."""
        return self.run.policy

    @property
    def consent(self) -> str:
        """`required`, or `off`."""
        return str(self.run.config.get("consent", {}).get("mode", "off"))

    @property
    def gate_state(self) -> str | None:
        """`Gate.state` of whose faces were kept; None: everybody's."""
        state: str | None = self.run.config.get("consent", {}).get("state")
        return state

    def to_json(self) -> str:
        """As JSON, for a spool."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, default=str)

    @staticmethod
    def from_json(text: str) -> Analysis:
        """Raises KeyError, TypeError or ValueError for anything but what `to_json` made."""
        given: dict[str, Any] = json.loads(text)
        made = {
            "recording": Recording(**_keyed(given.pop("recording"), "recording")),
            "run": Run(**_keyed(given.pop("run"), "run")),
            "chapters": tuple(Segment(**row) for row in given.pop("chapters")),
            "asked": (given["asked"][0], given["asked"][1]),
            "chunks": tuple(given["chunks"]),
            "warnings": tuple(given["warnings"]),
        }
        return Analysis(**given | made)


def _keyed(row: dict[str, Any], old: str) -> dict[str, Any]:
    """A row of a spool; before version 0.2, its `id` had the name of the column."""
    return row if "id" in row else {"id": row.pop(old), **row}


@staged("probe")
def look(path: File, request: Request) -> Source:
    """Open a recording and plan its samples. Raises VideoError if there is nothing to analyze."""
    before = size(path) if isinstance(path, Path) and path.is_file() else None
    source = probe.probe(path, request.view)
    targets = plan(source.index, request.every, request.start_s, request.end_s)
    if not len(targets):
        length = f"the recording is {source.duration_s:.1f} s long"
        raise VideoError(f"{path}: nothing to analyze between --start and --end", length)
    return Source(source, targets, before)


@staged("probe")
def describe(source: Source, request: Request, gate: Gate | None = None) -> Analysis:
    """Reads the recording once more, for its hash. `gate`: whose faces may be kept; None for everybody's.

    Raises VideoError for a file that has changed since it was opened: the hash would be of another one.
    """
    recording = _recording(source.video, request)
    if source.bytes not in (None, recording.bytes):
        sizes = f"{source.bytes} bytes, then {recording.bytes}"
        what = f"{source.video.path}: the file grows while it is read: {sizes}"
        raise VideoError(what, "analyze it when it is complete")
    return Analysis(
        recording=recording,
        run=_run(source, recording, request, gate),
        same_person=request.same_person,
        student=request.student,
        chunks=tuple(_distinct(source.numbers)),
        chapters=source.video.chapters,
        warnings=source.video.warnings,
        move=request.move,
    )


def _distinct(numbers: npt.NDArray[np.int_]) -> Iterable[int]:
    return (int(number) for number in np.unique(numbers))


def _recording(source: probe.VideoInfo, request: Request) -> Recording:
    """A further stream of pictures is a recording of its own."""
    sha256, name = probe.sha256(source.path), source.path.name
    known_by = sha256
    if further := source.view.stream:
        known_by = hashlib.sha256(f"{sha256} {further}".encode()).hexdigest()
        name = f"{name} (stream {further})"
    return Recording(
        id=known_by[:12],
        sha256=sha256,
        course=request.course,
        lecture=request.lecture,
        path=str(source.path.resolve()),
        name=name,
        bytes=size(source.path),
        duration_s=source.duration_s,
        readable_s=float(source.index.times[-1]) + (1 / source.fps if source.fps else 0.0),
        width=source.width,
        height=source.height,
        codec=source.codec,
        offset_s=request.offset_s,
    )


def _classifier(plugged: Plugged[Classifier]) -> dict[str, object]:
    return plugged.describe() | {"floor_px": plugged.plugin.floor_px}


def _first_names(config: dict[str, Any], tools: Toolbox) -> dict[str, Any]:
    """The parts of a configuration about plugins that were renamed, under their first names: by these a run
    that was made before is known."""
    plugged: tuple[Plugged[Any] | None, ...] = (tools.detector, tools.encoder, tools.classifier)
    return {
        one.plugin.kind: config[one.plugin.kind] | {"name": one.first_name}
        for one in plugged
        if one is not None and one.plugin.formerly
    }


def _run(source: Source, recording: Recording, request: Request, gate: Gate | None) -> Run:
    """The run's identity is a hash of the recording and of everything that can change a result."""
    tools = request.tools
    config = {
        "format": FORMAT,
        "detector": tools.detector.describe(),
        "encoder": tools.encoder.describe(),
        "classifier": _classifier(tools.classifier) if tools.classifier else None,
        "every": request.every,
        "start_s": request.start_s,
        "end_s": None if math.isinf(request.end_s) else request.end_s,
        "policy": request.policy,
        "chunk_s": CHUNK_S,
    }
    if source.video.picture:
        config["picture"] = source.video.picture
    if gate is not None:
        config["consent"] = {"mode": request.consent, "state": gate.state}
    text = json.dumps([recording.sha256, config | _first_names(config, tools)], sort_keys=True, default=str)
    identity = hashlib.sha256(text.encode()).hexdigest()[:12]
    config["model"] = tools.model  # told apart above already
    return Run(identity, recording.id, __version__, request.policy, config, len(source.targets))
