"""Batches: order, augmentation, mixing, targets. Deterministic by the generator.

Random numbers are drawn on the generator's device (the CPU, as a rule) and then moved, a few for each
picture, so that the same seed shows the same pictures on every device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from fertool.errors import ConfigError
from fertool.training import disturbances
from fertool.training.draws import around, between, some
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from fertool.recipes import Augment, Recipe
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.formats import Integers
    from fertool.types import Floats

    Doubles = np.ndarray[tuple[int, int], np.dtype[np.float64]]

ERASED = (0.02, 0.33)
"""Area of an erased rectangle, as a share of the picture."""
ASPECT = 0.3
"""Its height over its width: from this to its inverse."""
BLUR = (0.25, 0.5, 0.25)
"""The 3 x 3 blur, per direction: binomial, so nearly a Gaussian of 0.7 pixels."""
TRANSLATION_DECAY = 1e-4
"""L2 of the regression from votes to labels: keeps weights finite where classes are separable."""


def targets(dataset: Dataset, recipe: Recipe, taught: Doubles | None = None) -> Floats:
    """(n, 1, 7) float32, rows sum to 1: the label, mixed with the share of FER+ votes as they are and then as
    translated, smoothed, then mixed with the teachers' share; `taught` (n, 7) is what they say.

    With `vote_head` (n, 2, 7), the second being the votes as they are. ConfigError if the recipe wants
    votes and the data have none, or a teacher and there is none.
    """
    count = len(EMOTIONS)
    wanted = np.eye(count, dtype=np.float32)[dataset.labels]
    if recipe.votes:
        wanted = wanted * (1 - recipe.votes) + _votes(dataset) * recipe.votes
    if recipe.ferplus_translated:
        wanted = (
            wanted * (1 - recipe.ferplus_translated)
            + translated(_votes(dataset), dataset.labels) * recipe.ferplus_translated
        )
    wanted = wanted * (1 - recipe.label_smoothing) + recipe.label_smoothing / count
    check_teacher(recipe, given=taught is not None)
    if taught is not None:
        wanted = np.asarray(wanted * (1 - recipe.teacher) + taught * recipe.teacher, np.float32)
    every = [wanted, _votes(dataset)] if recipe.vote_head else [wanted]
    return np.stack(every, axis=1).astype(np.float32)


def check_teacher(recipe: Recipe, *, given: bool) -> None:
    """ConfigError if the recipe wants a teacher and none is given."""
    if recipe.teacher and not given:
        raise ConfigError("the recipe wants a teacher", "name one with --teacher, or take another recipe")


def translated(votes: Floats, labels: Integers) -> Floats:
    """(n, 7) shares of votes, (n,) labels -> (n, 7) float32: how probable each label is for a face with such
    votes, by multinomial logistic regression on the square roots of the shares over these very pictures.

    The people behind FER+ and the labellers of FER2013 disagree in the same way again and again (who of the
    ones says neutral, the others call sad); a network that is measured by labels should not learn that.
    Square roots, since whether anybody voted for an expression says more than how many did.
    """
    shares = torch.from_numpy(np.sqrt(votes)).double()
    wanted = torch.from_numpy(labels)
    count = len(EMOTIONS)
    weights = torch.zeros(count + 1, count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def missed() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(shares @ weights[:-1] + weights[-1], wanted)
        loss = loss + TRANSLATION_DECAY * weights[:-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(missed)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return torch.softmax(shares @ weights[:-1] + weights[-1], 1).float().numpy()


def _votes(dataset: Dataset) -> Floats:
    if dataset.votes is None:
        raise ConfigError(
            f"the recipe wants FER+ votes, but {dataset.source} has none",
            "put fer2013new.csv beside it, or take a recipe without votes",
        )
    return dataset.votes


def steps(count: int, recipe: Recipe) -> int:
    """Batches of one epoch over `count` pictures."""
    return math.ceil(count / recipe.batch)


def batches(
    images: Tensor,
    targets: Tensor,
    recipe: Recipe,
    generator: Generator,
    train: bool = True,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: images (b, c, h, w) float32 in 0..1 and targets (b, t, k) float32, on `device`.

    `images` (n, h, w) or (n, h, w, c) uint8, `targets` (n, t, k) float32 whose rows sum to 1; they may lie
    on `device` already. In training: in random order, augmented and mixed as the recipe says;
    otherwise as they come. Batches are as equal as can be and at most `recipe.batch` long: a rest of
    one picture would have no variance for a batch norm.
    """
    if not len(images):
        return
    order = _order(targets, recipe, generator) if train else torch.arange(len(images))
    for index in order.tensor_split(steps(len(images), recipe)):
        shown = as_input(images[index.to(images.device)].to(device))
        wanted = targets[index.to(targets.device)].to(device)
        if train:
            shown = augment(shown, recipe.augment, generator)
            shown, wanted = mixup(shown, wanted, recipe.mixup, generator)
        yield shown, wanted


def as_input(images: Tensor) -> Tensor:
    """(n, h, w) or (n, h, w, c) uint8 -> (n, c, h, w) float32 in 0..1."""
    channels_first = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
    return channels_first.float().div(255).contiguous()


def augment(images: Tensor, how: Augment, generator: Generator) -> Tensor:
    """(n, c, h, w) float32 in 0..1 -> the same, every picture changed at random in its own way.

    Light comes before geometry, so that the black that moves in neither counts for a picture's mean nor
    is brightened. A plane of landmarks (`Crop.anchors`) is moved with its picture and keeps its light.
    """
    seen = images.shape[1] - 1 + images.shape[1] % 2  # 1 or 3 of what may be 2 or 4 planes
    lit = images[:, :seen]
    if how.disturb:
        lit = disturbances.one_of(lit, how.disturb, generator)
    lit = _light(lit, how, generator)
    if how.blur:
        lit = some(lit, blur(lit), how.blur, generator)
    images = torch.cat([lit, images[:, seen:]], dim=1)
    if how.flip:
        images = some(images, images.flip(-1), 0.5, generator)
    if how.rotate_deg or how.scale or how.shift:
        images = _move(images, how, generator)
    if how.erase:
        lit = images[:, :seen]
        lit = some(lit, _erased(lit, generator), how.erase, generator)
        images = torch.cat([lit, images[:, seen:]], dim=1)
    if how.crop:
        images = _window(images, how.crop, generator)
    return images


def mixup(images: Tensor, targets: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Every picture and its target mixed with another's of the batch, in one share for the batch
    (Zhang et al., "mixup", 2018); alpha 0: unchanged."""
    if not alpha:
        return images, targets
    # torch's beta distribution takes no generator.
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    other = torch.randperm(len(images), generator=generator, device=generator.device).to(images.device)
    return torch.lerp(images[other], images, share), torch.lerp(targets[other], targets, share)


def blur(images: Tensor) -> Tensor:
    """(n, c, h, w) -> the same, each pixel the weighted mean of its 3 x 3; edges are repeated outwards."""
    line = torch.tensor(BLUR, device=images.device, dtype=images.dtype)
    single = F.pad(images.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(single, torch.outer(line, line)[None, None]).view_as(images)


def _order(targets: Tensor, recipe: Recipe, generator: Generator) -> Tensor:
    """(n,) indices of one epoch. Balanced: drawn with replacement, each class equally likely; a
    picture's class is the likeliest in its first target."""
    count = len(targets)
    if not recipe.balanced:
        return torch.randperm(count, generator=generator, device=generator.device)
    classes = targets[:, 0].argmax(dim=1).to(generator.device)
    weights = 1 / torch.bincount(classes).double()[classes]
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def _light(images: Tensor, how: Augment, generator: Generator) -> Tensor:
    """Brightness, then contrast around the mean of the picture, clipped to 0..1."""
    if not (how.brightness or how.contrast):
        return images
    images = images * around(1, how.brightness, images, generator)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * around(1, how.contrast, images, generator) + mean).clamp(0, 1)


def _move(images: Tensor, how: Augment, generator: Generator) -> Tensor:
    """Turned, scaled and shifted in one bilinear sampling; black moves in.

    In the coordinates of `affine_grid` a picture reaches from -1 to 1, so its side is 2.
    """
    angle = around(0, math.radians(how.rotate_deg), images, generator).flatten()
    shrink = 1 / around(1, how.scale, images, generator).flatten()
    cosine, sine = angle.cos() * shrink, angle.sin() * shrink
    x = around(0, 2 * how.shift, images, generator).flatten()
    y = around(0, 2 * how.shift, images, generator).flatten()
    # Rows map a place in the result to the place in the picture that it shows.
    matrices = torch.stack([torch.stack([cosine, -sine, x], 1), torch.stack([sine, cosine, y], 1)], 1)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _window(images: Tensor, crop: float, generator: Generator) -> Tensor:
    """The same window of all pictures, `crop` of the side smaller: slices of them, nothing is copied."""
    cut = round(images.shape[-1] * crop)
    top, left = torch.randint(cut + 1, (2,), generator=generator, device=generator.device).tolist()
    side = images.shape[-1] - cut
    return images[:, :, top : top + side, left : left + side]


def _erased(images: Tensor, generator: Generator) -> Tensor:
    """Each with a rectangle of one random gray (Zhong et al., "Random erasing", 2020)."""
    area = between(*ERASED, images, generator)
    aspect = between(math.log(ASPECT), -math.log(ASPECT), images, generator).exp()
    rows = _band((area * aspect).sqrt(), images.shape[2], generator).transpose(2, 3)
    columns = _band((area / aspect).sqrt(), images.shape[3], generator)
    return torch.where(rows & columns, between(0, 1, images, generator), images)


def _band(length: Tensor, pixels: int, generator: Generator) -> Tensor:
    """(n, 1, 1, pixels) bool: pixels whose center is in a stretch of that share of the side, anywhere."""
    length = length.clamp(max=1)
    start = between(0, 1, length, generator) * (1 - length)
    centers = (torch.arange(pixels, device=length.device) + 0.5) / pixels
    return (start <= centers) & (centers < start + length)
