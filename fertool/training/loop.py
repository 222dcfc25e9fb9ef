"""Train a network by a recipe. A run can be killed at any moment and resumed to the same weights.

Everything random is drawn from one generator per epoch, seeded by (seed, epoch); the state after each
epoch (weights, their moving average, the optimizer's tensors, the numbers of the schedule) is stored as
safetensors and JSON, written beside and put in place whole.
"""

from __future__ import annotations

import json
import math
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fertool import devices, models, options, packed
from fertool.errors import FertoolError
from fertool.training import averages, batches, metrics, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from fertool.contracts import Trainable
    from fertool.recipes import Recipe
    from fertool.training.batches import Doubles
    from fertool.training.data import Dataset

    Report = Callable[["Epoch"], None]
    Step = Callable[[int, int, float], None]
    """Called after every step: steps done, steps of the epoch, mean loss so far."""

AT_ONCE = 256
"""Faces per step when nothing is learned."""
TOLD_EVERY = 20
"""Steps between two looks at the loss where a look has to wait for the device."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the training log."""

    epoch: int
    lr: float
    loss: float
    val_loss: float
    val_accuracy: float


@dataclass(slots=True)
class State:
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
    """Epochs since the validation loss last gained."""
    best_loss: float = math.inf
    best_accuracy: float = -1.0
    best: dict[str, Tensor] | None = None
    """Weights of the best epoch, until they are stored."""
    history: list[Epoch] = field(default_factory=list)

    @property
    def kept(self) -> nn.Module:
        """The network that is evaluated and stored."""
        return self.network if self.average is None else self.average


def train(
    plugin: Trainable,
    recipe: Recipe,
    data: Dataset,
    folder: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    store_every_s: float = 0.0,
    report: Report = lambda _: None,
    step: Step = lambda *_: None,
    teachers: Mapping[str, Doubles] | None = None,
    start: Path | None = None,
) -> Path:
    """Train on split `train`, select on `validation` (the split of that name, else `public`).

    `start`: a file with weights of this network to begin with, packed or not, in place of random ones; the
    model remembers its hash. Errors as of `check_start`.

    `teachers`: what a recipe with a share for them is taught by: a name (in the model's memory) and (n, 7)
    probabilities of the training pictures, in order; their mean is taken.

    Writes into `folder`: `state.safetensors` after an epoch, `store_every_s` seconds apart or more, and in
    the end `model.safetensors`, the weights of the best epoch with their temperature; returns its path.
    """
    if start is not None:
        check_start(plugin, start, folder)
    held_out = selection(data)
    taught, validation = data.take("train"), data.take(held_out)
    state = _begin(plugin, recipe, seed, device, start)
    folder.mkdir(parents=True, exist_ok=True)
    identity = _identity(plugin, recipe, taught, validation, seed)
    if teachers:
        identity["teachers"] = sorted(teachers)
    if start is not None:
        identity["start"] = models.sha256(start)
    said = np.mean(list(teachers.values()), axis=0) if teachers else None
    if resume:
        _restore(state, folder, identity)
    # Where data and memory allow, pictures lie on the device once and for all.
    images = torch.from_numpy(plugin.prepare(taught.images)).to(device)
    goal = torch.from_numpy(batches.targets(taught, recipe, said)).to(device)
    validation = replace(validation, images=plugin.prepare(validation.images))
    stored = time.monotonic()
    mixed = recipe.mixed and devices.quick_bfloat16(device)  # a recipe is for any machine
    learn = steps.step(plugin, state.network, device, mixed=mixed)
    while state.epoch < recipe.epochs and not _done(state, recipe):
        loss, lr = _one_epoch(recipe, state, learn, images, goal, seed, device, step)
        logits = predict(state.kept, validation, device)
        _note(state, recipe, lr, loss, logits, validation)
        last = state.epoch >= recipe.epochs or _done(state, recipe)
        if last or time.monotonic() >= stored + store_every_s:
            _store(state, folder, identity)
            stored = time.monotonic()
        report(state.history[-1])
    network = plugin.network().to(device)
    network.load_state_dict(load_file(folder / "best.safetensors"))
    if recipe.settled:
        averages.settle(network, images)
    return _finish(network, plugin.labels, validation, folder, {**identity, "selected_on": held_out})


def check_start(plugin: Trainable, start: Path, folder: Path) -> None:
    """FertoolError if a run into `folder` cannot begin with the weights in `start`: there are none, they are
    another network's, or the run would write over them."""
    if start.resolve().parent == folder.resolve():
        raise FertoolError(f"{start} lies in {folder}, where this run writes", "give another --out")
    _take_over(plugin.network(), start)


def selection(data: Dataset) -> str:
    """The split to select on: `validation`, else `public`."""
    return "validation" if "validation" in data.splits() else "public"


def predict(network: nn.Module, data: Dataset, device: str = "cpu", *, flip: bool = False) -> Any:
    """(n, labels) float64 logits of every face, in order; with `flip` the mean with the mirrored face.
    Pictures are taken as they are: `Trainable.prepare` comes before."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(data.images), AT_ONCE):
            images = batches.as_input(torch.from_numpy(data.images[start : start + AT_ONCE]).to(device))
            logits = network(images)
            if flip:
                logits = (logits + network(images.flip(-1))) / 2
            parts.append(logits.double().cpu())
    return torch.cat(parts).numpy()


def probabilities(logits: Any, temperature: float = 1.0) -> Any:
    """(n, k) logits -> (n, k) float64 rows that sum to 1."""
    return torch.softmax(torch.from_numpy(logits) / temperature, dim=1).numpy()


# --- one epoch ------------------------------------------------------------------------------------


def _one_epoch(
    recipe: Recipe,
    state: State,
    learn: steps.Step,
    images: Tensor,
    goal: Tensor,
    seed: int,
    device: str,
    tell: Step,
) -> tuple[float, float]:
    """Mean training loss and the learning rate at the end."""
    # The network's own chance (dropout) comes from the global generator, the batches' from this one.
    torch.manual_seed(seed * 100_003 + state.epoch)
    generator = torch.Generator().manual_seed(seed * 100_003 + state.epoch)
    count = batches.steps(len(images), recipe)
    total, seen, lr = 0.0, 0, 0.0
    untold: list[Tensor] = []
    patience = 1 if device == "cpu" else TOLD_EVERY
    half = state.epoch < recipe.epochs * recipe.half_until
    parameters = list(state.network.parameters())
    follow = averages.follower(state.average, state.network)
    state.network.train()
    shown = batches.batches(images, goal, recipe, generator, device=device)
    for step, (batch, wanted) in enumerate(shown):
        lr = rate(recipe, state.epoch + step / count) * state.plateau
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        if half:
            batch = torch.nn.functional.avg_pool2d(batch, 2)
        loss = learn(batch, wanted)
        if recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
        state.optimizer.step()
        follow(averages.decay(recipe.ema, state.epoch * count + step))
        untold.append(loss * len(batch))
        seen += len(batch)
        if len(untold) == patience or step + 1 == count:
            total += sum(value.item() for value in untold)
            untold.clear()
            tell(step + 1, count, total / seen)
    return total / seen, lr


def rate(recipe: Recipe, epoch: float) -> float:
    """The learning rate `epoch` epochs into the training, before any plateau: warm-up, then schedule."""
    if epoch < recipe.warmup_epochs:
        return recipe.lr * (epoch + 0.01) / recipe.warmup_epochs
    if recipe.schedule != "cosine":
        return recipe.lr
    done = (epoch - recipe.warmup_epochs) / max(recipe.epochs - recipe.warmup_epochs, 1)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def _note(state: State, recipe: Recipe, lr: float, loss: float, logits: Any, validation: Dataset) -> None:
    """Add the epoch to the history, and to the counts that the schedule goes by."""
    truth = torch.from_numpy(validation.labels)
    val_loss = float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), truth))
    accuracy = float((logits.argmax(1) == validation.labels).mean())
    if accuracy > state.best_accuracy:
        state.best_accuracy = accuracy
        state.best = {k: v.detach().clone() for k, v in state.kept.state_dict().items()}
    state.epoch += 1
    state.history.append(Epoch(state.epoch, lr, loss, val_loss, accuracy))
    gained = val_loss < state.best_loss - recipe.min_gain
    state.best_loss = min(state.best_loss, val_loss)
    state.bad_epochs = 0 if gained else state.bad_epochs + 1
    if recipe.schedule == "plateau" and state.bad_epochs and state.bad_epochs % recipe.patience == 0:
        state.plateau /= 2


def _done(state: State, recipe: Recipe) -> bool:
    return bool(recipe.stop_after) and state.bad_epochs >= recipe.stop_after


# --- beginning, storing, ending -------------------------------------------------------------------


def _begin(plugin: Trainable, recipe: Recipe, seed: int, device: str, start: Path | None) -> State:
    torch.manual_seed(seed)
    network = plugin.network()
    if start is not None:
        _take_over(network, start)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return State(network, deepcopy(network) if recipe.ema else None, _optimizer(network, recipe))


def _take_over(network: nn.Module, path: Path) -> None:
    """The weights of a file, packed or not; FertoolError if they are another network's."""
    try:
        network.load_state_dict(packed.read(path)[0])
    except RuntimeError as error:
        what = f"{path} holds weights of another network than the one to be trained"
        raise FertoolError(what, "give the options it was trained with, or another file") from error


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Weight decay is for weights: norms and biases have one dimension and none of it."""
    weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def _identity(
    plugin: Trainable, recipe: Recipe, taught: Dataset, validation: Dataset, seed: int
) -> dict[str, Any]:
    """What a stored state must agree with to be continued, and what a model remembers of its making."""
    return {
        "classifier": plugin.name,
        "version": plugin.version,
        "labels": list(plugin.labels),
        "options": {k: v for k, v in options.values(plugin).items() if k != "file"},
        "recipe": asdict(recipe),
        "seed": seed,
        "data": {"train": taught.digest(), "selected_on": validation.digest()},
    }


def _store(state: State, folder: Path, identity: dict[str, Any]) -> None:
    if state.best is not None:
        _save_model(state.best, folder / "best.safetensors", {})
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
        "best_loss": state.best_loss,
        "best_accuracy": state.best_accuracy,
        "history": [asdict(epoch) for epoch in state.history],
    }
    # One file: tensors and numbers of two different epochs must never meet.
    _write(folder / "state.safetensors", tensors, {"state": json.dumps(numbers)})


def _restore(state: State, folder: Path, identity: dict[str, Any]) -> None:
    """Continue what is stored; a run that never got to its first epoch simply begins."""
    path = folder / "state.safetensors"
    if not path.is_file():
        return
    numbers = json.loads(_metadata(path)["state"])
    if numbers["identity"] != json.loads(json.dumps(identity)):
        before, now = numbers["identity"], json.loads(json.dumps(identity))
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
    for name in ("epoch", "plateau", "bad_epochs", "best_loss", "best_accuracy"):
        setattr(state, name, numbers[name])
    state.history = [Epoch(**row) for row in numbers["history"]]


def _finish(
    network: nn.Module, labels: Sequence[str], validation: Dataset, folder: Path, made: dict[str, Any]
) -> Path:
    """The weights, with the temperature fitted on the validation split."""
    device = str(next(network.parameters()).device)
    fitted = metrics.temperature(validation.labels, predict(network, validation, device))
    about = {
        "temperature": repr(fitted),
        "labels": json.dumps(list(labels)),
        "made": json.dumps(made),
    }
    _save_model(network.state_dict(), folder / "model.safetensors", about)
    return folder / "model.safetensors"


def restored(plugin: Trainable, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a model file on the CPU, and what the file remembers, its `temperature` too."""
    network = plugin.network()
    tensors, about = packed.read(path)
    network.load_state_dict(tensors)
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


def _save_model(tensors: Mapping[str, Tensor], path: Path, about: dict[str, str]) -> None:
    _write(path, {k: v.detach().contiguous().cpu() for k, v in tensors.items()}, about)


def _write(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """All or nothing: the file appears under its name when it is whole."""
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata=about)
    part.replace(path)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})
