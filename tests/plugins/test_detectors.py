"""The detectors in ONNX Runtime, on pictures whose faces are known: `yunet` (both nets) and `centerface`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from faces_at import HEADS, close_up, gallery, photograph
from safetensors.numpy import load

from fertool import Detector, FertoolError
from fertool.host import networks, weights
from fertool.vision import boxes
from fertool_plugins.detectors import centerface, yunet
from fertool_plugins.detectors.centerface import CenterFace
from fertool_plugins.detectors.yunet import YUNET_N, Yunet, network
from fertool_plugins.nets import fitting

COPY = Path(os.environ.get("FERTOOL_TEST_MODELS", Path(__file__).parents[3] / "shared" / "models"))
needs_weights = pytest.mark.skipif(
    not (COPY / YUNET_N.download).exists(), reason=f"needs a copy of {YUNET_N.download} in {COPY}"
)
NETS = [
    pytest.param(lambda **chosen: Yunet(**chosen), id="yunet-s"),
    pytest.param(lambda **chosen: Yunet(net="n", **chosen), id="yunet-n", marks=needs_weights),
    pytest.param(lambda **chosen: CenterFace(**chosen), id="centerface"),
]


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return photograph()


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The larger net, got as a user without network gets it."""
    monkeypatch.setenv("FERTOOL_MODELS", str(tmp_path / "models"))
    if (COPY / YUNET_N.download).exists():
        weights.pull(YUNET_N, COPY)


def ready(detector: Detector) -> Detector:
    detector.load("cpu")
    return detector


@pytest.mark.parametrize("made", NETS)
class TestEach:
    def test_finds_everyone_on_the_photo(self, made, photo):
        (faces,) = ready(made()).detect([photo])
        overlaps = boxes.iou(faces.boxes, HEADS)
        assert overlaps.shape == (6, 6)
        assert (overlaps.max(axis=0) > 0.7).all()
        assert faces.boxes.dtype == faces.scores.dtype == np.float32
        assert ((faces.scores >= made().threshold) & (faces.scores <= 1)).all()
        assert (np.diff(faces.scores) <= 0).all(), "the surest first"
        assert faces.landmarks is faces.pose_deg is faces.embeddings is None

    @pytest.mark.parametrize(
        ("heights", "tiles", "long_side", "at_least"),
        [
            ((70, 110), (5, 5), 640, 25),  # what a gallery of 25 looks like: everyone
            ((45, 70), (7, 7), 960, 47),  # a gallery of 49
            ((30, 45), (7, 7), 1280, 30),  # a lecture hall: most
        ],
    )
    def test_finds_a_gallery(self, made, heights, tiles, long_side, at_least):
        view, people, parts = gallery(heights, tiles=tiles)
        (faces,) = ready(made(long_side=long_side)).detect([view])
        assert (boxes.iou(people, faces.boxes).max(axis=1) > 0.5).sum() >= at_least
        either = np.concatenate([people, parts])
        # Nothing else; but a hand in front of a shirt is taken for a face by one of them.
        assert (boxes.iou(either, faces.boxes).max(axis=0) < 0.1).sum() <= 3

    @pytest.mark.parametrize("long_side", [320, 500, 640, 1280, 4000])
    def test_boxes_are_in_frame_pixels_whatever_the_net_sees(self, made, photo, long_side):
        (faces,) = ready(made(long_side=long_side)).detect([photo])
        assert (boxes.iou(faces.boxes, HEADS).max(axis=0) > 0.7).sum() >= 5

    @pytest.mark.parametrize("shape", [(886, 600), (600, 886), (333, 1000), (64, 64), (37, 91), (1, 1)])
    def test_any_shape_of_frame(self, made, photo, shape):
        """Upright telephone pictures, strips, and sides that are no multiple of 32."""
        (faces,) = ready(made()).detect([np.ascontiguousarray(photo[: shape[0], : shape[1]])])
        whole = [head for head in HEADS if head[2] <= shape[1] and head[3] <= shape[0]]
        assert len(faces) >= len(whole)
        for head in whole:
            assert boxes.iou(head[None], faces.boxes).max() > 0.7

    def test_images_keep_their_order(self, made, photo):
        empty = np.zeros_like(photo)
        assert [len(faces) for faces in ready(made()).detect([photo, empty, photo])] == [6, 0, 6]

    @pytest.mark.parametrize("shade", [0, 128, 255])
    def test_no_face(self, made, shade):
        (faces,) = ready(made()).detect([np.full((480, 640, 3), shade, np.uint8)])
        assert faces.boxes.shape == (0, 4)
        assert faces.scores.shape == (0,)

    def test_a_higher_threshold_finds_fewer(self, made, photo):
        found = {t: len(ready(made(threshold=t)).detect([photo])[0]) for t in (0.5, 0.92, 0.999)}
        assert found[0.5] > found[0.92] > found[0.999] == 0

    def test_a_read_only_picture_stays_as_it_is(self, made, photo):
        given = photo.copy()
        given.flags.writeable = False
        ready(made()).detect([given])
        assert (given == photo).all()

    def test_several_threads_find_the_same(self, made, photo):
        detector = ready(made())
        (alone,) = detector.detect([photo])
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda _: detector.detect([photo])[0], range(8)))
        assert all((faces.boxes == alone.boxes).all() for faces in together)


# --- close-ups ------------------------------------------------------------------------------------

SIZES = [(1920, 1080), (1280, 720), (1080, 1920), (640, 480)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.6, 0.8, 1.0, 1.2])
def test_a_face_that_fills_the_frame_is_found_once(share: float, size: tuple[int, int]) -> None:
    """A webcam near the face; `share` of the shorter side."""
    detector = ready(Yunet())
    for person in range(len(HEADS)):
        view, face = close_up(person, share * min(size) / size[1], size)
        (faces,) = detector.detect([view])
        large = faces.boxes[faces.boxes[:, 3] - faces.boxes[:, 1] > (face[3] - face[1]) / 2]
        assert len(large) == 1, person
        assert boxes.iou(large, face[None])[0, 0] > 0.5, person


def test_without_the_second_look_it_is_not() -> None:
    view, _ = close_up(0, 1.5, (1920, 1080))
    assert len(ready(Yunet()).detect([view])[0]) == 1
    assert len(ready(Yunet(close_ups=False)).detect([view])[0]) == 0


# --- decoding, worked out by hand -----------------------------------------------------------------


def cells(width: int, height: int) -> dict[str, np.ndarray]:
    """Outputs of YuNet for an input of that size, without any face."""
    found = {}
    for stride in network.STRIDES:
        n = width // stride * (height // stride)
        found |= {f"cls_{stride}": np.zeros((1, n, 1), np.float32), f"obj_{stride}": np.zeros((1, n, 1))}
        found[f"bbox_{stride}"] = np.zeros((1, n, 4), np.float32)
    return found


@pytest.mark.parametrize(
    ("stride", "cell", "box", "expected"),
    [
        # 64 x 32 pixels: 8 cells a row at stride 8, 4 at 16, 2 at 32. log 1 = 0: as large as a cell.
        (8, 0, (0, 0, 0, 0), (-4, -4, 4, 4)),  # around the corner of the first cell
        (8, 9, (0.5, 0.5, 0, 0), (8, 8, 16, 16)),  # second row, second column, its middle
        (16, 7, (0.5, 0.5, np.log(2), np.log(3)), (40, 0, 72, 48)),  # 32 wide, 48 high, around (56, 24)
        (32, 1, (0, 1, np.log(0.5), 0), (24, 16, 40, 48)),  # 16 wide, 32 high, around (32, 32)
    ],
)
def test_yunet_decodes(stride: int, cell: int, box: tuple, expected: tuple) -> None:
    found = cells(64, 32)
    found[f"cls_{stride}"][0, cell] = 0.81
    found[f"obj_{stride}"][0, cell] = 0.25
    found[f"bbox_{stride}"][0, cell] = box
    corners, scores = network.decode(found, 64)
    assert corners.shape == (32 + 8 + 2, 4)
    best = int(scores.argmax())
    assert scores[best] == pytest.approx(0.45)  # the root of .81 x .25
    assert (scores > 0).sum() == 1
    assert corners[best] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("row", "column", "offset", "size", "expected"),
    [
        # A cell is 4 pixels; `offset` is y, x; `size` is height, width. Its middle is half a cell further.
        (0, 0, (0, 0), (0, 0), (0, 0, 4, 4)),
        (2, 5, (0.5, -0.5), (np.log(3), np.log(2)), (16, 6, 24, 18)),  # around (20, 12)
    ],
)
def test_centerface_decodes(row: int, column: int, offset: tuple, size: tuple, expected: tuple) -> None:
    depths = {"heat": 1, "offset": 2, "size": 2}
    maps = {name: np.zeros((1, depth, 8, 8), np.float32) for name, depth in depths.items()}
    maps["heat"][0, 0, row, column] = 0.5
    maps["offset"][0, :, row, column] = offset
    maps["size"][0, :, row, column] = size
    corners, scores = centerface.decode(maps, 0.35)
    assert corners == pytest.approx(np.array([expected]), abs=1e-4)
    assert scores.tolist() == [0.5]
    nothing, none = centerface.decode(maps, 0.6)
    assert nothing.shape == (0, 4)
    assert none.shape == (0,)


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "long_side", "expected", "scale"),
    [
        ((1080, 1920), 960, (544, 960), 0.5),  # 540 rows, and 4 of black
        ((480, 640), 960, (480, 640), 1),  # never up
        ((1920, 1080), 960, (960, 544), 0.5),
        ((1, 5000), 960, (32, 960), 0.192),  # at least a row
        ((33, 31), 960, (64, 32), 1),
    ],
)
def test_fitted(shape: tuple, long_side: int, expected: tuple, scale: float) -> None:
    image = np.full((*shape, 3), (10, 20, 30), np.uint8)
    net, found = fitting.fitted(image, long_side)
    assert net.shape == (1, 3, *expected)
    assert net.dtype == np.float32
    assert found == pytest.approx(scale)
    assert net[0, :, 0, 0].tolist() == [10, 20, 30]
    rows, columns = (max(1, round(side * scale)) for side in shape)
    assert net[0, :, rows:].sum() == net[0, :, :, columns:].sum() == 0
    assert (net[0, 2, :rows, :columns] == 30).all()


def test_a_session_computes_on_the_calling_thread() -> None:
    options = networks.session(network.graph(yunet._shipped()[0])).get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


# --- weights --------------------------------------------------------------------------------------


def test_the_shipped_weights_are_those_that_were_published() -> None:
    folder = Path(yunet.__file__).parent / "weights"
    stored = load((folder / yunet.SHIPPED).read_bytes())
    # The library's 53,184, less what fills up each of the 16 filters of the first layer from 27 to 32.
    assert sum(tensor.size for tensor in stored.values()) == 53_184 - 16 * 5
    # As plugins/tools/convert_yunet.py and convert_centerface.py print them.
    assert Yunet().weights() == {
        "yunet_s.safetensors": "b8b44acdfde374c9ec52642e7735ef2e440a88975b746b4dca605f0f0626a501"
    }
    assert CenterFace().weights() == {
        "centerface.onnx": "717462801e2496784fae4ae905c79942311e2f24ce9d5ac0e424417ba2ed14c8"
    }


@pytest.mark.parametrize(("plugin", "words"), [(yunet, "Shiqi Yu"), (centerface, "Star-Clouds")])
def test_their_license_ships(plugin, words: str) -> None:
    (text,) = (Path(plugin.__file__).parent / "weights").glob("LICENSE*")
    assert words in text.read_text(encoding="utf-8")


@pytest.mark.skipif(not (COPY / "yunet_s.onnx").exists(), reason=f"needs yunet_s.onnx in {COPY}")
def test_the_graph_computes_what_the_original_does() -> None:
    """Against an export of the network as libfacedetection has it."""
    original = onnxruntime.InferenceSession(COPY / "yunet_s.onnx", providers=["CPUExecutionProvider"])
    ours = networks.session(network.graph(yunet._shipped()[0]))
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 96, 160)).astype(np.float32)
    names = [f"{kind}_{stride}" for stride in network.STRIDES for kind in ("cls", "obj", "bbox")]
    pairs = zip(original.run(names, {"input": image}), ours.run(names, {"input": image}), strict=True)
    for name, (expected, found) in zip(names, pairs, strict=True):
        assert found[0] == pytest.approx(expected[0].reshape(found.shape[2], -1).T, abs=1e-5), name


@needs_weights
class TestPulled:
    def test_weights_are_those_of_the_catalog(self):
        assert Yunet(net="n").weights() == {YUNET_N.file: YUNET_N.sha256}
        assert Yunet(net="n").available() == ""

    def test_other_weights_under_its_name_are_refused(self):
        weights.require(YUNET_N).write_bytes(b"an onnx file of somebody else's")
        with pytest.raises(FertoolError, match="'yunet' is damaged"):
            Yunet(net="n").load("cpu")


def test_without_weights_it_says_what_to_run(tmp_path, monkeypatch):
    empty = tmp_path / "none"
    empty.mkdir()
    monkeypatch.setenv("FERTOOL_MODELS", str(empty))
    assert "fertool models pull yunet" in Yunet(net="n").available()
    assert Yunet(net="n").weights() == {}
    with pytest.raises(FertoolError) as caught:
        Yunet(net="n").load("cpu")
    assert "fertool models pull yunet" in caught.value.hint
    assert not list(empty.iterdir()), "nothing is fetched unasked"
    assert Yunet().available() == CenterFace().available() == "", "what ships needs nothing"


def test_the_catalog_entry_is_pinned():
    assert "/02246e79b1e976c83d1e135a85e0628120c93769/" in YUNET_N.url
    assert YUNET_N.license == "Apache-2.0"
    assert Yunet.models == (YUNET_N,)
