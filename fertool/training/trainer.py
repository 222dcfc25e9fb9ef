"""The training loop of a recipe. A killed run resumes to the same weights.

Everything random is drawn from one generator per epoch, seeded by (seed, epoch); the state after an epoch is
stored by `checkpoints`.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file

from fertool.errors import FertoolError
from fertool.files import sha256
from fertool.host import options, quantized
from fertool.training import augment, checkpoints, cuda_graphs, ema, metrics
from fertool.training.checkpoints import Epoch, TrainingState
from fertool.vision import devices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from fertool.contracts import Trainable
    from fertool.recipes import Recipe
    from fertool.training.augment import Doubles
    from fertool.training.datasets.dataset import Dataset

    Report = Callable[["Epoch"], None]
    Step = Callable[[int, int, float], None]
    """Called after every step: steps done, steps of the epoch, mean loss so far."""

AT_ONCE = 256
"""Faces per step when nothing is learned."""
TOLD_EVERY = 20
"""Steps between two looks at the loss where a look has to wait for the device."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What may differ between two runs of one recipe on the same data."""

    seed: int = 0
    device: str = "cpu"
    resume: bool = False
    """Go on from the state in the folder of the run."""
    store_every_s: float = 0.0
    """Least time between two stored states, in seconds; 0: after every epoch."""
    teachers: Mapping[str, Doubles] = field(default_factory=dict)
    """Name -> (n, 7) probabilities of the training pictures, in their order, for a recipe with a share for
    teachers; their mean is taken, and the model remembers their names."""
    start: Path | None = None
    """A file with weights of this network to begin with, packed or not, in place of random ones; the model
    remembers its hash, and the data it was made of. Errors as of `check_start`."""
    validate_on: str | None = None
    """The split to select the best epoch on; None: as `selection` finds."""


def train(
    plugin: Trainable,
    recipe: Recipe,
    data: Dataset,
    folder: Path,
    how: TrainOptions = TrainOptions(),
    *,
    report: Report = lambda _: None,
    step: Step = lambda *_: None,
) -> Path:
    """Train on split `train`, and keep the epoch that the recipe says.

    Writes into `folder`: `state.safetensors` after an epoch, and in the end `model.safetensors`, the weights
    of that epoch with their temperature; returns its path. `report` is called after every epoch, `step`
    after every step.
    """
    seed, device, start, teachers = how.seed, how.device, how.start, how.teachers
    if start is not None:
        _check_apart(start, folder)
    check_splits(data, how.validate_on)
    held_out = selection(data, how.validate_on)
    taught, validation = data.take("train"), data.take(held_out)
    state = _begin(plugin, recipe, seed, device, start)
    folder.mkdir(parents=True, exist_ok=True)
    identity = _identity(plugin, recipe, taught, validation, how)
    said = np.mean(list(teachers.values()), axis=0) if teachers else None
    if how.resume:
        checkpoints.restore(state, folder, identity)
    # Where data and memory allow, pictures lie on the device once and for all.
    images = torch.from_numpy(plugin.prepare(taught.images)).to(device)
    goal = torch.from_numpy(augment.targets(taught, recipe, said)).to(device)
    validation = replace(validation, images=plugin.prepare(validation.images))
    # Evenly spaced, as many as for validation: enough for a curve, and no longer wait than for that one.
    known = taught.at(np.linspace(0, len(taught) - 1, min(len(taught), len(validation))).astype(int))
    known = replace(known, images=plugin.prepare(known.images))
    stored = time.monotonic()
    mixed = recipe.mixed and devices.quick_bfloat16(device)  # a recipe is for any machine
    learn = cuda_graphs.step(plugin, state.network, device, mixed=mixed)
    while state.epoch < recipe.epochs and not _done(state, recipe):
        loss, lr = _one_epoch(recipe, state, learn, images, goal, seed, device, step)
        logits = predict(state.kept, validation, device)
        learned = float((predict(state.kept, known, device).argmax(1) == known.labels).mean())
        _note(state, recipe, lr, loss, logits, validation, learned)
        last = state.epoch >= recipe.epochs or _done(state, recipe)
        if last or time.monotonic() >= stored + how.store_every_s:
            checkpoints.store(state, folder, identity)
            stored = time.monotonic()
        report(state.history[-1])
    network = plugin.network().to(device)
    network.load_state_dict(load_file(folder / "best.safetensors"))
    if recipe.recalibrate_bn:
        ema.recalibrate(network, images)
    made = {**identity, "selected_on": held_out, "data": identity["data"] | _before(start)}
    return _finish(network, plugin.labels, validation, folder, made)


def check_start(plugin: Trainable, start: Path, folder: Path) -> str:
    """What of the network does not begin with the weights in `start`, in words; empty if all of it does.

    FertoolError if a run into `folder` cannot begin with them: there are none, they are another network's,
    or the run would write over them. `train` says so too, but after the data are ready.
    """
    _check_apart(start, folder)
    return _take_over(plugin, plugin.network(), start)


def check_splits(data: Dataset, validate_on: str | None = None) -> None:
    """FertoolError if there is no split to train on, or none to select on (`selection`). `train` says so too,
    but after the data are ready."""
    if "train" not in data.splits():
        hint = "--split 80/10/10 divides the pictures, --fold 1/10 into folds"
        raise FertoolError(f"{data.source}: expected a split 'train', found {data.there}", hint)
    selection(data, validate_on)


def selection(data: Dataset, wanted: str | None = None) -> str:
    """The split to select on: the one `wanted`, else `validation`, else `public`.

    FertoolError if there is no such split, or if it is `train`.
    """
    if wanted == "train":
        raise FertoolError(
            "--validate-on train: the pictures to learn cannot select", f"there are: {data.there}"
        )
    names = (wanted,) if wanted else ("validation", "public")
    found = next((name for name in names if name in data.splits()), None)
    if found is None:
        expected = " or ".join(map(repr, names))
        raise FertoolError(
            f"{data.source}: expected a split {expected} to select on, found {data.there}",
            "--validate-on NAME selects on one that is there, --validate-on 10% on a part of train",
        )
    return found


def predict(network: nn.Module, data: Dataset, device: str = "cpu", *, flip: bool = False) -> Any:
    """(n, labels) float64 logits of every face, in order; with `flip` the mean with the mirrored face.
    Pictures are taken as they are: `Trainable.prepare` comes before."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(data.images), AT_ONCE):
            images = augment.as_input(torch.from_numpy(data.images[start : start + AT_ONCE]).to(device))
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
    state: TrainingState,
    learn: cuda_graphs.Step,
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
    count = augment.steps(len(images), recipe)
    total, seen, lr = 0.0, 0, 0.0
    untold: list[Tensor] = []
    patience = 1 if device == "cpu" else TOLD_EVERY
    half = state.epoch < recipe.epochs * recipe.progressive_resize
    parameters = list(state.network.parameters())
    follow = ema.follower(state.average, state.network)
    state.network.train()
    shown = augment.batches(images, goal, recipe, generator, device=device)
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
        follow(ema.decay(recipe.ema, state.epoch * count + step))
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


def _note(
    state: TrainingState,
    recipe: Recipe,
    lr: float,
    loss: float,
    logits: Any,
    validation: Dataset,
    learned: float,
) -> None:
    """Add the epoch to the history, and to the counts that the scheduler reads. `learned`: the accuracy on
    training pictures."""
    truth = torch.from_numpy(validation.labels)
    val_loss = float(torch.nn.functional.cross_entropy(torch.from_numpy(logits), truth))
    accuracy = float((logits.argmax(1) == validation.labels).mean())
    if accuracy > state.best_accuracy or recipe.keep == "last":
        state.best_accuracy = max(accuracy, state.best_accuracy)
        state.best = {k: v.detach().clone() for k, v in state.kept.state_dict().items()}
    state.epoch += 1
    state.history.append(Epoch(state.epoch, lr, loss, val_loss, accuracy, learned))
    watched = accuracy if recipe.watch == "accuracy" else -val_loss
    if watched > state.to_beat + recipe.min_gain:
        state.to_beat, state.bad_epochs = watched, 0
    else:
        # What to beat stays: gains that are too small by themselves add up.
        state.bad_epochs += 1
    if recipe.schedule == "plateau" and state.bad_epochs and state.bad_epochs % recipe.patience == 0:
        state.plateau /= 2


def _done(state: TrainingState, recipe: Recipe) -> bool:
    return bool(recipe.stop_after) and state.bad_epochs >= recipe.stop_after


# --- beginning, ending -------------------------------------------------------------------


def _begin(plugin: Trainable, recipe: Recipe, seed: int, device: str, start: Path | None) -> TrainingState:
    torch.manual_seed(seed)
    network = plugin.network()
    if start is not None:
        _take_over(plugin, network, start)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainingState(network, deepcopy(network) if recipe.ema else None, _optimizer(network, recipe))


def _check_apart(start: Path, folder: Path) -> None:
    if start.resolve().parent == folder.resolve():
        raise FertoolError(f"{start} lies in {folder}, where this run writes", "give another --out")


def _take_over(plugin: Trainable, network: nn.Module, path: Path) -> str:
    """The weights of a file, packed or not, or from outside; FertoolError if they are another network's.

    -> as `check_start`.
    """
    tensors = quantized.read(path)[0]
    outside = plugin.outside(network, tensors)
    try:
        network.load_state_dict(outside or tensors, strict=not outside)
    except RuntimeError as error:
        what = f"{path} holds weights of another network than the one to be trained"
        raise FertoolError(what, "give the options it was trained with, or another file") from error
    if not outside:
        return ""
    counted = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    whole = Counter(name.partition(".")[0] for name in counted)
    random = Counter(name.partition(".")[0] for name in counted if name not in outside)
    parts = ", ".join(f"{count} of {whole[part]} in {part}" for part, count in random.items())
    return f"{path}: weights from outside; tensors that begin at random: {parts}"


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
    plugin: Trainable, recipe: Recipe, taught: Dataset, validation: Dataset, how: TrainOptions
) -> dict[str, Any]:
    """What a stored state must agree with to be continued, and what a model remembers of its making."""
    division = {} if taught.division is None else {"division": taught.division.to_dict()}
    aligned = {} if taught.uncut is None else {"aligned": True}
    identity = {
        "classifier": plugin.name,
        "version": plugin.version,
        "labels": list(plugin.labels),
        "options": {k: v for k, v in options.values(plugin).items() if k != "file"},
        "recipe": asdict(recipe),
        "seed": how.seed,
        "data": {"train": taught.digest(), "selected_on": validation.digest(), **division, **aligned},
    }
    if how.teachers:
        identity["teachers"] = sorted(how.teachers)
    if how.start is not None:
        identity["start"] = sha256(how.start)
    return identity


def _before(start: Path | None) -> dict[str, Any]:
    """What the weights to begin with were made of: that counts as learned, too."""
    if start is None:
        return {}
    return {"before": json.loads(quantized.read(start)[1].get("made", "{}")).get("data", {})}


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
    checkpoints.save_model(network.state_dict(), folder / "model.safetensors", about)
    return folder / "model.safetensors"
