"""Training recipes as data: of a paper, or the best found. Light: no torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

RENAMED = {
    "crowd": "ferplus_translated",
    "votes_apart": "vote_head",
    "settled": "recalibrate_bn",
    "half_until": "progressive_resize",
}
"""Field of a recipe before version 0.2 -> its name now. Weights and states of runs that were made before say
the old one."""


@dataclass(frozen=True, slots=True)
class Augment:
    """Random changes of a training picture, each time it is seen. All zero: none."""

    flip: bool = False
    """Left to right, half of the time."""
    rotate_deg: float = 0.0
    """Up to so many degrees either way."""
    scale: float = 0.0
    """Size times 1 - scale to 1 + scale."""
    shift: float = 0.0
    """Up to this share of the side, in both directions."""
    brightness: float = 0.0
    """Times 1 - brightness to 1 + brightness."""
    contrast: float = 0.0
    """Around the picture's mean, likewise."""
    blur: float = 0.0
    """Probability of a 3 x 3 blur."""
    erase: float = 0.0
    """Probability that a rectangle is painted over (Zhong et al., 2020)."""
    disturb: float = 0.0
    """Probability of one of the disturbances of lectures, first of all: few pixels, compression, dark,
    backlight, a turned head, a hand, a mask, glasses (`fertool.training.disturbances`)."""
    crop: float = 0.0
    """So much of the side is cut away, the window being at another place in every batch. For networks that
    take any side; they are used with the whole picture all the same (Touvron et al., 2019)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything `fertool train` needs beside the network and the data."""

    epochs: int
    batch: int
    lr: float
    optimizer: Literal["sgd", "adam"] = "sgd"
    momentum: float = 0.9
    """Nesterov, for SGD."""
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    warmup_epochs: int = 0
    """The learning rate rises linearly over the first epochs."""
    watch: Literal["loss", "accuracy"] = "loss"
    """The figure of the validation split in which an epoch gains or not: lower loss, or higher accuracy."""
    min_gain: float = 0.0
    """An epoch gains if it is better by more than this than the last epoch that gained."""
    patience: int = 7
    """`plateau`: epochs in a row without gain after which the rate is halved."""
    stop_after: int = 0
    """Epochs in a row without gain after which training ends; 0: never."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights are kept: that with the highest accuracy on the validation split; or the last,
    where that split cannot choose, having taught the weights that a run begins with."""
    augment: Augment = Augment()
    mixup: float = 0.0
    """Alpha of the beta distribution (Zhang et al., 2018); 0: off."""
    label_smoothing: float = 0.0
    votes: float = 0.0
    """Share of the FER+ votes in the target, the rest being the data set's own label; 0: label only."""
    ferplus_translated: float = 0.0
    """Share, of what the votes leave the label, of what the data set's labellers would say of a face with
    such FER+ votes: votes translated by a logistic regression over the training pictures."""
    vote_head: bool = False
    """The FER+ votes are a second target, for a network that has outputs of their own for them."""
    teacher: float = 0.0
    """Share of the teachers' probabilities in the target (distillation; Hinton et al., 2015), of what is left
    the label and the votes: `fertool train --teacher`."""
    balanced: bool = False
    """Draw every class equally often."""
    ema: float = 0.0
    """Decay of the moving average of the weights that is evaluated and kept, less at first; 0: off."""
    recalibrate_bn: bool = False
    """In the end, means and variances of batch norm are estimated again on training pictures as they are:
    those of augmented, mixed or smaller ones do not fit what is classified (Touvron et al., 2019)."""
    clip_norm: float = 0.0
    """Gradients are scaled down to this norm; 0: off."""
    mixed: bool = False
    """Convolutions and products in bfloat16 (mixed precision; Micikevicius et al., 2018), on devices that do
    it quickly; in float32 on others."""
    progressive_resize: float = 0.0
    """Share of the epochs, from the first, in which pictures have half their side (progressive resizing): a
    quarter of the work, for networks that take any side."""


def current(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe as a file of any version holds them, by the names of today; what its version did
    not have is as it was then."""
    found = {RENAMED.get(name, name): value for name, value in stored.items()}
    if "augment" not in found:
        return found
    return {"keep": "best"} | found | {"augment": asdict(Augment(**found["augment"]))}
