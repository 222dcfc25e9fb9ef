"""Slide changes in the region of a picture where a screen is shared, found by PySceneDetect."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fertool.errors import ConfigError, PluginError, VideoError
from fertool.media import probe
from fertool.media.decode import Samples
from fertool.media.display import AS_DECLARED, View
from fertool.media.sampling import plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.assessment.segments import Region
    from fertool.media.remote import File
    from fertool.types import Image

EVERY_S = 1.0
SHORTEST_S = 5.0
"""A slide that was only leafed past belongs to the one after it."""
CHANGED = 4.0
"""Mean change of brightness and of edges, 0 to 255, from which a slide is another one. Far below what a
film's cut takes: slides share their ground, and differ by some lines of text."""
WIDTH = 320
"""Pixels across in which slides are compared; text this small is a texture, and noise averages out."""
SHOWN = 480
"""Pixels across of a picture of a slide, at most: its headings can be read."""
QUALITY = 75


def slide_edges(path: File, region: Region | None = None, view: View = AS_DECLARED) -> list[float]:
    """Seconds at which slides begin, and the end of the recording: ascending, at least two.

    `region`: x1, y1, x2, y2 in pixels of the frame as shown; the whole picture when left out. Raises
    PluginError without PySceneDetect, ConfigError for a region outside the picture, VideoError.
    """
    try:
        from scenedetect import ContentDetector, FrameTimecode
    except ImportError as error:
        raise PluginError("segments 'slides' need PySceneDetect", "pip install 'fertool[slides]'") from error
    film = probe.probe(path, view)
    if region and not (region[2] <= film.width and region[3] <= film.height):
        raise ConfigError(
            f"{path}: the region {','.join(map(str, region))} is not within the picture",
            f"it has {film.width}x{film.height} pixels",
        )
    weights = ContentDetector.Components(delta_hue=0.0, delta_sat=0.0, delta_lum=1.0, delta_edges=1.0)
    detector = ContentDetector(threshold=CHANGED, min_scene_len=0, weights=weights)
    times, edges = plan(film.index, EVERY_S), [0.0]
    for sample in Samples(film.path, film.index, times, view=film.view):
        # The detector compares neighbors and wants only a running number: time is the sample's own.
        if detector.process_frame(FrameTimecode(sample.index, fps=1.0), _shared(sample.image, region)):
            edges.append(sample.time_s)
    end_s = max(film.duration_s, float(film.index.times[-1]))
    return [*_long_enough(edges, end_s), end_s]


def pictures(
    path: File, picture: Mapping[str, Any], times: Sequence[float], region: Region | None = None
) -> dict[float, bytes]:
    """Time -> the slide in the frame shown then, a JPEG at most `SHOWN` pixels across; what cannot be decoded
    is left out. `picture`: `probe.VideoInfo.picture` of a run; `times`: of its samples, exactly. Raises
    VideoError, also where pictures have another shape by now."""
    film = probe.probe(path, View.of(picture))
    if film.picture != picture:  # by a version that took stored pixels for those shown
        raise VideoError(f"{path}: its pictures are shown in another shape by now: analyze it again")
    found = {}
    there = np.isin(times, film.index.times).tolist()
    for time_s in compress(times, there):  # one by one: each is decoded from the keyframe before it
        for sample in Samples(film.path, film.index, np.array([time_s]), view=film.view):
            image = _shared(sample.image, region, min(SHOWN, region[2] - region[0] if region else film.width))
            done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
            if not done:
                raise VideoError(f"{path}: OpenCV was built without JPEG")
            found[time_s] = bytes(content)
    return found


def _shared(image: Image, region: Region | None, width: int = WIDTH) -> Image:
    if region:
        x1, y1, x2, y2 = region
        image = image[y1:y2, x1:x2]
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _long_enough(edges: list[float], end_s: float) -> list[float]:
    """Without the beginnings of slides shorter than SHORTEST_S; the first stays."""
    following = [*edges[1:], end_s]
    kept = [e for e, after in zip(edges, following, strict=True) if after - e >= SHORTEST_S]
    return [0.0, *kept[1:]] if kept else [0.0]
