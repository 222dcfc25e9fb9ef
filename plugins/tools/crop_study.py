"""What it costs a classifier that faces are cut out of frames, part by part, and how small they may be.

    python plugins/tools/crop_study.py fer2013.parquet geometry    # where the pictures show faces
    python plugins/tools/crop_study.py fer2013.parquet cuts        # what each part of the cut costs
    python plugins/tools/crop_study.py fer2013.parquet sizes       # how small a face may be

Prints a Markdown table. Every picture lies in a frame (`alignment.framed`) and is the box of its face.
Differences are from the same faces as they come, with 95 % intervals (paired bootstrap) and McNemar's p.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fertool import Crop
from fertool.cli.training.networks import chosen, encoder
from fertool.training import alignment, evaluate, metrics
from fertool.types import EMOTIONS
from fertool.vision import crops

if TYPE_CHECKING:
    from fertool.training.datasets.dataset import Dataset

SIZES = (16, 24, 28, 32, 36, 40, 48)
"""Of the square pictures, in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("study", choices=("geometry", "cuts", "sizes"))
    parser.add_argument("--classifier", default="compact")
    parser.add_argument("--split", default="public")
    given = parser.parse_args()
    classifier = chosen(given.classifier, [], [])
    part = evaluate.faces(classifier, given.data).take(given.split)
    if given.study == "geometry":
        geometry(part)
        return
    classifier.load("cpu")
    table = Table(classifier, part)
    (cuts if given.study == "cuts" else sizes)(table)


@dataclass
class Table:
    """Prints a row for every way to show the same faces."""

    classifier: Any
    part: Dataset

    def __post_init__(self) -> None:
        print("| faces | accuracy | 95 % | difference in points | 95 % | p | ECE |\n" + "|---" * 7 + "|")
        self.plain = evaluate.classify(self.classifier, self.part)
        self._print("as they come", self.plain)

    def row(self, name: str, images: Any) -> None:
        self._print(name, evaluate.classify(self.classifier, replace(self.part, images=images)))

    def _print(self, name: str, rows: Any) -> None:
        scores = metrics.score(self.part.labels, rows, EMOTIONS)
        against = metrics.compare(self.part.labels, rows, self.plain)
        low, high = (100 * value for value in against.interval)
        print(
            f"| {name} | {scores.accuracy:.2%} | {scores.interval[0]:.1%} to {scores.interval[1]:.1%} "
            f"| {100 * against.difference:+.2f} | {low:+.2f} to {high:+.2f} | {against.p:.2g} "
            f"| {scores.ece:.3f} |",
            flush=True,
        )


def geometry(part: Dataset) -> None:
    """Quantiles of where the pictures show faces, as shares of their side."""
    side = part.images.shape[1]
    middle, to_mouth, slope = shape(marks(part) - side)
    rows = {
        "middle of eyes and mouth, from the left": middle[:, 0] / side,
        "middle of eyes and mouth, from the top": middle[:, 1] / side,
        "from an eye to the mouth": to_mouth / side,
        "side of the aligned square": to_mouth / crops.EYES_TO_MOUTH / side,
        "slope of the eye line, degrees": np.degrees(slope),
    }
    quantiles = (5, 25, 50, 75, 95)
    print("| of a picture | " + " | ".join(f"{q} %" for q in quantiles) + " |\n|---" + "|---" * 5 + "|")
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{v:.3f}" for v in np.percentile(values, quantiles)) + " |")


def cuts(table: Table) -> None:
    """From the former cut to the present one, then its parts one by one."""
    now = table.classifier.crop
    former = Crop(now.size, channels=now.channels)  # face-api's square
    pictures = alignment.framed(table.part.images)
    points = marks(table.part)
    black = [np.where(inside(frame), frame, np.uint8(0)) for frame in pictures]

    def row(name: str, frames: Any, crop: Crop, known: Any, *, aside: float = 0.0) -> None:
        found = [
            crops.cut(frame, box(frame) + aside, one[None], crop)
            for frame, one in zip(frames, known, strict=True)
        ]
        table.row(name, np.concatenate(found))

    row("cut as before: black border, bilinear, middle at .43", black, former, points)
    row("+ edge repeated", pictures, former, points)
    former = replace(former, least_side=now.least_side)
    row("+ by the box where landmarks fall together", pictures, former, points)
    row("+ bicubic", pictures, replace(former, sampling="bicubic"), points)
    row("+ middle where FER2013 has it: cut as now", pictures, now, points)
    row("as now, bilinear", pictures, replace(now, sampling="bilinear"), points)
    row("as now, black border", black, now, points)
    row("as now, landmarks taken as they are", pictures, replace(now, least_side=0.0), points)
    for name in ("turn", "zoom", "place"):
        row(f"as now, but only {name}", pictures, now, only(name, points, now))
    for sampling in ("bilinear", "bicubic"):
        beside = replace(now, sampling=sampling, align=False)
        row(f"half a pixel aside, {sampling}", pictures, beside, points, aside=0.5)


def sizes(table: Table) -> None:
    """Faces of every size in `SIZES`."""
    eyes = encoder("cpu")
    for size in SIZES:
        table.row(f"{size} px", small(table.part, size, table.classifier.crop, eyes).images)


def small(part: Dataset, size: int, crop: Crop, eyes: Any) -> Dataset:
    """Pictures shrunk to `size` pixels, then cut as `analyze` cuts a face of that size out of a frame."""
    shrunk = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in part.images]
    return alignment.aligned(replace(part, images=np.stack(shrunk)), eyes, crop)


def marks(part: Dataset) -> Any:
    """(n, 68, 2) landmarks of the pictures in their frames."""
    eyes = encoder("cpu")
    found = []
    for start in range(0, len(part), alignment.AT_ONCE):
        frames = alignment.framed(part.images[start : start + alignment.AT_ONCE])
        found += [face.landmarks for face in alignment.found(frames, eyes)]
    return np.concatenate(found)


def only(wanted: str, points: Any, crop: Crop) -> Any:
    """(n, 68, 2) landmarks by which `crop` only turns a picture, only zooms it, or only places its face."""
    side = crop.size
    middle, to_mouth, slope = shape(points)
    collapsed = to_mouth / crops.EYES_TO_MOUTH < crop.least_side * side
    angle = slope * (wanted != "turn")
    scale = np.ones(len(points)) if wanted == "zoom" else crops.EYES_TO_MOUTH * side / to_mouth
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    back = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)
    moved = np.einsum("nij,nkj->nki", back, points - middle[:, None])
    moved += (middle if wanted == "place" else side + np.array(crop.center) * side)[..., None, :]
    return np.where(collapsed[:, None, None], np.nan, moved)


def shape(points: Any) -> tuple[Any, Any, Any]:
    """(n, 68, 2) landmarks -> middle of eyes and mouth (n, 2), distance from an eye to the mouth (n,), slope
    of the eye line (n,) in radians."""
    eyes, mouth = crops.eyes(points), points[:, 48:].mean(axis=1)
    right, down = (eyes[:, 1] - eyes[:, 0]).T
    to_mouth = np.linalg.norm(mouth[:, None] - eyes, axis=2).mean(axis=1)
    return (eyes.sum(axis=1) + mouth) / 3, to_mouth, np.arctan2(down, right)


def box(frame: Any) -> Any:
    """(1, 4): the picture in its frame."""
    side = len(frame) // 3
    return np.array([[side, side, 2 * side, 2 * side]])


def inside(frame: Any) -> Any:
    """Which pixels of a frame are the picture's."""
    side = len(frame) // 3
    mask = np.zeros_like(frame, bool)
    mask[side : 2 * side, side : 2 * side] = True
    return mask


if __name__ == "__main__":
    main()
