"""`compact`: the default. A small residual network, trained on FER2013's labels and on the votes of FER+."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from fertool import Recipe, hookimpl
from fertool_plugins.nets.trained import FROM_SCRATCH, TAUGHT, Trained

if TYPE_CHECKING:
    import torch

    from fertool import Plugin

BEST = replace(
    FROM_SCRATCH,
    epochs=80,
    lr=0.1,
    augment=replace(FROM_SCRATCH.augment, crop=1 / 6),
    mixup=0.0,
    vote_head=True,
)
DISTILLED = replace(BEST, epochs=272, label_smoothing=0.0, teacher=0.6)
CONTINUED = replace(TAUGHT, epochs=140, vote_head=True)
ROBUST = replace(CONTINUED, epochs=14, lr=0.03, keep="last", augment=replace(TAUGHT.augment, disturb=0.5))


@dataclass
class Compact(Trained):
    """A convolution and seven residual blocks of 3x3 with batch norm, of which the first sees all 48 x 48
    pixels; mean over positions; one linear layer for the data set's label and another for the votes of ten
    people (FER+), which is used in training only. What ships was also taught by `hafnet2025`, `khalid2025`
    and other runs of itself (Hinton et al., 2015).
    """

    name: ClassVar[str] = "compact"
    version: ClassVar[str] = "3"
    recipes: ClassVar[dict[str, Recipe]] = {
        "best": BEST,
        "distilled": DISTILLED,
        "taught": CONTINUED,
        "robust": ROBUST,
    }

    def network(self) -> torch.nn.Module:
        """See `Trainable.network`."""
        from fertool_plugins.classifiers.compact.net import CompactNet

        return CompactNet(len(self.labels))

    def loss(
        self,
        network: torch.nn.Module,
        images: torch.Tensor,
        targets: torch.Tensor,
        votes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """See `Trainable.loss`."""
        from fertool_plugins.classifiers.compact.net import CompactNet, loss

        assert isinstance(network, CompactNet)
        return loss(network.see(images), targets, votes)


@hookimpl
def fertool_plugins() -> list[type[Plugin]]:
    return [Compact]
