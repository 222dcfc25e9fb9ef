"""Inference: the loaded plugins of a run applied to pictures, several at a time.

On a processor, networks run faster side by side, one thread each, than one after the other on all
threads: while the decoder is busy too, threads that wait for one another lose most of their time
(2 cores, with a decoder beside: 129 ms a frame instead of 320).
"""

from __future__ import annotations

import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fertool.host import validate
from fertool.host.guard import Pace
from fertool.host.profile import stage
from fertool.host.toolbox import same_person
from fertool.types import MOST_ROLL_DEG
from fertool.vision import crops
from fertool.vision.cores import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy.typing as npt

    from fertool.contracts import Classifier, Detector, Encoder, Plugin
    from fertool.types import Faces, Floats, Image, Sample

T = TypeVar("T")
R = TypeVar("R")

FACES_AT_ONCE = 64
"""Crops given to a network in one call."""
MAX_WORKERS = 8
"""With a batch each, this bounds how many pictures are in memory."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was measured in one sample."""

    faces: Faces
    classes: Floats
    """(n, labels) float32 probabilities, NaN for a face smaller than the classifier's `floor_px`; no columns
    under the policy `behaviour`."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The plugins of a run. `look` and `embed` may be called from several threads."""

    detector: Detector
    encoder: Encoder
    classifier: Classifier | None
    """None under the policy `behaviour`."""
    _turns: dict[int, Lock] = field(default_factory=dict)
    _paces: dict[int, Pace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for plugin in (self.detector, self.encoder, self.classifier):
            if plugin is not None and not plugin.concurrent:
                self._turns[id(plugin)] = Lock()

    @property
    def same_person(self) -> float:
        """Distance of two embeddings up to which they are of one person."""
        return same_person(self.detector, self.encoder)

    def look(self, batch: Sequence[Sample]) -> list[Looked]:
        """Detect, encode and classify samples of one picture size; one `Looked` each, in order."""
        images = [sample.image for sample in batch]
        faces = self._encode(images, self._detect(images))
        classes = self._classify(images, faces)
        return [Looked(*both) for both in zip(faces, classes, strict=True)]

    def quarters(self, images: Sequence[Image]) -> list[int | None]:
        """In which of four positions the faces of each picture stand upright: the number of quarter turns
        counter-clockwise that make them so, 0 to 3; None where no face has a pose in any position. Pictures
        have one size.

        Detectors are surest of upright faces: the position counts in which the scores of all faces whose
        landmarks fit an upright face sum up to most.
        """
        turned = [[np.ascontiguousarray(np.rot90(image, k)) for image in images] for k in range(4)]
        found = [self._detect(part) for part in turned]
        # Only what may still be the surest is encoded: whatever is not upright takes away from a sum.
        sums = np.array([[faces.scores.sum() for faces in part] for part in found], np.float64)
        settled = sums == 0
        while True:
            best = sums.argmax(axis=0)
            for k in range(4):
                asked = np.flatnonzero((best == k) & ~settled[k])
                encoded = self._encode([turned[k][i] for i in asked], [found[k][i] for i in asked])
                sums[k, asked], settled[k, asked] = [_upright(faces) for faces in encoded], True
            if (best == sums.argmax(axis=0)).all():
                break
        return [int(k) if sums[k, i] else None for i, k in enumerate(best)]

    def embed(self, stack: Sequence[npt.NDArray[np.uint8]]) -> Floats:
        """Crops of one size, at least one -> (n, d) unit rows."""
        parts = [np.stack(stack[i : i + FACES_AT_ONCE]) for i in _steps(len(stack))]
        with self._turn(self.encoder), stage("encode"):
            return np.concatenate([validate.embed(self.encoder, part) for part in parts])

    def _detect(self, images: Sequence[Image]) -> list[Faces]:
        with self._turn(self.detector), self._timed(self.detector, len(images)), stage("detect"):
            return validate.detect(self.detector, images)

    def _encode(self, images: Sequence[Image], faces: list[Faces]) -> list[Faces]:
        """The encoder fills in what the detector left out."""
        if any(len(f) and (f.landmarks is None or f.pose_deg is None) for f in faces):
            count = sum(map(len, faces))
            with self._turn(self.encoder), self._timed(self.encoder, count), stage("encode"):
                return validate.encode(self.encoder, images, faces)
        return faces

    def _classify(self, images: Sequence[Image], faces: Sequence[Faces]) -> list[Floats]:
        classifier = self.classifier
        if classifier is None:
            return [np.zeros((len(f), 0), np.float32) for f in faces]
        large = [crops.sides(f.boxes, f.landmarks, classifier.crop) >= classifier.floor_px for f in faces]
        wanted = [f.take(which) for f, which in zip(faces, large, strict=True)]
        with stage("crops"):
            cut = [
                crops.cut(image, f.boxes, f.landmarks, classifier.crop)
                for image, f in zip(images, wanted, strict=True)
            ]
            stack = np.concatenate(cut)
        flat = np.full((sum(map(len, faces)), len(classifier.labels)), np.nan, np.float32)
        if len(stack):
            with self._turn(classifier), self._timed(classifier, len(stack)), stage("classify"):
                rows = [
                    validate.classify(classifier, stack[i : i + FACES_AT_ONCE]) for i in _steps(len(stack))
                ]
            flat[np.concatenate(large)] = np.concatenate(rows)
        return np.split(flat, np.cumsum([len(f) for f in faces])[:-1])

    @contextmanager
    def _timed(self, plugin: Plugin, count: int) -> Iterator[None]:
        """Seconds of a call on `count` pictures (detector) or faces; a warning if they are many."""
        began = time.perf_counter()
        yield
        of = "picture" if plugin is self.detector else "face"
        pace = self._paces.setdefault(id(plugin), Pace(of))
        pace.add(plugin, count, time.perf_counter() - began)

    def _turn(self, plugin: Plugin) -> AbstractContextManager[Any]:
        """Calls of a plugin that is not `concurrent` take turns."""
        return self._turns.get(id(plugin), nullcontext())


@contextmanager
def workers(device: str) -> Iterator[ThreadPoolExecutor]:
    """Threads to run an engine on; on an accelerator just one, which is not this one."""
    count = min(cores(), MAX_WORKERS) if device == "cpu" else 1
    pool = ThreadPoolExecutor(count, "look", _compute_alone if device == "cpu" else None)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _compute_alone() -> None:
    """For plugins that compute with PyTorch: built with OpenMP, this is the setting of the calling thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def in_order(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]
) -> Iterator[tuple[T, R]]:
    """(item, function(item)) in the order of the items, computed ahead: one item per thread, and one more
    that waits. An exception comes where its item would have."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(function, item)))
        if len(waiting) > pool._max_workers:
            first, result = waiting.popleft()
            yield first, result.result()
    for first, result in waiting:
        yield first, result.result()


def _upright(faces: Faces) -> float:
    """Sum of the scores of faces that stand upright as far as their landmarks tell."""
    if faces.pose_deg is None:
        return 0.0
    with np.errstate(invalid="ignore"):
        return float(faces.scores[np.abs(faces.pose_deg[:, 2]) <= MOST_ROLL_DEG].sum())


def _steps(n: int) -> range:
    return range(0, n, FACES_AT_ONCE)
