"""Packed weights: what is lost, what is not, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from fertool.errors import FertoolError
from fertool.host import quantized


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    seed=st.integers(0, 1000),
    size=st.floats(1e-6, 1e6),
)
def test_no_weight_is_off_by_more_than_half_a_step(shape: list[int], seed: int, size: float) -> None:
    weights = random(*shape, seed=seed) * size
    back = quantized.unpack(quantized.pack({"w": weights}))["w"]
    step = weights.abs().flatten(1).amax(1) / quantized.STEPS
    off = (back - weights).abs().flatten(1).amax(1)
    assert (off <= step * 0.5001).all()
    assert back.dtype == torch.float32


def test_a_channel_by_hand() -> None:
    weights = torch.tensor([[[2.54]], [[0.0]], [[-1.27]]]).expand(3, 1, 2).clone()
    weights[0, 0, 1] = -0.02
    stored = quantized.pack({"w": weights})
    torch.testing.assert_close(stored["w.scale"], torch.tensor([0.02, 1.0, 0.01]))
    assert stored["w"].dtype == torch.int8
    assert stored["w"][:, 0].tolist() == [[127, -1], [0, 0], [-127, -127]]


def test_norms_biases_and_counters_stay_as_they_are() -> None:
    tensors = {"bias": random(4), "count": torch.tensor(7), "index": torch.arange(6).view(2, 3)}
    stored = quantized.pack(tensors)
    assert stored.keys() == tensors.keys()
    back = quantized.unpack(stored)
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_what_was_never_packed_is_read_as_it_is() -> None:
    # A parameter may have this ending by chance: only beside its tensor is it a scale.
    tensors = {"norm.scale": random(3), "w": random(2, 3)}
    back = quantized.unpack(tensors)
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_through_a_file(tmp_path: Path) -> None:
    weights = random(8, 3, 3, 3)
    save_file(quantized.pack({"w": weights}), tmp_path / "w.safetensors", metadata={"temperature": "1.5"})
    tensors, about = quantized.read(tmp_path / "w.safetensors")
    assert about == {"temperature": "1.5"}
    torch.testing.assert_close(tensors["w"], weights, atol=0.02, rtol=0)
    assert (tmp_path / "w.safetensors").stat().st_size < weights.numel() * 4


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickled", b"0" * 64])
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(FertoolError, match=r"w\.safetensors is no safetensors file: .* `fertool train`"):
        quantized.read(tmp_path / "w.safetensors")
    with pytest.raises(FertoolError, match="is no safetensors file"):
        quantized.read(tmp_path / "gone.safetensors")
