"""How well people were told apart: every figure of small tables worked out by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import ConfigError
from fertool.identity import evaluation
from fertool.identity.evaluation import FACES, TRUTH, at_times, overlaps, read_truth, score

PLACES = {"L": (0, 0, 100, 100), "M": (200, 0, 300, 100), "R": (400, 0, 500, 100)}


def table(schema, lines, recording="a.mp4", every=1.0):
    """`lines`: one text per instant, such as "ann@L ben@R"; "?" is nobody's face, "" no face at all."""
    who = list(schema)[2]
    rows = []
    for i, line in enumerate(lines):
        for word in line.split():
            name, place = word.split("@")
            box = dict(zip(("x1", "y1", "x2", "y2"), PLACES[place], strict=True))
            person = None if name == "?" else name
            rows.append({"recording": recording, "time_s": i * every, who: person, **box})
    return pl.DataFrame(rows, schema=schema)


def truth(*lines, **more):
    return table(TRUTH, lines, **more)


def faces(*lines, **more):
    return table(FACES, lines, **more)


STAY = ["ann@L ben@R"] * 4
CASES = [
    # truth, faces, then by hand: idf1, precision, recall, switches, purity, coverage
    (STAY, ["1@L 2@R"] * 4, 1, 1, 1, 0, 1, 1),
    # seen half of the time: 4 of 8 boxes, all of them right; 2 * 4 / (8 + 4)
    (STAY, ["1@L 2@R"] * 2 + ["", ""], 2 / 3, 1, 0.5, 0, 1, 0.5),
    # one of them is nobody's: as if not seen
    (STAY, ["1@L ?@R"] * 4, 2 / 3, 1, 0.5, 0, 1, 0.5),
    # ann becomes a third student after the first instant: 1 is ben's 0, 3 is ann's 3 of 4
    (STAY, ["1@L 2@R"] + ["3@L 2@R"] * 3, 7 / 8, 7 / 8, 7 / 8, 1, 1, 1),
    # the two change names half-way: either way, half of it is wrong
    (STAY, ["1@L 2@R"] * 2 + ["2@L 1@R"] * 2, 0.5, 0.5, 0.5, 2, 0.5, 1),
    # both are taken for one student, who may stand for one of them only
    (["ann@L", "ann@L", "ben@L"], ["1@L"] * 3, 2 / 3, 2 / 3, 2 / 3, 0, 2 / 3, 1),
    # a student where nobody is: 2 of 4 faces are wrong, but purity only asks who is shown
    (["ann@L", "ann@L"], ["1@L 2@R"] * 2, 2 / 3, 0.5, 1, 0, 1, 1),
    # there and back is two switches, with a gap in between
    (["ann@L"] * 4, ["1@L", "2@L", "", "1@L"], 4 / 7, 2 / 3, 0.5, 2, 1, 0.75),
    # away and back at another place: no switch
    (["ann@L", "ben@L", "ann@R"], ["1@L", "2@L", "1@R"], 1, 1, 1, 0, 1, 1),
    (STAY, [], 0, 0, 0, 0, 0, 0),
    # a face elsewhere is no match
    (["ann@L"], ["1@R"], 0, 0, 0, 0, 0, 0),
]


@pytest.mark.parametrize(
    ("there", "found", "idf1", "precision", "recall", "switches", "purity", "cover"), CASES
)
def test_figures_worked_out_by_hand(there, found, idf1, precision, recall, switches, purity, cover):
    result = score(truth(*there), faces(*found))
    assert result.idf1 == pytest.approx(idf1)
    assert (result.precision, result.recall) == (pytest.approx(precision), pytest.approx(recall))
    assert result.switches == switches
    assert (result.purity, result.coverage) == (pytest.approx(purity), pytest.approx(cover))


def test_switches_per_hour():
    half_hours = {"every": 1800.0}
    result = score(
        truth(*["ann@L"] * 5, **half_hours), faces("1@L", "2@L", "2@L", "2@L", "1@L", **half_hours)
    )
    assert (result.hours, result.switches, result.switches_per_hour) == (2.0, 2, 1.0)
    assert score(truth("ann@L"), faces("1@L")).switches_per_hour is None


def test_counts():
    result = score(truth(*STAY), faces(*["1@L 2@R 3@M ?@M"] * 4))
    assert (result.people, result.students, result.boxes) == (2, 3, 8)


def test_two_recordings_are_one_course():
    """Somebody who is another student in the next lecture has been switched once."""
    there = pl.concat([truth("ann@L", "ann@L"), truth("ann@L", "ann@L", recording="b.mp4")])
    found = pl.concat([faces("1@L", "1@L"), faces("2@L", "2@L", recording="b.mp4")])
    result = score(there, found)
    assert (result.idf1, result.switches, result.purity) == (0.5, 1, 1)


def test_the_same_time_of_another_recording_is_another_instant():
    assert score(truth("ann@L"), faces("1@L", recording="b.mp4")).coverage == 0


def test_one_face_is_one_person_s():
    """Two people of the truth in one place, one face: found once."""
    result = score(truth("ann@L ben@L"), faces("1@L"))
    assert result.coverage == 0.5


NEAR = [
    # times of the truth, times of samples, which sample shows which time
    ([1.0], [1.0], {1.0: 1.0}),
    ([1.0], [1.4], {1.0: 1.4}),
    ([1.0], [1.6], {}),
    ([1.0], [0.8, 1.1], {1.0: 1.1}),  # the nearest
    ([1.0, 1.3], [1.2], {1.3: 1.2}),  # one sample, one instant
]


@pytest.mark.parametrize(("wanted", "sampled", "expected"), NEAR)
def test_samples_nearest_to_the_truth(wanted, sampled, expected):
    there = pl.concat([truth("ann@L").with_columns(time_s=pl.lit(time)) for time in wanted])
    found = pl.concat(
        [faces(f"{time}@L").with_columns(time_s=pl.lit(time)) for time in sampled]
    )  # the student's name is the sample's time
    rows = at_times(found, there).select("time_s", "student").rows()
    assert {time: float(name) for time, name in rows} == expected


@pytest.mark.parametrize(("shift", "pairs"), [(0, 1), (33, 1), (34, 0), (200, 0)])
def test_boxes_match_from_an_overlap_of_a_half(shift, pairs):
    """Shifted by a third of their side, two squares share a half of what they cover."""
    shifted = faces("1@L").with_columns(pl.col("x1") + shift, pl.col("x2") + shift)
    assert len(overlaps(truth("ann@L"), shifted)) == pairs


word = st.builds("{}@{}".format, st.sampled_from("123?"), st.sampled_from("LMR"))
person = st.builds("{}@{}".format, st.sampled_from("abc"), st.sampled_from("LMR"))


def lines(words):
    once = st.lists(words, max_size=3, unique_by=(lambda w: w[0], lambda w: w[-1]))
    return st.lists(once.map(" ".join), max_size=6)


@given(lines(person), lines(word))
def test_figures_are_shares_and_names_do_not_matter(there, found):
    result = score(truth(*there), faces(*found))
    for figure in (result.idf1, result.precision, result.recall, result.purity, result.coverage):
        assert 0 <= figure <= 1
    assert result.recall <= result.coverage + 1e-9  # right is found
    renamed = [line.replace("1", "x").replace("2", "1").replace("x", "2") for line in found]
    assert score(truth(*there), faces(*renamed)) == result


@given(lines(person))
def test_the_truth_is_perfect(there):
    result = score(truth(*there), faces(*there))
    rows = len(truth(*there))
    assert (result.idf1, result.coverage, result.switches) == (float(rows > 0), float(rows > 0), 0)


# --- reading --------------------------------------------------------------------------------------

HEAD = "recording,time_s,person,x1,y1,x2,y2\n"
BAD = [
    ("recording,time_s\n", "truth.csv:1: no column person, x1, x2, y1, y2"),
    ("", "truth.csv: nothing in it"),
    (HEAD, "no row in it"),
    (HEAD + "a.mp4,soon,ann,1,2,3,4\n", "truth.csv:2: time_s: expected a number, got 'soon'"),
    (HEAD + "a.mp4,0,ann,1,2,3,4\na.mp4,1,ann,1,2,3\n", "truth.csv:3: y2: expected a number, got ''"),
    (HEAD + "a.mp4,0,ann,1,2,3,inf\n", "truth.csv:2: y2: expected a number, got 'inf'"),
    (HEAD + "a.mp4,0,,1,2,3,4\n", "truth.csv:2: expected a person, got nothing"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_a_truth_that_cannot_be_read_says_where(text, words, tmp_path: Path):
    path = tmp_path / "truth.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as error:
        read_truth(path)
    assert str(path) in str(error.value)


def test_no_file_and_no_text(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_truth(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-16, as its first bytes say"):
        read_truth(tmp_path / "x.csv")


def test_columns_in_any_order_and_others(tmp_path: Path):
    path = tmp_path / "truth.csv"
    path.write_text("note,person,recording,time_s,x1,y1,x2,y2\nhello, ann ,a.mp4,1.5,1,2,3,4\n")
    assert read_truth(path).rows() == [("a.mp4", 1.5, "ann", 1.0, 2.0, 3.0, 4.0)]
    assert read_truth(path).schema == pl.Schema(evaluation.TRUTH)
