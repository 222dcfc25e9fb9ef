"""What a plugin returned against its contract: one row per way of breaking it."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import Assessment, Classifier, Context, Crop, Detector, Encoder, Faces, PluginError, Rule
from fertool.host import validate
from fertool.storage.tables import SEEN

IMAGES = [np.zeros((40, 60, 3), np.uint8)] * 2
CROPS = np.zeros((3, 8, 8, 3), np.uint8)
CONTEXT = Context("signals", "week-1", None, None, 1.0)
NAN, INF = float("nan"), float("inf")


class Returns:
    """A plugin that returns what it was given, or raises it; nothing else."""

    version = "1"

    def __init__(self, value):
        self.value = value

    def answer(self, *args):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class AnyDetector(Returns, Detector):
    name = "square"

    def detect(self, images):
        return self.answer()


class AnyEncoder(Returns, Encoder):
    name = "mean-color"
    crop = Crop(8)
    same_person = 0.5

    def encode(self, images, faces):
        return self.answer()

    def embed(self, crops):
        return self.answer()


class AnyClassifier(Returns, Classifier):
    name = "two-moods"
    labels = ("happy", "sad")
    crop = Crop(8)

    def classify(self, crops):
        return self.answer()


class AnyRule(Returns, Rule):
    name = "opinion"

    def assess(self, seen, context):
        return self.answer()


def f32(*rows):
    return np.array(rows, np.float32)


BOXES = f32([1, 2, 11, 22], [20, 5, 30, 15])
TWO = Faces(BOXES, f32(0.9, 0.5))
FULL = TWO.with_(landmarks=np.ones((2, 68, 2), np.float32), pose_deg=f32([0, 0, 0], [NAN, NAN, NAN]))


def expect(caught, kind, name, *parts):
    """The message names the plugin, what was expected and what came."""
    assert caught.value.message.startswith(f"{kind} {name!r}")
    for part in parts:
        assert part in caught.value.message
    assert caught.value.hint


FACES_BROKEN = [
    # (what is replaced, expected, got)
    ({"boxes": None}, "boxes of shape (0, 4), floating point", "got NoneType None"),
    ({"boxes": [[1, 2, 3, 4]]}, "boxes of shape (1, 4)", "got list [[1, 2, 3, 4]]"),  # not an array
    ({"boxes": np.float32(1)}, "boxes of shape (0, 4)", "got float32"),  # a number
    ({"boxes": np.array(1.0)}, "boxes of shape (0, 4)", "shape (), float64"),  # an array without a length
    ({"boxes": BOXES.astype(int)}, "floating point", "shape (2, 4), int64"),
    ({"boxes": BOXES[:, :3]}, "boxes of shape (2, 4)", "shape (2, 3), float32"),
    ({"boxes": BOXES[0]}, "boxes of shape (4, 4)", "shape (4,), float32"),  # one box, not a table of one
    ({"boxes": f32([1, 2, NAN, 4], [0, 0, 1, 1])}, "finite boxes", "NaN or infinity"),
    ({"boxes": f32([1, 2, INF, 4], [0, 0, 1, 1])}, "finite boxes", "NaN or infinity"),
    ({"boxes": f32([1, 2, 1, 9], [0, 0, 1, 1])}, "x2 > x1 and y2 > y1", "others"),  # no width
    ({"boxes": f32([1, 9, 5, 2], [0, 0, 1, 1])}, "x2 > x1 and y2 > y1", "others"),  # upside down
    ({"boxes": f32([10, 10, 5, 5], [0, 0, 1, 1])}, "x2 > x1 and y2 > y1", "others"),  # x, y, width, height
    ({"scores": f32(0.9)}, "scores of shape (2), floating point", "shape (1,), float32"),
    ({"scores": f32([0.9], [0.5])}, "scores of shape (2)", "shape (2, 1), float32"),
    ({"scores": [0.9, 0.5]}, "scores of shape (2)", "got list [0.9, 0.5]"),
    ({"scores": np.array([1, 0])}, "floating point", "int64"),
    ({"scores": f32(0.9, 1.5)}, "scores in 0..1", "0.9 to 1.5"),  # a logit
    ({"scores": f32(90, 50)}, "scores in 0..1", "50 to 90"),  # per cent
    ({"scores": f32(-0.1, 0.5)}, "scores in 0..1", "-0.1 to 0.5"),
    ({"scores": f32(NAN, 0.5)}, "finite scores", "NaN"),
    ({"landmarks": np.ones((1, 5, 2), np.float32)}, "landmarks of shape (2, any, 2)", "shape (1, 5, 2)"),
    ({"landmarks": np.ones((2, 5, 3), np.float32)}, "landmarks of shape (2, any, 2)", "shape (2, 5, 3)"),
    ({"landmarks": np.ones((2, 10), np.float32)}, "landmarks of shape", "shape (2, 10)"),  # flat
    ({"landmarks": np.ones((2, 106, 2), np.float32)}, "5 or 68 landmarks", "106"),  # crops align by 5 or 68
    ({"landmarks": np.full((2, 5, 2), NAN, np.float32)}, "finite landmarks", "NaN"),
    ({"pose_deg": f32([1, 2], [3, 4])}, "pose_deg of shape (2, 3)", "shape (2, 2)"),
    ({"pose_deg": [None, None]}, "pose_deg of shape (2, 3)", "got list [None, None]"),
    ({"embeddings": f32([1, 0])}, "embeddings of shape (2, any)", "shape (1, 2)"),
    ({"embeddings": f32(1, 0)}, "embeddings of shape (2, any)", "shape (2,)"),
    ({"embeddings": f32([3, 4], [0, 1])}, "embeddings of length 1", "lengths 1 to 5"),  # not normalized
    ({"embeddings": f32([0, 0], [0, 1])}, "embeddings of length 1", "lengths 0 to 1"),
    ({"embeddings": f32([NAN, 0], [0, 1])}, "finite embeddings", "NaN"),
]


@pytest.mark.parametrize(("changed", "expected", "got"), FACES_BROKEN)
def test_faces_that_break_the_contract_are_refused(changed, expected, got):
    bad = replace(TWO, **changed)
    with pytest.raises(PluginError) as caught:
        validate.detect(AnyDetector([TWO, bad]), IMAGES)
    expect(caught, "detector", "square", "detect() broke its contract", expected, got)
    landmarks = {"landmarks": FULL.landmarks, "pose_deg": FULL.pose_deg} | changed
    with pytest.raises(PluginError) as caught:  # an encoder is held against the same
        validate.encode(AnyEncoder([FULL, replace(TWO, **landmarks)]), IMAGES, [TWO, TWO])
    expect(caught, "encoder", "mean-color", "encode() broke its contract", expected, got)


FACES_FINE = [
    TWO,
    FULL,  # a pose of NaN: it could not be measured
    Faces.none(),
    Faces.none().with_(landmarks=np.zeros((0, 5, 2), np.float32), embeddings=np.zeros((0, 4), np.float32)),
    TWO.with_(boxes=BOXES - 30),  # beyond the edge of the picture
    TWO.with_(boxes=BOXES.astype(np.float64)),  # finer than asked for
    TWO.with_(scores=f32(0, 1)),  # the ends of the range
    TWO.with_(landmarks=np.ones((2, 5, 2), np.float32), embeddings=f32([0.6, 0.8], [0, 1])),
]


FAR = [  # moved by so many pixels: the picture is 60 wide and 40 high
    ((-200, 0), "-"),
    ((0, 500), "got"),
    ((1e6, 1e6), "1000"),
]


@pytest.mark.parametrize(("by", "begins"), FAR)
def test_boxes_far_outside_the_picture_are_a_fault(by, begins):
    away = TWO.with_(boxes=BOXES + f32(*by, *by))
    with pytest.raises(PluginError) as caught:
        validate.detect(AnyDetector([away, away]), IMAGES)
    expected = "boxes in the picture of 60 x 40 pixels"
    expect(caught, "detector", "square", "detect() broke its contract", expected, begins)


@pytest.mark.parametrize("faces", FACES_FINE)
def test_faces_that_keep_the_contract_come_through(faces):
    got = validate.detect(AnyDetector([faces, TWO]), IMAGES)
    assert got[0] is faces
    assert got[1] is TWO


LISTS_BROKEN = [
    (None, "got NoneType None"),
    ([TWO], "got 1 of them"),  # one image got lost
    ([TWO, TWO, TWO], "got 3 of them"),
    ((TWO, TWO), "got tuple"),
    ([TWO, None], "got 2 of them"),  # None where no face was found
    ([BOXES, BOXES], "got 2 of them"),  # bare boxes
    (BOXES, "got an array of shape (2, 4), float32"),
]


@pytest.mark.parametrize(("value", "got"), LISTS_BROKEN)
def test_detect_and_encode_return_one_faces_per_image(value, got):
    with pytest.raises(PluginError) as caught:
        validate.detect(AnyDetector(value), IMAGES)
    expect(caught, "detector", "square", "a list of 2 Faces, one per image", got)
    with pytest.raises(PluginError) as caught:
        validate.encode(AnyEncoder(value), IMAGES, [TWO, TWO])
    expect(caught, "encoder", "mean-color", "a list of 2 Faces, one per image", got)


ENCODED_BROKEN = [
    (FULL.take([0]), "2 faces, as given", "got 1"),  # dropped one
    (Faces.none(), "2 faces, as given", "got 0"),
    (FULL.take([1, 0]), "the same boxes in the same order", "others"),  # turned around
    (FULL.with_(boxes=BOXES + 1), "the same boxes", "others"),  # moved
    (TWO, "landmarks and pose_deg filled in", "None"),  # forgot everything
    (replace(FULL, pose_deg=None), "landmarks and pose_deg filled in", "None"),
    (replace(FULL, landmarks=None), "landmarks and pose_deg filled in", "None"),
]


@pytest.mark.parametrize(("value", "expected", "got"), ENCODED_BROKEN)
def test_encode_returns_the_same_faces_with_more_to_them(value, expected, got):
    with pytest.raises(PluginError) as caught:
        validate.encode(AnyEncoder([FULL, value]), IMAGES, [TWO, TWO])
    expect(caught, "encoder", "mean-color", "encode() broke its contract", expected, got)


def test_encode_may_leave_an_image_without_faces_as_it_is():
    encoded = validate.encode(AnyEncoder([FULL, Faces.none()]), IMAGES, [TWO, Faces.none()])
    assert [len(faces) for faces in encoded] == [2, 0]


UNIT = f32([1, 0], [0, 1], [0.6, 0.8])
EMBEDDED_BROKEN = [
    (None, "embeddings of shape (3, any), floating point", "got NoneType"),
    (UNIT.tolist(), "embeddings of shape (3, any)", "got list"),
    (UNIT[:2], "embeddings of shape (3, any)", "shape (2, 2)"),  # lost one
    (UNIT[0], "embeddings of shape (3, any)", "shape (2,)"),
    (UNIT.astype(np.int8), "floating point", "int8"),  # quantized
    (UNIT * 1.4, "embeddings of length 1", "lengths 1.4 to 1.4"),  # dlib's raw descriptors
    (UNIT * 0, "embeddings of length 1", "lengths 0 to 0"),
    (np.zeros((3, 0), np.float32), "embeddings of length 1", "lengths 0 to 0"),
    (f32([1, 0], [NAN, 1], [1, 0]), "finite embeddings", "NaN"),
]


@pytest.mark.parametrize(("value", "expected", "got"), EMBEDDED_BROKEN)
def test_embed_returns_unit_rows(value, expected, got):
    with pytest.raises(PluginError) as caught:
        validate.embed(AnyEncoder(value), CROPS)
    expect(caught, "encoder", "mean-color", "embed() broke its contract", expected, got)


HALVES = f32([0.5, 0.5], [1, 0], [0.25, 0.75])
CLASSIFIED_BROKEN = [
    (None, "probabilities of shape (3, 2), floating point", "got NoneType"),
    (HALVES.tolist(), "probabilities of shape (3, 2)", "got list"),
    (HALVES[:2], "probabilities of shape (3, 2)", "shape (2, 2)"),
    (np.full((3, 7), 1 / 7, np.float32), "probabilities of shape (3, 2)", "shape (3, 7)"),  # other labels
    (HALVES.T.copy(), "probabilities of shape (3, 2)", "shape (2, 3)"),
    (HALVES[0], "probabilities of shape (3, 2)", "shape (2,)"),
    (HALVES.astype(int), "floating point", "int64"),
    (HALVES * 100, "rows >= 0 that sum to 1", "sums 100 to 100"),  # per cent
    (f32([2, -1], [1, 0], [1, 0]), "rows >= 0 that sum to 1", "least value -1"),  # logits that sum to 1
    (HALVES - 0.01, "rows >= 0 that sum to 1", "sums 0.98 to 0.98"),
    (HALVES * 0, "rows >= 0 that sum to 1", "sums 0 to 0"),
    (f32([NAN, NAN], [1, 0], [1, 0]), "finite probabilities", "NaN"),
]


@pytest.mark.parametrize(("value", "expected", "got"), CLASSIFIED_BROKEN)
def test_classify_returns_rows_that_sum_to_one(value, expected, got):
    with pytest.raises(PluginError) as caught:
        validate.classify(AnyClassifier(value), CROPS)
    expect(caught, "classifier", "two-moods", "classify() broke its contract", expected, got)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_arrays_of_any_float_come_back_as_float32(kind):
    rows = validate.classify(AnyClassifier(HALVES.astype(kind)), CROPS)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, HALVES)
    vectors = validate.embed(AnyEncoder(UNIT.astype(kind)), CROPS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, UNIT, atol=1e-3)


def test_rounding_of_a_half_precision_net_is_let_pass():
    assert len(validate.classify(AnyClassifier(HALVES * np.float32(1.0009)), CROPS)) == 3
    with pytest.raises(PluginError):
        validate.classify(AnyClassifier(HALVES * np.float32(1.002)), CROPS)


GOOD = Assessment(0.5)
ASSESSED_BROKEN = [
    (0.5, "an Assessment, a list of them, or None", "got float 0.5"),
    ((GOOD, GOOD), "an Assessment, a list of them, or None", "got tuple"),
    ([GOOD, None], "an Assessment, a list of them, or None", "got NoneType"),
    ({"value": 0.5}, "an Assessment", "got dict"),
    ((a for a in [GOOD]), "an Assessment", "got generator"),
    (Assessment(NAN), "a finite value, or None", "got nan"),  # 0 / 0 in numpy
    (Assessment(-INF), "a finite value, or None", "got -inf"),
    (Assessment("0.5"), "a finite value, or None", "got '0.5'"),
    (Assessment(np.float32(NAN)), "a finite value, or None", "got nan"),
    (Assessment(10**400), "a finite value, or None", "got 10000000000000000000... (401 characters)"),
    ([GOOD, Assessment(NAN)], "a finite value, or None", "got nan"),  # not only the first is looked at
    (Assessment(0.5, level=None), "text as level", "got NoneType None"),
    (Assessment(0.5, level=3), "text as level", "got int 3"),
    (Assessment(0.5, message=None), "a text or a Message", "got NoneType None"),
    (Assessment(0.5, start_s=NAN), "a finite start_s, or None", "got nan"),
    (Assessment(0.5, end_s="10"), "a finite end_s, or None", "got '10'"),
    (
        Assessment(0.5, evidence={"n": np.zeros(3)}),
        "evidence of plain finite numbers",
        "not JSON serializable",
    ),
    (Assessment(0.5, evidence={"n": NAN}), "evidence of plain finite numbers", "nan"),  # no JSON
    (
        Assessment(0.5, evidence={1: 2, "a": 3}),
        "evidence of plain finite numbers",
        "not supported",
    ),  # unsortable
    (Assessment(0.5, evidence={(1, 2): 3}), "evidence of plain finite numbers", "keys must be str"),
    (Assessment(0.5, coverage=1.5), "coverage in 0..1", "got 1.5"),
    (Assessment(0.5, coverage=NAN), "coverage in 0..1", "got nan"),
    (Assessment(0.5, interval=(0.6, 0.4)), "an interval (low, high)", "got (0.6, 0.4)"),
    (Assessment(0.5, interval=(0.4, INF)), "an interval (low, high)", "inf"),
    (Assessment(0.5, interval=0.4), "an interval (low, high)", "got 0.4"),
    (Assessment(0.5, spans=(0.0, 1.0)), "spans ((start_s, end_s), ...)", "got (0.0, 1.0)"),
    (Assessment(0.5, spans=((2.0, 1.0),)), "spans ((start_s, end_s), ...)", "(2.0, 1.0)"),
    (Assessment(0.5, student="Ada"), "a student from rules of the class only", "got 'Ada'"),
]


@pytest.mark.parametrize(("value", "expected", "got"), ASSESSED_BROKEN)
def test_assess_returns_assessments_that_can_be_stored(value, expected, got):
    with pytest.raises(PluginError) as caught:
        validate.assess(AnyRule(value), pl.DataFrame(schema=SEEN), CONTEXT)
    expect(caught, "rule", "opinion", "assess() broke its contract", expected, got)


ASSESSED_FINE = [
    (None, []),
    ([], []),
    (GOOD, [GOOD]),
    ([GOOD, GOOD], [GOOD, GOOD]),
    (Assessment(None, "not measurable"), [Assessment(None, "not measurable")]),
    (Assessment(1), [Assessment(1)]),  # a count is a figure, too
    (Assessment(np.float32(0.5)), [GOOD]),  # and its other numbers become Python's
    (Assessment(np.int64(3), coverage=np.float16(1)), [Assessment(3, coverage=1.0)]),
    (
        Assessment(0.5, interval=(np.float32(0.25), 0.5), spans=[(np.int32(1), 2.0)]),
        [Assessment(0.5, interval=(0.25, 0.5), spans=[(1, 2.0)])],
    ),
    (
        Assessment(0.5, evidence={"n": np.int64(3), "of": [{"m": np.float32(0.5)}]}),
        [Assessment(0.5, evidence={"n": 3, "of": [{"m": 0.5}]})],
    ),
    (Assessment(np.float64(0.5)), [GOOD]),  # numpy's float64 is a Python float
    (Assessment(0.5, evidence={"a": 1, "b": "x"}), [Assessment(0.5, evidence={"a": 1, "b": "x"})]),
]


@pytest.mark.parametrize(("value", "expected"), ASSESSED_FINE)
def test_assess_always_gives_a_list(value, expected):
    assert validate.assess(AnyRule(value), pl.DataFrame(schema=SEEN), CONTEXT) == expected


RAISING = [
    (AnyDetector, "detector", "square", "detect", lambda p: validate.detect(p, IMAGES)),
    (AnyEncoder, "encoder", "mean-color", "encode", lambda p: validate.encode(p, IMAGES, [TWO, TWO])),
    (AnyEncoder, "encoder", "mean-color", "embed", lambda p: validate.embed(p, CROPS)),
    (AnyClassifier, "classifier", "two-moods", "classify", lambda p: validate.classify(p, CROPS)),
    (AnyRule, "rule", "opinion", "assess", lambda p: validate.assess(p, pl.DataFrame(schema=SEEN), CONTEXT)),
]


@pytest.mark.parametrize(("made", "kind", "name", "method", "call"), RAISING)
def test_whatever_a_plugin_raises_names_the_plugin_and_keeps_the_cause(made, kind, name, method, call):
    cause = KeyError("weights")
    with pytest.raises(PluginError) as caught:
        call(made(cause))
    expect(caught, kind, name, f"raised in {method}(): KeyError: 'weights'")
    assert caught.value.__cause__ is cause  # its traceback is what the author needs


def test_a_long_answer_does_not_fill_the_screen():
    with pytest.raises(PluginError) as caught:
        validate.assess(AnyRule("x" * 10_000), None, CONTEXT)
    assert len(caught.value.message) < 300


CLIPPED = [
    # what a rule said of the window from 40 to 60 s; start_s, end_s and spans as they are stored
    (Assessment(0.5), (None, None, ())),
    (Assessment(0.5, spans=((41.0, 50.0),)), (None, None, ((41.0, 50.0),))),
    (Assessment(0.5, spans=((40.0, 70.0),)), (None, None, ((40.0, 60.0),))),  # a part of 30 s
    (Assessment(0.5, spans=((30.0, 45.0), (59.0, 61.0))), (None, None, ((40.0, 45.0), (59.0, 60.0)))),
    (Assessment(0.5, spans=((30.0, 40.0), (50.0, 60.0))), (None, None, ((50.0, 60.0),))),  # only touches
    (Assessment(0.5, start_s=35.0, end_s=65.0), (40.0, 60.0, ())),
    (Assessment(0.5, end_s=65.0), (None, 60.0, ())),
]


@pytest.mark.parametrize(("said", "expected"), CLIPPED)
def test_evidence_stays_within_its_window(said, expected):
    (one,) = validate.assess(AnyRule(said), pl.DataFrame(schema=SEEN), replace(CONTEXT, window=(40.0, 60.0)))
    assert (one.start_s, one.end_s, one.spans) == expected


OUTSIDE = [
    (Assessment(0.5, spans=((0.0, 30.0),)), "got 0 to 30 s"),
    (Assessment(0.5, spans=((41.0, 42.0), (61.0, 70.0))), "got 61 to 70 s"),
    (Assessment(0.5, start_s=70.0), "got 70 to 60 s"),
    (Assessment(0.5, start_s=55.0, end_s=45.0), "got 55 to 45 s"),
]


@pytest.mark.parametrize(("said", "came"), OUTSIDE)
def test_evidence_of_another_window_breaks_the_contract(said, came):
    with pytest.raises(PluginError, match="rule 'opinion': assess.. broke its contract") as error:
        validate.assess(AnyRule(said), pl.DataFrame(schema=SEEN), replace(CONTEXT, window=(40.0, 60.0)))
    assert "within 40 to 60 s" in error.value.message
    assert came in error.value.message


def test_without_a_window_times_are_those_of_any_lecture():
    said = Assessment(0.5, spans=((400.0, 700.0),))
    assert validate.assess(AnyRule(said), pl.DataFrame(schema=SEEN), CONTEXT) == [said]


SPANS = st.tuples(st.floats(30, 70), st.floats(0, 20)).map(lambda one: (one[0], one[0] + one[1]))


@given(spans=st.lists(SPANS.filter(lambda one: one[0] <= 60 and one[1] >= 40)).map(tuple))
def test_cut_spans_lie_in_the_window_and_in_what_was_said(spans):
    said = Assessment(0.5, spans=spans)
    (one,) = validate.assess(AnyRule(said), pl.DataFrame(schema=SEEN), replace(CONTEXT, window=(40.0, 60.0)))
    assert all(40 <= start < end <= 60 for start, end in one.spans) or one.spans == spans
    assert all(any(a <= start and end <= b for a, b in spans) for start, end in one.spans)
