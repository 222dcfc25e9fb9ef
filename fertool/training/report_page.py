"""The page of a training run: curves, confusion matrix, and the most confident mistakes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fertool.training.checkpoints import Epoch
    from fertool.training.datasets.dataset import Dataset
    from fertool.training.metrics import Scores

WORST = 60
"""Wrong answers listed, the surest first."""


def write(
    folder: Path,
    title: str,
    about: dict[str, Any],
    history: Sequence[Epoch],
    scores: Scores,
    data: Dataset,
    probabilities: Any,
) -> Path:
    """`report.html` in `folder`, with `plotly.min.js` beside it; works without network.

    `data` and `probabilities` (n, k): the validation split and what the network that was kept says of it.
    No picture goes into the page: wrong answers are named by their id.
    """
    page = _template().render(
        title=title,
        kept=about.get("recipe", {}).get("keep", "best"),
        about={name: json.dumps(value, default=str) for name, value in about.items()},
        scores=scores,
        labels=[c.label for c in scores.classes],
        history=history,
        curves=[_curves(history, "loss", "val_loss"), _curves(history, "train_accuracy", "val_accuracy")],
        matrix=_matrix(scores),
        wrong=worst(data, probabilities, [c.label for c in scores.classes]),
    )
    (folder / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    (folder / "report.html").write_text(page, encoding="utf-8")
    return folder / "report.html"


def worst(data: Dataset, probabilities: Any, labels: Sequence[str]) -> list[tuple[str, str, str, float]]:
    """(id, true label, answer, its probability) of wrong answers, the surest first; at most WORST."""
    answer, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answer != data.labels)
    order = wrong[np.argsort(-sure[wrong], kind="stable")][:WORST]
    return [(str(data.ids[i]), labels[data.labels[i]], labels[answer[i]], float(sure[i])) for i in order]


def _curves(history: Sequence[Epoch], *names: str) -> str:
    words = {
        "loss": "training loss",
        "val_loss": "validation loss",
        "train_accuracy": "training accuracy",
        "val_accuracy": "validation accuracy",
    }
    epochs = [e.epoch for e in history]
    dashes = ("solid", "dot")
    lines = [
        go.Scatter(x=epochs, y=[getattr(e, name) for e in history], name=words[name], line={"dash": dash})
        for name, dash in zip(names, dashes, strict=False)
    ]
    figure = _figure(lines, " and ".join(words[name] for name in names))
    figure.update_xaxes(title="epoch", rangemode="tozero")
    if "val_accuracy" in names:
        figure.update_yaxes(tickformat=".0%")
    return _html(figure)


def _matrix(scores: Scores) -> str:
    """Rows as shares, so that rare classes can be read too; the numbers are counts."""
    labels = [c.label for c in scores.classes]
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    heat = go.Heatmap(
        z=shares, x=labels, y=labels, text=counts, texttemplate="%{text}", colorscale="Blues",
        showscale=False, zmin=0, zmax=1,
        hovertemplate="%{y} taken for %{x}: %{text} (%{z:.1%})<extra></extra>",
    )  # fmt: skip
    figure = _figure([heat], "Confusion matrix")
    figure.update_xaxes(title="answer", constrain="domain", tickangle=0)
    figure.update_yaxes(title="truth", autorange="reversed", scaleanchor="x", constrain="domain")
    figure.update_layout(height=560)
    return _html(figure)


def _figure(traces: Sequence[Any], title: str) -> go.Figure:
    layout = {
        "title": title,
        "height": 380,
        "template": "plotly_white",
        "margin": {"l": 60, "r": 20, "t": 50, "b": 50},
    }
    return go.Figure(
        list(traces), {**layout, "legend": {"orientation": "h", "y": 1.1, "x": 1, "xanchor": "right"}}
    )


def _html(figure: go.Figure) -> str:
    options = {"displaylogo": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=options))


def _template() -> jinja2.Template:
    source = (files("fertool.training") / "training.html").read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
