"""`compact`: the default. A small plain network, trained on FER2013's labels and on the votes of FER+."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from fertool import Augment, Crop, Recipe, hookimpl
from fertool_plugins.nets.trained import FROM_SCRATCH, Trained

if TYPE_CHECKING:
    import torch

    from fertool import Plugin

BEST = replace(
    FROM_SCRATCH,
    epochs=80,
    batch=128,
    lr=0.1,
    warmup_epochs=2,
    augment=Augment(
        flip=True, rotate_deg=15, scale=0.15, shift=0.05, brightness=0.2, contrast=0.2, erase=0.25, crop=1 / 6
    ),
    mixup=0.0,
    votes_apart=True,
    mixed=True,
)


@dataclass
class Compact(Trained):
    """Nine convolutions of 3x3 with batch norm, of which the first two see all 48 x 48 pixels; mean over
    positions; one linear layer for the data set's label and another for FER+ votes. The second is there in
    training only: most labels of FER2013 that people disagree on are known to be wrong, and votes say which.
    """

    name: ClassVar[str] = "compact"
    version: ClassVar[str] = "1"
    crop: ClassVar[Crop] = Crop(48, margin=0.0, align=True, channels=1)
    recipes: ClassVar[dict[str, Recipe]] = {"best": BEST}

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
