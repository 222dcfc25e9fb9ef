"""Folders of pictures as data sets ship them: what every file is, by hand; and how they can be broken."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fertool.errors import FertoolError
from fertool.training.datasets.dataset import Dataset, load
from fertool.types import EMOTIONS


def put(path: Path, *files: str) -> Path:
    """Small gray pictures, each of another gray, in the order of `files`."""
    for number, name in enumerate(files):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(file), np.full((8, 8), number, np.uint8))
    return path


def told(data: Dataset) -> list[tuple[str, str, str]]:
    """(file, split, expression) of every picture."""
    return [
        (str(name), str(split), EMOTIONS[label])
        for name, split, label in zip(data.ids, data.split, data.labels, strict=True)
    ]


RAFDB = """train_00001.jpg 5
train_00002.jpg 1
train_00003.jpg 2
train_00004.jpg 3
test_0001.jpg 4
test_0002.jpg 6
test_0003.jpg 7
"""
"""Every number once; RAF-DB counts surprise, fear, disgust, happy, sad, angry, neutral from 1."""


@pytest.mark.parametrize(
    ("names", "pictures"),
    [
        ("basic/EmoLabel", "basic/Image/aligned"),  # the folder that holds all of RAF-DB
        ("EmoLabel", "Image/aligned"),  # its part with single expressions
        (".", "aligned"),  # side by side
    ],
)
def test_rafdb_as_it_ships(tmp_path: Path, names: str, pictures: str) -> None:
    files = [line.split()[0].replace(".jpg", "_aligned.jpg") for line in RAFDB.splitlines()]
    put(tmp_path / pictures, *files)
    (tmp_path / names).mkdir(parents=True, exist_ok=True)
    (tmp_path / names / "list_patition_label.txt").write_text(RAFDB)
    data = load(tmp_path, 8)
    assert told(data) == [
        (f"{pictures}/train_00001_aligned.jpg", "train", "sad"),
        (f"{pictures}/train_00002_aligned.jpg", "train", "surprise"),
        (f"{pictures}/train_00003_aligned.jpg", "train", "fear"),
        (f"{pictures}/train_00004_aligned.jpg", "train", "disgust"),
        (f"{pictures}/test_0001_aligned.jpg", "test", "happy"),
        (f"{pictures}/test_0002_aligned.jpg", "test", "angry"),
        (f"{pictures}/test_0003_aligned.jpg", "test", "neutral"),
    ]
    assert data.images[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert (data.persons, data.notes) == (None, ())


def test_kdef_as_it_ships(tmp_path: Path) -> None:
    put(
        tmp_path,
        "AF01/AF01AFS.JPG",
        "AF01/AF01ANFL.JPG",
        "AF01/AF01DIHL.JPG",
        "AF01/notes.png",
        "AM35/AM35HAHR.JPG",
        "AM35/AM35NEFR.JPG",
        "BF01/BF01SAS.JPG",
        "BF01/BF01SUS.JPG",
    )
    data = load(tmp_path, 8)
    assert told(data) == [
        ("AF01/AF01AFS.JPG", "all", "fear"),
        ("AF01/AF01ANFL.JPG", "all", "angry"),
        ("AF01/AF01DIHL.JPG", "all", "disgust"),
        ("AM35/AM35HAHR.JPG", "all", "happy"),
        ("AM35/AM35NEFR.JPG", "all", "neutral"),
        ("BF01/BF01SAS.JPG", "all", "sad"),
        ("BF01/BF01SUS.JPG", "all", "surprise"),
    ]
    # A and B are two series of pictures of the same people: AF01 is BF01.
    assert data.persons is not None
    assert data.persons.tolist() == ["F01"] * 3 + ["M35"] * 2 + ["F01"] * 2
    assert data.notes == ("left out, because their names tell no expression: 1",)


def test_jaffe_as_it_ships(tmp_path: Path) -> None:
    names = ["AN1.39", "DI2.43", "FE4.48", "HA1.29", "NE1.26", "SA1.33", "SU1.36"]
    put(tmp_path, *(f"KA.{name}.tiff" for name in names), "KL.AN1.167.tiff")
    data = load(tmp_path, 8)
    assert [EMOTIONS[label] for label in data.labels] == [
        *("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        "angry",
    ]
    assert data.persons is not None
    assert data.persons.tolist() == ["KA"] * 7 + ["KL"]
    assert data.splits() == {"all": 8}


def make_ckplus(path: Path, person: str, sequence: str, frames: int, label: str | None) -> None:
    stem = f"{person}/{sequence}/{person}_{sequence}"
    put(path, *(f"cohn-kanade-images/{stem}_{frame:08d}.png" for frame in range(1, frames + 1)))
    (path / "Emotion" / person / sequence).mkdir(parents=True)
    if label is not None:
        (path / "Emotion" / f"{stem}_{frames:08d}_emotion.txt").write_text(label)


def test_ckplus_as_it_ships(tmp_path: Path) -> None:
    make_ckplus(tmp_path, "S005", "001", 6, "   3.0000000e+00\n")  # disgust: frame 1; 4, 5, 6
    make_ckplus(tmp_path, "S005", "002", 9, None)  # without a label: nothing
    make_ckplus(tmp_path, "S010", "004", 3, "   7.0000000e+00\n")  # surprise: frame 1; 2, 3
    make_ckplus(tmp_path, "S010", "005", 5, "   2.0000000e+00\n")  # contempt: only the neutral frame
    data = load(tmp_path, 8)
    assert [(Path(name).stem, label) for name, _, label in told(data)] == [
        ("S005_001_00000001", "neutral"),
        ("S005_001_00000004", "disgust"),
        ("S005_001_00000005", "disgust"),
        ("S005_001_00000006", "disgust"),
        ("S010_004_00000001", "neutral"),
        ("S010_004_00000002", "surprise"),
        ("S010_004_00000003", "surprise"),
        ("S010_005_00000001", "neutral"),
    ]
    assert data.persons is not None
    assert data.persons.tolist() == ["S005"] * 4 + ["S010"] * 4
    assert data.notes == (
        "of every sequence with a label, the first frame was read as neutral, the last 3 as labeled",
        "3 pictures of contempt were left out",
    )


@pytest.mark.parametrize(
    ("files", "persons"),
    [
        # CK+ cut to faces, as it is passed on in class folders
        (["happy/S010_006_00000015.png", "sad/S501_006_00000041.png"], ["S010", "S501"]),
        (["AN/AF05ANS.JPG", "NE/BF05NES.JPG"], ["F05", "F05"]),  # KDEF, sorted by expression
        (
            ["train/AN/YM.AN1.61.tiff", "test/HA/YM.HA1.52.tiff"],
            ["YM", "YM"],
        ),  # JAFFE, divided: splits by name
        (["happy/1.png", "sad/2.png"], None),  # nobody is named
        (["happy/S010_006_00000015.png", "sad/2.png"], None),  # not of all pictures
    ],
)
def test_who_is_in_pictures_of_class_folders(
    tmp_path: Path, files: list[str], persons: list[str] | None
) -> None:
    data = load(put(tmp_path, *files), 8)
    assert sorted(data.ids.tolist()) == sorted(files)
    assert (None if data.persons is None else data.persons.tolist()) == persons
    if persons:
        assert data.at(np.array([1])).persons.tolist() == persons[1:]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "train_00001.jpg 8",
            r"list_patition_label\.txt, line 1: expected a name and a number of 1 to 7, found",
        ),
        ("train_00001.jpg", r"found 'train_00001\.jpg' \(such as train_00001\.jpg 5\)"),
        ("picture.jpg 5", "line 1: expected a name"),
        ("train_00001.jpg 5\n\ntest_0001.jpg 4", "line 2: expected a name"),
        ("train_00002.jpg 5", r"aligned/train_00002_aligned\.jpg: the picture cannot be read"),
        ("", r"no picture of angry"),
    ],
)
def test_bad_lists_of_rafdb(tmp_path: Path, line: str, said: str) -> None:
    put(tmp_path, "aligned/train_00001_aligned.jpg")
    (tmp_path / "list_patition_label.txt").write_text(line)
    with pytest.raises(FertoolError, match=said):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "frames", "said"),
    [
        ("8.0", 4, r"S005_001_00000004_emotion\.txt: expected a number of 0 to 7, found '8\.0'"),
        ("3.5", 4, "expected a number of 0 to 7, found '3.5'"),
        ("", 4, "expected a number of 0 to 7, found ''"),
        ("3.0", 0, r"emotion\.txt: there is no picture in .*cohn-kanade-images/S005/001"),
    ],
)
def test_bad_labels_of_ckplus(tmp_path: Path, text: str, frames: int, said: str) -> None:
    (tmp_path / "cohn-kanade-images").mkdir()
    make_ckplus(tmp_path, "S005", "001", frames, text)
    with pytest.raises(FertoolError, match=said):
        load(tmp_path)
