"""One step: gradients as autograd gives them, and the same again where steps are recorded and replayed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fertool.training import cuda_graphs

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")


class Line:
    """A plugin as far as a step knows one: squared error of a linear layer against the first target."""

    def loss(self, network, images, targets, votes=None):
        off = network(images.flatten(1)) - targets
        return off.square().mean() + (0 if votes is None else votes.sum())


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(4, 7)


def batch(seed, count=5, targets=1):
    chance = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 1, 2, 2, generator=chance)
    return images, torch.rand(count, targets, 7, generator=chance)


def test_gradients_by_hand_and_nothing_left_of_the_step_before():
    net = network()
    step = cuda_graphs.step(Line(), net, "cpu", mixed=False)
    step(*batch(0))
    images, targets = batch(1)
    loss = step(images, targets)
    off = images.flatten(1) @ net.weight.T + net.bias - targets[:, 0]
    assert loss.item() == pytest.approx(off.square().mean().item())
    assert not loss.requires_grad
    torch.testing.assert_close(net.weight.grad, 2 * off.T @ images.flatten(1) / off.numel())
    torch.testing.assert_close(net.bias.grad, 2 * off.sum(0) / off.numel())


def test_every_target_reaches_the_loss():
    images, targets = batch(0, targets=2)
    one = cuda_graphs.step(Line(), network(), "cpu", mixed=False)(images, targets[:, :1])
    both = cuda_graphs.step(Line(), network(), "cpu", mixed=False)(images, targets)
    assert both.item() == pytest.approx(one.item() + targets[:, 1].sum().item())


def test_mixed_precision_computes_in_bfloat16_and_keeps_weights_in_float32():
    kinds = []

    class Spy(Line):
        def loss(self, network, images, *targets):
            kinds.append(network(images.flatten(1)).dtype)
            return super().loss(network, images, *targets)

    net = network()
    for mixed in (False, True):
        cuda_graphs.step(Spy(), net, "cpu", mixed=mixed)(*batch(0))
    assert kinds == [torch.float32, torch.bfloat16]
    assert net.weight.grad.dtype == torch.float32


def test_only_cuda_records():
    assert type(cuda_graphs.step(Line(), network(), "cpu", mixed=False)) is cuda_graphs.Step


@needs_cuda
@pytest.mark.parametrize("mixed", [False, True])
def test_replayed_steps_are_the_same_to_the_bit(mixed):
    plain, recorded = network().cuda(), network().cuda()
    one, other = (
        cuda_graphs.Step(Line(), plain, mixed=mixed),
        cuda_graphs.step(Line(), recorded, "cuda", mixed=mixed),
    )
    assert type(other) is cuda_graphs.Replayed
    for seed in range(12):  # two shapes in turn, each recorded after its third step
        shown = [t.cuda() for t in batch(seed, count=5 + seed % 2)]
        assert torch.equal(one(*shown), other(*shown))
        assert torch.equal(plain.weight.grad, recorded.weight.grad)
        for net in (plain, recorded):
            with torch.no_grad():
                net.weight -= 0.1 * net.weight.grad
