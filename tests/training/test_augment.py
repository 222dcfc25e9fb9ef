"""Batches: determinism by the generator, every augmentation held against what it promises."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fertool.errors import ConfigError
from fertool.recipes import Augment, Recipe
from fertool.training import augment as shown
from fertool.training.datasets.dataset import Dataset

PLAIN = Recipe(epochs=1, batch=8, lr=0.1)
ALL = Augment(
    flip=True, rotate_deg=20, scale=0.2, shift=0.1, brightness=0.3, contrast=0.3, blur=0.5, erase=0.5
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gray(count=30, side=16, seed=0):
    return torch.randint(0, 256, (count, side, side), generator=generator(seed), dtype=torch.uint8)


def floats(count=400, side=16):
    return shown.as_input(gray(count, side))


def one_hot(count=30):
    """(count, 1, 7): one target each."""
    return torch.eye(7)[torch.arange(count) % 7][:, None]


def epoch(recipe, seed=0, images=None, targets=None, **options):
    images = gray() if images is None else images
    targets = one_hot(len(images)) if targets is None else targets
    return list(shown.batches(images, targets, recipe, generator(seed), **options))


def dataset(votes=None):
    labels = np.array([0, 3, 6])
    images, names = np.zeros((3, 4, 4), np.uint8), np.array(["a", "b", "c"])
    return Dataset(images, labels, votes, np.array(["train"] * 3), names, Path("made.csv"))


# -- targets ----------------------------------------------------------------------------------------------


def test_targets_are_labels_then_votes_then_smoothed():
    votes = np.zeros((3, 7), np.float32)
    votes[0, :2] = 0.5
    votes[1:, 6] = 1
    data = dataset(votes)
    assert shown.targets(data, PLAIN)[:, 0].argmax(axis=1).tolist() == [0, 3, 6]
    mixed = shown.targets(data, replace(PLAIN, votes=0.5))
    np.testing.assert_allclose(mixed[0, 0], [0.75, 0.25, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(mixed[1, 0], [0, 0, 0, 0.5, 0, 0, 0.5])
    np.testing.assert_allclose(shown.targets(data, replace(PLAIN, votes=1.0))[:, 0], votes)
    smooth = shown.targets(data, replace(PLAIN, votes=0.5, label_smoothing=0.14))
    np.testing.assert_allclose(smooth[0, 0], [0.665, 0.235, 0.02, 0.02, 0.02, 0.02, 0.02], rtol=1e-5)
    assert smooth.dtype == np.float32
    np.testing.assert_allclose(smooth.sum(axis=2), 1, rtol=1e-6)


def test_votes_that_are_wanted_must_be_there():
    with pytest.raises(ConfigError, match=r"wants FER\+ votes, but made\.csv has none"):
        shown.targets(dataset(), replace(PLAIN, votes=0.3))


def test_votes_apart_are_a_second_target_as_they_are():
    votes = np.full((3, 7), 1 / 7, np.float32)
    both = shown.targets(dataset(votes), replace(PLAIN, vote_head=True, label_smoothing=0.7))
    assert both.shape == (3, 2, 7)
    np.testing.assert_allclose(both[0, 0], [0.4, *[0.1] * 6], rtol=1e-5)
    np.testing.assert_allclose(both[:, 1], votes)


def test_a_teacher_has_its_share_after_smoothing():
    said = np.tile([0, 0, 1.0, 0, 0, 0, 0], (3, 1))
    recipe = replace(PLAIN, teacher=0.25, label_smoothing=0.7)
    np.testing.assert_allclose(
        shown.targets(dataset(), recipe, said)[0, 0],
        [0.3, 0.075, 0.325, 0.075, 0.075, 0.075, 0.075],
        rtol=1e-5,
    )
    with pytest.raises(ConfigError, match="wants a teacher .name one with --teacher"):
        shown.targets(dataset(), recipe)


# -- order ------------------------------------------------------------------------------------------------


def test_evaluation_shows_everything_in_order_and_unchanged():
    recipe = replace(PLAIN, augment=ALL, mixup=0.2, balanced=True)
    got = epoch(recipe, train=False)
    assert [len(images) for images, _ in got] == [8, 8, 7, 7]
    assert len(got) == shown.steps(30, recipe)
    images = torch.cat([images for images, _ in got])
    assert images.shape == (30, 1, 16, 16)
    assert images.dtype == torch.float32
    torch.testing.assert_close(images[:, 0] * 255, gray().float())
    torch.testing.assert_close(torch.cat([targets for _, targets in got]), one_hot())


def test_training_shows_every_picture_once_with_its_own_target():
    images = torch.arange(30, dtype=torch.uint8)[:, None, None].expand(30, 4, 4)
    got = epoch(PLAIN, images=images)
    numbers = (torch.cat([i[:, 0, 0, 0] for i, _ in got]) * 255).round().long()
    assert numbers.sort().values.tolist() == list(range(30))
    assert numbers.tolist() != list(range(30))
    assert torch.cat([t for _, t in got])[:, 0].argmax(dim=1).tolist() == (numbers % 7).tolist()


@pytest.mark.parametrize("count", [1, 2, 8, 9, 17, 63])
def test_no_batch_is_a_leftover(count):
    sizes = [len(images) for images, _ in epoch(PLAIN, images=gray(count))]
    assert sum(sizes) == count
    assert max(sizes) <= 8
    assert max(sizes) - min(sizes) <= 1


def test_nothing_gives_nothing():
    assert epoch(PLAIN, images=gray(0), targets=torch.zeros(0, 7)) == []


def test_bgr_becomes_channels_first():
    images = torch.randint(0, 256, (5, 6, 6, 3), dtype=torch.uint8, generator=generator())
    (got, _), *_ = epoch(PLAIN, images=images, train=False)
    assert got.shape == (5, 3, 6, 6)
    torch.testing.assert_close(got[:, 2] * 255, images[..., 2].float())


def test_the_generator_alone_decides():
    recipe = replace(PLAIN, augment=ALL, mixup=0.3, balanced=True)
    torch.manual_seed(1)
    np.random.seed(1)
    first = epoch(recipe, 5)
    torch.manual_seed(2)
    np.random.seed(2)
    state = torch.get_rng_state()
    for (a, b), (c, d) in zip(first, epoch(recipe, 5), strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, d)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first[0][0], epoch(recipe, 6)[0][0])


def test_balanced_draws_classes_equally():
    targets = torch.eye(7)[torch.cat([torch.zeros(6300), torch.arange(700) % 7]).long()][:, None]
    got = epoch(replace(PLAIN, batch=500, balanced=True), images=gray(7000, 2), targets=targets)
    counts = torch.cat([t for _, t in got]).sum(dim=(0, 1))
    assert counts.sum() == 7000
    # The deviation of a binomial of 7,000 draws at 1/7 is 29.
    assert ((counts - 1000).abs() < 120).all()


def test_balanced_with_a_class_that_is_missing():
    targets = torch.eye(7)[torch.arange(30) % 3][:, None]
    counts = sum(t.sum(dim=(0, 1)) for _, t in epoch(replace(PLAIN, balanced=True), targets=targets))
    assert counts[3:].sum() == 0


# -- augmentation -----------------------------------------------------------------------------------------


def augmented(images, seed=0, **how):
    return shown.augment(images, Augment(**how), generator(seed))


def test_no_augmentation_leaves_pixels_as_they_are():
    assert torch.equal(augmented(floats()), floats())


def test_flip_turns_half_and_twice_is_nothing():
    images = floats()
    once = augmented(images, flip=True)
    turned = (once == images.flip(-1)).flatten(1).all(dim=1)
    same = (once == images).flatten(1).all(dim=1)
    assert (turned ^ same).all()
    assert 150 < turned.sum() < 250
    assert torch.equal(augmented(once, flip=True), images)  # the same seed turns the same ones back


def test_crop_shows_one_window_of_all_pictures_and_all_places_come():
    images = torch.arange(256.0).view(1, 1, 16, 16).expand(5, 1, 16, 16)
    corners = set()
    for seed in range(200):
        window = augmented(images, seed, crop=1 / 8)
        assert window.shape == (5, 1, 14, 14)
        assert (window == window[:1]).all()
        corners.add(divmod(int(window[0, 0, 0, 0]), 16))
    assert corners == {(row, column) for row in range(3) for column in range(3)}


@pytest.mark.parametrize("how", [{"rotate_deg": 1e-4}, {"scale": 1e-6}, {"shift": 1e-6}])
def test_next_to_no_movement_is_next_to_no_change(how):
    torch.testing.assert_close(augmented(floats(), **how), floats(), atol=1e-3, rtol=0)


def dot_center(images):
    """(n, 2): center of brightness, x and y in pixels from the picture's middle."""
    side = images.shape[-1]
    at = torch.arange(side) - (side - 1) / 2
    mass = images[:, 0] / images[:, 0].sum(dim=(1, 2), keepdim=True)
    return torch.stack([(mass.sum(dim=1) * at).sum(dim=1), (mass.sum(dim=2) * at).sum(dim=1)], dim=1)


def dots(x, y, count=300, side=64):
    """Pictures of one soft dot at x, y pixels from the middle."""
    at = torch.arange(side) - (side - 1) / 2
    dot = torch.exp(-((at[None] - x) ** 2 + (at[:, None] - y) ** 2) / 8)
    return dot.expand(count, 1, side, side)


def test_shift_reaches_its_share_of_the_side_and_no_further():
    moved = dot_center(augmented(dots(0, 0), shift=0.2))
    assert moved.abs().max() < 0.2 * 64 + 0.1
    assert (moved.amax(dim=0) > 11).all()
    assert (moved.amin(dim=0) < -11).all()


def test_rotation_keeps_the_distance_and_its_bounds():
    moved = dot_center(augmented(dots(16, 0), rotate_deg=30))
    torch.testing.assert_close(moved.norm(dim=1), torch.full((300,), 16.0), atol=0.2, rtol=0)
    angles = torch.rad2deg(torch.atan2(moved[:, 1], moved[:, 0]))
    assert 28 < angles.max() < 30.5
    assert -30.5 < angles.min() < -28


def test_scale_moves_along_the_ray_within_its_bounds():
    moved = dot_center(augmented(dots(16, 0), scale=0.25))
    assert moved[:, 1].abs().max() < 0.1
    assert 11.8 < moved[:, 0].min() < 12.5
    assert 19.5 < moved[:, 0].max() < 20.2


def test_brightness_and_contrast_bounds():
    flat = torch.full((300, 1, 4, 4), 0.5)
    bright = augmented(flat, brightness=0.4)
    assert 0.3 <= bright.min() < 0.31
    assert 0.69 < bright.max() <= 0.7
    assert torch.equal(augmented(flat, contrast=0.4), flat)  # there is none to change
    halves = torch.tensor([0.4, 0.6]).expand(300, 1, 2, 2)
    spread = augmented(halves, contrast=0.5)
    torch.testing.assert_close(spread.mean(dim=(1, 2, 3)), torch.full((300,), 0.5))
    reach = spread[:, 0, 0, 1] - spread[:, 0, 0, 0]
    assert 0.1 <= reach.min() < 0.105
    assert 0.295 < reach.max() <= 0.3001


def test_everything_together_stays_between_black_and_white():
    images = shown.augment(floats(), ALL, generator())
    assert images.shape == floats().shape
    assert images.min() >= 0
    assert images.max() <= 1 + 1e-6


def test_blur_by_hand_and_as_often_as_said():
    dot = torch.zeros(1, 2, 5, 5)
    dot[0, 1, 2, 2] = 16
    expected = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    assert torch.equal(shown.blur(dot)[0, 1, 1:4, 1:4], expected)
    assert shown.blur(dot)[0, 0].abs().max() == 0  # channels do not mix
    corner = torch.zeros(1, 1, 4, 4)
    corner[0, 0, 0, 0] = 16
    assert shown.blur(corner)[0, 0, 0, 0] == 9  # the edge is repeated outwards
    changed = (augmented(floats(), blur=0.25) != floats()).flatten(1).any(dim=1)
    assert 60 < changed.sum() < 140


def test_erasing_paints_one_rectangle_of_one_gray():
    images = shown.as_input(gray(400, 32))
    erased = augmented(images, erase=0.5)
    changed = (erased != images)[:, 0]
    touched = changed.flatten(1).any(dim=1)
    assert 150 < touched.sum() < 250
    for mask, image in zip(changed[touched], erased[touched], strict=True):
        ys, xs = mask.nonzero(as_tuple=True)
        box = image[0, ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        assert (box == box[0, 0]).all()
        assert box.numel() / 32**2 < shown.ERASED[1] + 0.06  # whole pixels, at most one more each way


def test_every_picture_is_changed_in_its_own_way():
    same = floats(1).expand(20, 1, 16, 16)
    for how in ({"brightness": 0.3}, {"contrast": 0.3}, {"rotate_deg": 20.0}, {"erase": 1.0}):
        assert len({tuple(image.flatten().tolist()) for image in augmented(same, **how)}) == 20


# -- mixup ------------------------------------------------------------------------------------------------


def test_mixup_mixes_pictures_and_targets_alike():
    numbers = torch.linspace(0, 1, 20)[:, None, None, None].expand(20, 1, 4, 4)
    targets = torch.stack([numbers[:, 0, 0, 0], 1 - numbers[:, 0, 0, 0]], dim=1)
    for seed in range(10):
        images, wanted = shown.mixup(numbers, targets, 0.5, generator(seed))
        torch.testing.assert_close(wanted.sum(dim=1), torch.ones(20))
        torch.testing.assert_close(images[:, 0, 0, 0], wanted[:, 0])
        torch.testing.assert_close(images.mean(), numbers.mean())


def test_mixup_shares_follow_the_beta_distribution():
    targets = torch.eye(2)
    shares = []
    for seed in range(400):
        _, wanted = shown.mixup(torch.zeros(2, 1, 1, 1), targets, 0.2, generator(seed))
        shares.append(float(wanted[0, 0]))
    mixed = [share for share in shares if share != 1]  # half of the time a picture meets itself
    assert 140 < len(mixed) < 270
    assert abs(np.mean(mixed) - 0.5) < 0.1
    assert np.var(mixed) == pytest.approx(1 / (4 * 1.4), abs=0.04)  # 1 / (4 (2 alpha + 1))


def test_without_mixup_nothing_changes():
    images, targets = floats(4), one_hot(4)
    got = shown.mixup(images, targets, 0, generator())
    assert got[0] is images
    assert got[1] is targets


def test_a_plane_of_landmarks_moves_with_its_picture_and_keeps_its_light():
    pixels = dots(6, -9, count=60)
    both = torch.cat([pixels, pixels], 1)
    moved = augmented(both, flip=True, rotate_deg=30, scale=0.2, shift=0.1, crop=1 / 8)
    assert moved.shape == (60, 2, 56, 56)
    torch.testing.assert_close(moved[:, 0], moved[:, 1])
    lit = augmented(both, brightness=0.5, contrast=0.5, blur=1.0, erase=1.0)
    torch.testing.assert_close(lit[:, 1:], pixels)
    assert not torch.allclose(lit[:, :1], pixels)


# -- votes as the labellers would have them ---------------------------------------------------------------


def crowd(seed=0, count=4000):
    """Labels that follow two kinds of votes: all for the first expression is labeled 0 or 6, at 3 to 1; half
    for the fourth is labeled 3."""
    chance = np.random.default_rng(seed)
    kind = chance.integers(0, 2, count)
    votes = np.zeros((count, 7), np.float32)
    votes[kind == 0, 0] = 1
    votes[kind == 1] = [0, 0, 0, 0.5, 0, 0, 0.5]
    labels = np.where(kind == 1, 3, np.where(chance.random(count) < 0.75, 0, 6))
    return votes, labels


def test_votes_are_translated_into_what_labels_follow_them():
    votes, labels = crowd()
    said = shown.translated(votes, labels)
    assert said.dtype == np.float32
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
    first, second = said[votes[:, 0] == 1][0], said[votes[:, 3] > 0][0]
    for label in (0, 6):
        assert first[label] == pytest.approx((labels[votes[:, 0] == 1] == label).mean(), abs=0.02)
    assert second[3] > 0.95, "the label that the votes do not name is found all the same"


def test_the_crowd_has_its_share_before_smoothing():
    votes, labels = crowd()
    many = len(labels)
    names = np.array(["x"] * many)
    data = Dataset(np.zeros((many, 2, 2), np.uint8), labels, votes, names, names, Path("made.csv"))
    recipe = replace(PLAIN, ferplus_translated=0.4, label_smoothing=0.07)
    by_hand = 0.93 * (0.6 * np.eye(7)[labels] + 0.4 * shown.translated(votes, labels)) + 0.01
    np.testing.assert_allclose(shown.targets(data, recipe)[:, 0], by_hand, rtol=1e-4)
    with pytest.raises(ConfigError, match=r"wants FER\+ votes"):
        shown.targets(replace(data, votes=None), recipe)
