"""The mean of the weights of several runs of one network ("soup"; Wortsman et al., ICML 2022).

    python plugins/tools/mix_weights.py A/model.safetensors B/model.safetensors --data DATA --to MIX
    python plugins/tools/mix_weights.py ... --shares 3,1

For runs that went on from the same weights: those of different random beginnings have no mean that works.
Batch norm is estimated again on split `train`, and the temperature on the split that selected the first run,
divided as it was; both as `fertool train` does. Writes MIX/model.safetensors, which `evaluate`, `analyze` and
`ship_weights.py` take; it remembers what the first run was made of, and what was mixed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fertool.cli.training.networks import trainable
from fertool.files import sha256
from fertool.host import quantized
from fertool.training import checkpoints, ema, metrics, trainer
from fertool.training.datasets.dataset import load
from fertool.training.datasets.division import Division, divided


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--shares", help="of the models, such as 3,1; equal if left out")
    given = parser.parse_args()
    shares = [1.0] * len(given.models) if given.shares is None else list(map(float, given.shares.split(",")))
    if len(shares) != len(given.models) or min(shares) < 0 or not sum(shares):
        sys.exit(f"--shares: expected {len(given.models)} numbers from 0 on, got {given.shares}")
    stored = [quantized.read(path) for path in given.models]
    about = stored[0][1]
    made = json.loads(about["made"])
    for path, (_, other) in zip(given.models, stored, strict=True):
        theirs = json.loads(other["made"])
        if (theirs["classifier"], theirs["options"]) != (made["classifier"], made["options"]):
            sys.exit(f"{path}: weights of another network than {given.models[0]}")
    plugin = trainable(
        made["classifier"], [f"{made['classifier']}.{k}={v}" for k, v in made["options"].items()], []
    )
    faces = load(given.data, plugin.crop.size, plugin.crop.channels)
    if "division" in made["data"]:
        faces = divided(faces, Division.from_dict(made["data"]["division"]))
    if faces.take("train").digest() != made["data"]["train"]:
        sys.exit(f"{given.data}: other pictures than {given.models[0]} was trained on")
    faces = replace(faces, images=plugin.prepare(faces.images))
    network = plugin.network()
    network.load_state_dict(mixed([tensors for tensors, _ in stored], shares))
    ema.recalibrate(network, torch.from_numpy(faces.take("train").images))
    held_out = faces.take(made["selected_on"])
    about["temperature"] = repr(metrics.temperature(held_out.labels, trainer.predict(network, held_out)))
    made["mixed"] = {sha256(path)[:16]: share for path, share in zip(given.models, shares, strict=True)}
    about["made"] = json.dumps(made)
    given.to.mkdir(parents=True, exist_ok=True)
    checkpoints.save_model(network.state_dict(), given.to / "model.safetensors", about)
    accuracy = np.mean(trainer.predict(network, held_out).argmax(1) == held_out.labels)
    print(f"{given.to / 'model.safetensors'}: {accuracy:.2%} on {made['selected_on']}")


def mixed(several: list[dict[str, torch.Tensor]], shares: list[float]) -> dict[str, torch.Tensor]:
    """Means of tensors by name, with these shares; whole numbers count batches and are the first's."""
    parts = torch.tensor(shares) / sum(shares)

    def mean(name: str) -> torch.Tensor:
        return torch.stack([tensors[name] for tensors in several], -1) @ parts

    return {name: mean(name) if one.is_floating_point() else one for name, one in several[0].items()}


if __name__ == "__main__":
    main()
