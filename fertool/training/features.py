"""Ensembles of features: a linear classifier over what several networks see before their last layer.

Vayadande et al. (2025) name the concatenation of features beside that of answers. The layer is a multinomial
logistic regression; its L2 penalty is chosen on a tenth of the training pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from fertool.errors import ConfigError
from fertool.training.augment import as_input
from fertool.training.checkpoints import restored
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from fertool.contracts import Trainable
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.evaluate import Doubles, Seen
    from fertool.types import Floats

AT_ONCE = 64
WIDEST = 512
"""Features of a network; more are projected to so many at random, which nearly keeps distances (Achlioptas,
"Database-friendly random projections", 2003) and bounds memory: 2 kB a picture and network."""
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Of the squared weights, beside the mean cross-entropy."""
SEED = 0


def of(classifier: Trainable, part: Dataset, seen: Seen = lambda *_: None) -> Floats:
    """(n, d) float32, d of at most `WIDEST`: the input of the layers that give the labels, side by side if
    there are several, for all faces in order.

    Computed by PyTorch on the processor. `part` are its `faces`, cut if they should be; `seen` receives how
    many faces are done, and of how many.

    ConfigError if no linear layer gives the labels.
    """
    network = restored(classifier, classifier.path)[0].eval()
    caught: list[Tensor] = []
    for layer in network.modules():
        if isinstance(layer, nn.Linear) and layer.out_features == len(classifier.labels):
            layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].flatten(1)))
    parts, project = [], None
    with torch.inference_mode():
        for start in range(0, len(part), AT_ONCE):
            batch = classifier.prepare(part.images[start : start + AT_ONCE])
            caught.clear()
            network(as_input(torch.from_numpy(batch)))
            if not caught:
                what = f"classifier {classifier.name!r} has no linear layer for its labels"
                raise ConfigError(f"--ensemble features: {what}", "leave it out")
            rows = torch.cat(caught, 1)
            if rows.shape[1] > WIDEST:
                project = _projection(rows.shape[1]) if project is None else project
                rows = rows @ project
            parts.append(rows.numpy())
            seen(start + len(batch), len(part))
    return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Layer:
    """The fitted layer."""

    mean: Tensor
    spread: Tensor
    weights: Tensor
    """(d + 1, k); the last row is the bias."""
    penalty: float

    def probabilities(self, features: Floats) -> Doubles:
        """(n, d) -> (n, k) float64, rows sum to 1."""
        logits = _scaled(features, self.mean, self.spread) @ self.weights
        return torch.softmax(logits.double(), 1).numpy()


def fit(features: Floats, labels: Any) -> Layer:
    """(n, d) features of training pictures, (n,) labels -> the layer with the penalty of `PENALTIES` that is
    best on every tenth of them, fitted again to all. Deterministic. n is at least 20."""
    given = torch.from_numpy(features)
    mean, spread = given.mean(0), given.std(0) + 1e-6
    rows, truth = _scaled(features, mean, spread), torch.from_numpy(np.asarray(labels)).long()
    held_out = torch.from_numpy(np.random.default_rng(SEED).permutation(len(rows)) % 10 == 0)

    def missed(penalty: float) -> float:
        weights = _fitted(rows[~held_out], truth[~held_out], penalty)
        return float(F.cross_entropy(rows[held_out] @ weights, truth[held_out]))

    penalty = min(PENALTIES, key=missed)
    return Layer(mean, spread, _fitted(rows, truth, penalty), penalty)


def _fitted(rows: Tensor, truth: Tensor, penalty: float) -> Tensor:
    weights = torch.zeros(rows.shape[1], len(EMOTIONS), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(rows @ weights, truth) + penalty * weights[:-1].square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()


def _scaled(features: Floats, mean: Tensor, spread: Tensor) -> Tensor:
    """Mean 0 and spread 1 over the training pictures, and a 1 for the bias."""
    rows = (torch.from_numpy(features) - mean) / spread
    return torch.cat([rows, torch.ones(len(rows), 1)], 1)


def _projection(width: int) -> Tensor:
    """(width, `WIDEST`) of +-1, scaled so that lengths stay on average."""
    chance = torch.Generator().manual_seed(SEED)
    signs = torch.randint(2, (width, WIDEST), generator=chance).float() * 2 - 1
    scaled: Tensor = signs / WIDEST**0.5
    return scaled


def together(members: Sequence[Floats]) -> Floats:
    """(n, d) features of several networks, side by side."""
    return np.concatenate(members, axis=1)
