"""`fertool train`: a classifier's network on labelled faces."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.common import Options, PluginFiles, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fertool.contracts import Classifier, Encoder, Trainable
    from fertool.training.data import Dataset
    from fertool.training.loop import Epoch

Data = Annotated[
    Path, typer.Option("--data", help="Parquet, FER2013's CSV, or a folder of classes.", metavar="PATH")
]
Align = Annotated[
    bool,
    typer.Option("--align", help="Cut faces by their eyes first, as analyze does (encoder faceapi)."),
]


def register(app: typer.Typer) -> None:
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
        Path | None, typer.Option("--out", help="Folder [default: NAME-RECIPE].", metavar="DIR")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
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
    align: Align = False,
) -> None:
    """Train a classifier on split `train`, selecting the best epoch on `validation` (or `public`).

    The weights are DIR/model.safetensors: `fertool analyze --classifier NAME -o NAME.file=...`.
    """
    from dataclasses import replace

    from fertool import setup
    from fertool.training import loop
    from fertool.training.alignment import aligned
    from fertool.training.data import load

    chosen = trainable(name, option or [], plugin or [])
    plan = _recipe(chosen, recipe)
    if epochs is not None:
        plan = replace(plan, epochs=epochs)
    faces = load(data, chosen.crop.size, chosen.crop.channels)
    for note in faces.notes:
        print(f"{data}: {note}", file=sys.stderr)
    folder = out or Path(f"{name}-{recipe}")
    place = setup.device(device)
    check_align(chosen, align=align)
    if align:
        faces = aligned(faces, encoder(place), chosen.crop)
    teachers = _taught(teacher or [], plugin or [], faces, place)
    try:
        with _shown(plan.epochs) as shown:
            path = loop.train(
                chosen,
                plan,
                faces,
                folder,
                seed=seed,
                device=place,
                resume=resume,
                report=shown.epoch,
                step=shown.step,
                teachers=teachers,
            )
    except KeyboardInterrupt:
        print("Stopped. The same command with --resume goes on after the last whole epoch.", file=sys.stderr)
        raise typer.Exit(130) from None
    print(path)
    print(_page(chosen, recipe, faces, path))


def _page(plugin: Trainable, recipe: str, faces: Dataset, path: Path) -> Path:
    """The run's page, beside its weights."""
    from dataclasses import replace

    from fertool.training import loop, metrics, page

    network, about = loop.restored(plugin, path)
    data = faces.take(about["selected_on"])
    seen = replace(data, images=plugin.prepare(data.images))
    rows = loop.probabilities(loop.predict(network, seen), about.pop("temperature"))
    scores = metrics.score(data.labels, rows, plugin.labels)
    title = f"{plugin.name}, recipe {recipe}, seed {about['seed']}"
    return page.write(path.parent, title, about, loop.history(path.parent), scores, data, rows)


def trainable(name: str, pairs: list[str], files: list[Path]) -> Trainable:
    """The classifier of that name with its options, or a FertoolError."""
    from fertool import options, plugins
    from fertool.contracts import Trainable
    from fertool.errors import PluginError

    found = plugins.load(files).get("classifier", name)
    if not issubclass(found.plugin, Trainable):
        raise PluginError(
            f"classifier {name!r} cannot be trained", "see `fertool plugins` for those that can"
        )
    given = options.parse(pairs)
    options.check_names(given, [name])
    made: Any = options.build(found.plugin, given.get(name, {}))
    return made  # type: ignore[no-any-return]


def _recipe(plugin: Trainable, name: str) -> Any:
    from fertool.errors import ConfigError

    if name not in plugin.recipes:
        known = ", ".join(plugin.recipes)
        raise ConfigError(f"classifier {plugin.name!r} has no recipe {name!r}", f"it has: {known}")
    return plugin.recipes[name]


def check_align(classifier: Classifier, *, align: bool) -> None:
    """One that looks at landmarks cannot do without them."""
    from fertool.errors import ConfigError

    if classifier.crop.anchors and not align:
        raise ConfigError(f"classifier {classifier.name!r} with these options needs landmarks", "add --align")


def encoder(device: str) -> Encoder:
    """The built-in one, ready to find eyes."""
    from fertool import setup
    from fertool.config import Settings

    found = setup.toolbox(Settings(detector="ssd"), [], []).encoder.plugin
    found.load(device)
    return found


def _taught(models: list[str], files: list[Path], faces: Dataset, device: str) -> dict[str, Any]:
    """What the teachers say of the training pictures, in the form in which the pupil sees them."""
    from fertool.cli.evaluate import chosen
    from fertool.errors import ConfigError
    from fertool.training import evaluate

    said = {}
    pupil = (faces.images.shape[1], 1 if faces.images.ndim == 3 else 3)
    for model in models:
        member = chosen(model, [], files)
        if (member.crop.size, member.crop.channels) != pupil:
            what = f"--teacher {model}: it sees {member.crop.size} pixels and {member.crop.channels} channels"
            raise ConfigError(what, f"expected {pupil[0]} and {pupil[1]}, as the network to be trained")
        member.load(device)
        said[model] = evaluate.classify(member, faces.take("train"), tta=True)
    return said


class _Shown:
    """One line per epoch, with the time left."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.first: tuple[int, float] | None = None
        self.began = time.monotonic()

    def step(self, done: int, steps: int, loss: float) -> None:
        """Nothing between epochs: a log wants no more."""

    def epoch(self, done: Epoch) -> None:
        self.first = self.first or (done.epoch - 1, self.began)
        each = (time.monotonic() - self.first[1]) / (done.epoch - self.first[0])
        left = clock(each * (self.epochs - done.epoch))
        self.message(
            f"epoch {done.epoch}/{self.epochs}: loss {done.loss:.4f}, validation loss {done.val_loss:.4f}, "
            f"accuracy {done.val_accuracy:.2%}, {each:.1f} s an epoch, {left} left"
        )

    def message(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class _Bar(_Shown):
    """The same lines, and below them a bar of the epoch under way."""

    def __init__(self, epochs: int, bars: Any) -> None:
        super().__init__(epochs)
        self.bars = bars
        self.task = bars.add_task("epoch 1", total=None, loss="")

    def step(self, done: int, steps: int, loss: float) -> None:
        self.bars.update(self.task, completed=done, total=steps, loss=f"loss {loss:.4f}")

    def epoch(self, done: Epoch) -> None:
        super().epoch(done)
        self.bars.reset(self.task, description=f"epoch {done.epoch + 1}", loss="")

    def message(self, text: str) -> None:
        self.bars.console.print(text, highlight=False)


@contextmanager
def _shown(epochs: int) -> Iterator[_Shown]:
    """A bar on a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield _Shown(epochs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(epochs, bars)
