"""What lectures do to faces: disturbances of pictures that show a face as FER2013 shows it.

For training (`Augment.disturb`) and for `fertool evaluate --robustness`. All take (n, c, h, w) float32 in
0..1, n of 0 or more, and return the same shape and range, every picture disturbed in its own way; random
numbers are drawn on the generator's device. Places are those of `EYES` and `MOUTH`, shares of the side. The
pictures stay gray or color as they are: what covers a face is gray.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from fertool.training.draws import between, grid, some

Disturbance = Callable[[Tensor, Generator], Tensor]

EYES = ((0.29, 0.373), (0.69, 0.373))
"""Where FER2013's pictures show the eyes: x, y."""
MOUTH = (0.49, 0.769)
"""The same of the mouth. Both follow from where `crops` puts a face, with eyes .4 apart."""
SIZES = (24, 28, 32, 36, 40, 44)
"""Sides that `small` shrinks to, in pixels."""
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of the 8 x 8 cosine transform of gray values in 0..255, as ITU-T T.81 (JPEG), table K.1, has them."""


def small(images: Tensor, generator: Generator) -> Tensor:
    """`shrunk` to one of `SIZES`, each size for as many pictures."""
    order = torch.randperm(len(images), generator=generator, device=generator.device).to(images.device)
    result = images.clone()
    for turn, side in enumerate(SIZES):
        here = order[turn :: len(SIZES)]
        if len(here):
            result[here] = shrunk(images[here], side)
    return result


def shrunk(images: Tensor, side: int) -> Tensor:
    """As a face of `side` pixels is seen: shrunk by the mean of areas, scaled up by bicubic sampling."""
    few = F.interpolate(images, size=(side, side), mode="area")
    return F.interpolate(few, size=images.shape[2:], mode="bicubic", align_corners=False).clamp(0, 1)


def compressed(images: Tensor, generator: Generator) -> Tensor:
    """Blocks of 8 x 8, cosine-transformed and rounded to `LUMINANCE` times 1 to 4 (JPEG qualities of 50 down
    to 12): what codecs do to small faces at low rates. Sides that 8 does not divide are padded meanwhile."""
    side = images.shape[-2:]
    padded = F.pad(images, (0, -side[1] % 8, 0, -side[0] % 8), mode="replicate")
    basis = _cosines(images)
    steps = torch.tensor(LUMINANCE, dtype=images.dtype, device=images.device) / 255
    steps = steps * between(1, 4, images, generator)[..., None, None]
    blocks = padded.unfold(2, 8, 8).unfold(3, 8, 8)
    coefficients = ((basis @ blocks @ basis.T) / steps).round() * steps
    back = (basis.T @ coefficients @ basis).permute(0, 1, 2, 4, 3, 5).reshape(padded.shape)
    return back[..., : side[0], : side[1]].clamp(0, 1)


def dark(images: Tensor, generator: Generator) -> Tensor:
    """A tenth to two fifths of the light, with the noise of a sensor of 1 to 4 % of white."""
    lit = images * between(0.1, 0.4, images, generator)
    return _noisy(lit, between(0.01, 0.04, images, generator), generator)


def backlit(images: Tensor, generator: Generator) -> Tensor:
    """A face in its own shadow before a bright window: a quarter to half the light within an ellipse around
    eyes and mouth, white outside, and a haze over all of it."""
    x, y = grid(images)
    edge = ((x - 0.49) / 0.46).square() + ((y - 0.52) / 0.56).square()
    window = torch.sigmoid((edge - 1) * between(8, 16, images, generator))
    face = images * between(0.25, 0.5, images, generator)
    return torch.lerp(torch.lerp(face, torch.ones_like(face), window), torch.ones_like(face), 0.1)


def turned(images: Tensor, generator: Generator) -> Tensor:
    """Turned 15 to 40 degrees to either side, as if painted on an upright cylinder as wide as the picture,
    and moved so that its middle stays, as a cut by landmarks does. Where the cylinder shows what the picture
    does not, the edge is repeated."""
    yaw = between(math.radians(15), math.radians(40), images, generator)
    yaw = torch.where(between(0, 1, images, generator) < 0.5, yaw, -yaw)
    x, y = grid(images)
    angle = torch.asin((2 * x - 1 - torch.sin(yaw)).clamp(-1, 1)) + yaw
    places = torch.sin(angle.clamp(-math.pi / 2, math.pi / 2)).expand(len(images), 1, *images.shape[2:])
    rows = (2 * y - 1).expand_as(places)
    where = torch.stack([places[:, 0], rows[:, 0]], dim=-1)
    return F.grid_sample(images, where, mode="bilinear", padding_mode="border", align_corners=False)


def hand(images: Tensor, generator: Generator) -> Tensor:
    """A hand at the mouth or a cheek: an ellipse of one gray with soft shading, a quarter to half a side
    wide, its middle within a fifth of the side of the mouth."""
    x, y = grid(images)
    across = (x - MOUTH[0] - between(-0.2, 0.2, images, generator)) / between(0.2, 0.32, images, generator)
    down = (y - MOUTH[1] - between(-0.1, 0.15, images, generator)) / between(0.14, 0.26, images, generator)
    skin = between(0.3, 0.8, images, generator) * (1 - 0.2 * down.clamp(-1, 1))
    return _laid_over(images, skin, across.square() + down.square() < 1)


def mask(images: Tensor, generator: Generator) -> Tensor:
    """A surgical mask: all below the bridge of the nose, narrowing to the chin, with three folds."""
    x, y = grid(images)
    top = between(0.5, 0.58, images, generator)
    half = 0.42 - 0.3 * ((y - top).clamp(min=0) / 0.5).square()
    folds = 0.06 * torch.cos((y - top) * 2 * math.pi / 0.13)
    cloth = between(0.45, 0.95, images, generator) + folds
    return _laid_over(images, cloth, (y > top) & ((x - MOUTH[0]).abs() < half))


def glasses(images: Tensor, generator: Generator) -> Tensor:
    """Glasses: a dark frame around both eyes and a bridge between them; one pair in four has dark lenses."""
    x, y = grid(images)
    radius, line = between(0.13, 0.17, images, generator), between(0.02, 0.04, images, generator)
    far = torch.stack([((x - ex).square() + (1.3 * (y - ey)).square()).sqrt() for ex, ey in EYES]).amin(0)
    bridge = ((y - EYES[0][1]).abs() < line / 2) & ((x - 0.49).abs() < 0.2) & (far > radius)
    frame = ((far - radius).abs() < line) | bridge
    shade = between(0.0, 0.3, images, generator)
    lenses = torch.where(between(0, 1, images, generator) < 0.25, 0.75, 0.0)
    tinted = torch.lerp(images, shade.expand_as(images), torch.where(far < radius, lenses, 0.0))
    return _laid_over(tinted, shade, frame)


KINDS: dict[str, Disturbance] = {
    "small": small,
    "compressed": compressed,
    "dark": dark,
    "backlit": backlit,
    "turned": turned,
    "hand": hand,
    "mask": mask,
    "glasses": glasses,
}
"""In the order in which they are shown."""


def one_of(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Each picture, with that probability, disturbed in one of the ways of `KINDS`, all equally likely."""
    number = len(KINDS)
    chosen = torch.randint(number, (len(images),), generator=generator, device=generator.device)
    kinds = chosen.to(images.device)
    every = images.clone()
    for kind, disturb in enumerate(KINDS.values()):
        here = kinds == kind
        if here.any():
            every[here] = disturb(images[here], generator)
    return some(images, every, probability, generator)


def _cosines(like: Tensor) -> Tensor:
    """(8, 8): the orthonormal cosine transform (DCT-II) of eight values."""
    order, place = torch.arange(8.0), torch.arange(8.0)
    basis = torch.cos(math.pi * (2 * place[None] + 1) * order[:, None] / 16) * math.sqrt(2 / 8)
    basis[0] /= math.sqrt(2)
    return basis.to(like)


def _noisy(images: Tensor, spread: Tensor, generator: Generator) -> Tensor:
    drawn = torch.randn(images.shape, generator=generator, device=generator.device).to(images)
    return (images + drawn * spread).clamp(0, 1)


def _laid_over(images: Tensor, gray: Tensor, where: Tensor) -> Tensor:
    return torch.where(where, gray.clamp(0, 1), images)
