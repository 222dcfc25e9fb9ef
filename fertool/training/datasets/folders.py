"""Data sets in folders of pictures: expression, split and person of each file.

No picture is opened here. The layouts are described in `adapters`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from fertool.errors import FertoolError
from fertool.types import EMOTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

UNDIVIDED = "all"
"""The split of data that come without splits."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm"})
SPLITS = {"training": "train", "val": "validation", "valid": "validation", "testing": "test"}
"""Names of split folders that mean the same."""

CONTEMPT = -1
NAMES = {
    "angry": "angry anger an ang",
    "disgust": "disgust disgusted di dis",
    "fear": "fear fearful afraid scared fe fea af",
    "happy": "happy happiness joy ha hap",
    "sad": "sad sadness sa",
    "surprise": "surprise surprised su sur",
    "neutral": "neutral neutrality ne neu",
    "contempt": "contempt contemptuous",
}
WORDS = {word: (*EMOTIONS, "contempt").index(name) for name, words in NAMES.items() for word in words.split()}
AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
"""Its numbers, from 0."""
RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""Its numbers, from 1."""
CKPLUS = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
"""Its numbers, from 0."""

RAFDB_LIST = "list_patition_label.txt"
"""Spelled as RAF-DB ships it."""
RAFDB_PLACES = (("", "aligned"), ("EmoLabel", "Image/aligned"), ("basic/EmoLabel", "basic/Image/aligned"))
"""Where its list lies, and where its pictures."""
APEX = 3
"""Pictures taken from the end of a sequence of CK+, where the expression is at its height."""
NAMINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # KDEF: series (each person was photographed in A and in B), person, expression, angle: AF01ANS.JPG
        r"[AB](?P<person>[FM]\d\d)(?P<expression>AN|DI|AF|HA|SA|SU|NE)(FL|HL|S|HR|FR)",
        # JAFFE: person, expression, number of the picture: KA.AN1.39.tiff
        r"(?P<person>[A-Z]{2})\.(?P<expression>AN|DI|FE|HA|SA|SU|NE)\d\.\d+",
        # CK+: person, sequence, frame: S010_004_00000017.png
        r"(?P<person>S\d{3})_\d{3}_\d{8}",
    )
)
"""Names of files, without suffix, that tell who is in a picture."""


class LabeledPicture(NamedTuple):
    """A file and what its name, its folders or a list tell of it."""

    file: Path
    code: int
    """Index into EMOTIONS, or CONTEMPT."""
    split: str
    person: str = ""
    """Who is in it; empty where that is unknown."""


class FoundPictures(NamedTuple):
    """What a folder holds."""

    pictures: list[LabeledPicture]
    notes: tuple[str, ...] = ()
    """What a user must know of how they were read."""


def find(path: Path) -> FoundPictures:
    """The pictures below the folder `path`, in whichever layout it is; a FertoolError if there are none."""
    return _rafdb(path) or _ckplus(path) or _named(path) or _class_folders(path)


def _rafdb(path: Path) -> FoundPictures | None:
    """RAF-DB as it ships, or its list and its folder `aligned` side by side."""
    for names, pictures in RAFDB_PLACES:
        if (path / names / RAFDB_LIST).is_file():
            return FoundPictures(list(_listed(path / names / RAFDB_LIST, path / pictures)))
    return None


def _listed(file: Path, folder: Path) -> Iterator[LabeledPicture]:
    """The lines of RAF-DB's list."""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        parts = re.fullmatch(r"((train|test)_\d+)\.jpg\s+([1-7])\s*", line)
        if parts is None:
            raise FertoolError(
                f"{file}, line {number}: expected a name and a number of 1 to 7, found {line!r}",
                "such as train_00001.jpg 5",
            )
        name, split, label = parts.groups()
        yield LabeledPicture(folder / f"{name}_aligned.jpg", _code(RAFDB[int(label) - 1]), split)


def _ckplus(path: Path) -> FoundPictures | None:
    """CK+ as it ships: sequences with a label, of which the first frame and the last ones are taken."""
    labels, frames = path / "Emotion", path / "cohn-kanade-images"
    if not (labels.is_dir() and frames.is_dir()):
        return None
    found = []
    for file in sorted(labels.glob("S*/*/*_emotion.txt")):
        text = file.read_text(encoding="utf-8", errors="replace").strip()
        if not re.fullmatch(r"[0-7](\.0+(e\+00)?)?", text):
            raise FertoolError(f"{file}: expected a number of 0 to 7, found {text!r}")
        person, sequence = file.parts[-3:-1]
        shown = _pictures(frames / person / sequence)
        if not shown:
            raise FertoolError(f"{file}: there is no picture in {frames / person / sequence}")
        found.append(LabeledPicture(shown[0], _code("neutral"), UNDIVIDED, person))
        code = _code(CKPLUS[int(text[0])])
        found += [LabeledPicture(frame, code, UNDIVIDED, person) for frame in shown[1:][-APEX:]]
    note = f"of every sequence with a label, the first frame was read as neutral, the last {APEX} as labeled"
    return FoundPictures(found, (note,))


def _named(path: Path) -> FoundPictures | None:
    """KDEF or JAFFE as they ship: names of files tell the expression; folders, if any, are persons."""
    persons = [folder for folder in _subfolders(path) if re.fullmatch(r"[AB][FM]\d\d", folder.name)]
    files = [file for folder in (path, *persons) for file in _pictures(folder)]
    told = [(file, parts) for file in files if (parts := _naming(file)) and "expression" in parts]
    if not told:
        return None
    found = [
        LabeledPicture(file, WORDS[parts["expression"]], UNDIVIDED, parts["person"]) for file, parts in told
    ]
    left = len(files) - len(found)
    return FoundPictures(
        found, (f"left out, because their names tell no expression: {left}",) if left else ()
    )


def _class_folders(path: Path) -> FoundPictures:
    """Pictures in class folders, below split folders or not."""
    top = _subfolders(path)
    flat = any(_word(folder.name) is not None or folder.name.isdecimal() for folder in top)
    roots = {UNDIVIDED: path} if flat or not top else {_split_name(folder.name): folder for folder in top}
    classes = {split: _subfolders(root) for split, root in roots.items()}
    codes, notes = _classes([folder for some in classes.values() for folder in some])
    found = [
        LabeledPicture(file, codes[folder], split, _naming(file).get("person", ""))
        for split, some in classes.items()
        for folder in some
        for file in _pictures(folder)
    ]
    for split, root in roots.items():
        if not any(split == picture.split for picture in found):
            raise FertoolError(
                f"{root}: no picture in its class folders",
                "expected SPLIT/CLASS/*.jpg or CLASS/*.jpg, with classes like angry, happy, ...",
            )
    return FoundPictures(found, notes)


def _pictures(folder: Path) -> list[Path]:
    """By name; empty if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def _naming(file: Path) -> dict[str, str]:
    """`person`, and `expression` as a word of WORDS, as far as the file's name tells them."""
    found = next(filter(None, (naming.fullmatch(file.stem) for naming in NAMINGS)), None)
    if found is None:
        return {}
    parts = found.groupdict()
    return {"person": parts.pop("person").upper()} | {name: word.lower() for name, word in parts.items()}


def _code(name: str) -> int:
    return EMOTIONS.index(name) if name in EMOTIONS else CONTEMPT


def _subfolders(path: Path) -> list[Path]:
    """By name, without what archives and editors leave behind (.git, __MACOSX)."""
    found = [p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))]
    return sorted(found, key=lambda folder: folder.name)


def _split_name(folder: str) -> str:
    """`Train_set`, `training` and `train_class` are `train`."""
    name = re.sub(r"[_-](set|class|data|images)$", "", folder.lower())
    return SPLITS.get(name, name)


def _word(name: str) -> int | None:
    """The class a folder's words mean ("0_Neutral", "happiness", "AN"), or None."""
    code = WORDS.get("".join(re.findall("[a-z]", name.lower())))
    return code if code is None or code < len(EMOTIONS) else CONTEMPT


def _classes(found: Iterable[Path]) -> tuple[dict[Path, int], tuple[str, ...]]:
    """Class of every folder, and how numbers were understood."""
    found = list(found)
    numbers = {int(folder.name) for folder in found if folder.name.isdecimal()}
    first, names, whose = (0, AFFECTNET, "AffectNet") if 0 in numbers else (1, RAFDB, "RAF-DB")
    meaning = {first + i: _word(name) for i, name in enumerate(names)}
    codes: dict[Path, int] = {}
    for folder in found:
        name = folder.name
        code = meaning.get(int(name)) if name.isdecimal() else _word(name)
        if code is None:
            raise FertoolError(
                f"{folder}: unknown class {name!r}: expected {', '.join(EMOTIONS)}, contempt, or the numbers "
                f"of AffectNet (0 to 7) or RAF-DB (1 to 7)",
                "rename the folder or take it out",
            )
        codes[folder] = code
    if not numbers:
        return codes, ()
    said = ", ".join(f"{first + i} {name}" for i, name in enumerate(names))
    return codes, (f"numbered folders were read as {whose}'s: {said}",)
