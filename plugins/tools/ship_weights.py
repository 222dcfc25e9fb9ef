"""A finished training run -> the weights that ship, with their model card.

    python plugins/tools/ship_weights.py RUN/model.safetensors --data fer2013.parquet

Writes below plugins/fertool_plugins/nets/weights: NAME.safetensors (int8 per output channel), NAME.md and
NAME.svg. Where the recipe settles batch norm, that is done once more on the packed weights. Stops if packing
costs more than 0.3 points of accuracy on the split that the run was selected on. The card has the figures of
faces as they come, mirrored as well (`--tta`), and cut as `analyze` cuts them. The floor on the side of a
face was set by the curve of `compact`: its card also has the figures of small faces.
Weights that were packed where they were trained are not packed again; `--unpacked` says how good they were.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from crop_study import SIZES, small
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fertool import recipes
from fertool.cli.training import evaluate as command
from fertool.cli.training.networks import encoder, trainable
from fertool.host import weights
from fertool.host.quantized import pack, unpack
from fertool.recipes import Recipe
from fertool.training import checkpoints, ema, evaluate, metrics, robustness, trainer
from fertool.training.alignment import aligned
from fertool.training.datasets.dataset import load
from fertool.training.datasets.division import Division, divided
from fertool.types import EMOTIONS
from fertool.vision import devices

if TYPE_CHECKING:
    from torch import Tensor

    from fertool.training.datasets.dataset import Dataset

WEIGHTS = Path(__file__).parents[1] / "fertool_plugins" / "nets" / "weights"
LOSS = 0.003
"""Accuracy that packing may cost."""
CLAIMS = {
    "compact": "none: fertool's own network",
    "tuyakov2022": "66.56 % on FER2013 (validation)",
    "aly2023": "73.43 % on FER2013's private and 88.13 % on its public split",
    "khalid2025": "83 % on FER2013's validation pictures (28,709 for training, 3,589 each for validation and "
    "test, which is FER2013's own division)",
    "hafnet2025": "none on FER2013 (89.7 % on RAF-DB)",
}
FLOOR_OF = "compact"
"""The classifier by whose curve over sizes `floor_px` of all of them was set."""
TEST = "public"
"""The split that figures are of, where the data have it."""
CHOSEN_BY_TEST = """\
The split `{split}` chose the epoch and the temperature of the probabilities, so its figures flatter these
weights."""
CHOSEN_APART = """\
No picture of `{split}` chose these weights; split `{selected}`, set aside from `train`, chose the
temperature of the probabilities{epoch}. `{split}` had chosen the weights that this training began with,
though, so its figures may flatter these, too."""
BATCH_NORM = ("running_mean", "running_var", "num_batches_tracked")
CARD = (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8")
CURVE = """\
That floor comes from this curve: the same pictures, shrunk to a side in pixels and then cut so. The square
around eyes and mouth is about as large as the picture. No recording was measured; blur and compression may
cost more.

| side | {sizes} |
{line}
| accuracy | {figures} |

    python plugins/tools/crop_study.py fer2013.parquet sizes --classifier {name} --split {split}"""
CONDITIONS = """\
| condition | faces | accuracy | 95 % (bootstrap) | ECE |
|---|---|---|---|---|
{rows}

The disturbances are drawn, with fixed seeds (`fertool/training/disturbances.py`), but for H.264, which shows
fifty faces in a gallery. The thirds are by the brightness of nose and cheeks in the picture, whether skin or
light made it; they stand for no trait of a person."""
OTHERS_CONDITIONS = (
    f"Not measured; of `{FLOOR_OF}` it is, in its model card. The line with `--robustness` measures it "
    "of this one."
)
OTHERS_FLOOR = (
    f"That floor comes from the curve in the model card of `{FLOOR_OF}`; this network has none of its own."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--to", type=Path, default=WEIGHTS)
    parser.add_argument("--unpacked", type=float, help="accuracy in 0..1, if RUN's weights are packed")
    given = parser.parse_args()
    with safe_open(given.model, "pt") as stored:
        about = stored.metadata()
    made = json.loads(about["made"])
    made["recipe"] = recipes.current(made["recipe"])
    name, selected = made["classifier"], made["selected_on"]
    faces = divided_as_then(load(given.data), made)
    split = TEST if TEST in faces.splits() else selected
    given.to.mkdir(exist_ok=True)
    target = given.to / f"{name}.safetensors"
    tensors = pack(load_file(given.model))
    if made["recipe"].get("recalibrate_bn"):
        about["temperature"] = repr(recalibrate(tensors, made, given.data))
    save_file(tensors, target, metadata=about)
    after = measured(str(target), given.data, split, speed=True)
    before = given.unpacked or measured(str(given.model), given.data, selected).scores.accuracy
    packed = after if split == selected else measured(str(target), given.data, selected)
    lost = before - packed.scores.accuracy
    if lost > LOSS:
        target.unlink()
        sys.exit(f"packing costs {lost:.2%} of accuracy")
    mirrored = measured(str(target), given.data, split, tta=True)
    cut = measured(str(target), given.data, split, align=True)
    floor = curve(str(target), given.data, split) if name == FLOOR_OF else OTHERS_FLOOR
    epochs = len(checkpoints.history(given.model.parent)) or made["recipe"]["epochs"]
    own = name == FLOOR_OF
    under = conditions(under_all(str(target), given.data, split)) if own else OTHERS_CONDITIONS
    learned = len(faces.take("train"))
    found = Figures(split, learned, after, mirrored, cut, lost, floor, under)
    card = written(name, target, made, epochs, found)
    target.with_suffix(".md").write_text(card, encoding="utf-8")
    target.with_suffix(".svg").write_text(drawn(after.scores), encoding="utf-8")
    print(
        f"{target}: {after.scores.accuracy:.2%}, {mirrored.scores.accuracy:.2%} with --tta, "
        f"{cut.scores.accuracy:.2%} with --align"
    )


def recalibrate(tensors: dict[str, Tensor], made: dict[str, Any], data: Path) -> float:
    """Estimate batch norm again on the packed weights, in place, as the recipe did on those before: rounding
    shifts what it sees. -> the temperature that fits then."""
    set_to = [f"{made['classifier']}.{name}={value}" for name, value in made["options"].items()]
    plugin = trainable(made["classifier"], set_to, [])
    faces = divided_as_then(load(data, plugin.crop.size, plugin.crop.channels), made)
    if faces.take("train").digest() != made["data"]["train"]:
        sys.exit(f"{data}: other pictures than {made['classifier']} was trained on")
    if made["data"].get("aligned"):
        faces = aligned(faces, encoder("cpu"), plugin.crop)
    faces = replace(faces, images=plugin.prepare(faces.images))
    network = plugin.network()
    network.load_state_dict(unpack(tensors))
    ema.recalibrate(network, torch.from_numpy(faces.take("train").images))
    state = network.state_dict()
    tensors |= {name: state[name] for name in tensors if name.endswith(BATCH_NORM)}
    held_out = faces.take(made["selected_on"])
    return metrics.temperature(held_out.labels, trainer.predict(network, held_out))


def divided_as_then(faces: Dataset, made: dict[str, Any]) -> Dataset:
    """The data in the splits of the training."""
    way = made["data"].get("division")
    return faces if way is None else divided(faces, Division.from_dict(way))


def measured(
    model: str, data: Path, split: str, *, tta: bool = False, align: bool = False, speed: bool = False
) -> Any:
    chosen = command.chosen(model, [], [])
    chosen.load("cpu")
    eyes = encoder("cpu") if align else None
    faces = evaluate.faces(chosen, data)
    way = evaluate.division(chosen, faces)
    return evaluate.measure(chosen, faces, split, division=way, encoder=eyes, tta=tta, speed=speed)


def under_all(model: str, data: Path, split: str) -> list[robustness.Condition]:
    chosen = command.chosen(model, [], [])
    chosen.load("cpu")
    return robustness.measure(chosen, evaluate.faces(chosen, data).take(split))


def conditions(found: list[robustness.Condition]) -> str:
    """Markdown: accuracy and calibration by condition, and what the conditions are."""
    rows = [
        f"| {c.name} | {c.n} | {c.accuracy:.2%} | {c.interval[0]:.1%} to {c.interval[1]:.1%} | {c.ece:.3f} |"
        for c in found
    ]
    return CONDITIONS.format(rows="\n".join(rows))


def curve(model: str, data: Path, split: str) -> str:
    """Markdown: accuracy by the side of a face, and how to measure it again."""
    chosen = command.chosen(model, [], [])
    chosen.load("cpu")
    part, eyes = evaluate.faces(chosen, data).take(split), encoder("cpu")
    found = []
    for size in SIZES:
        rows = evaluate.classify(chosen, small(part, size, chosen.crop, eyes))
        found.append(metrics.score(part.labels, rows, EMOTIONS).accuracy)
    return CURVE.format(
        name=chosen.name,
        split=split,
        sizes=" | ".join(map(str, SIZES)),
        line="|---" * (len(SIZES) + 1) + "|",
        figures=" | ".join(f"{accuracy:.1%}" for accuracy in found),
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of the weights as they ship, on a split that was not learned from."""

    split: str
    learned: int
    """Faces that were learned from."""
    plain: Any
    mirrored: Any
    """With `--tta`."""
    cut: Any
    """Cut as `analyze` cuts: `--align`."""
    lost: float
    """Accuracy, in 0..1, that quantizing cost."""
    floor: str
    """Where the smallest side of a face comes from, as Markdown."""
    conditions: str
    """How it does on faces as lectures show them, as Markdown."""


def written(name: str, target: Path, made: dict[str, Any], epochs: int, found: Figures) -> str:
    """The model card, as Markdown."""
    chosen = command.chosen(str(target), [], [])
    said = re.sub(r"\s*\n(?!- )\s*", " ", inspect.getdoc(type(chosen)) or "")
    split, selected = found.split, made["selected_on"]
    last = made["recipe"].get("keep") == "last"
    lines = [
        row(split, found.plain.scores),
        row(f"{split}, no near-duplicates", found.plain.unseen),
        row(f"{split}, `--tta`", found.mirrored.scores),
        row(f"{split}, cut as `analyze` cuts", found.cut.scores),
    ]
    pace = found.plain.faces_per_s
    return CARD.format(
        name=name,
        about=said,
        split=split,
        selected=selected,
        learned=found.learned,
        chosen_by=(CHOSEN_BY_TEST if selected == split else CHOSEN_APART).format(
            split=split, selected=selected, epoch="" if last else " and the epoch"
        ),
        kept="the last one" if last else "the one with the highest accuracy",
        conditions=found.conditions,
        epochs=epochs,
        train_hash=made["data"]["train"][:16],
        selected_hash=made["data"]["selected_on"][:16],
        recipe=recipe_name(chosen, made["recipe"]),
        seed=made["seed"],
        changed=", ".join(f"`{k}={v}`" for k, v in different(made["recipe"]).items()),
        options=", ".join(f"`{k}={v}`" for k, v in made["options"].items()) or "none",
        claim=CLAIMS[name],
        votes="FER+ votes were used too." if voted(made["recipe"]) else "No other data (no FER+ votes).",
        start=f" It went on from weights with SHA-256 `{made['start'][:16]}`." if "start" in made else "",
        teachers=f" Teachers: {', '.join(made['teachers'])}." if "teachers" in made else "",
        file=target.name,
        size=target.stat().st_size / 1e6,
        sha=weights.sha256(target),
        change=-found.lost * 100,
        rows="\n".join(lines),
        near=found.plain.scores.n - found.plain.unseen.n,
        floor=chosen.floor_px,
        floor_from=found.floor,
        cores=torch.get_num_threads(),
        bfloat16="with" if devices.quick_bfloat16("cpu") else "without",
        one=pace[1],
        sixteen=pace[16],
        classes="\n".join(
            f"| {c.label} | {c.n} | {c.precision:.3f} | {c.recall:.3f} | {c.f1:.3f} |"
            for c in found.plain.scores.classes
        ),
    )


def row(title: str, scores: Any) -> str:
    low, high = scores.interval
    rest = " | ".join(f"{value:.3f}" for value in (scores.macro_f1, scores.uar, scores.ece))
    return f"| {title} | {scores.n} | {scores.accuracy:.2%} | {low:.1%} to {high:.1%} | {rest} |"


def recipe_name(chosen: Any, recipe: dict[str, Any]) -> str:
    """Its name, if the plugin still has it as it was."""
    same = [name for name, known in chosen.recipes.items() if different(plain(known)) == different(recipe)]
    return same[0] if same else "its own"


def voted(recipe: dict[str, Any]) -> bool:
    return bool(recipe["votes"] or recipe["vote_head"] or recipe.get("ferplus_translated"))


def different(recipe: dict[str, Any]) -> dict[str, Any]:
    """What is not as in an empty recipe; of the augmentation, likewise."""
    empty = plain(Recipe(epochs=0, batch=0, lr=0.0))
    found = {k: v for k, v in recipe.items() if v != empty[k]}
    if "augment" in found:
        found["augment"] = {k: v for k, v in found["augment"].items() if v != empty["augment"][k]}
    return found


def plain(recipe: Recipe) -> dict[str, Any]:
    """As JSON gives it back."""
    return json.loads(json.dumps(asdict(recipe)))


def drawn(scores: Any) -> str:
    """The confusion matrix as an SVG: rows are true, shares of a row as shades."""
    names, side, left, top = [c.label for c in scores.classes], 62, 84, 52
    width, height = left + side * len(names) + 10, top + side * len(names) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{width}" height="{height}" fill="#fff"/>'
    ]
    for i, (name, counts) in enumerate(zip(names, scores.confusion, strict=True)):
        middle = side * (i + 0.5)
        parts.append(f'<text x="{left - 8}" y="{top + middle + 4}" text-anchor="end">{name}</text>')
        parts.append(f'<text x="{left + middle}" y="{top - 10}" text-anchor="middle">{name}</text>')
        for j, count in enumerate(counts):
            share = count / max(sum(counts), 1)
            ink = "#fff" if share > 0.5 else "#111"
            x, y = left + side * j, top + side * i
            parts.append(
                f'<rect x="{x}" y="{y}" width="{side - 2}" height="{side - 2}" fill="{shade(share)}" '
                'stroke="#ddd"/>'
                f'<text x="{x + side / 2 - 1}" y="{y + side / 2 + 3}" text-anchor="middle" fill="{ink}">'
                f"{share:.0%}</text>"
            )
    return "".join(parts) + '<text x="6" y="14">true (rows), said (columns)</text></svg>\n'


def shade(share: float) -> str:
    """White for 0 to blue for 1; not by opacity, which some viewers ignore."""
    red, green, blue = (round(255 + (full - 255) * share) for full in (31, 95, 153))
    return f"#{red:02x}{green:02x}{blue:02x}"


if __name__ == "__main__":
    main()
