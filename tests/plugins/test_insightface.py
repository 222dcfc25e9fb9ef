"""insightface: its own `Face`s and its own pose arithmetic, converted. No test can have its weights."""

import numpy as np
import pytest
from insightface.app.common import Face
from insightface.data import get_object
from insightface.utils import transform

from fertool import FertoolError
from fertool.host import validate, weights
from fertool.vision import head_pose
from fertool_plugins.detectors import insightface as plugin
from fertool_plugins.detectors.insightface import PACKS, Insightface, convert


@pytest.fixture(scope="module")
def mean_face():
    """(68, 3) insightface's mean shape: right in the picture, down, towards the viewer."""
    return get_object("meanshape_68.pkl").astype(np.float64)


def rotation(yaw, pitch, roll):
    """Rz Ry Rx in the axes of the mean shape."""
    y, p, r = np.radians([yaw, pitch, roll])
    rx = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    ry = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    rz = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(rz) @ ry @ rx


def measured(shape):
    """What `insightface.model_zoo.landmark` makes of 3D landmarks: pitch, yaw, roll."""
    mean = get_object("meanshape_68.pkl")
    _, turn, _ = transform.P2sRt(transform.estimate_affine_matrix_3d23d(mean, shape))
    return np.array(transform.matrix2angle(turn), np.float32)


def face(x=100.0, score=0.9, **parts):
    """A `Face` as FaceAnalysis builds them: box, score and five points, then what each module adds."""
    box = np.array([x, 50, x + 80, 150], np.float32)
    kps = np.array([[x + 20, 90], [x + 60, 90], [x + 40, 110], [x + 25, 130], [x + 55, 130]], np.float32)
    return Face(bbox=box, kps=kps, det_score=np.float32(score), **parts)


def full(x=100.0, seed=0):
    rng = np.random.default_rng(seed)
    return face(
        x,
        landmark_3d_68=rng.uniform(0, 200, (68, 3)).astype(np.float32),
        pose=np.array([10, 20, 30], np.float32),
        embedding=rng.normal(0, 5, 512).astype(np.float32),
    )


def test_everything_a_full_pack_measures():
    faces = convert([full(100, 0), full(300, 1)])
    assert len(faces) == 2
    np.testing.assert_array_equal(faces.boxes, [[100, 50, 180, 150], [300, 50, 380, 150]])
    np.testing.assert_allclose(faces.scores, [0.9, 0.9])
    assert faces.landmarks.shape == (2, 68, 2)
    np.testing.assert_array_equal(faces.landmarks[1], full(300, 1).landmark_3d_68[:, :2])
    np.testing.assert_array_equal(faces.pose_deg, [[20, 10, 30]] * 2)  # yaw first
    np.testing.assert_allclose(np.linalg.norm(faces.embeddings, axis=1), 1, rtol=1e-6)
    direction = full(300, 1).embedding / np.linalg.norm(full(300, 1).embedding)
    np.testing.assert_allclose(faces.embeddings[1], direction, rtol=1e-5)


@pytest.mark.parametrize(
    "found",
    [
        [],  # nobody
        [face()],  # the smallest pack: five points
        [full()],  # a pack with everything
        [full(), face(300)],  # what one of them lacks, none gets
        [face(score=1.0000001)],  # a score a little over 1
        [Face(bbox=np.array([5, 5, 5, 9], np.float32), det_score=np.float32(0.6))],  # an empty box: dropped
    ],
)
def test_the_host_accepts_what_comes_out(found):
    class Converter(Insightface):
        def detect(self, images):
            return [convert(found) for _ in images]

    (faces,) = validate.detect(Converter(), [np.zeros((200, 400, 3), np.uint8)])
    assert len(faces) == len([f for f in found if f.bbox[2] > f.bbox[0]])


def test_a_small_pack_gives_five_points_and_leaves_the_rest_to_the_encoder():
    faces = convert([face()])
    assert faces.landmarks.shape == (1, 5, 2)
    (right, left), mouth = faces.landmarks[0, :2], faces.landmarks[0, 3:]
    assert right[0] < left[0], "the person's right eye is left in the picture"
    assert mouth[0, 0] < mouth[1, 0]
    assert faces.pose_deg is None
    assert faces.embeddings is None


def test_a_detector_without_points():
    faces = convert([Face(bbox=np.array([0, 0, 9, 9], np.float32), kps=None, det_score=np.float32(0.7))])
    assert faces.landmarks is None
    assert len(faces) == 1


def test_nobody():
    faces = convert([])
    assert faces.boxes.shape == (0, 4)
    assert faces.landmarks is None


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [
        (30, 0, 0),  # to the picture's right
        (-30, 0, 0),  # to its left
        (0, 20, 0),  # up
        (0, -20, 0),  # down
        (0, 0, 15),  # clockwise
        (40, -15, 10),  # all at once
    ],
)
def test_pose_has_our_order_and_signs(mean_face, yaw, pitch, roll):
    """Its arithmetic on its own mean face, turned by us: the angles come out as we name them."""
    turned = 100 * mean_face @ rotation(yaw, pitch, roll).T + (200, 200, 0)
    faces = convert([face(landmark_3d_68=turned.astype(np.float32), pose=measured(turned))])
    np.testing.assert_allclose(faces.pose_deg, [[yaw, pitch, roll]], atol=0.01)


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(35, 0, 0), (-35, 0, 0), (0, 25, 0), (0, -25, 0), (0, 0, 20)],  # each angle by itself
)
def test_pose_agrees_with_the_encoders(mean_face, yaw, pitch, roll):
    """The two ways to a head pose, on the same landmarks: same signs, alike in size.

    Not closer than that: their generic faces differ, and pitch has a bias.
    """
    turned = 100 * mean_face @ rotation(yaw, pitch, roll).T + (200, 200, 0)
    faces = convert([face(landmark_3d_68=turned.astype(np.float32), pose=measured(turned))])
    np.testing.assert_allclose(head_pose.head_pose(faces.landmarks), faces.pose_deg, atol=12)


def test_without_a_pack_it_says_what_to_run_and_fetches_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))  # FaceAnalysis would write to ~/.insightface
    for pack, model in PACKS.items():
        detector = Insightface(pack=pack)
        assert f"fertool models pull {model.name}" in detector.available()
        assert "non-commercial" in detector.available()
        assert detector.weights() == {}
        with pytest.raises(FertoolError) as caught:
            detector.load("cpu")
        assert caught.value.hint == f"run `fertool models pull {model.name}`"
    assert not list(tmp_path.iterdir())


def test_a_pulled_pack_that_was_tampered_with_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path))
    folder = tmp_path / PACKS["buffalo_s"].file
    folder.mkdir(parents=True)
    (folder / "det_500m.onnx").write_bytes(b"from somewhere else")
    assert Insightface().available() == ""  # quick: it only looks
    assert weights.verify(PACKS["buffalo_s"]) == "mismatch"
    with pytest.raises(FertoolError, match="damaged"):
        Insightface().load("cpu")


def test_the_licence_is_stated_loudly():
    for model in PACKS.values():
        assert "NON-COMMERCIAL RESEARCH ONLY" in model.license
    for text in (plugin.__doc__, Insightface.__doc__):
        assert "NON-COMMERCIAL RESEARCH ONLY" in text


def test_the_packs_come_from_insightfaces_own_address():
    from insightface.utils.storage import model_zoo_download_url

    for pack, model in PACKS.items():
        assert model.url == model_zoo_download_url(f"{pack}.zip")
        assert model.archive


@pytest.mark.parametrize("side", [0, 100, -32])
def test_a_side_the_net_cannot_see_is_refused(side):
    with pytest.raises(ValueError, match="multiple of 32"):
        Insightface(side=side)
