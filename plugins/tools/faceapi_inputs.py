"""The pictures on which our nets are compared with the original ones; no picture is shipped.

python plugins/tools/faceapi_inputs.py FOLDER     # writes raw RGB for faceapi_reference.mjs
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Image = np.ndarray[Any, np.dtype[np.uint8]]

PEOPLE = ((53, 243, 116, 155), (271, 136, 104, 131), (471, 258, 105, 149),
          (747, 342, 97, 134), (899, 47, 106, 156), (1131, 262, 84, 128))  # fmt: skip
"""x, y, width and height of the faces in `group`."""


def waves(height: int, width: int) -> Image:
    """A smooth colorful pattern of integers only, so that every machine draws the same."""
    y, x, c = np.ogrid[:height, :width, :3]
    return (((x * x * 3 + y * y * 5 + x * y * (c + 1)) >> 6) + 40 * c & 255).astype(np.uint8)


def group() -> Image | None:
    """Six people, (886, 1280, 3) BGR: a picture the insightface package brings; None without it."""
    package = find_spec("insightface")
    if package is None or package.origin is None:
        return None
    return cv2.imread(str(Path(package.origin).parent / "data" / "images" / "t1.jpg"))


def pictures() -> dict[str, Image]:
    """Name -> (h, w, 3) uint8 BGR; names of pictures for the detector begin with `frame`."""
    found = {"waves 150": waves(150, 150), "waves tall": waves(140, 90), "frame waves": waves(200, 320)}
    photo = group()
    if photo is not None:
        found["frame group"] = photo
        for i, (x, y, width, height) in enumerate(PEOPLE):
            found[f"person {i}"] = photo[y : y + height, x : x + width]
    return found


def sha256(picture: Image) -> str:
    """Of the pixels, row by row, BGR: a JPEG decoder may differ in a bit."""
    return hashlib.sha256(np.ascontiguousarray(picture)).hexdigest()


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for name, picture in pictures().items():
        (folder / f"{name}.rgb").write_bytes(np.ascontiguousarray(picture[:, :, ::-1]))
        height, width = picture.shape[:2]
        index.append({"name": name, "height": height, "width": width, "sha256": sha256(picture)})
    (folder / "index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
