"""Shared by `train`, `evaluate` and `export`: the data set, and the classifier by name or file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fertool.host import guard

if TYPE_CHECKING:
    from fertool.contracts import Classifier, Encoder, Trainable

Data = Annotated[
    Path, typer.Option("--data", help="Parquet, FER2013's CSV, or a folder of pictures.", metavar="PATH")
]
Align = Annotated[
    bool,
    typer.Option("--align", help="Cut faces around eyes and mouth, as analyze does (encoder faceapi)."),
]


def trainable(name: str, pairs: list[str], files: list[Path]) -> Trainable:
    """The classifier of that name with its options, or a FertoolError."""
    from fertool.contracts import Trainable
    from fertool.errors import PluginError
    from fertool.host import options, registry, toolbox

    plugins = registry.load_plugins(files)
    found = plugins.get("classifier", name)
    if not issubclass(found.plugin, Trainable):
        raise PluginError(
            f"classifier {name!r} cannot be trained", "see `fertool plugins` for those that can"
        )
    given = options.parse(pairs)
    options.check_names(given, [found.plugin.name, name])
    made: Any = options.build(found.plugin, toolbox.own_options(plugins, found, name, given))
    return made  # type: ignore[no-any-return]


def chosen(model: str, pairs: list[str], files: list[Path]) -> Classifier:
    """A classifier by its name, or the one that a weights file was trained for."""
    from fertool.config import Settings
    from fertool.errors import ConfigError, FertoolError
    from fertool.host import toolbox
    from fertool.host.ensemble import JOIN
    from fertool.training.evaluate import made

    name = model
    if JOIN in model and Path(model).suffix != ".safetensors":
        what = f"{model}: expected one classifier, found an ensemble"
        raise ConfigError(what, f"name its members one by one: {model.replace(JOIN, ' ')}")
    if Path(model).suffix == ".safetensors":
        if not Path(model).is_file():
            raise FertoolError(f"{model}: no such file")
        about = made(Path(model))
        name = about.get("classifier", "")
        if not name:
            raise FertoolError(
                f"{model}: it does not say which classifier it is for", "was it made by `train`?"
            )
        built = [f"{name}.{option}={value}" for option, value in about.get("options", {}).items()]
        pairs = [*built, *pairs, f"{name}.file={model}"]
    plugged = toolbox.toolbox(Settings(classifier=name), pairs, files).classifier
    assert plugged is not None
    return plugged.plugin


def check_align(classifier: Classifier, *, align: bool) -> None:
    """One that looks at landmarks cannot do without them."""
    from fertool.errors import ConfigError

    if classifier.crop.anchors and not align:
        raise ConfigError(f"classifier {classifier.name!r} with these options needs landmarks", "add --align")


def encoder(device: str) -> Encoder:
    """The built-in one, ready to find eyes."""
    from fertool.config import Settings
    from fertool.host import toolbox

    found = toolbox.toolbox(Settings(), [], []).encoder.plugin
    guard.load(found, device)
    return found
