"""`fertool train`: a classifier's network on labelled faces."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.cli.common import Options, PluginFiles, clock

if TYPE_CHECKING:
    from fertool.contracts import Trainable
    from fertool.training.data import Dataset
    from fertool.training.loop import Epoch

Data = Annotated[
    Path, typer.Option("--data", help="Parquet, FER2013's CSV, or a folder of classes.", metavar="PATH")
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
) -> None:
    """Train a classifier on split `train`, selecting the best epoch on `validation` (or `public`).

    The weights are DIR/model.safetensors: `fertool analyze --classifier NAME -o NAME.file=...`.
    """
    from dataclasses import replace

    from fertool import setup
    from fertool.training import loop
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
    shown = _Shown(plan.epochs)
    try:
        path = loop.train(
            chosen, plan, faces, folder, seed=seed, device=place, resume=resume, report=shown.epoch
        )
    except KeyboardInterrupt:
        print("Stopped. The same command with --resume goes on after the last whole epoch.", file=sys.stderr)
        raise typer.Exit(130) from None
    print(path)
    print(_page(chosen, recipe, faces, path))


def _page(plugin: Trainable, recipe: str, faces: Dataset, path: Path) -> Path:
    """The run's page, beside its weights."""
    from fertool.training import loop, metrics, page

    network, about = loop.restored(plugin, path)
    data = faces.take(about["selected_on"])
    rows = loop.probabilities(loop.predict(network, data), about.pop("temperature"))
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


class _Shown:
    """One line per epoch, with the time left."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.first: tuple[int, float] | None = None
        self.began = time.monotonic()

    def epoch(self, done: Epoch) -> None:
        self.first = self.first or (done.epoch - 1, self.began)
        each = (time.monotonic() - self.first[1]) / (done.epoch - self.first[0])
        left = clock(each * (self.epochs - done.epoch))
        print(
            f"epoch {done.epoch}/{self.epochs}: loss {done.loss:.4f}, validation loss {done.val_loss:.4f}, "
            f"accuracy {done.val_accuracy:.2%}, {each:.1f} s an epoch, {left} left",
            file=sys.stderr,
            flush=True,
        )
