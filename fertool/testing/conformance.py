"""The conformance kit: `check_plugin(MyRule)` tests a plugin against its contract.

What a wrong answer does to a run is the business of `fertool.host.validate`; here, plugins are asked the
questions that a run will ask sooner or later: no face, one face, many; an empty table; the same twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from fertool import types
from fertool.contracts import Classifier, Detector, Encoder, Rule, Section
from fertool.demo.timelines import timeline
from fertool.host import guard, registry, validate
from fertool.sections import Given
from fertool.types import EMOTIONS, Context, Faces, Segment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fertool.contracts import Plugin
    from fertool.types import Crop, Image

TIMELINES = (
    "neutral*60",
    "neutral*20 happy*20 absent*20",
    "sad*1",
    "absent*30",
    "angry/down*30 fear*30",
    "happy/unposed*10",
    "neutral/left*20 surprise/tilted*10",
)
SIGNALS = {
    "pose": ("yaw_deg", "pitch_deg", "roll_deg"),
    "expression": (*EMOTIONS, "emotion", "confidence"),
}
"""The columns that each signal stands for, beside further labels; presence is always there."""


def context(**changes: Any) -> Context:
    """A context for calling a rule by hand: one segment of a lecture, sampled once a second."""
    values: dict[str, Any] = {
        "course": "course",
        "lecture": "lecture",
        "segment": Segment(0, "Part 1", 0.0, 300.0),
        "student": "student-01",
        "period_s": 1.0,
    }
    return Context(**{**values, **changes})


def check_plugin(plugin: type[Plugin], *, device: str = "cpu", **options: Any) -> None:
    """Raises AssertionError or PluginError unless the class keeps the contract of its kind.

    A plugin that says it is not available (missing weights, say) is checked as a class only.
    """
    reason = registry.misfit(plugin)
    assert not reason, f"{plugin!r} cannot be registered: {reason}"
    reason = registry.misspelt_attribute(plugin)
    assert not reason, f"{reason}{registry.defined_at(plugin)}"
    with guard.guarded(f"{plugin.kind} {plugin.name!r} in {plugin.__name__}()"):
        made = plugin(**options)
    guard.weights(made)
    if guard.available(made):
        return
    guard.load(made, device)
    if isinstance(made, Detector):
        check_detector(made)
    elif isinstance(made, Encoder):
        check_encoder(made)
    elif isinstance(made, Classifier):
        check_classifier(made)
    elif isinstance(made, Rule):
        check_rule(made)
    elif isinstance(made, Section):
        check_section(made)


def check_detector(detector: Detector) -> None:
    """One `Faces` per picture, in order, the same each time; pictures of any size, also without a face."""
    for size in ((240, 320), (720, 1280), (1080, 607), (37, 53)):
        pictures = [noise(*size, seed=i) for i in range(3)]
        first = validate.detect(detector, pictures)
        _same(first, validate.detect(detector, pictures), f"{detector.name}: the same pictures twice")
        _near(first[2:], validate.detect(detector, pictures[2:]), f"{detector.name}: alone and in a batch")


def check_encoder(encoder: Encoder) -> None:
    """Landmarks and pose for every face, wherever it lies; unit embeddings."""
    pictures = [noise(360, 480, seed=i) for i in range(3)]
    faces = [some_faces(2), Faces.none(), some_faces(5)]
    _same(
        validate.encode(encoder, pictures, faces),
        validate.encode(encoder, pictures, faces),
        f"{encoder.name}: the same faces twice",
    )
    for n in (1, 17):
        validate.embed(encoder, noise_crops(n, encoder.crop))
    assert 0 < encoder.same_person < 2, "same_person is a distance on the unit sphere: between 0 and 2"


def check_classifier(classifier: Classifier) -> None:
    """Probabilities for any number of crops; a crop's answer does not depend on its neighbors."""
    import numpy as np

    labels = classifier.labels
    assert len(labels) >= 2, "labels: at least two"
    assert len(set(labels)) == len(labels), f"labels: each once, got {labels}"
    crops = noise_crops(17, classifier.crop)
    together = validate.classify(classifier, crops)
    alone = np.concatenate([validate.classify(classifier, crops[i : i + 1]) for i in range(17)])
    assert np.allclose(together, alone, atol=1e-2), "classify() gives a crop another answer in a batch"


def check_rule(rule: Rule) -> None:
    """Any table, the empty one too; pure; blind to signals that it does not declare."""
    for table in _tables(rule):
        before = table.clone()
        first = validate.assess(rule, table, _around(rule, table))
        assert first == validate.assess(rule, table, _around(rule, table)), (
            f"rule {rule.name!r}: the same table, another answer: "
            "assess() may use no clock, no random numbers and nothing remembered from a call before"
        )
        assert table.equals(before), (
            f"rule {rule.name!r}: assess() changed the table it was given: with_columns() returns a new one"
        )
        for signal, names in SIGNALS.items():
            columns = (*names, *types.further(table.columns)) if signal == "expression" else names
            if signal not in rule.signals:
                blind = table.with_columns(pl.lit(None).cast(table.schema[c]).alias(c) for c in columns)
                assert first == validate.assess(rule, blind, _around(rule, blind)), (
                    f"rule {rule.name!r}: its answer depends on {signal}, which its `signals` do not name: "
                    f"add {signal!r}, so that a policy can switch the rule off"
                )


def _around(rule: Rule, table: pl.DataFrame) -> Context:
    """As the host makes it for a table of a rule's scope: all of the lecture lies in the one window."""
    if rule.scope in ("course", "all"):
        return context(segment=None)
    part = context().segment
    segment = part if rule.scope == "segment" else None
    return context(segment=segment, segments=(part,), window=(0.0, 300.0), lecture_seen=table)


def check_section(section: Section) -> None:
    """A section for every page it stands on, from full tables, hidden figures and empty ones; pure."""
    from fertool.report.sections import about

    for page in sorted(section.pages):
        lecture = "lecture" if page == "lecture" else None
        student = "student-01" if page == "student" else None
        for tables in (about(whole, lecture, student) for whole in report_tables()):
            given = Given(page, "course", lecture, student, tables)
            before = {name: rows.clone() for name, rows in tables.items()}
            first, again = validate.build(section, given), validate.build(section, given)
            assert repr(first) == repr(again), (
                f"section {section.name!r}: the same tables, another section: "
                "build() may use no clock, no random numbers and nothing remembered from a call before"
            )
            assert all(before[name].equals(rows) for name, rows in tables.items()), (
                f"section {section.name!r}: build() changed a table it was given"
            )


def report_tables() -> list[dict[str, pl.DataFrame]]:
    """What a section may be given: a lecture's tables, the same with the class held back and without
    expressions, and none of a lecture at all."""
    import tempfile
    from pathlib import Path

    from fertool.demo.timelines import store_lecture
    from fertool.report import data
    from fertool.report.data.digest import digest
    from fertool.report.exports import tables
    from fertool.storage.store import Store

    people = {f"student-{i:02d}": timeline(text) for i, text in enumerate(TIMELINES[:2] + TIMELINES[3:5], 1)}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "x.duckdb"))
        store_lecture(store, "course", "lecture", people)
        store_lecture(store, "course", "unread", people, policy="behaviour")
        full, held_back, unread = (
            tables.of_lecture(digest(data.load(store, "course", lecture, k)))
            for lecture, k in (("lecture", 1), ("lecture", 99), ("unread", 1))
        )
    return [full, held_back, unread, tables.together([full, unread]), tables.empty()]


def _tables(rule: Rule) -> list[pl.DataFrame]:
    """What a rule of this scope and subject may be given; the last with a label that it did not ask for."""
    more = types.further(rule.needs)
    tables = [timeline(text, further=more) for text in TIMELINES]
    tables.append(timeline("neutral*20 contempt*40", further=list(dict.fromkeys((*more, "contempt")))))
    if rule.subject == "class":
        both = pl.concat([tables[1], timeline("happy*30 absent*20", student="student-02", further=more)])
        tables.append(both.sort("time_s", "student"))
    if rule.scope in ("course", "all"):
        two = [pl.lit("course").alias("course"), pl.lit("lecture").alias("lecture")]
        tables = [table.with_columns(two) for table in tables]
    return [*tables, tables[0].clear()]


def noise(height: int, width: int, seed: int = 0) -> Image:
    """A picture of smooth noise, (height, width, 3) uint8 BGR: no face in it."""
    import cv2
    import numpy as np

    small = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def noise_crops(n: int, crop: Crop) -> npt.NDArray[np.uint8]:
    """(n, size, size, planes) uint8."""
    import numpy as np

    shape = (n, crop.size, crop.size, crop.planes)
    return np.random.default_rng(n).integers(0, 256, shape, np.uint8)


def some_faces(n: int) -> Faces:
    """n boxes side by side; the first begins beyond the edge of the picture."""
    import numpy as np

    left = np.arange(n, dtype=np.float32)[:, None] * 80 - 20
    return Faces(np.hstack([left, left + 5, left + 70, left + 90]), np.full(n, 0.9, np.float32))


def _same(first: list[Faces], second: list[Faces], what: str) -> None:
    _compare(first, second, what, 0.0)


def _near(first: list[Faces], second: list[Faces], what: str) -> None:
    """Batches may round differently, but not see differently."""
    _compare(first, second, what, 1.0)


def _compare(first: list[Faces], second: list[Faces], what: str, atol_px: float) -> None:
    import numpy as np

    for a, b in zip(first, second, strict=True):
        assert len(a) == len(b), f"{what}: {len(a)} faces, then {len(b)}"
        assert np.allclose(a.boxes, b.boxes, atol=atol_px, equal_nan=True), f"{what}: other boxes"
