"""Checkpoints of a training run: state after an epoch, log, model."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fertool import files, recipes
from fertool.errors import FertoolError
from fertool.host import quantized

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from fertool.contracts import Trainable


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the training log."""

    epoch: int
    lr: float
    loss: float
    val_loss: float
    val_accuracy: float
    train_accuracy: float | None = None
    """Of training pictures as they come, undisturbed, as many as there are for validation (or all, if fewer);
    None in logs of before it was measured."""


@dataclass(slots=True)
class TrainingState:
    """Where a training run stands: what is stored after every epoch."""

    network: nn.Module
    average: nn.Module | None
    """Moving average of the weights; None without EMA."""
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    """Epochs done."""
    plateau: float = 1.0
    """What `schedule = plateau` has left of the learning rate."""
    bad_epochs: int = 0
    """Epochs since the last one that gained (`Recipe.watch`)."""
    to_beat: float = -math.inf
    """The accuracy, or minus the loss, of the last epoch that gained."""
    best_accuracy: float = -1.0
    best: dict[str, Tensor] | None = None
    """Weights of the best epoch, until they are stored."""
    history: list[Epoch] = field(default_factory=list)

    @property
    def kept(self) -> nn.Module:
        """The network that is evaluated and stored."""
        return self.network if self.average is None else self.average


def store(state: TrainingState, folder: Path, identity: dict[str, Any]) -> None:
    """Write the state of a run into its folder, all or nothing; the best weights first, if they are new."""
    if state.best is not None:
        save_model(state.best, folder / "best.safetensors", {})
        state.best = None
    tensors = _named("network", state.network) | (_named("average", state.average) if state.average else {})
    for number, parameter in enumerate(_parameters(state.optimizer)):
        for name, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{number}.{name}"] = torch.as_tensor(value).detach().contiguous().cpu()
    numbers = {
        "identity": identity,
        "epoch": state.epoch,
        "plateau": state.plateau,
        "bad_epochs": state.bad_epochs,
        "to_beat": state.to_beat,
        "best_accuracy": state.best_accuracy,
        "history": [asdict(epoch) for epoch in state.history],
    }
    # One file: tensors and numbers of two different epochs must never meet.
    _write(folder / "state.safetensors", tensors, {"state": json.dumps(numbers)})


def restore(state: TrainingState, folder: Path, identity: dict[str, Any]) -> None:
    """Continue what is stored; a run that never got to its first epoch simply begins."""
    path = folder / "state.safetensors"
    if not path.is_file():
        return
    numbers = json.loads(_metadata(path)["state"])
    before, now = numbers["identity"], json.loads(json.dumps(identity))
    before["recipe"] = recipes.current(before["recipe"])
    if before != now:
        differing = [k for k in before | now if before.get(k) != now.get(k)]
        what = f"{folder}: cannot resume: another {' and '.join(differing)} than before"
        raise FertoolError(what, "give the same command as before, or another --out")
    tensors = load_file(path)
    _take(state.network, tensors, "network.")
    if state.average is not None:
        _take(state.average, tensors, "average.")
    for number, parameter in enumerate(_parameters(state.optimizer)):
        prefix = f"optimizer.{number}."
        found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if found:
            state.optimizer.state[parameter] = {
                k: v if k == "step" else v.to(parameter) for k, v in found.items()
            }
    for name in ("epoch", "plateau", "bad_epochs", "to_beat", "best_accuracy"):
        setattr(state, name, numbers[name])
    state.history = [Epoch(**row) for row in numbers["history"]]


def save_model(tensors: Mapping[str, Tensor], path: Path, about: dict[str, str]) -> None:
    """Weights and what they remember; all or nothing."""
    _write(path, {k: v.detach().contiguous().cpu() for k, v in tensors.items()}, about)


def restored(plugin: Trainable, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a model file on the CPU, and what the file remembers, its `temperature` too. Raises
    FertoolError for weights of another network, or of the same with other options."""
    network = plugin.network()
    tensors, about = quantized.read(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        what = f"{path} holds no weights of {plugin.name!r} with these options"
        raise FertoolError(what, "give the options it was trained with, or another file") from error
    return network.eval(), {**json.loads(about["made"]), "temperature": float(about["temperature"])}


def history(folder: Path) -> list[Epoch]:
    """The log of a run; empty if it has none."""
    path = folder / "state.safetensors"
    return [Epoch(**row) for row in json.loads(_metadata(path)["state"])["history"]] if path.is_file() else []


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _named(prefix: str, network: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{k}": v.detach().contiguous().cpu() for k, v in network.state_dict().items()}


def _take(network: nn.Module, tensors: dict[str, Tensor], prefix: str) -> None:
    network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})


def _write(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    with files.swapped(path) as draft:
        save_file(tensors, draft, metadata=about)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})
