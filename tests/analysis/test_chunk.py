"""One chunk, from pictures to tables, with plugins for which a person is a colored square.

The color's direction says who it is, its brightness what mood they are in.
"""

import json

import cv2
import numpy as np
import polars as pl
import pytest

from fertool import EMOTIONS, Classifier, Crop, Detector, Encoder, Faces, PluginError
from fertool.analysis.chunk import EMBED_EVERY_S, Chunk
from fertool.host.inference import FACES_AT_ONCE, Engine
from fertool.host.toolbox import Plugged, Toolbox
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS
from fertool.types import Sample

ADA, BEN, CAM = (1, 0, 0), (0, 1, 0), (0, 0, 1)  # blue, green, red
LEFT, RIGHT = (20, 40), (220, 40)
BRIGHT, DIM = 250, 120
HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def unit(color):
    return np.array(color, np.float32) / np.linalg.norm(color)


def picture(*people, size=(200, 400), side=80):
    """BGR picture with one square per (who, corner, brightness); height and width in `size`."""
    image = np.zeros((*size, 3), np.uint8)
    for who, (x, y), brightness in people:
        image[y : y + side, x : x + side] = np.rint(unit(who) * brightness)
    return image


class Squares(Detector):
    """Every patch that is not black, from left to right."""

    name = "squares"
    version = "1"

    def __init__(self):
        self.batches = []

    def detect(self, images):
        self.batches.append(len(images))
        return [self.faces(image) for image in images]

    def faces(self, image):
        _, _, stats, _ = cv2.connectedComponentsWithStats((image.max(axis=2) > 0).astype(np.uint8))
        boxes = sorted([x, y, x + w, y + h] for x, y, w, h, _ in stats[1:].tolist())
        return Faces(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32))


class Colors(Encoder):
    """Five landmarks at fixed places of the box; the embedding is the color of the crop."""

    name = "colors"
    version = "1"
    crop = Crop(16, align=False)
    same_person = 0.5

    def __init__(self, pose=(0.0, 0.0, 0.0)):
        self.pose = pose  # of everybody, or (brightness of one pixel) -> pose
        self.embedded = 0

    def encode(self, images, faces):
        return [self.measured(image, f) for image, f in zip(images, faces, strict=True)]

    def measured(self, image, faces):
        at = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
        sides = faces.boxes[:, None, 2:] - faces.boxes[:, None, :2]
        points = (faces.boxes[:, None, :2] + at * sides).astype(np.float32)
        middle = ((faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2).astype(int)
        poses = [self.pose(image[y, x]) if callable(self.pose) else self.pose for x, y in middle]
        return faces.with_(landmarks=points, pose_deg=np.array(poses, np.float32).reshape(-1, 3))

    def embed(self, crops):
        assert len(crops) >= 1
        assert crops.shape[1:] == (16, 16, 3)
        self.embedded += len(crops)
        colors = crops.reshape(len(crops), -1, 3).mean(axis=1)
        return (colors / np.linalg.norm(colors, axis=1, keepdims=True)).astype(np.float32)


class Moods(Classifier):
    """The first label for a bright square, the second for a dim one."""

    name = "moods"
    version = "1"
    labels = ("happy", "sad", *(e for e in EMOTIONS if e not in {"happy", "sad"}))
    crop = Crop(8, align=False)

    def __init__(self):
        self.sizes = []

    def classify(self, crops):
        assert crops.shape[1:] == (8, 8, self.crop.channels)
        self.sizes.append(len(crops))
        rest = 0.3 / (len(self.labels) - 1)
        rows = np.full((len(crops), len(self.labels)), rest, np.float32)
        dim = crops.reshape(len(crops), -1).max(axis=1) < (BRIGHT + DIM) / 2
        rows[np.arange(len(crops)), dim.astype(int)] = 0.7
        return rows


def engine(detector=None, encoder=None, classifier=None):
    return Engine(detector or Squares(), encoder or Colors(), classifier or Moods())


def add(chunk, batch):
    """A batch looked at and taken in, as the pipeline does it; returns the number of faces."""
    return chunk.add(batch, chunk.engine.look(batch))


def measure(pictures, engine_=None, *, step=1.0, batch=8, number=0, first=0):
    """The tables of a chunk of these pictures, `step` seconds apart."""
    chunk = Chunk(engine_ or engine(), "run", number)
    samples = [Sample(first + i, (first + i) * step, image) for i, image in enumerate(pictures)]
    found = sum(add(chunk, samples[i : i + batch]) for i in range(0, len(samples), batch))
    tables = chunk.finish()
    assert found == len(tables["observations"])
    for name, schema in (("samples", SAMPLES), ("tracks", TRACKS), ("observations", OBSERVATIONS)):
        assert tables[name].schema == pl.Schema(schema)
    return tables


def owners(tables):
    """Per track, who its embedding says it is and which samples it has."""
    seen = tables["observations"].group_by("track", maintain_order=True).agg("sample")
    samples = dict(seen.rows())
    return [
        (tuple(np.rint(row["embedding"]).astype(int).tolist()), samples[row["track"]])
        for row in tables["tracks"].to_dicts()
    ]


# --- who ------------------------------------------------------------------------------------------


def test_two_people_in_their_tiles():
    both = picture((ADA, LEFT, BRIGHT), (BEN, RIGHT, DIM))
    tables = measure([both, both, picture((ADA, LEFT, BRIGHT))], number=3, first=180)
    assert tables["samples"].rows() == [(180, 180.0, 2), (181, 181.0, 2), (182, 182.0, 1)]
    assert owners(tables) == [(ADA, [180, 181, 182]), (BEN, [180, 181])]
    tracks = tables["tracks"].drop("embedding", "change").rows()
    assert tracks == [("run-0003-000", 3, 180.0, 182.0, 3), ("run-0003-001", 3, 180.0, 181.0, 2)]
    faces = tables["observations"].select("sample", "face", "track", "x1", "y1", "x2", "y2", "detection")
    assert faces.row(1) == pytest.approx((180, 1, "run-0003-001", 220, 40, 300, 120, 0.9))


@pytest.mark.parametrize("change", [1, 2, 7, 30, 58, 59])
def test_people_who_swap_tiles_are_told_apart_at_the_very_sample(change):
    before = picture((ADA, LEFT, BRIGHT), (BEN, RIGHT, BRIGHT))
    after = picture((BEN, LEFT, BRIGHT), (ADA, RIGHT, BRIGHT))
    encoder = Colors()
    tables = measure([before] * change + [after] * (60 - change), engine(encoder=encoder))
    first, second = list(range(change)), list(range(change, 60))
    assert owners(tables) == [(ADA, first), (BEN, first), (BEN, second), (ADA, second)]
    anchors = 2 * (60 / EMBED_EVERY_S + 1)
    assert encoder.embedded <= anchors + 2 * 4  # bisection of fifteen samples, in two paths


def test_a_new_person_in_a_tile_that_was_empty_for_a_while():
    empty, one, other = picture(), picture((ADA, LEFT, DIM)), picture((BEN, LEFT, DIM))
    assert owners(measure([one, one, empty, other, other])) == [(ADA, [0, 1]), (BEN, [3, 4])]
    assert owners(measure([one, one, empty, one, one])) == [(ADA, [0, 1, 3, 4])]


def test_faces_within_a_second_are_embedded_once():
    encoder = Colors()
    tables = measure([picture((ADA, LEFT, BRIGHT))] * 41, engine(encoder=encoder), step=0.1)
    assert tables["tracks"]["samples"].to_list() == [41]
    assert encoder.embedded == 2  # the first and the last of those kept


def test_between_two_samples_a_second_apart_a_change_is_found_to_the_second():
    before, after = picture((ADA, LEFT, BRIGHT)), picture((BEN, LEFT, BRIGHT))
    tables = measure([before] * 25 + [after] * 16, step=0.1)  # only every tenth face is kept for embedding
    assert owners(tables) == [(ADA, list(range(30))), (BEN, list(range(30, 41)))]


STAYS = [
    # seconds from sample to sample, samples, embeddings: at 0, 15, 30 and 45 s, and of the last face
    (1.0, 60, 5),
    (5.0, 12, 5),
    (0.1, 600, 5),
    (10.0, 6, 4),  # at 0, 20 and 40 s, and of the last face
    (20.0, 3, 3),  # of every face
    (1.0, 16, 2),  # the last face is the one at 15 s
    (1.0, 17, 3),
    (1.0, 15, 2),
    (1.0, 1, 1),
]


@pytest.mark.parametrize(("step", "samples", "embeddings"), STAYS)
def test_who_stays_is_embedded_a_few_times_a_minute(step, samples, embeddings):
    encoder = Colors()
    tables = measure([picture((ADA, LEFT, BRIGHT))] * samples, engine(encoder=encoder), step=step)
    assert tables["tracks"]["samples"].to_list() == [samples]
    assert encoder.embedded == embeddings
    np.testing.assert_allclose(tables["tracks"]["embedding"][0], ADA, atol=1e-6)


@pytest.mark.parametrize("change", [1, 2, 14, 15, 16, 31, 59])
def test_after_a_shuffle_no_face_is_embedded_again(change):
    class Lists(Colors):
        def embed(self, crops):
            self.seen += [crop.tobytes() for crop in crops]
            return super().embed(crops)

    encoder = Lists()
    encoder.seen = []
    corners = [(20 + 120 * i, 40) for i in range(3)]

    def gallery(second):  # in every second another light, so that no two crops are equal
        order = (ADA, BEN, CAM) if second < change else (BEN, CAM, ADA)
        people = [(who, corner, 120 + 2 * second) for who, corner in zip(order, corners, strict=True)]
        return picture(*people)

    tables = measure([gallery(second) for second in range(60)], engine(encoder=encoder))
    first, second = list(range(change)), list(range(change, 60))
    shown = [(ADA, first), (BEN, first), (CAM, first), (BEN, second), (CAM, second), (ADA, second)]
    assert owners(tables) == shown
    assert len(encoder.seen) == len(set(encoder.seen))
    # of each tile 5, up to 4 to find the second of the change, and the ends on both sides of it
    assert encoder.embedded <= 3 * (5 + 4 + 2)


def test_batches_make_no_difference():
    pictures = [
        picture((ADA if i < 9 else BEN, LEFT, BRIGHT), (CAM, RIGHT, DIM if i % 2 else BRIGHT))
        for i in range(20)
    ]
    whole = measure(pictures, batch=20)
    for batch in (1, 3, 8):
        parts = measure(pictures, batch=batch)
        for name, table in whole.items():
            assert table.equals(parts[name])


def test_batches_may_differ_in_picture_size():
    small, large = picture((ADA, LEFT, DIM)), picture((ADA, LEFT, DIM), (BEN, RIGHT, DIM), size=(480, 640))
    chunk = Chunk(engine(), "run", 0)
    add(chunk, [Sample(0, 0.0, small), Sample(1, 1.0, small)])
    add(chunk, [Sample(2, 2.0, large)])
    add(chunk, [Sample(3, 3.0, small)])
    assert owners(chunk.finish()) == [(ADA, [0, 1, 2, 3]), (BEN, [2])]


def by_brightness(pixel):
    """A dim person looks away."""
    return (60.0, 0.0, 0.0) if pixel.max() < BRIGHT * 0.9 else (0.0, 0.0, 0.0)


NOT_FOR_EMBEDDING = [
    by_brightness,  # turned further away than 40 degrees
    lambda pixel: (-60.0, 0, 0) if by_brightness(pixel)[0] else (0.0, 0, 0),  # to the other side
    lambda pixel: (np.nan,) * 3 if by_brightness(pixel)[0] else (0.0, 0, 0),  # not to be measured
]


@pytest.mark.parametrize("pose", NOT_FOR_EMBEDDING)
def test_turned_faces_are_embedded_only_when_there_is_no_better_one(pose):
    away = picture(((1, 0.5, 0), LEFT, DIM))  # seen from the side, Ada looks different
    tables = measure([away, picture((ADA, LEFT, BRIGHT)), away], engine(encoder=Colors(pose)))
    np.testing.assert_allclose(tables["tracks"]["embedding"][0], ADA, atol=1e-6)
    alone = measure([away] * 3, engine(encoder=Colors(pose)))
    np.testing.assert_allclose(alone["tracks"]["embedding"][0], unit((1, 0.5, 0)), atol=1e-2)


def test_of_small_faces_only_the_largest_is_embedded():
    encoder = Colors()
    pictures = [picture((ADA, LEFT, BRIGHT), side=side) for side in (20, 30, 25)]
    tables = measure(pictures, engine(encoder=encoder))
    assert tables["tracks"]["samples"].to_list() == [3]
    assert encoder.embedded == 1


# --- what -----------------------------------------------------------------------------------------


def test_probabilities_stand_under_their_labels_whatever_the_classifier_s_order():
    tables = measure([picture((ADA, LEFT, BRIGHT), (BEN, RIGHT, DIM))])
    rows = tables["observations"].select("happy", "sad", "angry", "emotion", "confidence", "others").rows()
    assert rows[0] == pytest.approx((0.7, 0.05, 0.05, "happy", 0.7, None))
    assert rows[1] == pytest.approx((0.05, 0.7, 0.05, "sad", 0.7, None))


def test_labels_beyond_the_seven_go_into_others():
    class More(Moods):
        labels = ("contempt", "neutral", "boredom", "happy")

    table = measure([picture((ADA, LEFT, BRIGHT), (BEN, RIGHT, DIM))], engine(classifier=More()))[
        "observations"
    ]
    assert table["emotion"].to_list() == ["contempt", "neutral"]
    assert table["confidence"].to_list() == pytest.approx([0.7, 0.7])
    assert table["neutral"].to_list() == pytest.approx([0.1, 0.7])
    assert table["happy"].to_list() == pytest.approx([0.1, 0.1])
    for label in set(EMOTIONS) - {"neutral", "happy"}:
        assert table[label].null_count() == 2  # never asked for: null, not 0
    assert [json.loads(row) for row in table["others"]] == [
        {"contempt": pytest.approx(0.7), "boredom": pytest.approx(0.1)},
        {"contempt": pytest.approx(0.1), "boredom": pytest.approx(0.1)},
    ]


def test_a_classifier_that_wants_gray_gets_gray():
    class Gray(Moods):
        crop = Crop(8, align=False, channels=1)

        def classify(self, crops):
            assert crops.shape[1:] == (8, 8, 1)
            return super().classify(crops)

    white = (1, 1, 1)
    table = measure([picture((white, LEFT, 1.5 * BRIGHT))], engine(classifier=Gray()))["observations"]
    assert table["emotion"].to_list() == ["happy"]


def test_without_a_classifier_no_expression_is_stored():
    bare = Engine(Squares(), Colors(), None)
    table = measure([picture((ADA, LEFT, BRIGHT))], bare)["observations"]
    assert table.select(*EMOTIONS, "emotion", "confidence", "others").null_count().row(0) == (1,) * 10
    assert table["x1"].to_list() == [20]


FLOORS = [
    # side of the face, margin of the crop, floor, whether its expression is measured
    (31, 0.0, 32.0, False),  # a pixel too small
    (32, 0.0, 32.0, True),  # the floor itself counts
    (33, 0.0, 32.0, True),
    (24, 0.25, 36.0, True),  # the square that is cut counts: 24 * 1.5 = 36
    (24, 0.25, 36.5, False),
    (31, 0.0, 0.0, True),  # a classifier without a floor
]


@pytest.mark.parametrize(("side", "margin", "floor", "measured"), FLOORS)
def test_the_expression_of_a_small_face_is_not_measured(side, margin, floor, measured):
    class Picky(Moods):
        labels = ("contempt", *EMOTIONS)
        crop = Crop(8, margin, align=False)
        floor_px = floor

    moods = Picky()
    table = measure([picture((ADA, LEFT, BRIGHT), side=side)], engine(classifier=moods))["observations"]
    expression = table.select(*EMOTIONS, "emotion", "confidence", "others")
    assert expression.null_count().row(0) == (0 if measured else 1,) * 10
    assert moods.sizes == ([1] if measured else []), "what is not measured is not computed"
    seen = table.select("x1", "x2", "detection", "yaw_deg", "pitch_deg", "roll_deg").row(0)
    assert seen == pytest.approx((20, 20 + side, 0.9, 0, 0, 0)), "the face is there all the same"


def test_small_faces_leave_the_answers_of_the_others_in_their_places():
    class Picky(Moods):
        floor_px = 32.0

    small, large = picture((ADA, LEFT, DIM), side=31), picture((BEN, RIGHT, DIM), side=32)
    pictures = [small + picture((CAM, RIGHT, BRIGHT)), small, picture(), small + large]
    table = measure(pictures, engine(classifier=Picky()))["observations"]
    assert table.select("sample", "x1", "emotion").rows() == [
        (0, 20, None), (0, 220, "happy"), (1, 20, None), (3, 20, None), (3, 220, "sad"),
    ]  # fmt: skip


def test_many_faces_are_classified_in_portions_and_stay_in_order():
    corners = [(x, y) for x in range(0, 1500, 50) for y in range(0, 150, 50)]
    people = [(ADA, corner, BRIGHT if i % 3 else DIM) for i, corner in enumerate(corners)]
    moods = Moods()
    table = measure([picture(*people, size=(160, 1500), side=40)], engine(classifier=moods))["observations"]
    assert moods.sizes == [FACES_AT_ONCE, len(corners) - FACES_AT_ONCE]
    assert table["emotion"].to_list() == ["happy" if i % 3 else "sad" for i in range(len(corners))]


POSES = [
    ((10.0, -5.0, 2.0), (10.0, -5.0, 2.0)),
    ((np.nan, np.nan, np.nan), (None, None, None)),  # what could not be measured is null
    ((10.0, np.nan, 2.0), (10.0, None, 2.0)),
]


@pytest.mark.parametrize(("pose", "stored"), POSES)
def test_head_pose(pose, stored):
    table = measure([picture((ADA, LEFT, BRIGHT))] * 2, engine(encoder=Colors(pose)))["observations"]
    assert table.select("yaw_deg", "pitch_deg", "roll_deg").rows() == [stored] * 2


# --- little or nothing ----------------------------------------------------------------------------


class Never(Colors, Moods):
    """A net that must not be asked: n >= 1, says its contract."""

    def encode(self, images, faces):
        raise AssertionError

    embed = classify = encode


@pytest.mark.parametrize("classifier", [Moods(), None])
def test_no_faces_at_all(classifier):
    never = Never()
    tables = measure([picture()] * 3, Engine(Squares(), never, classifier and never))
    assert tables["samples"].rows() == [(0, 0.0, 0), (1, 1.0, 0), (2, 2.0, 0)]
    assert tables["tracks"].is_empty()
    assert tables["observations"].is_empty()


def test_no_samples_at_all():
    assert [len(table) for table in measure([]).values()] == [0, 0, 0]


def test_a_face_now_and_then():
    empty, ada = picture(), picture((ADA, LEFT, DIM))
    tables = measure([empty, ada, empty, empty, empty, ada], batch=2)
    assert tables["samples"]["faces"].to_list() == [0, 1, 0, 0, 0, 1]
    assert owners(tables) == [(ADA, [1]), (ADA, [5])]
    assert tables["observations"]["emotion"].to_list() == ["sad", "sad"]


# --- a detector that does it all ------------------------------------------------------------------


class Complete(Squares):
    """Landmarks, pose and embeddings come for free, as with insightface."""

    same_person = 0.9

    def faces(self, image):
        found = Colors().measured(image, super().faces(image))
        middle = ((found.boxes[:, :2] + found.boxes[:, 2:]) / 2).astype(int)
        colors = [unit(image[y, x].astype(float)) for x, y in middle]
        return found.with_(embeddings=np.array(colors, np.float32)) if colors else Faces.none()


def test_what_the_detector_filled_in_is_not_measured_again():
    before = picture((ADA, LEFT, BRIGHT), (BEN, RIGHT, BRIGHT))
    after = picture((BEN, LEFT, BRIGHT), (ADA, RIGHT, BRIGHT))
    tables = measure([before] * 7 + [picture()] + [after] * 4, Engine(Complete(), Never(), Moods()))
    first, second = list(range(7)), list(range(8, 12))
    assert owners(tables) == [(ADA, first), (BEN, first), (BEN, second), (ADA, second)]


def test_the_limit_belongs_to_who_makes_the_embeddings():
    for detector, limit in ((Squares(), 0.5), (Complete(), 0.9)):
        assert Engine(detector, Colors(), None).same_person == limit
        assert Toolbox(Plugged(detector), Plugged(Colors()), None, []).same_person == limit


def test_a_plugin_that_breaks_its_contract_is_named():
    class Wrong(Moods):
        def classify(self, crops):
            return super().classify(crops)[:, :3]

    with pytest.raises(PluginError, match="classifier 'moods'"):
        measure([picture((ADA, LEFT, BRIGHT))], engine(classifier=Wrong()))


# --- pictures -------------------------------------------------------------------------------------


def test_what_does_not_move_is_told_from_what_does():
    wall = picture((ADA, LEFT, BRIGHT))
    moods = [picture((ADA, LEFT, BRIGHT), (BEN, RIGHT, level)) for level in (BRIGHT, DIM)]
    for image in moods:
        image[50:90:8, 230:290] += 40 * (image is moods[0])  # features, or a change of light is no change
    tables = measure([moods[i % 2] for i in range(6)] + [wall] * 2)
    still, alive = tables["tracks"]["change"].to_list()
    assert still == 0
    assert alive > 3


def test_a_change_is_not_told_of_a_single_sample_or_of_who_jumps_about():
    tables = measure([picture((ADA, LEFT, BRIGHT))])
    assert tables["tracks"]["change"].to_list() == [None]
    hops = [picture((ADA, (20 + 40 * (i % 2), 40), BRIGHT)) for i in range(6)]
    assert measure(hops)["tracks"]["change"].to_list() == [None]


def test_after_a_shuffle_nobody_passes_for_who_was_there_before():
    """Five tiles change places. In one of them a face is too small to be made out at first."""
    colors = [ADA, BEN, CAM, (1, 1, 0), (0, 1, 1)]
    corners = [(20 + 110 * i, 40) for i in range(5)]

    def gallery(order, sides):
        image = np.zeros((200, 600, 3), np.uint8)
        for who, (x, y), side in zip(order, corners, sides, strict=True):
            image[y : y + side, x : x + side] = np.rint(unit(who) * BRIGHT)
        return image

    before, after = gallery(colors, [60] * 5), gallery([*colors[1:], ADA], [60] * 5)
    unclear = gallery([*colors[1:], ADA], [60] * 4 + [36])  # the last one: ADA, too small
    tables = measure([before] * 6 + [unclear] * 3 + [after])
    spans = tables["tracks"].select("first_s", "last_s").rows()
    assert sorted(set(spans)) == [(0.0, 5.0), (6.0, 9.0)]
    assert len(spans) == 10


# --- faces that lie -------------------------------------------------------------------------------


class Marked(Squares):
    """Surest of squares whose blue mark, a third of them, is at their top."""

    def faces(self, image):
        found = super().faces(image)
        tops = [image[int(y1) : int(y1 + (y2 - y1) / 4), int(x1) : int(x2)] for x1, y1, x2, y2 in found.boxes]
        sure = [0.9 if len(top) and (top[..., 0] > top[..., 2]).mean() > 0.5 else 0.6 for top in tops]
        return found.with_(scores=np.array(sure, np.float32))


def lying(quarters, samples, roll=0.0):
    """The observations of one face that was turned clockwise by so many quarter turns, in each sample."""
    face = np.zeros((80, 80, 3), np.uint8)
    face[:] = (0, 0, BRIGHT)
    face[:27] = (BRIGHT, 0, 0)
    image = np.zeros((200, 400, 3), np.uint8)
    image[60:140, 160:240] = np.rot90(face, -quarters)
    chunk = Chunk(engine := Engine(Marked(), Colors((1.0, 2.0, roll)), Moods()), "run", 0)
    for i in range(samples):
        sample = Sample(i, float(i), image)
        chunk.add([sample], engine.look([sample]))
    return chunk.finish()["observations"]


# (quarter turns clockwise, samples, roll as measured, roll that is stored, whether the rest is)
LYING = [
    (0, 5, 3.0, 3.0, True),
    (1, 5, 3.0, 90.0, False),
    (2, 5, 3.0, 180.0, False),
    (3, 5, 3.0, -90.0, False),
    (2, 2, 3.0, 3.0, True),  # two looks are too few to say so
    (0, 5, 44.0, 44.0, True),
    (0, 5, 46.0, 46.0, False),  # lies as measured; with that roll, no position counts
    (0, 5, -46.0, -46.0, False),
    (2, 5, np.nan, None, True),  # no pose in any position: nothing is known of how it lies
]


@pytest.mark.parametrize(("quarters", "samples", "measured", "roll", "rest"), LYING)
def test_of_a_face_that_lies_only_the_roll_is_stored(quarters, samples, measured, roll, rest):
    rows = lying(quarters, samples, measured)
    assert len(rows) == samples
    assert rows["roll_deg"].to_list() == pytest.approx([roll] * samples)
    assert rows["yaw_deg"].is_null().all() == (not rest)
    assert rows["pitch_deg"].is_null().all() == (not rest)
    assert rows["emotion"].is_null().all() == (not rest)
    assert rows["happy"].is_null().all() == (not rest)
    assert rows["x1"].to_list() == [160.0] * samples
    assert rows["detection"].is_null().sum() == 0
