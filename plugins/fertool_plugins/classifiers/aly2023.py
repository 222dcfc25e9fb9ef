"""`aly2023`: ResNet-50 with CBAM and averaging shortcuts (Aly, Ghallab and Fathi, 2023)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from fertool import Augment, Recipe, hookimpl
from fertool_plugins.nets.trained import FROM_SCRATCH, SHORT, TAUGHT, Trained

if TYPE_CHECKING:
    import torch

    from fertool import Plugin

PAPER = Recipe(epochs=100, batch=16, lr=1e-4, augment=Augment(flip=True))
BEST = replace(
    FROM_SCRATCH,
    epochs=43,
    lr=0.04,
    progressive_resize=0.67,
    augment=replace(FROM_SCRATCH.augment, crop=1 / 6),
)
CONTINUED = replace(TAUGHT, epochs=29, lr=0.03, augment=replace(TAUGHT.augment, crop=1 / 6))


@dataclass
class Aly2023(Trained):
    """CBAM at the end of each of the 16 blocks (section IV.A.1), before the sum with the shortcut.

    What differs from the paper, or what it leaves open:
    - the down-sampling blocks (IV.A.2): "a 1x1 kernel at a stride of 2" is, in the ResNet-50 of PyTorch,
      which the authors use, that of the shortcut alone. A 2x2 mean of stride 2 now stands before it and its
      own stride is 1; the 3x3 convolution goes on striding, which skips nothing. He et al. (2019) call this
      ResNet-D.
    - CBAM's reduction is not given: 16, as in Woo et al.; its formulas are followed, without biases.
    - the size of the input is not given: FER2013's own 48 pixels, gray. Option `stem`: `paper` is
      ResNet-50's own, which leaves 2 x 2 positions of them; `small`, the default, leaves 6 x 6.
    - of epochs, momentum, weight decay and augmentation nothing is said: 100, 0.9, none, flip. Parameters
      "receive initialization", the text does not say from what: here from random weights.
    - tables 2 and 3 compare ResNet-50 before and after both adjustments: options `cbam=false` and
      `pooled=false` take one away each, in training and in use alike. The weights that ship have both.
    """

    name: ClassVar[str] = "aly2023"
    version: ClassVar[str] = "2"
    recipes: ClassVar[dict[str, Recipe]] = {
        "paper": PAPER,
        "best": BEST,
        "taught": CONTINUED,
        "short": SHORT,
    }

    stem: Literal["small", "paper"] = field(
        default="small",
        metadata={"help": "small: 3x3, stride 1; paper: 7x7, stride 2, and max pooling, as in ResNet-50"},
    )

    cbam: bool = field(
        default=True, metadata={"help": "attention in every block; false for ResNet-50 without it"}
    )
    pooled: bool = field(
        default=True,
        metadata={"help": "shortcuts that halve the side average first; false: they skip three in four"},
    )

    def network(self) -> torch.nn.Module:
        """See `Trainable.network`."""
        from torch import nn

        from fertool_plugins.nets.attention import Cbam
        from fertool_plugins.nets.resnet import Pooled, resnet50

        attention = Cbam if self.cbam else nn.Identity
        return Pooled(resnet50(self.stem, attention, self.pooled), len(self.labels))


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Aly2023]
