"""Accuracy and calibration on faces as lectures have them: few pixels, compressed, dark, turned, covered."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np
import torch
from av.video.frame import VideoFrame

from fertool.training import disturbances, metrics
from fertool.training.augment import as_input
from fertool.training.evaluate import as_seen, classify
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fertool.contracts import Classifier, Encoder
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.formats import Pixels
    from fertool.training.evaluate import Seen

SEED = 0
"""Of all disturbances: every classifier sees the same pictures."""
SIDES = (24, 32, 40)
"""In pixels."""
KBITS = 300
"""Rate of the video, in kbit/s: what meetings are recorded with where the network is slow."""
FPS, SECONDS = 25, 2
COLUMNS, ROWS = 10, 5
"""Faces in the video at a time; a tile is a third wider than a face, and gray where there is none."""
GRAY = (128, 128, 128)
STEPS = (0.4, 0.4, 0.5, 0.005)
"""Of a face from frame to frame: pixels to the right and down, degrees, scale; standard deviations."""
NOISE = 2.0
"""Of a camera, in gray values: standard deviation."""
SKIN = (slice(0.4, 0.68), slice(0.25, 0.75))
"""Nose and cheeks: rows and columns, as shares of the side, of a face as FER2013 shows it."""
THIRDS = ("darkest third", "middle third", "brightest third")


@dataclass(frozen=True, slots=True)
class Condition:
    """The figures of faces under one condition."""

    name: str
    n: int
    accuracy: float
    """In 0..1."""
    interval: tuple[float, float]
    """Its 95 % interval (bootstrap)."""
    ece: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(
    classifier: Classifier,
    part: Dataset,
    encoder: Encoder | None = None,
    *,
    tta: bool = False,
    seen: Callable[[str], Seen] = lambda _: lambda *_: None,
) -> list[Condition]:
    """One row for the faces of `part` as they come, one for each disturbance, and one for each third of the
    faces as they come, by the brightness of nose and cheeks.

    `part` are `faces` of the loaded classifier; `encoder` as for `as_seen`, which follows the disturbance, as
    in a recording. `tta` as for `classify`. `seen` receives the name of a row.
    """
    plain = classify(classifier, as_seen(classifier, part, encoder), tta=tta, seen=seen("as they come"))
    rows = [_condition("as they come", part.labels, plain)]
    for name, images in disturbed(part.images):
        shown = as_seen(classifier, replace(part, images=images), encoder)
        found = classify(classifier, shown, tta=tta, seen=seen(name))
        rows.append(_condition(name, part.labels, found))
    order = np.argsort(brightness(part.images), kind="stable")
    for name, some in zip(THIRDS, np.array_split(order, len(THIRDS)), strict=True):
        if len(some):
            rows.append(_condition(name, part.labels[some], plain[some]))
    return rows


def disturbed(pictures: Pixels) -> Iterator[tuple[str, Pixels]]:
    """Name and pictures of every disturbance; `pictures` (n, h, w) or (n, h, w, 3) uint8, and so are they."""
    images = as_input(torch.from_numpy(pictures))
    for side in SIDES:
        yield f"{side} px", _pixels(disturbances.shrunk(images, side), pictures)
    yield f"H.264 at {KBITS} kbit/s", streamed(pictures)
    for name, disturb in disturbances.KINDS.items():
        if name != "small":
            yield name, _pixels(disturb(images, torch.Generator().manual_seed(SEED)), pictures)


def brightness(pictures: Pixels) -> Any:
    """(n,) float64 means of gray values, 0..255, over nose and cheeks."""
    gray = pictures if pictures.ndim == 3 else pictures.mean(axis=3)
    rows, columns = (
        slice(round(share.start * side), round(share.stop * side))
        for share, side in zip(SKIN, gray.shape[1:], strict=True)
    )
    return gray[:, rows, columns].mean(axis=(1, 2), dtype=np.float64)


def streamed(pictures: Pixels) -> Pixels:
    """The pictures as H.264 shows them: fifty at a time in a gallery of 25 frames/s at `KBITS`, moving by
    fractions of a pixel, turning and leaning in a little, with the noise of a camera; cut out of the last
    frame, in which each stands as it came. Encoded on one thread, so that the bytes are the same
    everywhere."""
    at_once = COLUMNS * ROWS
    parts = [_one_stream(pictures[start : start + at_once]) for start in range(0, len(pictures), at_once)]
    return np.concatenate(parts) if parts else pictures


def _one_stream(pictures: Pixels) -> Pixels:
    chance = np.random.default_rng(SEED)
    side = pictures.shape[1]
    margin = side // 6
    tile = side + 2 * margin
    corners = np.stack(np.divmod(np.arange(len(pictures)), COLUMNS), axis=1) * tile
    color = np.repeat(pictures[..., None], 3, axis=3) if pictures.ndim == 3 else pictures
    inside = [
        cv2.copyMakeBorder(one, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=GRAY)
        for one in color
    ]
    walk = chance.normal(0, STEPS, (FPS * SECONDS, len(pictures), len(STEPS))).cumsum(axis=0)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = cast("Any", container.add_stream("libx264", rate=FPS))
        stream.width, stream.height = COLUMNS * tile, ROWS * tile + ROWS * tile % 2
        stream.time_base = Fraction(1, FPS)
        stream.pix_fmt, stream.bit_rate = "yuv420p", KBITS * 1000
        rates = {"maxrate": f"{KBITS}k", "bufsize": f"{KBITS // 2}k"}
        # Looking ahead, x264 came to other bytes now and then, of the same pictures.
        stream.options = {"preset": "veryfast", "rc-lookahead": "0", "threads": "1", **rates}
        for number, poses in enumerate(walk - walk[-1]):
            frame = np.full((stream.height, stream.width, 3), GRAY, np.int16)
            for one, (top, left), (x, y, degrees, scale) in zip(inside, corners, poses, strict=True):
                move = cv2.getRotationMatrix2D((tile / 2 - 0.5, tile / 2 - 0.5), degrees, 1 + scale)
                move[:, 2] += x, y
                frame[top : top + tile, left : left + tile] = cv2.warpAffine(
                    one, move, (tile, tile), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
                )
            frame += np.rint(chance.normal(0, NOISE, frame.shape[:2])).astype(np.int16)[..., None]
            shown = frame.clip(0, 255).astype(np.uint8)
            picture = VideoFrame.from_ndarray(shown, format="bgr24")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as container:
        *_, last = container.decode(video=0)
    seen = np.asarray(last.to_ndarray(format="bgr24" if pictures.ndim == 4 else "gray"), np.uint8)
    starts = corners + margin
    return np.stack([seen[top : top + side, left : left + side] for top, left in starts])


def _pixels(images: torch.Tensor, like: Pixels) -> Pixels:
    """(n, c, h, w) float32 in 0..1 -> uint8 in the shape of `like`."""
    rounded = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return rounded.reshape(like.shape).numpy()


def _condition(name: str, truth: Any, rows: Any) -> Condition:
    scores = metrics.score(truth, rows, EMOTIONS)
    return Condition(name, scores.n, scores.accuracy, scores.interval, scores.ece)
