"""Train every network over several seeds on a machine that is lent for a while, and pack what comes back.

    python plugins/tools/train_all.py fer2013.parquet OUT --device cuda --seeds 3 --minutes 25
    python plugins/tools/train_all.py --join OUT

Networks take turns, smallest first, one seed after another, so that a machine that is taken away early leaves
whole results. Weights are written as they ship (int8 per output channel) and cut into parts of at most 15 MB,
NAME-SEED.safetensors.00 and so on; `--join` makes them whole again. The same command once more goes on where
the last one stopped, as long as OUT/runs is still there.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from fertool.cli.training.networks import trainable
from fertool.host import quantized
from fertool.training import checkpoints, trainer
from fertool.training.datasets.dataset import load

NAMES = ["compact", "khalid2025", "tuyakov2022", "hafnet2025", "aly2023"]
PART = 15_000_000


class Late(Exception):
    """The time is up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--join", action="store_true")
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--recipe", default="best")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    given = parser.parse_args()
    if given.join:
        join(given.data)
        return
    end = time.monotonic() + given.minutes * 60
    for seed in range(given.seeds):
        for name in given.names:
            try:
                one(name, seed, given, end)
            except Late:
                print(f"{name}, seed {seed}: out of time; the same command goes on", flush=True)
                return


def one(name: str, seed: int, given: argparse.Namespace, end: float) -> None:
    """One network with one seed, unless it is there already."""
    target = given.out / f"{name}-{seed}.safetensors"
    if list(given.out.glob(f"{target.name}*")):
        return
    plugin = trainable(name, [], [])
    recipe = plugin.recipes[given.recipe]
    if given.epochs:
        recipe = replace(recipe, epochs=given.epochs)
    data = load(given.data, plugin.crop.size, plugin.crop.channels)

    def report(done: checkpoints.Epoch) -> None:
        print(f"{name} {seed}: {done.epoch}/{recipe.epochs} {done.val_accuracy:.2%}", flush=True)
        if time.monotonic() > end:
            raise Late

    folder = given.out / "runs" / f"{name}-{seed}"
    how = trainer.TrainOptions(seed=seed, device=given.device, resume=True, store_every_s=60)
    path = trainer.train(plugin, recipe, data, folder, how, report=report)
    tensors, about = quantized.read(path)
    save_file(quantized.pack(tensors), target, metadata=about)
    cut(target)


def cut(path: Path) -> None:
    """A file -> its parts, if it is larger than one."""
    content = path.read_bytes()
    if len(content) <= PART:
        return
    for number, start in enumerate(range(0, len(content), PART)):
        path.with_name(f"{path.name}.{number:02d}").write_bytes(content[start : start + PART])
    path.unlink()


def join(folder: Path) -> None:
    """All parts in a folder -> whole files beside them."""
    for first in sorted(folder.glob("*.safetensors.00")):
        parts = sorted(folder.glob(f"{first.stem}.[0-9][0-9]"))
        (folder / first.stem).write_bytes(b"".join(part.read_bytes() for part in parts))
        print(folder / first.stem)


if __name__ == "__main__":
    main()
