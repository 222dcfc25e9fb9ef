"""Checkpoints: what is stored of a training run comes back, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from fertool.errors import FertoolError
from fertool.training import checkpoints
from fertool.training.checkpoints import Epoch, TrainingState

IDENTITY = {"seed": 4, "recipe": {"epochs": 3, "lr": 0.1}}


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def begun(seed: int, *, average: bool = True) -> TrainingState:
    made = network(seed)
    return TrainingState(
        made, network(seed + 1) if average else None, torch.optim.AdamW(made.parameters(), lr=0.1)
    )


def trained(state: TrainingState, steps: int) -> None:
    """Steps on made pictures, the same for every state in the same place."""
    for step in range(steps):
        images = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        state.optimizer.zero_grad()
        state.network(images).square().mean().backward()
        state.optimizer.step()


def alike(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(name == same and torch.equal(a, b) for (name, a), (same, b) in pairs)


@pytest.mark.parametrize("average", [True, False])
def test_a_run_that_goes_on_ends_as_one_that_was_not_interrupted(tmp_path: Path, average: bool) -> None:
    whole = begun(0, average=average)
    trained(whole, 3)
    whole.epoch, whole.plateau, whole.bad_epochs, whole.to_beat, whole.best_accuracy = 1, 0.5, 2, 0.25, 0.3
    whole.history = [Epoch(1, 0.1, 1.5, 1.25, 0.3)]
    checkpoints.store(whole, tmp_path, IDENTITY)
    resumed = begun(7, average=average)
    checkpoints.restore(resumed, tmp_path, IDENTITY)
    assert alike(resumed.network, whole.network)
    assert (resumed.average is None) is not average
    if average:
        assert alike(resumed.average, whole.average)
    numbers = ("epoch", "plateau", "bad_epochs", "to_beat", "best_accuracy", "history")
    assert [getattr(resumed, name) for name in numbers] == [getattr(whole, name) for name in numbers]
    # The moments of the optimizer came along: the next steps are the same to the last bit.
    for state in (whole, resumed):
        trained(state, 4)
    assert alike(resumed.network, whole.network)


def test_a_run_before_its_first_epoch_begins(tmp_path: Path) -> None:
    state = begun(0)
    checkpoints.restore(state, tmp_path, IDENTITY)
    assert alike(state.network, network(0))
    assert state.epoch == 0
    assert checkpoints.history(tmp_path) == []


@pytest.mark.parametrize(
    ("identity", "differing"),
    [
        ({**IDENTITY, "seed": 5}, "another seed than before"),
        ({"seed": 4, "recipe": {"epochs": 4, "lr": 0.1}}, "another recipe than before"),
        ({**IDENTITY, "seed": 5, "teachers": ["a"]}, "another seed and teachers than before"),
        ({"recipe": IDENTITY["recipe"]}, "another seed than before"),  # it is not said any more
    ],
)
def test_another_run_is_no_continuation(tmp_path: Path, identity: dict, differing: str) -> None:
    checkpoints.store(begun(0), tmp_path, IDENTITY)
    state = begun(7)
    with pytest.raises(FertoolError, match=differing):
        checkpoints.restore(state, tmp_path, identity)
    assert alike(state.network, network(7)), "nothing was taken"


def test_the_best_weights_are_written_first_and_once(tmp_path: Path) -> None:
    state = begun(0)
    state.best = {"w": torch.tensor([1.0, 2.0])}
    checkpoints.store(state, tmp_path, IDENTITY)
    assert state.best is None
    best = tmp_path / "best.safetensors"
    written = best.stat().st_mtime_ns
    assert load_file(best)["w"].tolist() == [1.0, 2.0]
    checkpoints.store(state, tmp_path, IDENTITY)
    assert best.stat().st_mtime_ns == written


def test_a_folder_that_cannot_be_written_keeps_the_state_before(tmp_path: Path) -> None:
    state = begun(0)
    checkpoints.store(state, tmp_path, IDENTITY)
    before = (tmp_path / "state.safetensors").read_bytes()
    state.history = [Epoch(1, 0.1, 1.0, 1.0, 0.5)]
    with pytest.raises(TypeError):
        checkpoints.store(state, tmp_path, {"seed": object()})  # JSON cannot say it
    assert (tmp_path / "state.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


def test_the_log_is_read_without_the_weights(tmp_path: Path) -> None:
    state = begun(0)
    state.history = [Epoch(n, 0.1 / n, 2.0 - n / 10, 2.0, n / 10) for n in (1, 2)]
    checkpoints.store(state, tmp_path, IDENTITY)
    assert checkpoints.history(tmp_path) == state.history


def test_a_model_remembers_what_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    made = {"seed": 4, "epochs": 3}
    checkpoints.save_model({"w": torch.ones(2, 3).t()}, path, {"made": json.dumps(made)})
    with safe_open(path, "pt") as stored:
        assert json.loads(stored.metadata()["made"]) == made
        assert stored.get_tensor("w").shape == (3, 2), "a view is stored as it reads"


def test_the_network_that_is_kept_is_the_average_where_there_is_one() -> None:
    state, plain = begun(0), begun(0, average=False)
    assert state.kept is state.average
    assert plain.kept is plain.network
