"""Whether an answer rests on the pixels that `fertool explain` shows: a tenth of them is blurred.

    python plugins/tools/saliency_study.py fer2013.parquet compact khalid2025 --faces 100

Prints a Markdown table: the mean probability of the answer to faces as they come, with the tenth of their
pixels blurred that raises it most, that lowers it most, and in patches placed at random; then how far the
pixels' sum is from the difference of the logits, on average and at most.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fertool.cli.training.networks import chosen
from fertool.training import evaluate, saliency

if TYPE_CHECKING:
    from fertool.contracts import Trainable

SHARE = 0.1
"""Of the pixels that are blurred."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("classifiers", nargs="+")
    parser.add_argument("--split", default="public")
    parser.add_argument("--faces", type=int, default=100, help="drawn at random, the same ones every time")
    given = parser.parse_args()
    columns = (
        "classifier",
        "faces",
        "as they come",
        "most raising",
        "most lowering",
        "at random",
        "sum off by",
    )
    print(f"| {' | '.join(columns)} |\n" + "|---" * len(columns) + "|")
    for name in given.classifiers:
        plugin: Any = chosen(name, [], [])
        plugin.load("cpu")
        images = evaluate.faces(plugin, given.data).take(given.split).images
        some = np.random.default_rng(0).permutation(len(images))[: given.faces]
        faces = images[some].reshape(-1, plugin.crop.size, plugin.crop.size, plugin.crop.channels)
        chances, off = study(plugin, faces)
        cells = " | ".join(f"{mean:.2f}" for mean in chances.mean(axis=0))
        print(f"| `{name}` | {len(faces)} | {cells} | {off.mean():.2f}, {off.max():.2f} |", flush=True)


def study(plugin: Trainable, faces: Any) -> tuple[Any, Any]:
    """(n, 4) probabilities of the answer, as the table has them, and (n,) distances of sum and difference."""
    draw = np.random.default_rng(0)
    chances, off = [], []
    for face, one in zip(faces, saliency.explained(plugin, faces), strict=True):
        heat = saliency.smoothed(one.pixels)
        patches = saliency.smoothed(draw.normal(size=heat.shape))
        blurred = np.rint(saliency.blurred(face)).astype(np.uint8)
        changed = [np.where(most(by)[:, :, None], blurred, face) for by in (heat, -heat, patches)]
        answer = plugin.labels.index(one.label)
        chances.append(plugin.classify(np.stack([face, *changed]))[:, answer])
        off.append(abs(one.pixels.sum() - (one.logit - one.logit_blurred)))
    return np.array(chances), np.array(off)


def most(heat: Any) -> Any:
    """(h, w) bool: the SHARE of its pixels with the highest values."""
    return heat > np.quantile(heat, 1 - SHARE)


if __name__ == "__main__":
    main()
