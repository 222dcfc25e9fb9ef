"""`khalid2025`: a CNN whose positions attend to one another, drawn to landmarks (Khalid et al., 2025)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from fertool import Augment, Crop, Recipe, hookimpl
from fertool_plugins.nets.trained import FER2013_FRAME, FROM_SCRATCH, SHORT, TAUGHT, Trained

if TYPE_CHECKING:
    import torch

    from fertool import Plugin

PAPER = Recipe(
    epochs=100,
    batch=32,
    lr=1e-4,
    optimizer="adam",
    weight_decay=1e-4,
    schedule="plateau",
    watch="accuracy",
    min_gain=5e-5,
    patience=7,
    stop_after=11,
    augment=Augment(flip=True, rotate_deg=15, brightness=0.2, blur=0.2),
)
BEST = replace(FROM_SCRATCH, epochs=144)
CONTINUED = replace(TAUGHT, epochs=348)
SPREAD = 0.1
"""How far a landmark reaches, in sides of the picture: about one of six cells."""
PRIMARY = (17, 21, 22, 26, 36, 39, 42, 45, 30, 48, 54)
"""Table 1's primary landmarks among the 68: ends of the eyebrows, corners of the eyes, tip of the nose,
corners of the mouth."""


@dataclass
class Khalid2025(Trained):
    """Convolutions of 32, then pairs of 64, 128 and 256, self-attention (equation 7), one dense layer.

    What differs from the paper, or what it leaves open:
    - ReLU in equation 2, ELU in the training setup: ELU.
    - a max pooling between the convolution of 32 and the pairs is named too; with it, 9 positions would be
      left to attend to, so there is one after each pair only, which leaves 36.
    - batch norm is not mentioned: it is on, and `norm=false` is the network as printed.
    - equation 7 does not say where the attended values go: they are added to what came in. The width
      of keys (d_k) is not given: a quarter of the channels. The text names attention over channels too, and
      several layers of it, without a formula: one layer attends, over positions; option `layers` adds more,
      `attention=both` attends over channels after positions, by equation 7 with channels in their place.
    - "spatial anchors to bias the attention" has no formula: the logit of a position as a key grows by
      `pull` * the mean over the position of exp(-d^2 / (2 * 0.1^2)), d being the distance to the nearest
      of 68 landmarks in sides of the picture. Option `anchors`, in training (with `--align`, which finds the
      landmarks) and use alike; without it, as by default, the bias is zero. Table 1 has primary and secondary
      landmarks; all 68 count alike, or with `landmarks=primary` its eleven of eyes, brows, nose and mouth.
    - table 4 speaks of RGB, FER2013 is gray: gray. Of its 50 epochs and the text's 100: 100, for training
      stops early anyhow. Stopping and halving watch validation accuracy, as published, and the gain of 5e-5
      that the text gives for stopping holds for halving too; recipe `paper-loss` watches validation loss.
    - "dropout and L2 both at a rate of 0.5": such an L2 would leave no weight: 1e-4. The amounts of the
      augmentation are not given; saturation means nothing in gray.
    - table 2 has FER2013's own division, table 5 three others: `fertool train --split 90/5/5`, 80/10/10 and
      70/15/15.
    - the text fine-tunes a pretrained ResNet-50, table 4 an InceptionV3 too. Options `backbone=resnet50` and
      `backbone=inceptionv3` start from random weights, or from outside ones with `--from`. The 3x3 stem of
      ResNet-50 for 48 pixels is random in any case; InceptionV3 keeps its kernels, with stride 1 in its first
      convolution and its last pooling.
    """

    name: ClassVar[str] = "khalid2025"
    version: ClassVar[str] = "2"
    recipes: ClassVar[dict[str, Recipe]] = {
        "paper": PAPER,
        "paper-loss": replace(PAPER, watch="loss"),
        "best": BEST,
        "taught": CONTINUED,
        "short": SHORT,
    }

    backbone: Literal["cnn", "resnet50", "inceptionv3"] = field(
        default="cnn", metadata={"help": "what finds the features"}
    )
    norm: bool = field(
        default=True, metadata={"help": "batch norm in the cnn, which the paper does not mention"}
    )
    anchors: bool = field(
        default=False, metadata={"help": "landmarks draw the attention; train with it and --align, too"}
    )
    pull: float = field(default=1.0, metadata={"help": "how much they draw it"})
    landmarks: Literal["all", "primary"] = field(
        default="all", metadata={"help": "which of them: all 68, or the primary ones of the paper's table 1"}
    )
    attention: Literal["positions", "both"] = field(
        default="positions", metadata={"help": "what attends: positions, or positions and then channels"}
    )
    layers: int = field(
        default=1, metadata={"help": "how often it does, one layer after another, at least 1"}
    )

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"layers must be at least 1, not {self.layers}")

    @property
    def crop(self) -> Crop:  # type: ignore[override]  # an option decides
        """With `anchors`, one more plane."""
        if not self.anchors:
            return FER2013_FRAME
        return replace(
            FER2013_FRAME, anchors=SPREAD, anchor_points=PRIMARY if self.landmarks == "primary" else ()
        )

    def network(self) -> torch.nn.Module:
        """See `Trainable.network`."""
        from fertool_plugins.classifiers.khalid2025.net import KhalidNet, cnn
        from fertool_plugins.nets.inception import InceptionV3
        from fertool_plugins.nets.resnet import resnet50

        backbone: torch.nn.Module
        if self.backbone == "cnn":
            backbone = cnn(self.norm)
        else:
            backbone = resnet50("small") if self.backbone == "resnet50" else InceptionV3("small")
        channels, both = 256 if self.backbone == "cnn" else 2048, self.attention == "both"
        return KhalidNet(backbone, channels, len(self.labels), self.pull, self.layers, both)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Khalid2025]
