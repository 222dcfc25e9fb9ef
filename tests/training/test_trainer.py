"""Training is deterministic by its seed, learns what can be learned, and survives being interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fertool.errors import FertoolError
from fertool.host import quantized
from fertool.host.weights import sha256
from fertool.recipes import RENAMED, Recipe
from fertool.training import checkpoints, trainer
from fertool.training.datasets.dataset import Dataset, load


class Interrupted(Exception):
    pass


def after(epochs: int):
    """A report that interrupts the run, as Ctrl-C or a full disk would, after so many epochs."""

    def report(done: checkpoints.Epoch) -> None:
        if done.epoch == epochs:
            raise Interrupted

    return report


def train(*given, report=lambda _: None, step=lambda *_: None, **how) -> Path:
    """`trainer.train`, its `TrainOptions` given as keywords."""
    return trainer.train(*given, trainer.TrainOptions(**how), report=report, step=step)


def same(a: Path, b: Path) -> bool:
    first, second = load_file(a), load_file(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("recipe", ["best", "paper"])
def test_interrupted_and_resumed_is_as_if_it_had_not_been(
    tiny, bars: Path, tmp_path: Path, recipe: str
) -> None:
    data, plan = load(bars, 16), tiny.recipes[recipe]
    whole = train(tiny, plan, data, tmp_path / "whole", seed=3)
    for epoch in (1, 3):
        with pytest.raises(Interrupted):
            train(tiny, plan, data, tmp_path / "parts", seed=3, resume=True, report=after(epoch))
    parts = train(tiny, plan, data, tmp_path / "parts", seed=3, resume=True)
    assert same(whole, parts)
    assert checkpoints.history(tmp_path / "parts") == checkpoints.history(tmp_path / "whole")
    assert [e.epoch for e in checkpoints.history(tmp_path / "parts")] == [1, 2, 3, 4]


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_epoch_that_the_recipe_says_is_kept(tiny, bars: Path, tmp_path: Path, keep: str) -> None:
    """With a rate that climbs out of what was learned, the last epoch is not the best."""
    data = load(bars, 16)
    plan = replace(
        tiny.recipes["best"], keep=keep, ema=0.0, recalibrate_bn=False, lr=0.5, schedule="constant"
    )
    weights = {}

    def report(done: checkpoints.Epoch) -> None:
        weights[done.epoch] = load_file(tmp_path / "state.safetensors")

    kept = load_file(train(tiny, plan, data, tmp_path, report=report))
    history = checkpoints.history(tmp_path)
    accuracies = [epoch.val_accuracy for epoch in history]
    chosen = len(history) if keep == "last" else 1 + accuracies.index(max(accuracies))
    assert accuracies.index(max(accuracies)) + 1 < len(history), "the two differ here"
    stored = {k.removeprefix("network."): v for k, v in weights[chosen].items() if k.startswith("network.")}
    assert all(torch.equal(kept[name], stored[name]) for name in kept)


def test_a_run_begun_before_fields_were_renamed_goes_on(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), tiny.recipes["best"]
    with pytest.raises(Interrupted):
        train(tiny, plan, data, tmp_path, report=after(1))
    path = tmp_path / "state.safetensors"
    with safe_open(path, "pt") as stored:
        about = json.loads(stored.metadata()["state"])
    recipe = about["identity"]["recipe"]
    about["identity"]["recipe"] = {old: recipe.pop(new) for old, new in RENAMED.items()} | recipe
    assert (recipe.pop("keep"), recipe["augment"].pop("disturb")) == ("best", 0.0)
    assert "crowd" in about["identity"]["recipe"]
    assert "vote_head" not in about["identity"]["recipe"]
    save_file(load_file(path), path, metadata={"state": json.dumps(about)})
    train(tiny, plan, data, tmp_path, resume=True)
    assert [e.epoch for e in checkpoints.history(tmp_path)] == [1, 2, 3, 4]


def test_the_seed_decides(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), replace(tiny.recipes["best"], epochs=2)
    first, again, other = (
        train(tiny, plan, data, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert same(first, again)
    assert not same(first, other)


def test_it_learns(tiny, bars: Path, tmp_path: Path) -> None:
    plan = Recipe(epochs=12, batch=8, lr=0.05, schedule="cosine")
    data = load(bars, 16)
    path = train(tiny, plan, data, tmp_path / "run", seed=0)
    log = checkpoints.history(tmp_path / "run")
    assert log[-1].loss < log[0].loss / 3
    assert max(e.val_accuracy for e in log) > 0.9
    network = tiny.network()
    network.load_state_dict(load_file(path))
    kept = (trainer.predict(network, data.take("public")).argmax(1) == data.take("public").labels).mean()
    assert kept == max(e.val_accuracy for e in log), "the best epoch is kept, not the last"


def test_a_model_remembers_what_it_was_made_of(tiny, bars: Path, tmp_path: Path) -> None:
    data = load(bars, 16)
    path = train(tiny, replace(tiny.recipes["best"], epochs=1), data, tmp_path / "run", seed=5)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    made = json.loads(about["made"])
    assert float(about["temperature"]) > 0
    assert (made["classifier"], made["seed"], made["selected_on"]) == ("tiny", 5, "public")
    assert made["data"] == {"train": data.digest("train"), "selected_on": data.digest("public")}
    assert made["recipe"]["epochs"] == 1
    assert made["options"] == {}


@pytest.mark.parametrize(
    ("change", "word"), [({"seed": 9}, "seed"), ({"recipe": Recipe(epochs=9, batch=4, lr=0.1)}, "recipe")]
)
def test_another_run_s_state_is_not_continued(
    tiny, bars: Path, tmp_path: Path, change: dict, word: str
) -> None:
    data, plan = load(bars, 16), replace(tiny.recipes["best"], epochs=1)
    train(tiny, plan, data, tmp_path / "run", seed=0)
    with pytest.raises(FertoolError, match=f"cannot resume: another {word}"):
        train(
            tiny, change.get("recipe", plan), data, tmp_path / "run", seed=change.get("seed", 0), resume=True
        )


def test_without_gain_it_stops_early(tiny, bars: Path, tmp_path: Path) -> None:
    plan = Recipe(epochs=50, batch=16, lr=0.0, stop_after=3, min_gain=1e-4)  # nothing is learned
    still = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 7))
    tiny.network = lambda: still
    train(tiny, plan, load(bars, 16), tmp_path / "run")
    assert len(checkpoints.history(tmp_path / "run")) == 4


def test_the_plateau_halves_the_rate(tiny, bars: Path, tmp_path: Path) -> None:
    plan = Recipe(epochs=5, batch=16, lr=1e-12, schedule="plateau", patience=2, min_gain=1e-3)
    still = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 7))
    tiny.network = lambda: still
    train(tiny, plan, load(bars, 16), tmp_path / "run")
    rates = [e.lr / 1e-12 for e in checkpoints.history(tmp_path / "run")]
    assert rates == [1, 1, 1, 0.5, 0.5]  # the first epoch gains, the next two do not


FACES = 40
RISING = [(epoch, 5 * epoch) for epoch in range(1, 31)]
"""(faces that are right, loss of each other): every epoch more faces are right, and the loss rises all the
same, for the others are wrong with more certainty: 39 x 5 / 40 = 4.9, 38 x 10 / 40 = 9.5, ..., 37.5."""
FALLING = [(10, 40 - epoch) for epoch in range(1, 31)]
"""The loss falls every epoch and not one more face is right."""


def after_epochs(recipe: Recipe, curve: list[tuple[int, float]]) -> tuple[list[int], int]:
    """Epochs after which the rate was halved, and the number of epochs: what the functions of `train` do with
    logits that give these figures."""
    network = torch.nn.Linear(1, 1)
    state = checkpoints.TrainingState(network, None, torch.optim.SGD(network.parameters(), lr=1.0))
    labels = np.zeros(FACES, np.int64)
    faces = Dataset(np.zeros((FACES, 1, 1), np.uint8), labels, None, labels.astype(str), labels, Path())
    halved = []
    for right, wrong in curve:
        logits = np.zeros((FACES, 7))
        logits[:right, 0], logits[right:, 1] = 100, wrong
        before = state.plateau
        trainer._note(state, recipe, 1.0, 0.0, logits, faces, 0.0)
        if state.plateau < before:
            halved.append(state.epoch)
        if trainer._done(state, recipe):
            break
    return halved, state.epoch


@pytest.mark.parametrize(
    ("watch", "curve", "halved", "epochs"),
    [
        # What gains in every epoch is never halved and never stopped, whatever the other figure does.
        ("accuracy", RISING, [], 30),
        ("loss", FALLING, [], 30),
        # Only the first epoch gains: 7 more without gain end with the 8th, 11 with the 12th.
        ("loss", RISING, [8], 12),
        ("accuracy", FALLING, [8], 12),
        # A gain in the 8th epoch, after 6 without: then none up to the 15th and the 19th.
        ("accuracy", [(10, 9)] * 7 + [(11, 9)] * 23, [15], 19),
        ("loss", [(10, 9)] * 7 + [(10, 8)] * 23, [15], 19),
        # A gain in the 10th comes after the first halving; up to the 17th there are 7 without again.
        ("accuracy", [(10, 9)] * 9 + [(11, 9)] * 21, [8, 17], 21),
        # Back at the best after worse epochs is no gain.
        ("accuracy", [(10, 9), (8, 9), (9, 9)] + [(10, 9)] * 20, [8], 12),
        # Nobody right: the loss falls by 2e-5 an epoch; three of them are more than 5e-5, a gain.
        ("loss", [(0, 20 - epoch * 2e-5) for epoch in range(30)], [], 30),
        # By 4e-6: after 11 epochs 4.4e-5, still no gain.
        ("loss", [(0, 20 - epoch * 4e-6) for epoch in range(30)], [8], 12),
    ],
)
def test_when_the_rate_is_halved_and_training_ends(
    watch: str, curve: list[tuple[int, float]], halved: list[int], epochs: int
) -> None:
    plan = Recipe(100, 32, 1e-4, schedule="plateau", watch=watch, patience=7, stop_after=11, min_gain=5e-5)
    assert after_epochs(plan, curve) == (halved, epochs)


@pytest.mark.parametrize(
    ("recipe", "epoch", "share"),
    [
        (Recipe(10, 1, 2.0), 7.0, 1.0),  # constant
        (Recipe(10, 1, 2.0, schedule="cosine"), 0.0, 1.0),
        (Recipe(10, 1, 2.0, schedule="cosine"), 5.0, 0.5),  # half way
        (Recipe(10, 1, 2.0, schedule="cosine"), 10.0, 0.0),
        (Recipe(10, 1, 2.0, schedule="cosine", warmup_epochs=2), 1.0, 0.505),  # half of the warm-up
        (Recipe(10, 1, 2.0, schedule="cosine", warmup_epochs=2), 6.0, 0.5),  # half of the rest
    ],
)
def test_the_learning_rate(recipe: Recipe, epoch: float, share: float) -> None:
    assert trainer.rate(recipe, epoch) == pytest.approx(2.0 * share, abs=1e-9)


def test_only_weights_decay(tiny) -> None:
    groups = trainer._optimizer(tiny.network(), Recipe(1, 1, 0.1, weight_decay=0.01)).param_groups
    assert [(g["weight_decay"], {p.ndim for p in g["params"]}) for g in groups] == [
        (0.01, {2, 4}),
        (0.0, {1}),
    ]


def test_flipping_at_prediction_gives_the_same_to_a_face_and_its_mirror_image(tiny, bars: Path) -> None:
    data = load(bars, 16).take("public")
    mirrored = replace(data, images=data.images[:, :, ::-1].copy())
    network = tiny.network()
    first, second = (trainer.predict(network, d, flip=True) for d in (data, mirrored))
    assert first == pytest.approx(second, abs=1e-6)
    assert first != pytest.approx(trainer.predict(network, data), abs=1e-6)


def test_probabilities_sharpen_with_a_low_temperature() -> None:
    import numpy as np

    logits = np.array([[1.0, 0.0]])
    rows = [trainer.probabilities(logits, t) for t in (0.5, 1.0, 2.0)]
    assert all(row.sum() == pytest.approx(1) for row in rows)
    assert rows[0][0, 0] > rows[1][0, 0] > rows[2][0, 0]


def anysize() -> torch.nn.Module:
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d((8, 1)), nn.Flatten(), nn.Linear(64, 7)
    )


def test_half_the_side_at_first(tiny, bars: Path, tmp_path: Path) -> None:
    seen = []
    plain = tiny.loss
    tiny.network = anysize
    tiny.loss = lambda network, images, targets: (
        seen.append(images.shape[-1]) or plain(network, images, targets)
    )
    plan = Recipe(epochs=4, batch=56, lr=0.01, progressive_resize=0.5)
    train(tiny, plan, load(bars, 16), tmp_path / "run")
    assert seen == [8, 8, 16, 16]


@pytest.mark.parametrize(("quick", "kind"), [(True, torch.bfloat16), (False, torch.float32)])
def test_mixed_precision_learns_and_is_as_repeatable(
    tiny, bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool, kind: torch.dtype
) -> None:
    """On a processor that would have to emulate bfloat16, the same recipe is computed in float32."""
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: quick)
    data, plan = load(bars, 16), Recipe(epochs=8, batch=8, lr=0.05, schedule="cosine", mixed=True)
    kinds = set()
    plain = tiny.loss

    def loss(network, images, targets):
        kinds.add(network[0](images).dtype)
        return plain(network, images, targets)

    tiny.loss = loss
    first = train(tiny, plan, data, tmp_path / "a", seed=1)
    again = train(tiny, plan, data, tmp_path / "b", seed=1)
    assert kinds == {kind}
    assert same(first, again)
    log = checkpoints.history(tmp_path / "a")
    assert log[-1].loss < log[0].loss / 2
    assert all(weights.dtype != torch.bfloat16 for weights in load_file(first).values())


def test_pictures_are_prepared_for_training_and_for_selection(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), Recipe(epochs=4, batch=8, lr=0.05)
    plain = train(tiny, plan, data, tmp_path / "plain")
    tiny.prepare = lambda images: 255 - images
    inverted = train(tiny, plan, data, tmp_path / "inverted")
    assert not same(plain, inverted)
    by_hand = replace(data, images=255 - data.images)
    del tiny.prepare
    assert same(inverted, train(tiny, plan, by_hand, tmp_path / "by-hand"))


def test_teachers_are_averaged_and_remembered(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), Recipe(epochs=2, batch=8, lr=0.05, teacher=1.0)
    rows = np.eye(7)[data.take("train").labels]
    wrong, right = np.roll(rows, 1, axis=1), rows
    both = train(tiny, plan, data, tmp_path / "both", teachers={"b": wrong, "a": right})
    mean = train(tiny, plan, data, tmp_path / "mean", teachers={"mean": (rows + wrong) / 2})
    assert same(both, mean)
    _, about = checkpoints.restored(tiny, both)
    assert about["teachers"] == ["a", "b"]


def test_it_goes_on_from_given_weights_and_remembers_them(tiny, bars: Path, tmp_path: Path) -> None:
    data, still = load(bars, 16), Recipe(epochs=1, batch=8, lr=0.0)
    first = train(tiny, tiny.recipes["best"], data, tmp_path / "first", seed=1)
    # Nothing is learned at a rate of 0: what comes out is what went in, but for the moving batch norm.
    second = train(tiny, still, data, tmp_path / "second", seed=2, start=first)
    before, after = load_file(first), load_file(second)
    assert {name for name in before if torch.equal(before[name], after[name])} >= {
        "0.weight", "0.bias", "1.weight", "1.bias", "6.weight", "6.bias",
    }  # fmt: skip
    assert checkpoints.restored(tiny, second)[1]["start"] == sha256(first)
    assert "start" not in checkpoints.restored(tiny, first)[1]


def test_packed_weights_are_begun_with_too(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), Recipe(epochs=1, batch=8, lr=0.01)
    plain = train(tiny, plan, data, tmp_path / "plain")
    small, whole = tmp_path / "small.safetensors", tmp_path / "whole.safetensors"
    tensors = quantized.pack(load_file(plain))
    save_file(tensors, small)
    save_file(quantized.unpack(tensors), whole)
    runs = [train(tiny, plan, data, tmp_path / file.stem, start=file) for file in (small, whole)]
    assert same(*runs)


def test_weights_of_another_network_are_refused(tiny, bars: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"0.weight": torch.zeros(3)}, other)
    with pytest.raises(FertoolError, match=r"other\.safetensors holds weights of another network"):
        train(tiny, tiny.recipes["best"], load(bars, 16), tmp_path / "run", start=other)
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_continued_with_another_start(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), Recipe(epochs=2, batch=8, lr=0.01)
    first = train(tiny, plan, data, tmp_path / "first")
    kept = first.rename(tmp_path / "kept.safetensors")
    with pytest.raises(FertoolError, match="another start than before"):
        train(tiny, plan, data, tmp_path / "first", resume=True, start=kept)
    train(tiny, plan, data, tmp_path / "second", start=kept)
    with pytest.raises(FertoolError, match="another start than before"):
        train(tiny, plan, data, tmp_path / "second", resume=True)


def test_a_run_does_not_write_over_what_it_begins_with(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), Recipe(epochs=1, batch=8, lr=0.01)
    first = train(tiny, plan, data, tmp_path / "run")
    before = first.read_bytes()
    with pytest.raises(FertoolError, match=r"lies in .*run, where this run writes \(give another --out\)"):
        train(tiny, plan, data, tmp_path / "run", start=first)
    assert first.read_bytes() == before


def test_the_steps_of_an_epoch_are_told(tiny, bars: Path, tmp_path: Path) -> None:
    told = []
    plan = Recipe(epochs=2, batch=20, lr=0.01)
    train(tiny, plan, load(bars, 16), tmp_path / "run", step=lambda *now: told.append(now))
    assert [(done, count) for done, count, _ in told] == [(1, 3), (2, 3), (3, 3)] * 2
    assert [told[2][2], told[5][2]] == pytest.approx([e.loss for e in checkpoints.history(tmp_path / "run")])


def test_recalibration_changes_batch_norm_alone(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan = load(bars, 16), Recipe(epochs=2, batch=8, lr=0.05)
    plain = load_file(train(tiny, plan, data, tmp_path / "plain"))
    again = load_file(train(tiny, replace(plan, recalibrate_bn=True), data, tmp_path / "again"))
    differing = {name for name in plain if not torch.equal(plain[name], again[name])}
    assert differing, "the network has batch norm"
    assert all("running" in name or "tracked" in name for name in differing)


def test_states_are_stored_as_rarely_as_told_and_in_the_end(tiny, bars: Path, tmp_path: Path) -> None:
    data, plan, found = load(bars, 16), Recipe(epochs=3, batch=8, lr=0.05), []
    often = train(tiny, plan, data, tmp_path / "often")
    state = tmp_path / "rarely" / "state.safetensors"
    rarely = train(
        tiny, plan, data, state.parent, store_every_s=3600, report=lambda _: found.append(state.exists())
    )
    assert found == [False, False, True]
    assert same(often, rarely)
    assert len(checkpoints.history(state.parent)) == 3


def test_the_training_accuracy_is_that_of_undisturbed_pictures(tiny, bars: Path, tmp_path: Path) -> None:
    """Of 56 pictures to learn, as many as the 21 for validation, evenly spaced; as the weights of the end see
    them where no moving average is kept."""
    data, plan = load(bars, 16), replace(tiny.recipes["paper"], epochs=3)
    run = train(tiny, plan, data, tmp_path / "run", seed=1)
    history = checkpoints.history(tmp_path / "run")
    taught, count = data.take("train"), len(data.take("public"))
    places = [round(i * 55 / 20 - 0.499) for i in range(21)]  # 0, 2.75, 5.5, ... rounded down
    network, _ = checkpoints.restored(tiny, run)
    known = taught.at(np.array(places))
    right = (trainer.predict(network, known).argmax(1) == known.labels).mean()
    best = max(history, key=lambda epoch: epoch.val_accuracy)
    assert (len(taught), count) == (56, 21)
    assert best.train_accuracy == pytest.approx(right)


def test_it_is_near_one_for_what_is_learned_by_heart_and_chance_for_the_rest(
    tiny, bars: Path, tmp_path: Path
) -> None:
    data = load(bars, 16)
    mixed = data.labels.copy()
    held_out = data.split == "public"
    mixed[held_out] = (mixed[held_out] + 3) % 7  # validation pictures with labels that nobody can learn
    train(tiny, Recipe(epochs=12, batch=8, lr=0.05), replace(data, labels=mixed), tmp_path / "run")
    last = checkpoints.history(tmp_path / "run")[-1]
    assert last.train_accuracy > 0.9
    assert last.val_accuracy < 0.3
