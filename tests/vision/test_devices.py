"""What a device is quick at."""

from __future__ import annotations

import pytest

from fertool.vision import devices


@pytest.mark.parametrize(
    ("device", "processor", "card", "quick"),
    [
        ("cpu", True, False, True),
        ("cpu", False, True, False),  # emulated: what the card can do does not count
        ("cuda", False, True, True),
        ("cuda:1", False, True, True),
        ("cuda", True, False, False),  # cards before Ampere
        ("mps", True, True, False),  # never measured
    ],
)
def test_bfloat16(
    monkeypatch: pytest.MonkeyPatch, device: str, processor: bool, card: bool, quick: bool
) -> None:
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: processor)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: card)
    assert devices.quick_bfloat16(device) is quick
