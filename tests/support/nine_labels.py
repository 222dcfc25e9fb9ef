"""Plugins: a classifier of nine labels, two of them our own, and a rule that needs one of these.

The classifier calls a face that is brighter at the left contempt, any other confusion.
"""

from __future__ import annotations

from dataclasses import dataclass

from fertool import EMOTIONS, Classifier, Crop, Rule, hookimpl
from fertool.assessment import statistics


@dataclass
class Nine(Classifier):
    name, version = "nine", "1"
    labels = ("contempt", *EMOTIONS, "confusion")
    crop = Crop(8, channels=1)

    def classify(self, crops):
        import numpy as np

        left = crops[:, :, :4].mean(axis=(1, 2, 3)) > crops[:, :, 4:].mean(axis=(1, 2, 3))
        rows = np.full((len(crops), 9), 0.05, np.float32)
        rows[np.arange(len(crops)), np.where(left, 0, 8)] = 0.6
        return rows


@dataclass
class Scorn(Rule):
    """value = contempt / measured."""

    name, version = "scorn", "1"
    signals, needs, scope = frozenset({"expression"}), ("contempt",), "lecture"

    def assess(self, seen, context):
        figure = statistics.figure(statistics.shows(seen, ("contempt",)), seen)
        return figure.says("contempt") if figure.enough else figure.silent("expression")


@hookimpl
def fertool_plugins():
    return [Nine, Scorn]
