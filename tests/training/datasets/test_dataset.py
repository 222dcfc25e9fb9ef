"""Every layout from a tiny made data set, and every way it can be broken."""

from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from fertool.errors import FertoolError
from fertool.training.datasets import formats
from fertool.training.datasets.dataset import Dataset, load
from fertool.types import EMOTIONS

SHARED = Path(__file__).parents[4] / "shared" / "data" / "fer2013.parquet"
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (6, 48, 48), np.uint8)
LABELS = ["angry", "happy", "neutral", "sad", "disgust", "fear"]
SPLIT = ["train", "train", "train", "public", "public", "public"]
VOTES = [[8, 0, 0, 0, 0, 0, 2], [0, 0, 0, 10, 0, 0, 0], *[[0] * 7] * 4]


def encoded(picture, suffix=".webp"):
    done, data = cv2.imencode(suffix, picture, [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else [])
    assert done
    return data.tobytes()


def make_parquet(path, **changes):
    columns = {
        "row": [0, 1, 2, 30, 31, 32],
        "split": SPLIT,
        "fer2013": LABELS,
        "image": [encoded(picture) for picture in PICTURES],
        **{f"ferplus_{name}": [row[i] for row in VOTES] for i, name in enumerate(formats.VOTES)},
        "ferplus_contempt": [2, 0, 0, 0, 0, 10],
    } | changes
    pl.DataFrame({name: values for name, values in columns.items() if values is not None}).write_parquet(path)
    return path


def make_csv(path, emotions=(0, 3, 6, 4, 1, 2), pixels=None, usage=None, header="emotion,pixels,Usage"):
    texts = pixels or [" ".join(map(str, picture.ravel())) for picture in PICTURES]
    usage = usage or ["Training"] * 3 + ["PublicTest"] * 2 + ["PrivateTest"]
    rows = [f"{e},{p},{u}" for e, p, u in zip(emotions, texts, usage, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def make_votes(path, usage=None, votes=VOTES):
    usage = usage or ["Training"] * 3 + ["PublicTest"] * 2 + ["PrivateTest"]
    header = ",".join(["Usage", "Image name", *formats.VOTES, "contempt", "unknown", "NF"])
    rows = [",".join([u, "fer.png", *map(str, v), "0", "1", "0"]) for u, v in zip(usage, votes, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")


def make_folders(path, classes, splits=("train", "test"), suffix=".png", picture=PICTURES[0]):
    for split in splits:
        for i, name in enumerate(classes):
            (path / split / name).mkdir(parents=True, exist_ok=True)
            (path / split / name / f"b{suffix}").write_bytes(encoded(picture + np.uint8(i), suffix))
    return path


# -- layouts ----------------------------------------------------------------------------------------------


def test_parquet(tmp_path):
    data = load(make_parquet(tmp_path / "any.parquet"))
    np.testing.assert_array_equal(data.images, PICTURES)
    assert [EMOTIONS[label] for label in data.labels] == LABELS
    assert data.labels.dtype == np.int64
    assert data.splits() == {"public": 3, "train": 3}
    assert data.ids.tolist() == ["row 0", "row 1", "row 2", "row 30", "row 31", "row 32"]
    assert data.votes.dtype == np.float32
    np.testing.assert_allclose(data.votes.sum(axis=1), 1)
    np.testing.assert_allclose(data.votes[0], [0.8, 0, 0, 0, 0, 0, 0.2])
    assert data.votes[5].tolist() == [0, 0, 1, 0, 0, 0, 0]  # contempt only: the label stays
    assert data.notes == ()


def test_parquet_without_votes_and_in_a_folder(tmp_path):
    make_parquet(tmp_path / "fer2013.parquet", **{f"ferplus_{name}": None for name in formats.VOTES})
    assert load(tmp_path).votes is None


def test_a_black_webp_is_smaller_than_opencv_expects(tmp_path):
    black = b"RIFF\x16\x00\x00\x00WEBPVP8L\t\x00\x00\x00//\xc0\x0b\x00\x88\x88\xfe\x07\x00"
    images = load(make_parquet(tmp_path / "a.parquet", image=[black] * 6)).images
    assert images.shape == (6, 48, 48)
    assert not images.any()


def test_csv_with_votes_beside(tmp_path):
    make_votes(tmp_path / "fer2013new.csv")
    data = load(make_csv(tmp_path / "fer2013.csv"))
    np.testing.assert_array_equal(data.images, PICTURES)
    assert [EMOTIONS[label] for label in data.labels] == LABELS
    assert data.splits() == {"train": 3, "public": 2, "private": 1}
    assert data.ids[4] == "row 4"
    np.testing.assert_allclose(data.votes[0], [0.8, 0, 0, 0, 0, 0, 0.2])
    assert data.votes[5].tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_csv_with_kaggles_header_in_a_folder_and_contempt(tmp_path):
    make_csv(tmp_path / "icml_face_data.csv", emotions=(0, 7, 6, 4, 1, 7), header="emotion, pixels, Usage")
    data = load(tmp_path)
    assert data.votes is None
    assert data.ids.tolist() == ["row 0", "row 2", "row 3", "row 4"]
    assert data.notes == ("2 pictures of contempt were left out",)
    np.testing.assert_array_equal(data.images[1], PICTURES[2])


def test_votes_of_rows_that_are_left_out(tmp_path):
    make_votes(tmp_path / "fer2013new.csv")
    data = load(make_csv(tmp_path / "fer2013.csv", emotions=(7, 3, 6, 4, 1, 7)))
    assert data.votes.argmax(axis=1).tolist() == data.labels.tolist() == [3, 6, 4, 1]


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        ("utf-8", ","),  # as it is published
        ("utf-8-sig", ";"),  # as a German spreadsheet saves it
        ("utf-16", "\t"),  # as one exports text
    ],
)
def test_votes_saved_by_a_spreadsheet(tmp_path, encoding, delimiter):
    """The same reader as for rosters and truths."""
    make_csv(tmp_path / "fer2013.csv")
    make_votes(tmp_path / "fer2013new.csv")
    before = load(tmp_path / "fer2013.csv").votes
    text = (tmp_path / "fer2013new.csv").read_text().replace(",", delimiter)
    (tmp_path / "fer2013new.csv").write_text(f"\n{text}", encoding=encoding)  # blank lines do not count
    np.testing.assert_array_equal(load(tmp_path / "fer2013.csv").votes, before)


def test_a_column_of_votes_is_missing(tmp_path):
    make_votes(tmp_path / "fer2013new.csv")
    text = (tmp_path / "fer2013new.csv").read_text().replace("neutral", "calm")
    (tmp_path / "fer2013new.csv").write_text(text)
    with pytest.raises(FertoolError, match=r"new\.csv:1: no column neutral \(its columns are Usage, .*calm"):
        load(make_csv(tmp_path / "fer2013.csv"))


@pytest.mark.parametrize(
    ("classes", "labels", "whose"),
    [
        (["1", "2", "3", "4", "5", "6", "7"], "surprise fear disgust happy sad angry neutral", "RAF-DB"),
        (
            ["0", "1", "2", "3", "4", "5", "6", "7"],
            "neutral happy sad surprise fear disgust angry",
            "AffectNet",
        ),
        (["0", "1", "2", "3", "4", "5", "6"], "neutral happy sad surprise fear disgust angry", "AffectNet"),
        (["AF", "AN", "DI", "HA", "NE", "SA", "SU"], "fear angry disgust happy neutral sad surprise", None),
        (["Anger", "Contempt", "Happiness", "surprised"], "angry happy surprise", None),
        (["1_fearful", "2-Sadness", "003 Disgusted"], "disgust fear sad", None),
    ],
)
def test_class_folders_of_common_data_sets(tmp_path, classes, labels, whose):
    data = load(make_folders(tmp_path, classes)).take("train")
    assert [EMOTIONS[label] for label in data.labels] == labels.split()
    assert any("contempt were left out" in note for note in data.notes) == (len(data) < len(classes))
    assert any(f"read as {whose}'s: " in note for note in data.notes) == (whose is not None)


def test_class_folders_without_splits_and_with_clutter(tmp_path):
    make_folders(tmp_path, ["happy", "sad"], splits=[""])
    (tmp_path / "happy" / "Thumbs.db").write_text("x")
    (tmp_path / "sad" / "._b.png").write_text("x")
    (tmp_path / "__MACOSX").mkdir()
    data = load(tmp_path)
    assert data.ids.tolist() == ["happy/b.png", "sad/b.png"]
    assert data.splits() == {"all": 2}
    np.testing.assert_array_equal(data.images[1], PICTURES[0] + np.uint8(1))


def test_names_of_split_folders(tmp_path):
    make_folders(tmp_path, ["sad"], splits=["Training", "val_class", "test_set", "fold3"])
    assert set(load(tmp_path).splits()) == {"train", "validation", "test", "fold3"}


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".tiff", ".pgm"])
def test_kinds_of_pictures(tmp_path, suffix):
    assert load(make_folders(tmp_path, ["sad"], suffix=suffix)).images.shape == (2, 48, 48)


def test_the_middle_square_in_the_wanted_size_and_channels(tmp_path):
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = (10, 20, 200)
    make_folders(tmp_path, ["sad"], picture=wide)
    data = load(tmp_path, size=20, channels=3)
    assert data.images.shape == (2, 20, 20, 3)
    assert (data.images == (10, 20, 200)).all()
    assert load(tmp_path, size=64).images.shape == (2, 64, 64)
    assert load(make_csv(tmp_path / "a.csv"), size=24, channels=3).images.shape == (6, 24, 24, 3)


# -- bad data ---------------------------------------------------------------------------------------------


def change(values, at, value):
    return [value if i == at else old for i, old in enumerate(values)]


WEBPS = [encoded(picture) for picture in PICTURES]
NUMBERS = [" ".join(map(str, picture.ravel())) for picture in PICTURES]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": change(WEBPS, 3, b"no picture at all")}, r"a\.parquet, row 30: the picture is not"),
        ({"image": change(WEBPS, 1, WEBPS[1][:200])}, r"a\.parquet, row 1: the picture is not"),
        ({"image": change(WEBPS, 1, None)}, r"a\.parquet, row 1: the picture is empty"),
        ({"fer2013": change(LABELS, 4, "bored")}, r"row 31: label: expected one of angry, .*found 'bored'"),
        ({"fer2013": change(LABELS, 4, None)}, r"row 31: label: expected .*found None"),
        ({"split": change(SPLIT, 0, None)}, r"row 0: split: expected a name like train, found None"),
        ({"split": None, "image": None}, r"no column split, image \(its columns are row, fer2013"),
        ({"ferplus_fear": None}, r"no column ferplus_fear"),
        ({"ferplus_fear": [0, 0, -1, 0, 0, 0]}, r"row 2: votes must be .*found 0, 0, -1"),
        ({"ferplus_fear": [0, 0, None, 0, 0, 0]}, r"row 2: votes must be .*found 0, 0, None"),
    ],
)
def test_bad_parquet(tmp_path, changes, said):
    with pytest.raises(FertoolError, match=said):
        load(make_parquet(tmp_path / "a.parquet", **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pixels": change(NUMBERS, 2, "1 2 3")}, r"a\.csv, row 2: expected 2304 pixels, found 3"),
        ({"pixels": change(NUMBERS, 2, "")}, r"row 2: expected 2304 pixels, found 0"),
        ({"pixels": change(NUMBERS, 2, "256 " * 2304)}, r"row 2: pixels must be whole numbers of 0 to 255"),
        ({"pixels": change(NUMBERS, 2, "x " * 2304)}, r"row 2: pixels must be whole numbers"),
        ({"emotions": (0, 3, 6, 4, 1, 8)}, r"row 5: emotion: expected a number of 0 to 6, found '8'"),
        ({"emotions": (0, "sad", 6, 4, 1, 2)}, r"row 1: emotion: .*found 'sad'"),
        ({"emotions": (7, 7, 7, 7, 7, 7)}, r"a\.csv: no picture of angry"),
        ({"usage": ["Training"] * 5 + ["Test"]}, r"row 5: Usage: expected one of Training, .*found 'Test'"),
        ({"header": "emotion,pixel,Usage"}, r"no column pixels \(its columns are emotion, pixel, Usage\)"),
    ],
)
def test_bad_csv(tmp_path, changes, said):
    with pytest.raises(FertoolError, match=said):
        load(make_csv(tmp_path / "a.csv", **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"votes": VOTES[:5], "usage": ["Training"] * 5}, r"fer2013new\.csv: expected 6 rows, .*found 5"),
        ({"usage": ["Training"] * 6}, r"new\.csv:5: Usage 'Training', but 'PublicTest' in a\.csv"),
        ({"votes": change(VOTES, 1, ["many"] * 7)}, r"new\.csv:3: votes must be numbers .*found many"),
        ({"votes": change(VOTES, 1, [""] * 7)}, r"new\.csv:3: votes must be numbers .*found , "),
    ],
)
def test_bad_votes_beside(tmp_path, changes, said):
    make_votes(tmp_path / "fer2013new.csv", **changes)
    with pytest.raises(FertoolError, match=said):
        load(make_csv(tmp_path / "a.csv"))


def test_files_that_are_no_data_set(tmp_path):
    for name, text, said in [
        ("a.parquet", "text", "cannot be read"),
        ("a.csv", "", "cannot be read"),
        ("b.csv", "emotion,pixels,Usage\n", "has no rows"),
        ("a.zip", "text", "expected a .parquet or .csv file"),
    ]:
        (tmp_path / name).write_text(text)
        with pytest.raises(FertoolError, match=said):
            load(tmp_path / name)
    with pytest.raises(FertoolError, match="no such file or folder"):
        load(tmp_path / "nowhere")


def test_bad_folders(tmp_path):
    make_folders(tmp_path, ["happy", "sad"])
    (tmp_path / "train" / "bored").mkdir()
    with pytest.raises(FertoolError, match=r"bored: unknown class 'bored': expected angry, .*rename"):
        load(tmp_path)
    (tmp_path / "train" / "bored").rename(tmp_path / "train" / "9")
    with pytest.raises(FertoolError, match="unknown class '9'"):
        load(tmp_path)
    (tmp_path / "train" / "9").rmdir()
    (tmp_path / "validation" / "happy").mkdir(parents=True)
    with pytest.raises(FertoolError, match=r"validation: no picture in its class folders \(expected SPLIT"):
        load(tmp_path)
    (tmp_path / "validation" / "happy" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(FertoolError, match=r", validation/happy/a\.jpg: the picture is not"):
        load(tmp_path)


def test_an_empty_folder(tmp_path):
    with pytest.raises(FertoolError, match="expected SPLIT/CLASS"):
        load(tmp_path)


# -- the value --------------------------------------------------------------------------------------------


def made(count=70):
    labels = np.arange(count) % 7
    images = np.random.default_rng(1).integers(0, 256, (count, 8, 8), np.uint8)
    ids = np.array([f"row {i}" for i in range(count)])
    split = np.where(np.arange(count) < count // 2, "train", "public")
    return Dataset(images, labels, None, split, ids, Path("made"))


def test_take_keeps_arrays_in_step_and_says_what_there_is():
    part = made().take("public")
    assert len(part) == 35
    assert part.ids[0] == "row 35"
    np.testing.assert_array_equal(part.images, made().images[35:])
    with pytest.raises(FertoolError, match=r"no split 'private' \(there are: public \(35\), train \(35\)\)"):
        made().take("private")


def test_digest_knows_pixels_and_labels_but_no_order():
    data, turned = made(), made().at(np.arange(70)[::-1])
    assert data.digest("train") == turned.digest("train") == data.take("train").digest()
    assert data.digest("train") != data.digest("public")
    seen = {data.digest()}
    data.images[3, 0, 0] ^= 1
    seen.add(data.digest())
    data.labels[3] = 5
    seen.add(data.digest())
    assert len(seen) == 3
    with pytest.raises(FertoolError, match="no split"):
        data.digest("private")


def test_digest_is_the_same_in_every_layout(tmp_path):
    usage = ["Training"] * 3 + ["PublicTest"] * 3
    csv, parquet = make_csv(tmp_path / "a.csv", usage=usage), make_parquet(tmp_path / "a.parquet")
    assert load(csv).digest("public") == load(parquet).digest("public")


@pytest.mark.skipif(not SHARED.is_file(), reason="needs ../shared/data/fer2013.parquet")
def test_the_shared_parquet():
    data = load(SHARED)
    assert data.splits() == {"train": 28561, "public": 3589}
    assert np.bincount(data.take("public").labels).tolist() == [468, 56, 495, 895, 653, 415, 607]
    assert data.images.shape == (32150, 48, 48)
    np.testing.assert_allclose(data.votes.sum(axis=1), 1, atol=1e-6)
