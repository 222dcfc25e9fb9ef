"""Integrated gradients: the axioms of the paper, on networks whose answer is known, and on all that ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load_file
from torch import nn

from fertool import Crop
from fertool.demo import gallery
from fertool.errors import FertoolError
from fertool.host import registry
from fertool.training import saliency
from fertool.training.alignment import found, framed
from fertool.training.checkpoints import save_model
from fertool.types import EMOTIONS
from fertool.vision import crops

SIDE = 16


def pictures(count: int, planes: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, planes, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def bent(planes: int = 1) -> nn.Module:
    """A network that is smooth, and far from linear."""
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(planes, 6, 3, padding=1), nn.Tanh(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(96, 24),
        nn.SiLU(), nn.Linear(24, 7),
    )  # fmt: skip
    with torch.no_grad():
        network[-1].weight *= 20
    return network.eval()


# --- the axioms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("planes", [1, 2, 3])
@pytest.mark.parametrize("target", [0, 6])
def test_pixels_sum_up_to_the_difference_of_the_outputs(planes: int, target: int) -> None:
    """Completeness (Sundararajan, Taly and Yan, 2017, proposition 1)."""
    network, (picture, start) = bent(planes), 8 * pictures(2, planes)
    pixels = saliency.integrated_gradients(network, picture, start, target)
    with torch.inference_mode():
        here, there = network(torch.stack([picture, start]))[:, target].tolist()
    assert pixels.shape == (planes, SIDE, SIDE)
    assert pixels.sum() == pytest.approx(here - there, abs=1e-3)
    assert abs(here - there) > 0.02  # else the sum would say nothing


def test_more_steps_are_nearer() -> None:
    network, (picture, start) = bent(), 8 * pictures(2)
    with torch.inference_mode():
        here, there = network(torch.stack([picture, start]))[:, 2].tolist()
    errors = [
        abs(saliency.integrated_gradients(network, picture, start, 2, steps).sum() - (here - there))
        for steps in (1, 4, 128)
    ]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_of_a_linear_network_each_pixel_has_its_weight() -> None:
    """Whatever the number of steps, and however they are divided into passes."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 7))
    picture, start = pictures(2)
    weights = network[1].weight[4].detach().reshape(1, SIDE, SIDE)
    expected = ((picture - start) * weights).double().numpy()
    for steps in (1, saliency.AT_ONCE, saliency.AT_ONCE + 1):
        pixels = saliency.integrated_gradients(network, picture, start, 4, steps)
        np.testing.assert_allclose(pixels, expected, atol=1e-6)


def test_a_pixel_that_is_as_before_or_is_not_looked_at_has_nothing() -> None:
    class Corner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[:, :, :4, :4] ** 2).sum((1, 2, 3))[:, None]

    picture, start = pictures(2)
    picture[0, 0, 0] = start[0, 0, 0]
    pixels = saliency.integrated_gradients(Corner(), picture, start, 0)[0]
    assert pixels[0, 0] == 0
    assert (pixels[:4, :4] != 0).sum() == 15
    assert np.count_nonzero(pixels) == 15


# --- pictures of them -----------------------------------------------------------------------------


@given(arrays.arrays(np.float64, (24, 24), elements=st.floats(-9, 9)))
def test_smoothing_keeps_the_sum(pixels: np.ndarray) -> None:
    assert saliency.smoothed(pixels).sum() == pytest.approx(pixels.sum(), abs=1e-6)


@pytest.mark.parametrize("shape", [(48, 48, 1), (48, 48, 3), (112, 112, 3)])
def test_a_face_is_drawn_in_its_colors(shape: tuple[int, int, int]) -> None:
    face = np.full(shape, 90, np.uint8)
    if shape[2] == 3:
        face[..., 2] = 200
    picture = saliency.drawn(face)
    assert (picture.shape, picture.dtype) == ((saliency.SIDE, saliency.SIDE, 3), np.uint8)
    np.testing.assert_array_equal(picture, np.broadcast_to(face[0, 0] * np.ones(3, np.uint8), picture.shape))


def test_what_raises_is_orange_and_what_lowers_is_blue() -> None:
    face, pixels = np.full((48, 48, 1), 128, np.uint8), np.zeros((48, 48))
    pixels[10:14, 10:14], pixels[34:38, 34:38] = 1.0, -0.5
    picture = saliency.drawn(face, pixels).astype(int)
    b, _, r = picture[60, 60]
    assert r - b > 150
    b, _, r = picture[180, 180]
    assert 30 < b - r < 150  # half as strong
    assert picture[5, 230].tolist() == [128, 128, 128]


def test_where_nothing_counts_the_picture_is_gray() -> None:
    face = np.dstack([np.full((48, 48), value, np.uint8) for value in (30, 60, 90)])
    picture = saliency.drawn(face, np.zeros((48, 48)))
    assert len(np.unique(picture)) == 1


# --- of a classifier ------------------------------------------------------------------------------


@pytest.fixture
def weights(tiny: Any, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    about = {"made": json.dumps({}), "temperature": "2.0"}
    save_model(tiny.network().state_dict(), path, about)
    tiny.file = str(path)
    return path


def faces(count: int, planes: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, planes), np.uint8)


def test_each_face_has_its_explanation(tiny: Any, weights: Path) -> None:
    threads = torch.get_num_threads()
    shown = faces(3)
    told = list(saliency.explained(tiny, shown))
    assert torch.get_num_threads() == threads
    network = tiny.network()
    network.load_state_dict(load_file(weights))
    with torch.inference_mode():
        logits = network.eval()(torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255).double()
    chances = torch.softmax(logits / 2, 1).numpy()
    for one, face, row, answer in zip(told, shown, chances, logits, strict=True):
        np.testing.assert_array_equal(one.face, face)
        assert [*one.probabilities] == list(EMOTIONS)
        np.testing.assert_allclose([*one.probabilities.values()], row, atol=1e-6)
        assert one.label == EMOTIONS[int(answer.argmax())]
        assert one.logit == pytest.approx(float(answer.max()))
        assert one.pixels.shape == (SIDE, SIDE)
        assert one.pixels.sum() == pytest.approx(one.logit - one.logit_blurred, abs=0.05)


def test_another_expression_can_be_asked_for(tiny: Any, weights: Path) -> None:
    (most,), (other,) = (list(saliency.explained(tiny, faces(1), label)) for label in (None, "fear"))
    assert most.label != other.label == "fear"
    assert other.probabilities == most.probabilities
    assert other.logit < most.logit
    assert abs(other.pixels - most.pixels).max() > 0


def test_no_face_no_explanation(tiny: Any, weights: Path) -> None:
    assert list(saliency.explained(tiny, faces(0))) == []


def test_the_plane_of_landmarks_is_neither_blurred_nor_shown(tiny: Any, tmp_path: Path) -> None:
    """A network that looks at that plane alone gives nothing to any pixel."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2 * SIDE * SIDE, 7))
    with torch.no_grad():
        network[1].weight[:, : SIDE * SIDE] = 0
    tiny.crop = Crop(SIDE, channels=1, anchors=0.05)
    tiny.network = lambda: network
    tiny.file = str(tmp_path / "two.safetensors")
    save_model(network.state_dict(), Path(tiny.file), {"made": "{}", "temperature": "1.0"})
    (one,) = saliency.explained(tiny, faces(1, planes=2))
    assert one.face.shape == (SIDE, SIDE, 1)
    assert one.logit == one.logit_blurred
    assert not one.pixels.any()


def test_weights_of_another_network_are_named(tiny: Any, weights: Path) -> None:
    tiny.network = lambda: nn.Linear(2, 2)
    with pytest.raises(FertoolError) as error:
        list(saliency.explained(tiny, faces(1)))
    assert str(error.value) == (
        f"{weights} holds no weights of 'tiny' with these options "
        "(give the options it was trained with, or another file)"
    )


# --- all that ship --------------------------------------------------------------------------------

SHIPPED = ("aly2023", "compact", "hafnet2025", "khalid2025", "tuyakov2022")


@pytest.fixture(scope="module")
def smile() -> np.ndarray:
    """(1, 48, 48, 1): the first of the demo's people, who smiles, cut as `analyze` cuts."""
    from fertool.cli.training.networks import encoder
    from fertool_plugins.classifiers.compact import Compact

    view = cv2.resize(np.ascontiguousarray(gallery.portraits()[0])[20:190, 40:210], (160, 160))
    frames = framed(view[None])
    (face,) = found(frames, encoder("cpu"))
    return crops.cut(frames[0], face.boxes, face.landmarks, Compact.crop)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_network_that_ships_finds_the_smile_at_the_mouth(name: str, smile: np.ndarray) -> None:
    """In the lower half, where the mouth is, more speaks for happy than in the upper one."""
    plugin: Any = registry.load_plugins().get("classifier", name).plugin()
    steps = 128 if name in ("compact", "khalid2025", "tuyakov2022") else 24
    (one,) = saliency.explained(plugin, smile, steps=steps)
    assert one.label == "happy"
    assert one.probabilities["happy"] > 0.5
    assert sum(one.probabilities.values()) == pytest.approx(1)
    upper, lower = one.pixels[:24].sum(), one.pixels[24:].sum()
    assert lower > max(0, upper)
    if steps == 128:
        assert one.pixels.sum() == pytest.approx(one.logit - one.logit_blurred, abs=0.2)
