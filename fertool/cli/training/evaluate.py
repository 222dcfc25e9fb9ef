"""`fertool evaluate`: accuracy of classifiers on labeled faces."""

from __future__ import annotations

import json as json_text
import sys
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fertool.cli.terminal.counts import faces_shown
from fertool.cli.terminal.options import Json, Options, PluginFiles, print_json, print_table
from fertool.cli.training.networks import Align, Data, check_align, chosen, encoder
from fertool.host import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from fertool.contracts import Classifier, Encoder, Trainable
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.datasets.division import Division
    from fertool.training.evaluate import Evaluation, Seen, Spread
    from fertool.training.metrics import Scores
    from fertool.training.robustness import Condition


ENSEMBLES = ("majority", "average", "weighted", "features")


def register(app: typer.Typer) -> None:
    """Add the command `evaluate`."""
    app.command(name="evaluate")(evaluate)


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(help="Classifiers by name, or weights files of `train`.", metavar="NAME|FILE..."),
    ],
    data: Data,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="train, public, test, ...",
            show_default="public, else test, else all",
            metavar="S",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            help="Instead of a split, N folds of persons, with mean and standard deviation: of one model, or "
            "of the N weights files of train --fold, each on its test fold.",
            metavar="N",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the division into folds.", metavar="N")] = 0,
    tta: Annotated[bool, typer.Option("--tta", help="Mean over the face and its mirror image.")] = False,
    ensemble: Annotated[
        str | None,
        typer.Option(
            "--ensemble", help="Also all together: majority, average, weighted or features.", metavar="E"
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            help="Of a weighted ensemble: 0.5,0.3,0.2.",
            show_default="fitted on split validation or public",
            metavar="W,W,...",
        ),
    ] = None,
    weights_to: Annotated[
        Path | None,
        typer.Option(
            "--weights-to",
            help="Write the weights of a weighted ensemble, for analyze --classifier A+B -o A+B.file=FILE.",
            metavar="FILE",
        ),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Also as lectures show faces: few pixels, H.264, dark, turned, covered, ...; and by their "
            "brightness.",
        ),
    ] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            help="Write a row for every face and model: picture, truth, answer, probabilities.",
            metavar="FILE.csv|.parquet",
        ),
    ] = None,
    align: Align = False,
    option: Options = None,
    plugin: PluginFiles = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.", metavar="D")] = "auto",
    json: Json = False,
) -> None:
    """Accuracy, F1, calibration, cross-entropy, time and memory; models are compared.

    Data that were divided to train a weights file (train --split, --fold) are divided the same way again.
    """
    from fertool.errors import ConfigError
    from fertool.files import swapped
    from fertool.host import toolbox
    from fertool.host.ensemble import Ensemble
    from fertool.training import evaluate as evaluation
    from fertool.training import metrics, trainer
    from fertool.training.datasets.division import divided
    from fertool.training.datasets.folders import UNDIVIDED
    from fertool.training.robustness import measure as under

    given = _check(ensemble, weights, len(models), tta=tta)
    if weights_to is not None and ensemble != "weighted":
        raise ConfigError("--weights-to is for --ensemble weighted")
    if weights_to is not None and not weights_to.parent.is_dir():
        raise ConfigError(f"--weights-to: no folder {weights_to.parent}", "make it first")
    if folds is not None:
        _check_folds(split, ensemble, robustness=robustness)
    if predictions is not None:
        _check_predictions(predictions, folds)
    place = toolbox.device(device)
    loaded = [chosen(model, option or [], plugin or []) for model in models]
    for classifier in loaded:
        check_align(classifier, align=align)
    if weights_to is not None:
        Ensemble().join(loaded)  # before anything takes time: could these be asked as one?
    for classifier in loaded:
        guard.load(classifier, place)
    by_eyes = encoder(place) if align else None
    crops = {c.crop: c for c in loaded}
    seen_as = {crop: evaluation.faces(c, data) for crop, c in crops.items()}
    faces = [seen_as[c.crop] for c in loaded]
    if folds is not None:
        _print_folds(list(zip(loaded, faces, strict=True)), folds, seed, by_eyes, tta=tta, json=json)
        return
    division = _division(models, loaded, faces)
    parts = [each if division is None else divided(each, division) for each in faces]
    there = parts[0].splits()
    split = split or next((name for name in ("public", "test", UNDIVIDED) if name in there), "public")
    if ensemble == "features":
        _check_features(loaded, parts[0])
    fitted = ensemble == "weighted" and given is None
    held_out = trainer.selection(parts[0]) if fitted else ""
    with faces_shown() as show:
        found = [
            evaluation.measure(c, each, split, division=division, encoder=by_eyes, tta=tta, seen=show(model))
            for c, each, model in zip(loaded, faces, models, strict=True)
        ]
        conditions = [
            under(c, part.take(split), by_eyes, tta=tta, seen=show) if robustness else []
            for c, part in zip(loaded, parts, strict=True)
        ]
        if fitted:
            members = [m.probabilities for m in found]
            if held_out != split:
                members = [
                    evaluation.classify(
                        c, evaluation.as_seen(c, part.take(held_out), by_eyes), tta=tta, seen=show(model)
                    )
                    for c, part, model in zip(loaded, parts, models, strict=True)
                ]
            given = metrics.fit_weights(parts[0].take(held_out).labels, members)
        joined = _by_features(loaded, parts, split, by_eyes, show) if ensemble == "features" else None
    if weights_to is not None:
        shares = dict(zip((c.name for c in loaded), given or (), strict=True))
        with swapped(weights_to) as draft:
            draft.write_text(json_text.dumps(shares, indent=2) + "\n", encoding="utf-8")
    if predictions is not None:
        _write_predictions(predictions, models, found, split, align=align)
    together = _together(found, ensemble, given, joined)
    pairs = _compare(models, found)
    runs = evaluation.spread(list(zip(loaded, found, strict=True)))
    for warning in dict.fromkeys(w for m in found for w in m.warnings):
        print(f"fertool: {warning}", file=sys.stderr)
    if held_out == split:
        print(
            f"fertool: the ensemble's weights were fitted on split {split!r}: its figures flatter it",
            file=sys.stderr,
        )
    if json:
        rows = [_row(m, each) for m, each in zip(found, conditions, strict=True)]
        rest = {"ensemble": together, "comparisons": pairs, "spread": [asdict(one) for one in runs]}
        print_json({"split": split, "tta": tta, "models": rows, **rest})
        return
    _print(models, found, together, pairs)
    if runs:
        _print_spread(runs)
    for model, each in zip(models, conditions, strict=True):
        if each:
            _print_conditions(f"{model}, cut as analyze cuts" if align else model, each)


def _division(models: list[str], loaded: list[Classifier], faces: list[Dataset]) -> Division | None:
    """How the data were divided to train these models, if any of them remembers."""
    from fertool.errors import ConfigError
    from fertool.training.evaluate import division, trained_on

    ways: dict[Division, str] = {}
    for model, classifier, each in zip(models, loaded, faces, strict=True):
        way = division(classifier, each)
        if way is not None:
            ways[way] = model
        elif "division" in trained_on(classifier):
            what = f"{model} was trained on other pictures"
            print(f"fertool: {what}: these are not divided as those were", file=sys.stderr)
    if len(ways) > 1:
        what = f"{' and '.join(ways.values())} were trained on these pictures divided in different ways"
        raise ConfigError(what, "evaluate them one by one, or with --folds")
    return next(iter(ways), None)


def _check_features(models: list[Classifier], data: Dataset) -> None:
    """Before anything takes time."""
    from fertool.contracts import Trainable
    from fertool.errors import ConfigError

    if "train" not in data.splits():
        what = f"--ensemble features: expected a split 'train' to learn from, found {data.there}"
        raise ConfigError(what, "--ensemble average learns nothing")
    for model in models:
        if not isinstance(model, Trainable):
            what = f"--ensemble features: classifier {model.name!r} does not show its features"
            raise ConfigError(what, "leave it out, or take --ensemble average")


def _by_features(
    models: list[Classifier],
    parts: list[Dataset],
    split: str,
    encoder: Encoder | None,
    show: Callable[[str], Seen],
) -> Any:
    """(n, 7) probabilities of the faces of `split` by a layer over the features of all models, which learned
    from split `train`."""
    from fertool.training import features
    from fertool.training.evaluate import as_seen

    sides = []
    for name in ("train", split):
        rows = []
        for model, part in zip(models, parts, strict=True):
            faces = as_seen(model, part.take(name), encoder)
            rows.append(features.of(cast("Trainable", model), faces, show(f"{model.name}, {name}")))
        sides.append(features.together(rows))
    return features.fit(sides[0], parts[0].take("train").labels).probabilities(sides[1])


def _check_predictions(file: Path, folds: int | None) -> None:
    """Before anything takes time."""
    from fertool.errors import ConfigError

    if file.suffix not in {".csv", ".parquet"}:
        raise ConfigError(f"--predictions {file}: expected a name that ends with .csv or .parquet")
    if not file.parent.is_dir():
        raise ConfigError(f"--predictions: no folder {file.parent}", "make it first")
    if folds is not None:
        raise ConfigError("--predictions is for one split: leave --folds out")


def _write_predictions(
    file: Path, models: list[str], found: list[Evaluation], split: str, *, align: bool
) -> None:
    """A row for every model and face, in order; `near_duplicate` is null without training pictures."""
    import polars as pl

    from fertool.files import swapped
    from fertool.types import EMOTIONS

    tables = [
        pl.DataFrame(
            {
                "picture": m.ids,
                "near_duplicate": pl.Series(
                    [None] * len(m.ids) if m.fresh is None else ~m.fresh, dtype=pl.Boolean
                ),
                "truth": [EMOTIONS[label] for label in m.truth],
                "said": [EMOTIONS[label] for label in m.probabilities.argmax(axis=1)],
                **dict(zip(EMOTIONS, m.probabilities.T, strict=True)),
            }
        ).select(
            pl.lit(model).alias("model"),
            pl.lit(split).alias("split"),
            pl.lit("as analyze cuts" if align else "as it comes").alias("cut"),
            pl.all(),
        )
        for model, m in zip(models, found, strict=True)
    ]
    table = pl.concat(tables)
    with swapped(file) as draft:
        if file.suffix == ".csv":
            table.write_csv(draft)
        else:
            table.write_parquet(draft)


def _together(
    found: list[Evaluation], ensemble: str | None, weights: list[float] | None, by_features: Any
) -> dict[str, Any] | None:
    from fertool.training import metrics
    from fertool.types import EMOTIONS

    if ensemble is None:
        return None
    members = [m.probabilities for m in found]
    if ensemble == "features":
        rows = by_features
    else:
        rows = metrics.majority(members) if ensemble == "majority" else metrics.average(members, weights)
    scores = metrics.score(found[0].truth, rows, EMOTIONS).to_dict()
    return {"how": ensemble, "weights": weights, **scores}


def _check(ensemble: str | None, weights: str | None, count: int, *, tta: bool) -> list[float] | None:
    """The weights that were given, if any; before anything takes time."""
    from fertool.errors import ConfigError

    if ensemble not in {None, *ENSEMBLES}:
        raise ConfigError(f"--ensemble: expected {', '.join(ENSEMBLES)}, got {ensemble!r}")
    if ensemble == "features" and tta:
        raise ConfigError("--ensemble features sees every face once: leave --tta out")
    if weights is None:
        return None
    if ensemble != "weighted":
        raise ConfigError("--weights is for --ensemble weighted")
    return _numbers(weights, count)


def _check_folds(split: str | None, ensemble: str | None, *, robustness: bool) -> None:
    from fertool.errors import ConfigError

    for flag, value in (("--split", split), ("--ensemble", ensemble), ("--robustness", robustness or None)):
        if value is not None:
            raise ConfigError(f"--folds measures every picture once, by one model: leave {flag} out")


def _numbers(text: str, count: int) -> list[float]:
    from fertool.errors import ConfigError

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or min(numbers) < 0 or not sum(numbers) > 0:
        raise ConfigError(f"--weights: expected {count} numbers from 0 on, got {text!r}", "such as 0.5,0.5")
    return [number / sum(numbers) for number in numbers]


def _compare(models: list[str], found: list[Evaluation]) -> list[dict[str, Any]]:
    """Every two models, in order; `p_holm` is corrected for the number of pairs."""
    from fertool.training import metrics

    pairs = list(combinations(range(len(found)), 2))
    tests = [
        metrics.compare(found[a].truth, found[a].probabilities, found[b].probabilities) for a, b in pairs
    ]
    adjusted = metrics.holm([test.p for test in tests])
    return [
        {"first": models[a], "second": models[b], **asdict(test), "p_holm": p}
        for (a, b), test, p in zip(pairs, tests, adjusted, strict=True)
    ]


def _row(m: Evaluation, conditions: list[Condition]) -> dict[str, Any]:
    return {
        "name": m.name,
        **m.scores.to_dict(),
        "without_near_duplicates": m.unseen.to_dict() if m.unseen else None,
        "seconds": m.seconds,
        "faces_per_s": m.faces_per_s,
        "peak_mb": m.peak_mb,
        "conditions": [one.to_dict() for one in conditions],
        "warnings": m.warnings,
    }


def _figures(scores: dict[str, Any]) -> tuple[object, ...]:
    low, high = scores["interval"]
    rest = (f"{scores[k]:.4f}" for k in ("macro_f1", "uar", "ece", "cross_entropy"))
    return scores["n"], f"{scores['accuracy']:.2%}", f"{low:.1%}–{high:.1%}", *rest


def _print(models: list[str], found: list[Evaluation], together: Any, pairs: list[dict[str, Any]]) -> None:
    figures = ("accuracy", "95 %", "macro F1", "UAR", "ECE", "cross-entropy")
    rows: list[tuple[object, ...]] = []
    for model, m in zip(models, found, strict=True):
        unseen = f"{m.unseen.accuracy:.2%} of {m.unseen.n}" if m.unseen else ""
        rows.append((model, *_figures(m.scores.to_dict()), unseen))
    if together:
        shares = ", ".join(f"{w:.2f}" for w in together["weights"] or ())
        rows.append((f"{together['how']} {shares}".strip(), *_figures(together), ""))
    print_table(["model", "faces", *figures, "no duplicates"], rows)
    _print_intervals(models, found)
    _print_cost(models, found)
    for model, m in zip(models, found, strict=True):
        _print_classes(model, m.scores)
    if pairs:
        _print_pairs(pairs)


def _print_intervals(models: list[str], found: list[Evaluation]) -> None:
    """Figures over all classes, each with its interval."""
    rows = []
    for model, m in zip(models, found, strict=True):
        scores = m.scores
        each = (
            (scores.macro_f1, scores.macro_f1_interval),
            (scores.uar, scores.uar_interval),
            (scores.kappa, scores.kappa_interval),
        )
        rows.append((model, *(f"{v:.4f} ({low:.3f}–{high:.3f})" for v, (low, high) in each)))
    print_table(
        ["model", "macro F1", "UAR", "Cohen's kappa"], rows, title="Over all expressions, with 95 % intervals"
    )


def _print_pairs(pairs: list[dict[str, Any]]) -> None:
    """Who of two is better, and whether that may be chance."""
    columns = ["first", "second", "only first right", "only second", "difference", "95 %", "McNemar p"]
    rows = []
    for pair in pairs:
        low, high = pair["interval"]
        rows.append(
            (
                *(pair[k] for k in ("first", "second", "only_first", "only_second")),
                f"{pair['difference']:+.2%}",
                f"{low:+.2%} to {high:+.2%}",
                f"{pair['p']:.2g}",
                *([f"{pair['p_holm']:.2g}"] if len(pairs) > 1 else []),
            )
        )
    print_table(
        [*columns, *(["p, Holm"] if len(pairs) > 1 else [])], rows, title="Every two on the same faces"
    )


def _print_spread(runs: list[Spread]) -> None:
    """How much of a difference is chance of the training."""
    columns = ["model", "recipe", "seeds", "mean", "SD", "least", "most"]
    rows = [
        (
            one.name,
            one.recipe,
            ", ".join(map(str, one.seeds)),
            f"{one.mean:.2%}",
            f"{100 * one.sd:.2f} points",
            f"{min(one.accuracies):.2%}",
            f"{max(one.accuracies):.2%}",
        )
        for one in runs
    ]
    print_table(columns, rows, title="Runs that differ in their seed: accuracy")


def _print_cost(models: list[str], found: list[Evaluation]) -> None:
    """Time, accuracy and memory side by side, as in table 5 of Aly et al. (2023)."""
    columns = ["model", "seconds", "accuracy", "peak MB", "faces/s one by one", "in batches of 16"]
    rows = [
        (
            model,
            f"{m.seconds:.1f}",
            f"{m.scores.accuracy:.2%}",
            "" if m.peak_mb is None else f"{m.peak_mb:.0f}",
            *(f"{pace:.0f}" for pace in m.faces_per_s.values()),
        )
        for model, m in zip(models, found, strict=True)
    ]
    print_table(columns, rows, title="All faces of the split on this machine")


def _print_classes(model: str, scores: Scores) -> None:
    """Two narrow tables: as one, they would be folded on most terminals."""
    each = [(c.label, c.n, f"{c.precision:.3f}", f"{c.recall:.3f}", f"{c.f1:.3f}") for c in scores.classes]
    print_table(["expression", "faces", "precision", "recall", "F1"], each, title=model)
    rows = [(c.label, *counts) for c, counts in zip(scores.classes, scores.confusion, strict=True)]
    title = f"{model}: faces of the expression in front, by what they were taken for"
    print_table(["", *(c.label for c in scores.classes)], rows, title=title)


def _print_conditions(model: str, conditions: list[Condition]) -> None:
    """Accuracy and calibration, condition by condition."""
    rows = []
    for one in conditions:
        low, high = one.interval
        rows.append((one.name, one.n, f"{one.accuracy:.2%}", f"{low:.1%}–{high:.1%}", f"{one.ece:.3f}"))
    print_table(
        ["condition", "faces", "accuracy", "95 %", "ECE"],
        rows,
        title=f"{model}: under the conditions of lectures",
    )


def _print_folds(
    models: list[tuple[Classifier, Dataset]],
    count: int,
    seed: int,
    encoder: Encoder | None,
    *,
    tta: bool,
    json: bool,
) -> None:
    """A line for every fold, then what they have in common."""
    from fertool.training import crossvalidation

    with faces_shown() as show:
        found = crossvalidation.measure(models, count, seed, encoder=encoder, tta=tta, seen=show("folds"))
    for warning in found.warnings:
        print(f"fertool: {warning}", file=sys.stderr)
    if json:
        print_json({"seed": seed, "tta": tta, **asdict(found)})
        return
    each = [
        (f"{one.number}/{count}", "" if one.persons is None else one.persons, one.n, asdict(one))
        for one in found.folds
    ]
    rows = [*each, ("mean", "", "", found.mean), ("SD", "", "", found.sd)]
    print_table(
        ["fold", "persons", "faces", "accuracy", "macro F1", "UAR"],
        [(*row, f"{v['accuracy']:.2%}", f"{v['macro_f1']:.4f}", f"{v['uar']:.4f}") for *row, v in rows],
    )
    _print_classes("all folds", found.together)
