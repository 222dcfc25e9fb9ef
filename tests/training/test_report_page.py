"""What the page of a training run lists."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fertool.training import metrics, report_page
from fertool.training.checkpoints import Epoch
from fertool.training.datasets.dataset import load
from fertool.types import EMOTIONS


def test_the_surest_wrong_answers_come_first(bars: Path) -> None:
    data = load(bars, 16).take("public")
    rows = np.full((len(data), 7), 0.01)
    rows[np.arange(len(data)), data.labels] = 0.94  # all right but two
    rows[4], rows[9] = np.full(7, 0.05), np.full(7, 0.02)
    rows[4, (data.labels[4] + 1) % 7], rows[9, (data.labels[9] + 1) % 7] = 0.7, 0.88
    listed = report_page.worst(data, rows, EMOTIONS)
    assert [row[0] for row in listed] == [str(data.ids[9]), str(data.ids[4])]
    assert [row[3] for row in listed] == [0.88, 0.7]
    assert listed[0][1] == EMOTIONS[data.labels[9]]
    assert listed[0][2] == EMOTIONS[(data.labels[9] + 1) % 7]


def test_nothing_wrong_is_an_empty_list(bars: Path) -> None:
    data = load(bars, 16).take("public")
    assert report_page.worst(data, np.eye(7)[data.labels], EMOTIONS) == []


def test_names_stay_text(bars: Path, tmp_path: Path) -> None:
    data = load(bars, 16).take("public")
    rows = np.eye(7)[(data.labels + 1) % 7]
    data.ids[:] = "<script>alert(1)</script>"[: data.ids.dtype.itemsize // 4]
    history = [Epoch(1, 0.1, 2.0, 1.9, 0.2), Epoch(2, 0.05, 1.5, 1.6, 0.3, 0.875)]
    scores = metrics.score(data.labels, rows, EMOTIONS)
    path = report_page.write(tmp_path, "<b>title</b>", {"seed": 1}, history, scores, data, rows)
    text = path.read_text(encoding="utf-8")
    assert "<b>title" not in text
    assert "&lt;b&gt;title" in text
    assert "<td><script>" not in text
    # Of an epoch that an older version trained, the accuracy on training pictures is not known.
    rows = re.findall(r"<tr><td>\d</td>.*?</tr>", text)
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
    assert [row[-2:] for row in cells] == [["not measured", "20.00 %"], ["87.50 %", "30.00 %"]]
    assert "training accuracy and validation accuracy" in text
