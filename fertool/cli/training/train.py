"""`fertool train`: train the network of a classifier on labeled faces."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.terminal.counts import faces_shown
from fertool.cli.terminal.epochs import epochs_shown
from fertool.cli.terminal.options import Options, PluginFiles
from fertool.cli.training.networks import Align, Data, check_align, chosen, encoder, trainable
from fertool.host import guard

if TYPE_CHECKING:
    from fertool.contracts import Trainable
    from fertool.recipes import Recipe
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.division import Division


def register(app: typer.Typer) -> None:
    """Add the command `train`."""
    app.command(name="train")(train)


def train(
    name: Annotated[str, typer.Argument(help="A classifier that can be trained.", metavar="NAME")],
    data: Data,
    recipe: Annotated[str, typer.Option("--recipe", help="paper, best, ...", metavar="R")] = "best",
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Instead of the recipe's.", metavar="N")
    ] = None,
    option: Options = None,
    plugin: PluginFiles = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder.", show_default="NAME-RECIPE", metavar="DIR")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    division_seed: Annotated[
        int | None,
        typer.Option(
            "--division-seed",
            help="Of the division, so that runs of several seeds learn the same pictures.",
            show_default="that of --seed",
            metavar="N",
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="D")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            help="Classifier or weights file to learn from as well, for recipes that say so; repeatable.",
            metavar="NAME|FILE",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Weights to begin with instead of random ones, a .safetensors file of the same network, or "
            "of torchvision's ResNet or InceptionV3 for a network built on one.",
            metavar="FILE",
        ),
    ] = None,
    align: Align = False,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="Divide the pictures into train, validation and test: percentages such as 80/10/10.",
            metavar="T/V/T",
        ),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(
            "--fold",
            help="Divide them into N folds: fold K is test, the next one validation, the others train.",
            metavar="K/N",
        ),
    ] = None,
    validate_on: Annotated[
        str | None,
        typer.Option(
            "--validate-on",
            help="Select the best epoch on this split, or on a part of train such as 10%.",
            show_default="validation, else public",
            metavar="S|P%",
        ),
    ] = None,
) -> None:
    """Train a classifier on split `train`, selecting the best epoch on `validation` (or `public`).

    Data without such splits are divided by --split, --fold or --validate-on P%, which --seed decides: every
    class alike, and each person on one side where names of files tell persons.

    The weights are DIR/model.safetensors: `fertool analyze --classifier NAME -o NAME.file=...`.
    """
    from dataclasses import replace

    from fertool.host import toolbox
    from fertool.training import trainer
    from fertool.training.alignment import aligned
    from fertool.training.datasets.dataset import load
    from fertool.training.datasets.division import divided

    divided_by = seed if division_seed is None else division_seed
    division, selected_on = _division(split, fold, validate_on, divided_by)
    pupil = trainable(name, option or [], plugin or [])
    plan = _recipe(pupil, recipe)
    if epochs is not None:
        plan = replace(plan, epochs=epochs)
    folder = out or Path(f"{name}-{recipe}")
    _check_teachers(plan, teacher or [], pupil)
    if start is not None and (note := trainer.check_start(pupil, start, folder)):
        print(note, file=sys.stderr)
    faces = load(data, pupil.crop.size, pupil.crop.channels)
    if division is not None:
        faces = divided(faces, division)
    trainer.check_splits(faces, selected_on)
    for note in faces.notes:
        print(f"{data}: {note}", file=sys.stderr)
    place = toolbox.device(device)
    check_align(pupil, align=align)
    if align:
        faces = aligned(faces, encoder(place), pupil.crop)
    how = trainer.TrainOptions(
        seed=seed,
        device=place,
        resume=resume,
        teachers=_taught(teacher or [], plugin or [], faces, place),
        start=start,
        validate_on=selected_on,
    )
    try:
        with epochs_shown(plan.epochs) as shown:
            path = trainer.train(pupil, plan, faces, folder, how, report=shown.epoch, step=shown.step)
    except KeyboardInterrupt:
        print("Stopped. The same command with --resume goes on after the last whole epoch.", file=sys.stderr)
        raise typer.Exit(130) from None
    print(path)
    print(_page(pupil, recipe, faces, path))


def _page(plugin: Trainable, recipe: str, faces: Dataset, path: Path) -> Path:
    """The run's page, beside its weights."""
    from dataclasses import replace

    from fertool.training import checkpoints, metrics, report_page, trainer

    network, about = checkpoints.restored(plugin, path)
    data = faces.take(about["selected_on"])
    seen = replace(data, images=plugin.prepare(data.images))
    rows = trainer.probabilities(trainer.predict(network, seen), about.pop("temperature"))
    scores = metrics.score(data.labels, rows, plugin.labels)
    title = f"{plugin.name}, recipe {recipe}, seed {about['seed']}"
    return report_page.write(path.parent, title, about, checkpoints.history(path.parent), scores, data, rows)


def _division(
    split: str | None, fold: str | None, validate_on: str | None, seed: int
) -> tuple[Division | None, str | None]:
    """What is to be divided, if anything, and the split to select on, if it was named."""
    from fertool.errors import ConfigError
    from fertool.training.datasets import division

    share, name = (validate_on, None) if (validate_on or "").endswith("%") else (None, validate_on)
    ways = ((division.shares, split), (division.fold, fold), (division.set_aside, share))
    given = [way(text, seed) for way, text in ways if text is not None]
    if len(given) > 1:
        what = "--split, --fold and a share for --validate-on divide the pictures in different ways"
        raise ConfigError(what, "give one of them")
    return (given[0] if given else None), name


def _recipe(plugin: Trainable, name: str) -> Recipe:
    from fertool.errors import ConfigError

    if name not in plugin.recipes:
        known = ", ".join(plugin.recipes)
        raise ConfigError(f"classifier {plugin.name!r} has no recipe {name!r}", f"it has: {known}")
    return plugin.recipes[name]


def _check_teachers(plan: Recipe, teachers: list[str], pupil: Trainable) -> None:
    """Before anything takes time."""
    from fertool.errors import ConfigError
    from fertool.training import augment

    augment.check_teacher(plan, given=bool(teachers))
    if teachers and not plan.teacher:
        those = [name for name, known in pupil.recipes.items() if known.teacher]
        hint = f"recipes that do: {', '.join(those)}" if those else "leave --teacher out"
        raise ConfigError("the recipe learns from no teacher", hint)


def _taught(models: list[str], files: list[Path], faces: Dataset, device: str) -> dict[str, Any]:
    """Who with which weights says what of the training pictures, in the form in which the pupil sees them."""
    from fertool.errors import ConfigError
    from fertool.training import evaluate

    said: dict[str, Any] = {}
    seen_as = (faces.images.shape[1], 1 if faces.images.ndim == 3 else 3)
    members = {model: chosen(model, [], files) for model in models}
    for model, member in members.items():
        if (member.crop.size, member.crop.channels) != seen_as:
            what = f"--teacher {model}: it sees {member.crop.size} pixels and {member.crop.channels} channels"
            raise ConfigError(what, f"expected {seen_as[0]} and {seen_as[1]}, as the network to be trained")
    with faces_shown() as show:
        for model, member in members.items():
            guard.load(member, device)
            who = " ".join([model, *(digest[:16] for digest in guard.weights(member).values())])
            said[who] = evaluate.classify(member, faces.take("train"), tta=True, seen=show(model))
    return said
