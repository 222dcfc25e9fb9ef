"""Layouts of data sets of facial expressions, each read into the same arrays.

- `fer2013.parquet`: columns row, split, fer2013 (label), image (an encoded picture), and optionally the
  FER+ votes ferplus_anger, ferplus_disgust, ...
- FER2013's CSV: columns emotion (0..6 in FER2013's order; 7, as in CK+ in this layout, is contempt),
  pixels (2304 numbers), Usage. A `fer2013new.csv` beside it is taken for the FER+ votes, row by row.
- Class folders, `SPLIT/CLASS/*.jpg` or `CLASS/*.jpg`: RAF-DB, AffectNet, KDEF, CK+, JAFFE, SFEW, ExpW and
  others. Classes are named by common words (angry, anger, ...), by KDEF's and JAFFE's codes (AN, DI, ...),
  or numbered: with a 0 as in AffectNet, without as in RAF-DB.
- RAF-DB as it ships: `EmoLabel/list_patition_label.txt` and `Image/aligned/`, in `basic/` or not; also the
  list beside `aligned/`. Splits train and test.
- KDEF as it ships, in folders of persons (`AF01/AF01ANS.JPG`), and JAFFE (`KA.AN1.39.tiff`): names of files
  tell the expression. AF01 and BF01 are two series of one person. All angles of KDEF are read; for the
  straight ones alone, copy `*S.JPG` into a folder.
- CK+ as it ships: `cohn-kanade-images/` and `Emotion/`. Of every sequence with a label, the first frame is
  neutral and the last three show the expression.

In KDEF, JAFFE and CK+, in class folders too, names of files also tell persons. No face is looked for: a
picture that shows more than a face is best cut to it before.

Contempt is none of the seven expressions: its pictures are left out, which is noted.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from fertool import sheets
from fertool.errors import FertoolError
from fertool.training.datasets import folders
from fertool.training.datasets.folders import CONTEMPT
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fertool.types import Floats

Pixels = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]

SIDE = 48
"""Of FER2013's pictures in its CSV, in pixels."""
FILES = ("fer2013.parquet", "fer2013.csv", "icml_face_data.csv")
"""Looked for in a folder before it is taken for one of pictures."""
VOTES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""FER+'s names of the seven expressions, in the order of EMOTIONS."""
USAGES = {"Training": "train", "PublicTest": "public", "PrivateTest": "private"}


class Rows(NamedTuple):
    """The fields of `fertool.training.datasets.dataset.Dataset`, in its order."""

    images: Pixels
    labels: Integers
    votes: Floats | None
    split: Strings
    ids: Strings
    source: Path
    notes: tuple[str, ...]
    persons: Strings | None


def read(path: Path, size: int, channels: int) -> Rows:
    """The data set at `path`; what a caller may expect is said at `datasets.dataset.load`."""
    if path.is_dir():
        inside = [path / name for name in FILES if (path / name).is_file()]
        return read(inside[0], size, channels) if inside else folder(path, size, channels)
    if not path.is_file():
        raise FertoolError(f"{path}: no such file or folder")
    if path.suffix.lower() == ".parquet":
        return parquet(path, size, channels)
    if path.suffix.lower() == ".csv":
        return csv(path, size, channels)
    raise FertoolError(
        f"{path}: not a data set: expected a .parquet or .csv file, or a folder of class folders"
    )


def parquet(path: Path, size: int, channels: int) -> Rows:
    """FER2013 as Parquet with encoded pictures."""
    table = _table(path, pl.read_parquet, ("row", "split", "fer2013", "image"))
    ids = [f"row {row}" for row in table["row"]]
    labels = [_label(path, *row) for row in zip(ids, _strings(table, "fer2013"), strict=True)]
    split = [_named(path, *row) for row in zip(ids, _strings(table, "split"), strict=True)]
    columns = [f"ferplus_{name}" for name in VOTES]
    votes = None
    if set(columns) & set(table.columns):
        places = [f"{path}, {row}" for row in ids]
        votes = _shares(places, _having(path, table, columns).select(columns), labels)
    images = _pictures(path, ids, [data or b"" for data in table["image"]], size, channels)
    return _rows(path, images, labels, votes, split, ids)


def csv(path: Path, size: int, channels: int) -> Rows:
    """FER2013's CSV, with FER+'s beside it or not."""
    table = _table(path, _read_csv, ("emotion", "pixels", "Usage"))
    ids = [f"row {row}" for row in range(len(table))]
    split = [_usage(path, *row) for row in zip(ids, table["Usage"], strict=True)]
    codes = [_code(path, *row) for row in zip(ids, table["emotion"], strict=True)]
    votes = _votes_beside(path, table, codes)
    kept = [i for i, code in enumerate(codes) if code != CONTEMPT]
    shape = (len(kept), size, size) if channels == 1 else (len(kept), size, size, 3)
    images = np.empty(shape, np.uint8)
    pixels = table["pixels"]
    for image, i in zip(images, kept, strict=True):
        image[:] = fitted(_numbers(path, ids[i], pixels[i]), size, channels)
    return _rows(
        path,
        images,
        [codes[i] for i in kept],
        None if votes is None else votes[kept],
        [split[i] for i in kept],
        [ids[i] for i in kept],
        _contempt_note(len(codes) - len(kept)),
    )


def folder(path: Path, size: int, channels: int) -> Rows:
    """Pictures in files, in any of the layouts of folders."""
    found, notes = folders.find(path)
    kept = [picture for picture in found if picture.code != CONTEMPT]
    ids = [picture.file.relative_to(path).as_posix() for picture in kept]
    persons = [picture.person for picture in kept]
    return _rows(
        path,
        _pictures(path, ids, [picture.file for picture in kept], size, channels),
        [picture.code for picture in kept],
        None,
        [picture.split for picture in kept],
        ids,
        (*notes, *_contempt_note(len(found) - len(kept))),
        persons if all(persons) else None,
    )


def fitted(image: Pixels, size: int, channels: int) -> Pixels:
    """(h, w) gray or (h, w, 3) BGR -> (size, size) or (size, size, 3): the square in the middle, resized."""
    if channels == 3 and image.ndim == 2:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    if side == size:
        return square
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=how), np.uint8)


# -- tables -----------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> pl.DataFrame:
    """Everything as text: what is no number is then an error of its row. Kaggle's names have spaces.

    Not `sheets.read`: a program wrote this file, always alike, and its 300 MB would fill memory many times
    over as Python texts.
    """
    return pl.read_csv(path, infer_schema=False).rename(str.strip)


def _table(path: Path, reader: Callable[[Path], pl.DataFrame], columns: Sequence[str]) -> pl.DataFrame:
    """What `reader` makes of `path`: it has the columns and at least one row."""
    try:
        table = reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FertoolError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if not len(_having(path, table, columns)):
        raise FertoolError(f"{path}: has no rows")
    return table


def _having(path: Path, table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    if missing := [name for name in columns if name not in table.columns]:
        raise FertoolError(
            f"{path}: no column {', '.join(missing)}", f"its columns are {', '.join(table.columns)}"
        )
    return table


def _strings(table: pl.DataFrame, column: str) -> list[str | None]:
    return table[column].cast(pl.String).to_list()


def _votes_beside(path: Path, table: pl.DataFrame, codes: list[int]) -> Floats | None:
    """The votes of `fer2013new.csv` beside `path`, or None without one; a row of it is a row of `table`."""
    beside = path.with_name("fer2013new.csv")
    if not beside.is_file():
        return None
    sheet = sheets.read(beside, ("Usage", *VOTES))
    if missing := [name for name in ("Usage", *VOTES) if name not in sheet.columns]:
        has = ", ".join((*sheet.columns, *sheet.others))
        raise FertoolError(f"{sheet.where}: no column {', '.join(missing)}", f"its columns are {has}")
    cells = [line.cells for line in sheet.lines]
    votes = pl.DataFrame(cells, schema=dict.fromkeys(("Usage", *VOTES), pl.String))
    if len(votes) != len(table):
        raise FertoolError(
            f"{beside}: expected {len(table)} rows, one for each of {path.name}, found {len(votes)}"
        )
    places = [line.where for line in sheet.lines]
    for place, one, other in zip(places, table["Usage"], votes["Usage"], strict=True):
        if one != other:
            raise FertoolError(
                f"{place}: Usage {other!r}, but {one!r} in {path.name}",
                "both files must have the same rows in the same order",
            )
    return _shares(places, votes.select(VOTES), codes)


def _shares(places: Sequence[str], votes: pl.DataFrame, labels: list[int]) -> Floats:
    """(n, 7) float32: rows of counts as shares; one-hot of the label where there are none.

    `places` of the rows, for messages.
    """
    # What is no number becomes null, and NaN in numpy; a comparison with it is false, so it is found.
    counts = votes.cast(pl.Float32, strict=False).to_numpy()
    bad = np.flatnonzero(~(counts >= 0).all(axis=1))
    if len(bad):
        found = ", ".join(str(value) for value in votes.row(int(bad[0])))
        raise FertoolError(f"{places[bad[0]]}: votes must be numbers of at least 0, found {found}")
    none = counts.sum(axis=1) == 0
    # Contempt (-1) takes any row: it is left out later.
    counts = np.where(none[:, None], np.eye(len(EMOTIONS), dtype=np.float32)[labels], counts)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), np.float32)


def _rows(
    path: Path,
    images: Pixels,
    labels: Sequence[int],
    votes: Floats | None,
    split: Sequence[str],
    ids: Sequence[str],
    notes: tuple[str, ...] = (),
    persons: Sequence[str] | None = None,
) -> Rows:
    if not len(labels):
        raise FertoolError(f"{path}: no picture of {', '.join(EMOTIONS)}")
    who = None if persons is None else np.array(persons)
    return Rows(images, np.array(labels, np.int64), votes, np.array(split), np.array(ids), path, notes, who)


def _contempt_note(count: int) -> tuple[str, ...]:
    return (f"{count} pictures of contempt were left out",) if count else ()


# -- values -----------------------------------------------------------------------------------------------


def _label(path: Path, name: str, found: str | None) -> int:
    if found not in EMOTIONS:
        raise FertoolError(f"{path}, {name}: label: expected one of {', '.join(EMOTIONS)}, found {found!r}")
    return EMOTIONS.index(found)


def _code(path: Path, name: str, found: str | None) -> int:
    """An emotion of FER2013's CSV."""
    if found is None or not re.fullmatch(r"\s*[0-7]\s*", found):
        raise FertoolError(f"{path}, {name}: emotion: expected a number of 0 to 6, found {found!r}")
    return int(found) if int(found) < len(EMOTIONS) else CONTEMPT


def _usage(path: Path, name: str, found: str | None) -> str:
    if found not in USAGES:
        raise FertoolError(f"{path}, {name}: Usage: expected one of {', '.join(USAGES)}, found {found!r}")
    return USAGES[found]


def _named(path: Path, name: str, split: str | None) -> str:
    if not split:
        raise FertoolError(f"{path}, {name}: split: expected a name like train, found {split!r}")
    return split


def _numbers(path: Path, name: str, text: str | None) -> Pixels:
    """(48, 48) from numbers written one after the other."""
    try:
        flat = np.frombuffer(bytes(map(int, (text or "").split())), np.uint8)
    except ValueError:
        raise FertoolError(f"{path}, {name}: pixels must be whole numbers of 0 to 255") from None
    if len(flat) != SIDE * SIDE:
        raise FertoolError(f"{path}, {name}: expected {SIDE * SIDE} pixels, found {len(flat)}")
    return flat.reshape(SIDE, SIDE)


# -- pictures ---------------------------------------------------------------------------------------------


def _pictures(
    path: Path, ids: Sequence[str], sources: Sequence[bytes | Path], size: int, channels: int
) -> Pixels:
    """Decoded side by side: OpenCV releases Python's lock meanwhile."""
    shape = (len(ids), size, size) if channels == 1 else (len(ids), size, size, 3)
    images = np.empty(shape, np.uint8)

    def fill(i: int) -> None:
        images[i] = fitted(_decoded(path, ids[i], sources[i], channels), size, channels)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(fill, range(len(ids))):
            pass
    return images


def _decoded(path: Path, name: str, source: bytes | Path, channels: int) -> Pixels:
    """(h, w) gray or (h, w, 3) BGR. Files are read here, as OpenCV cannot open every path on Windows."""
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        _unreadable(path, name, f"cannot be read ({error.strerror})")
    if not data:
        _unreadable(path, name, "is empty")
    flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    # OpenCV takes no WebP below 32 bytes, but a black one has 30; what follows the end is ignored.
    image = cv2.imdecode(np.frombuffer(data.ljust(32, b"\0"), np.uint8), flag)
    if image is None:
        _unreadable(path, name, "is not a picture that OpenCV can decode")
    return np.asarray(image, np.uint8)


def _unreadable(path: Path, name: str, why: str) -> NoReturn:
    raise FertoolError(f"{path}, {name}: the picture {why}", "replace it or take it out")
