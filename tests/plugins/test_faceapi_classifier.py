"""The classifier: order of its labels, what it makes of known faces, and how well it does on FER2013."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import insightface
import numpy as np
import pytest

from fertool import EMOTIONS, Faces
from fertool.host import validate
from fertool.vision import crops
from fertool_plugins.classifiers.faceapi import ORDER, FaceApi

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("FERTOOL_TEST_DATA", ROOT.parent / "shared" / "data"))
THEIRS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
"""FACE_EXPRESSION_LABELS of face-api."""
HEADS = np.array(
    [
        *([464, 270, 572, 413], [901, 55, 1005, 204], [55, 267, 160, 393]),
        *([1131, 271, 1226, 401], [746, 344, 848, 476], [271, 146, 368, 270]),
    ],
    np.float32,
)
"""The six faces of insightface's t1.jpg, brow to chin."""


def ready(exact: bool = False) -> FaceApi:
    classifier = FaceApi(exact=exact)
    classifier.load("cpu")
    return classifier


@pytest.fixture(scope="module")
def classifier() -> FaceApi:
    return ready()


def aligned(images: list[np.ndarray], faces: list[Faces]) -> np.ndarray:
    """Crops as the host cuts them."""
    from fertool_plugins.encoders.faceapi import FaceApi as Encoder

    encoder = Encoder()
    encoder.load("cpu")
    encoded = encoder.encode(images, faces)
    return np.concatenate(
        [crops.cut(i, f.boxes, f.landmarks, FaceApi.crop) for i, f in zip(images, encoded, strict=True)]
    )


@pytest.mark.parametrize(("label", "theirs"), [*zip(EMOTIONS, ORDER, strict=True)])
def test_labels_are_reordered_to_ours(label: str, theirs: int) -> None:
    assert THEIRS[theirs].startswith(label.removesuffix("e").removesuffix("y")), (label, THEIRS[theirs])


def test_order_uses_every_label_once() -> None:
    assert sorted(ORDER) == list(range(7))
    assert FaceApi.labels == EMOTIONS


def waves() -> np.ndarray:
    """The picture `waves 150` of the reference, resized as the original resizes it."""
    y, x, c = np.ogrid[:150, :150, :3]
    image = (((x * x * 3 + y * y * 5 + x * y * (c + 1)) >> 6) + 40 * c & 255).astype(np.uint8)
    scale = np.array([[150 / 112, 0, 0], [0, 150 / 112, 0]])
    return cv2.warpAffine(image, scale, (112, 112), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def test_gives_the_originals_probabilities_in_our_order() -> None:
    reference = json.loads((ROOT / "tests/reference/faceapi.json").read_text())["waves 150"]["expression"]
    ours = validate.classify(ready(exact=True), waves()[None])[0]
    np.testing.assert_allclose(ours, np.array(reference)[list(ORDER)], atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 65])
def test_rows_are_probabilities_whatever_the_batch(classifier: FaceApi, count: int) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (count, 112, 112, 3), np.uint8)
    faces[0] = 0
    shares = validate.classify(classifier, faces)
    assert shares.shape == (count, 7)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(shares[:1], classifier.classify(faces[:1]), atol=0.05)


def test_quick_and_exact_agree(classifier: FaceApi) -> None:
    photo = cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))
    faces = aligned([photo], [Faces(HEADS, np.ones(6, np.float32))])
    np.testing.assert_allclose(classifier.classify(faces), ready(exact=True).classify(faces), atol=0.05)


def test_a_photograph_of_six_people(classifier: FaceApi) -> None:
    """Three smile with their teeth, three look calmly; nobody is angry, afraid or disgusted."""
    photo = cv2.imread(str(Path(insightface.__path__[0], "data", "images", "t1.jpg")))
    shares = classifier.classify(aligned([photo], [Faces(HEADS, np.ones(6, np.float32))]))
    found = [EMOTIONS[i] for i in shares.argmax(1)]
    assert set(found) == {"happy", "neutral"}


def test_neutral_first_then_smiling(classifier: FaceApi) -> None:
    av = pytest.importorskip("av")
    clip = DATA / "clips" / "single_face.mp4"
    if not clip.exists():
        pytest.skip(f"needs the clip {clip.name} in {DATA}")
    from fertool_plugins.detectors.ssd import Ssd

    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)][::8]
    ssd = Ssd()
    ssd.load("cpu")
    shares = classifier.classify(aligned(frames, ssd.detect(frames)))
    assert [EMOTIONS[i] for i in shares.argmax(1)] == ["neutral"] * 3 + ["happy"] * 6
    assert shares.max(1).min() > 0.9


def test_accuracy_on_fer2013(classifier: FaceApi) -> None:
    pl = pytest.importorskip("polars")
    file = DATA / "fer2013.parquet"
    if not file.exists():
        pytest.skip(f"needs {file.name} in {DATA}")
    table = pl.read_parquet(file).filter(pl.col("split") == "public").head(600)
    truth = np.array([EMOTIONS.index(label) for label in table["fer2013"]])
    faces = np.stack([enlarged(webp) for webp in table["image"]])
    right = classifier.classify(faces).argmax(1) == truth
    assert right.mean() > 0.5  # 56.5 % of the first 1,500; chance is 14 %
    assert right[truth == EMOTIONS.index("happy")].mean() > 0.7


def enlarged(webp: bytes) -> np.ndarray:
    """A 48 x 48 gray picture at the size of the net's input."""
    image = cv2.imdecode(np.frombuffer(webp, np.uint8), cv2.IMREAD_COLOR)
    if image is None:  # OpenCV cannot read a WebP of less than 32 bytes, which is a picture of one color
        image = np.zeros((48, 48, 3), np.uint8)
    return cv2.resize(image, (112, 112))


def test_weights_are_named_by_their_hash() -> None:
    ((name, digest),) = FaceApi().weights().items()
    assert name == "face_expression.safetensors"
    assert len(digest) == 64
