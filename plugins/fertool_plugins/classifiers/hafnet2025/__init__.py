"""`hafnet2025`: ResNet-18, clustered features, attention heads kept apart (HAFNet, 2025)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from fertool import Augment, Recipe, hookimpl
from fertool_plugins.nets.trained import FROM_SCRATCH, SHORT, TAUGHT, Trained

if TYPE_CHECKING:
    import torch

    from fertool import Plugin

MARGIN = 1.0
"""Delta of the partition loss: half of the largest squared distance of two maps."""
CENTRE_WEIGHT = 0.01
"""Lambda of the centre loss, as of Wen et al. (2016); all other losses are summed as they are."""
PAPER = Recipe(
    epochs=60,
    batch=64,
    lr=1e-4,
    optimizer="adam",
    augment=Augment(flip=True, rotate_deg=30),
    balanced=True,
)
BEST = replace(FROM_SCRATCH, epochs=68, progressive_resize=0.39)

CONTINUED = replace(TAUGHT, epochs=69, lr=0.03, augment=replace(TAUGHT.augment, crop=1 / 6))


@dataclass
class Hafnet2025(Trained):
    """Loss: cross-entropy + clustering of the features + partition of the heads (algorithm, step 8).

    What differs from the paper, or what it leaves open:
    - the printed partition loss, max(0, |A_i - A_j|^2 - delta), draws heads together; section 5.3 wants
      them on "distinct, non-overlapping areas". Default, `partition=purpose`: max(0, delta - |A_i -
      A_j|^2); `partition=printed` gives the other. A_i is where head i looks, scaled to length 1; delta is
      not given: 1.
    - the printed affinity loss has no lower bound (it falls with the scale of the features). Default:
      distance to the center of the class over the spread of the centers, as in DAN (Wen et al., 2023),
      whose three parts HAFNet has; `clustering=affinity-printed` gives the other. The centers are learned
      with the network.
    - the algorithm speaks of dot-product self-attention, section 5.2 of convolutions: the latter.
    - log-softmax runs over the heads, as in DAN; the algorithm's step 4 sums both units of a head.
    - the paper has pictures of 224 pixels in color and a pretrained backbone: FER2013 has gray ones of 48,
      and no weights from outside are used. `stem=paper` enlarges them to 224; `small`, the default, works on
      them as they are.
    - optimizer ("gradient descent or Adam"), learning rate, batch and epochs are not given: Adam, 1e-4, 64,
      60. Rotation is read as up to 30 degrees either way. Balancing: every class is drawn equally often.
    """

    name: ClassVar[str] = "hafnet2025"
    version: ClassVar[str] = "2"
    recipes: ClassVar[dict[str, Recipe]] = {
        "paper": PAPER,
        "best": BEST,
        "taught": CONTINUED,
        "short": replace(SHORT, progressive_resize=0.75),
    }

    heads: int = field(default=4, metadata={"help": "attention heads, at least 1"})
    clustering: Literal["affinity", "affinity-printed", "centre", "none"] = field(
        default="affinity", metadata={"help": "loss that gathers the features of a class (training only)"}
    )
    partition: Literal["purpose", "printed", "none"] = field(
        default="purpose",
        metadata={
            "help": "loss between heads: keep them apart, or the printed form, which draws them together"
        },
    )
    stem: Literal["small", "paper"] = field(
        default="small",
        metadata={"help": "small: 3x3, stride 1, 48 pixels; paper: ResNet-18's own, 224 pixels"},
    )

    def __post_init__(self) -> None:
        if self.heads < 1:
            raise ValueError(f"heads must be at least 1, not {self.heads}")

    def network(self) -> torch.nn.Module:
        """See `Trainable.network`."""
        from fertool_plugins.classifiers.hafnet2025.net import HafNet

        return HafNet(len(self.labels), self.heads, self.stem)

    def loss(
        self,
        network: torch.nn.Module,
        images: torch.Tensor,
        targets: torch.Tensor,
        votes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `Trainable.loss`. Computed in float32 also under autocast: squares outgrow small formats."""
        import torch

        from fertool_plugins.classifiers.hafnet2025.net import HafNet

        assert isinstance(network, HafNet)
        seen = network.see(images)
        total = torch.nn.functional.cross_entropy(seen.logits.float(), targets)
        with torch.autocast(images.device.type, enabled=False):
            total = total + self._clustering(seen.features.float(), targets, network.centres)
            return total + self._partition(seen.maps.float())

    def _clustering(
        self, features: torch.Tensor, targets: torch.Tensor, centres: torch.Tensor
    ) -> torch.Tensor:
        from fertool_plugins.classifiers.hafnet2025 import losses

        if self.clustering == "affinity":
            return losses.affinity(features, targets, centres)
        if self.clustering == "affinity-printed":
            return losses.affinity_printed(features, targets, centres)
        if self.clustering == "centre":
            return CENTRE_WEIGHT * losses.centre(features, targets, centres)
        return features.new_zeros(())

    def _partition(self, maps: torch.Tensor) -> torch.Tensor:
        from fertool_plugins.classifiers.hafnet2025 import losses

        if self.partition == "purpose":
            return losses.partition(maps, MARGIN)
        if self.partition == "printed":
            return losses.partition_printed(maps, MARGIN)
        return maps.new_zeros(())


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Hafnet2025]
