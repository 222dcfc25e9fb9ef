"""What the detectors find, and how long they take. Run: python tests/bench/detectors.py [VIDEO BOXES.csv]

Without arguments: 1080p galleries of 25 and 49 composed of six people, with faces as high as the table says.
With a recording of your own: `BOXES.csv` has the columns frame, x1, y1, x2, y2 (frames counted from 0, pixels
of the upright picture); every frame that it names is looked at, and all faces in it must be listed.

A face is found where a box overlaps it by more than half (intersection over union). A box is false where it
overlaps no face by a tenth. The detectors take turns, picture by picture, each on one thread, in three
rounds. Milliseconds are processor time a picture. A busy machine makes them longer for all detectors, so the
last column compares each with `yunet` on the same picture in the same round. Both columns are medians.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from faces_at import gallery

from fertool import Detector
from fertool.vision import boxes
from fertool_plugins.detectors.centerface import CenterFace
from fertool_plugins.detectors.haar import Haar
from fertool_plugins.detectors.ssd import Ssd
from fertool_plugins.detectors.yunet import Yunet

ROUNDS = 3
Scene = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A picture, its (n, 4) faces, and (m, 4) that are neither right nor wrong to find."""
DETECTORS: dict[str, Detector] = {
    "yunet": Yunet(),  # the others are compared with it
    "yunet, long_side=1280": Yunet(long_side=1280),
    "yunet, long_side=1920": Yunet(long_side=1920),
    "centerface": CenterFace(),
    "centerface, long_side=1280": CenterFace(long_side=1280),
    "ssd": Ssd(),
    "haar": Haar(),
}
SIZES = [((70, 110), (5, 5)), ((45, 70), (7, 7)), ((30, 45), (7, 7))]
"""Pixels of a face's height, from and to; tiles."""


def composed() -> Iterator[tuple[str, list[Scene]]]:
    for heights, tiles in SIZES:
        yield f"{heights[0]} to {heights[1]} px", [gallery(heights, seed, tiles) for seed in range(4)]


def recorded(video: Path, table: Path) -> Iterator[tuple[str, list[Scene]]]:
    listed = pl.read_csv(table).partition_by("frame", as_dict=True)
    opened, scenes, number = cv2.VideoCapture(str(video)), [], 0
    while (read := opened.read())[0]:
        if (number,) in listed:
            faces = listed[number,].select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
            scenes.append((read[1], faces, np.zeros((0, 4), np.float32)))
        number += 1
    yield video.name, scenes


def measure(detector: Detector, scene: Scene) -> tuple[int, int, float]:
    """Faces found, false boxes, milliseconds."""
    picture, faces, either = scene
    began = time.process_time()
    (seen,) = detector.detect([picture])
    took = 1000 * (time.process_time() - began)
    if not len(seen):
        return 0, 0, took
    found = boxes.iou(faces, seen.boxes).max(axis=1, initial=0) > 0.5
    false = boxes.iou(seen.boxes, np.concatenate([faces, either])).max(axis=1, initial=0) < 0.1
    return int(found.sum()), int(false.sum()), took


def main(arguments: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for detector in DETECTORS.values():
        detector.load("cpu")
    print("| pictures | detector | found | false | ms | times `yunet` |\n|---|---|---|---|---|---|")
    for name, scenes in recorded(*map(Path, arguments)) if arguments else composed():
        turns = [
            {one: measure(detector, scene) for one, detector in DETECTORS.items()}
            for _ in range(ROUNDS)
            for scene in scenes
        ]
        total = sum(len(faces) for _, faces, _ in scenes)
        for one in DETECTORS:
            found, false = (sum(turn[one][what] for turn in turns[: len(scenes)]) for what in (0, 1))
            ms = statistics.median(turn[one][2] for turn in turns)
            ratio = statistics.median(turn[one][2] / turn["yunet"][2] for turn in turns)
            print(f"| {name} | {one} | {found} of {total} | {false} | {ms:.0f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
