"""The losses of `hafnet2025` (algorithm, step 8) as pure functions; each gives a scalar.

`features` (n, d); `targets` (n, k) probabilities, where a paper has one label; `centres` (k, d);
`maps` (n, h, positions), what each of h heads attends to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor


def to_centres(features: Tensor, targets: Tensor, centres: Tensor) -> Tensor:
    """Mean squared distance to the centre of one's class: (1/N) sum |f_i - mu_i|^2."""
    squared = (features[:, None] - centres[None]).square().sum(-1)
    return (targets * squared).sum(1).mean()


def centre(features: Tensor, targets: Tensor, centres: Tensor) -> Tensor:
    """Centre loss (Wen et al., 2016): half of `to_centres`. Classes are not kept apart."""
    return to_centres(features, targets, centres) / 2


def affinity(features: Tensor, targets: Tensor, centres: Tensor) -> Tensor:
    """Distance to one's own centre over the spread of the centres, as in DAN (Wen et al., 2023): small when
    classes are tight (numerator) and far apart (denominator); never below 0."""
    return to_centres(features, targets, centres) / centres.var(0).sum().clamp(min=1e-6)


def affinity_printed(features: Tensor, targets: Tensor, centres: Tensor) -> Tensor:
    """As printed: (1/N) sum |f_i - mu_i|^2 - (1/N) sum over i != j of |f_i - f_j|^2.

    The second sum drives all features apart, also those of one class, and has no lower bound.
    """
    pairs = (features[:, None] - features[None]).square().sum()
    return to_centres(features, targets, centres) - pairs / len(features)


def distances(maps: Tensor) -> Tensor:
    """Squared distances of all ordered pairs of heads, (n, h * (h - 1)).

    Maps are not negative and are scaled to length 1 first: 0 is the same map, 2 no position in common.
    """
    maps = F.normalize(maps, dim=-1)
    squared = (maps[:, :, None] - maps[:, None]).square().sum(-1).flatten(1)
    # Without the diagonal: what follows its first number falls into h - 1 rows that each end in one of it.
    heads = maps.shape[1]
    return squared[:, 1:].reshape(len(squared), heads - 1, heads + 1)[:, :, :-1].flatten(1)


def partition(maps: Tensor, margin: float) -> Tensor:
    """As meant (5.3), which keeps heads apart: sum over i != j of max(0, margin - |A_i - A_j|^2)."""
    return F.relu(margin - distances(maps)).sum(1).mean()


def partition_printed(maps: Tensor, margin: float) -> Tensor:
    """As printed: sum over i != j of max(0, |A_i - A_j|^2 - margin), which draws heads together."""
    return F.relu(distances(maps) - margin).sum(1).mean()
