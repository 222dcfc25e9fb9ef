"""Explain faces: which pixels answers of classifiers rest on, computed now and not stored."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import polars as pl

from fertool.contracts import Trainable
from fertool.errors import ConfigError, FertoolError, PluginError, VideoError
from fertool.host import registry, toolbox
from fertool.identity import enrollment, thumbnails
from fertool.media import probe
from fertool.media.decode import Samples
from fertool.media.display import View
from fertool.report.explanation import Card, Figure
from fertool.text import clock
from fertool.types import Sample
from fertool.vision import boxes, crops
from fertool.workflows.students import known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fertool.config import Settings
    from fertool.host.inference import Engine
    from fertool.host.toolbox import Toolbox
    from fertool.storage.store import Store
    from fertool.training.saliency import Explanation
    from fertool.types import Crop, Faces, Image

SAME_FACE = 0.5
"""Overlap (IoU) from which a box found now is the one that is stored."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Settings in force, and what was typed of plugins."""

    settings: Settings
    options: tuple[str, ...] = ()
    """`PLUGIN.OPTION=VALUE`."""
    files: tuple[Path, ...] = ()

    @property
    def tools(self) -> Toolbox:
        """The plugins; raises as `toolbox.toolbox` does."""
        return toolbox.toolbox(self.settings, self.options, self.files)


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a picture."""

    title: str
    """Whose, and where it is from."""
    image: Image
    """(H, W, 3) uint8 BGR."""
    found: Faces | None
    """The one in `image`, with landmarks; None: the picture is the face."""

    def cut(self, crop: Crop) -> Image:
        """(size, size, planes) uint8, as `analyze` cuts it; the picture itself as data sets are read."""
        if self.found is not None:
            return np.asarray(crops.cut(self.image, self.found.boxes, self.found.landmarks, crop)[0])
        from fertool.training.datasets.formats import fitted

        image = self.image if crop.channels == 3 else cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY)
        return fitted(np.asarray(image, np.uint8), crop.size, crop.channels).reshape(
            crop.size, crop.size, crop.channels
        )


# --- what is asked ----------------------------------------------------------------------------------


def classifiers(asked: Asked, label: str | None = None) -> list[Trainable]:
    """The classifiers to explain: that of the settings, or the members of an ensemble.

    Raises ConfigError under the policy `behaviour`, and for a `label` that one of them lacks; PluginError for
    one whose network cannot be asked for gradients.
    """
    if asked.settings.policy == "behaviour":
        what = "explain reads expressions, which the policy behaviour switches off"
        raise ConfigError(what, "`fertool policy explain` says why")
    plugged = asked.tools.classifier
    assert plugged is not None  # there is one, but for that policy
    found: list[Trainable] = []
    for one in (member.plugin for member in plugged.members or (plugged,)):
        if not isinstance(one, Trainable):
            files = [*map(Path, asked.settings.plugins), *asked.files]
            all_ = registry.load_plugins(files).of_kind("classifier")
            able = sorted(each.plugin.name for each in all_ if issubclass(each.plugin, Trainable))
            what = f"classifier {one.name!r} cannot be explained: it has no network with gradients"
            raise PluginError(what, f"these can: {', '.join(able)}")
        if label is not None and label not in one.labels:
            what = f"--expression {label}: {one.name} has none of that name"
            raise ConfigError(what, f"it has {', '.join(one.labels)}")
        found.append(one)
    return found


# --- faces ------------------------------------------------------------------------------------------


def in_picture(asked: Asked, path: Path, *, whole: bool = False) -> Face:
    """The only face in a picture file. `whole`: the picture is the face, as in data sets.

    Raises FertoolError for a file that is no picture, and unless it shows one face.
    """
    try:
        image = enrollment.decoded(path.read_bytes())
    except OSError as error:
        raise FertoolError(f"{path}: cannot be read: {error.strerror}") from error
    if image is None:
        raise FertoolError(f"{path}: is not a picture", "of a recording, say when: --at 12:30")
    if whole:
        return Face(path.name, image, None)
    found = enrollment.engine(asked.tools, "cpu").look([Sample(0, 0.0, image)])[0].faces
    if not len(found):
        raise FertoolError(f"{path}: shows no face, expected one", "--whole, if it is nothing but a face")
    if len(found) > 1:
        raise FertoolError(f"{path}: shows {len(found)} faces, expected one", "cut one out")
    return Face(path.name, image, found)


@dataclass(frozen=True, slots=True)
class Moment:
    """Faces of a recording at one of its samples."""

    course: str
    lecture: str
    students: list[str]
    faces: list[Face]
    """Of `students`, in their order."""
    where: str
    """File name and time."""


def in_recording(
    store: Store, asked: Asked, path: Path, at_s: float, student: str | None = None, stream: int = 0
) -> Moment:
    """The faces of all students, or of one, in the sample nearest to `at_s` of a recording, cut where they
    were found when it was analyzed. `stream`: as in `View`, of several streams of pictures.

    Raises FertoolError for a file that was not analyzed, or under the policy `behaviour`; for a time outside
    of what was analyzed; for a student who is not there, refuses, or has not agreed where consent is
    required; and where nobody is left.
    """
    run = _run(store, path, stream)
    course, name = run["course"], run["name"]
    time_s = _nearest(store, run, at_s)
    where = f"{name} at {clock(time_s)}"
    agreed = store.consents.consenting(course) if asked.settings.consent == "required" else None
    if student is not None:
        known(store, course, student)
        _may_be_shown(store, course, student, agreed)
    rows = store.faces([run["recording"]]).filter(pl.col("student").is_not_null())
    if student is not None:
        rows = rows.filter(pl.col("student") == student)
    if agreed is not None:
        rows = rows.filter(pl.col("student").is_in(sorted(agreed)))
    there = rows.filter(pl.col("time_s") == time_s).unique("student", keep="first")
    there = there.sort(pl.col("student").str.len_chars(), "student")
    if there.is_empty():
        who = f"{student} is not" if student else "nobody who may be shown is"
        raise FertoolError(f"{where}: {who} seen there", _seen(rows, time_s))
    then = replace(asked, settings=_as_then(asked.settings, run["config"]))
    image = _picture(path, run["config"], time_s)
    found = _found_again(enrollment.engine(then.tools, "cpu"), image, there, where)
    students = there["student"].to_list()
    faces = [Face(f"{who}, {where}", image, found.take([i])) for i, who in enumerate(students)]
    return Moment(course, run["lecture"], students, faces, where)


def _run(store: Store, path: Path, stream: int) -> dict[str, Any]:
    """The current run of a recording, which is known by its bytes: a row of `Store.runs`, `config` read."""
    if not path.is_file():
        raise VideoError(f"{path}: no such file", "was it moved? give the place where it is now")
    rows = store.runs().filter(pl.col("current"), pl.col("sha256") == probe.sha256(path)).to_dicts()
    runs = [row | {"config": json.loads(row["config"])} for row in rows]
    if stream:
        taken, _ = probe.stream_taken(path, View(stream))
        stream = 0 if taken == probe.stream_taken(path)[0] else taken
    run: dict[str, Any] | None = next(
        (one for one in runs if one["config"].get("picture", {}).get("stream", 0) == stream), None
    )
    if run is None:
        of = "this stream of " if runs or stream else ""
        what = f"{path}: no analysis of {of}a recording with these bytes in {store.database.path}"
        raise FertoolError(what, f"`fertool analyze {path.name}` first")
    if run["policy"] == "behaviour":
        what = f"{path}: was analyzed under the policy behaviour, which switches expressions off"
        raise ConfigError(what, "`fertool policy explain` says why")
    return run


def _nearest(store: Store, run: dict[str, Any], at_s: float) -> float:
    """The time of the sample nearest to `at_s`, at most as far as samples are apart."""
    if at_s > run["readable_s"]:
        end = clock(run["readable_s"])
        raise ConfigError(f"--at {clock(at_s)}: {run['name']} ends at {end}")
    samples = store.samples(run["course"], run["lecture"]).filter(pl.col("recording") == run["recording"])
    times = samples["time_s"].to_numpy()
    if not len(times):
        raise VideoError(f"{run['name']}: not one picture of it could be decoded when it was analyzed")
    near = float(times[np.abs(times - at_s).argmin()])
    if abs(near - at_s) > np.diff(times).max(initial=0.0 if len(times) > 1 else np.inf):
        span = f"{clock(times[0])} to {clock(times[-1])}"
        raise ConfigError(f"--at {clock(at_s)}: {run['name']} was analyzed from {span}")
    return near


def _may_be_shown(store: Store, course: str, student: str, agreed: set[str] | None) -> None:
    if student in store.consents.refusing(course):
        what = f"{student} of course {course} refuses: nothing of this student is shown"
        raise ConfigError(what, "`fertool students consent` records that this has changed")
    if agreed is not None and student not in agreed:
        what = f"{student} of course {course}: consent is required, and none of this student's is in force"
        raise ConfigError(what, "see `fertool students show`")


def _seen(rows: pl.DataFrame, time_s: float) -> str:
    """When it would be otherwise, as near as possible."""
    if rows.is_empty():
        return "nor at any other time of the recording"
    near = rows.sort((pl.col("time_s") - time_s).abs(), "time_s")["time_s"][0]
    return f"nearest at {clock(near)}: --at {near:.6g}"


def _as_then(settings: Settings, config: dict[str, Any]) -> Settings:
    """Detector and encoder as the recording was analyzed with: landmarks decide how a face is cut."""
    used = [config[kind] for kind in ("detector", "encoder") if config.get(kind)]
    names = {kind: config[kind]["name"] for kind in ("detector", "encoder") if config.get(kind)}
    return replace(
        settings, **names, options=settings.options | {one["name"]: one["options"] for one in used}
    )


def _picture(path: Path, config: dict[str, Any], time_s: float) -> Image:
    """The frame of a recording at the time of a sample."""
    film = thumbnails.reopened(path, config.get("picture", {}))
    for sample in Samples(path, film.index, np.array([time_s]), view=film.view):
        return sample.image
    raise VideoError(f"{path}: the picture at {clock(time_s)} cannot be decoded")


def _found_again(engine: Engine, image: Image, there: pl.DataFrame, where: str) -> Faces:
    """The faces of `there` in its order: boxes as stored, landmarks as they are found in the picture now."""
    stored = there.select("x1", "y1", "x2", "y2").to_numpy().astype(np.float32)
    faces = engine.look([Sample(0, 0.0, image)])[0].faces
    overlap = boxes.iou(stored, faces.boxes)
    lost = overlap.max(axis=1, initial=0.0) < SAME_FACE
    if lost.any():
        who = there["student"][int(lost.argmax())]
        raise VideoError(f"{where}: the face of {who} is not found again", "analyze the recording again")
    return faces.take(overlap.argmax(axis=1)).with_(boxes=stored)


# --- explanations -----------------------------------------------------------------------------------


def explain(
    faces: Sequence[Face],
    plugins: Sequence[Trainable],
    label: str | None = None,
    seen: Callable[[str], Callable[[int, int], None]] = lambda _: lambda *_: None,
) -> list[Card]:
    """A card for each face, with a figure of each classifier, in order. `label`: the expression to explain;
    None: the most probable one.

    A face below a classifier's `floor_px` has no figure of it, as `analyze` reads no expression of it; nor
    has one without landmarks of a classifier that needs them. `seen(name)` receives how many faces are done,
    and of how many.
    """
    from fertool.training import saliency

    cards: list[list[Figure]] = [[] for _ in faces]
    for plugin in plugins:
        reasons = [_unfit(face, plugin) for face in faces]
        fit = [face.cut(plugin.crop) for face, reason in zip(faces, reasons, strict=True) if not reason]
        found = saliency.explained(plugin, np.array(fit), label)
        done = seen(plugin.name)
        for number, (figures, reason) in enumerate(zip(cards, reasons, strict=True), 1):
            figure = Figure(plugin.name, plugin.version, reason)
            figures.append(figure if reason else _figure(figure, next(found)))
            done(number, len(faces))
    return [Card(face.title, tuple(figures)) for face, figures in zip(faces, cards, strict=True)]


def _unfit(face: Face, plugin: Trainable) -> str:
    """Why a classifier is not asked about a face; empty if it is."""
    if face.found is None:
        return "not measured: it needs landmarks, so not --whole" if plugin.crop.anchors else ""
    side = float(crops.sides(face.found.boxes, face.found.landmarks, plugin.crop)[0])
    if side >= plugin.floor_px:
        return ""
    return f"not measured: the face has {side:.0f} px, below the {plugin.floor_px:g} px of {plugin.name}"


def _figure(figure: Figure, one: Explanation) -> Figure:
    from fertool.training import saliency

    pictures = [saliency.drawn(one.face), saliency.drawn(one.face, one.pixels)]
    face, heat = (thumbnails.jpeg(picture) for picture in pictures)
    return replace(
        figure,
        label=one.label,
        probabilities=one.probabilities,
        face=face,
        heat=heat,
        logit=one.logit,
        logit_blurred=one.logit_blurred,
        total=float(one.pixels.sum()),
    )
