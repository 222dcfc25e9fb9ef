"""Who gets through the gate, and what is left of those who do not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.errors import ConfigError
from fertool.privacy.consent_gate import NO, YES, Gate, required, unless_refused
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS, frame

ADA, BEN, CAM = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
NEAR_ADA = (0.96, 0.28, 0.0)  # 0.28 away from Ada
BETWEEN = (0.7071068, 0.7071068, 0.0)  # as far from Ada as from Ben
MOSTLY_ADA = (0.7302, 0.6832, 0.0)  # 0.735 away from Ada, 0.796 from Ben: more than the margin of 0.05
HARDLY_ADA = (0.72, 0.694, 0.0)  # 0.748 away from Ada, 0.782 from Ben: less


def rows(*vectors):
    return np.array(vectors, np.float32)


def tables(*people, samples=3):
    """A chunk with one track per embedding, each seen in all samples."""
    track = [{"track": f"t{i}", "chunk": 0, "first_s": 0.0, "last_s": 2.0, "samples": samples,
              "embedding": None if who is None else list(who)} for i, who in enumerate(people)]  # fmt: skip
    face = [{"sample": s, "face": i, "track": f"t{i}", "happy": 0.5, "x1": 1.0}
            for s in range(samples) for i in range(len(people))]  # fmt: skip
    instant = [{"sample": s, "time_s": float(s), "faces": len(people)} for s in range(samples)]
    return {
        "samples": frame(instant, SAMPLES),
        "tracks": frame(track, TRACKS),
        "observations": frame(face, OBSERVATIONS),
    }


def kept(people, yes=(ADA,), no=(), limit=0.6):
    known = {YES: rows(*yes)} | ({NO: rows(*no)} if no else {})
    return Gate(known, limit, "state", silence=False).keep(tables(*people))


WHO = [
    ("the one who agreed", (ADA,), (), (ADA,), ["t0"]),
    ("a stranger", (BEN,), (), (ADA,), []),
    ("one of two", (BEN, NEAR_ADA), (), (ADA,), ["t1"]),
    ("near enough", (NEAR_ADA,), (), (ADA,), ["t0"]),
    ("just as near to somebody who did not agree", (BETWEEN,), (BEN,), (ADA,), []),
    ("nearer to somebody who did not agree", (NEAR_ADA,), (NEAR_ADA,), (ADA,), []),
    # whichever of the two it is has agreed: no margin between them
    ("between two who did", (BETWEEN,), (), (ADA, BEN), ["t0"]),
    ("a face too poor for an embedding", (None, ADA), (), (ADA,), ["t1"]),
    ("several looks of one person", (CAM,), (), (ADA, CAM), ["t0"]),
]


@pytest.mark.parametrize(("what", "people", "no", "yes", "expected"), WHO, ids=[row[0] for row in WHO])
def test_who_gets_through(what, people, no, yes, expected):
    limit = 0.8 if BETWEEN in people else 0.6
    found = kept(people, yes, no, limit)
    assert found["tracks"]["track"].to_list() == expected
    assert found["observations"]["track"].unique(maintain_order=True).to_list() == expected


def test_of_the_others_only_the_number_is_left():
    found = kept((ADA, BEN, CAM))
    assert found["samples"].columns == ["sample", "time_s", "faces", "dropped"]
    assert found["samples"].rows() == [(0, 0.0, 1, 2), (1, 1.0, 1, 2), (2, 2.0, 1, 2)]
    for name, schema in (("tracks", TRACKS), ("observations", OBSERVATIONS)):
        assert found[name].schema == pl.Schema(schema)


def test_nobody_at_all_and_nobody_left():
    assert kept(())["samples"].rows() == [(0, 0.0, 0, 0), (1, 1.0, 0, 0), (2, 2.0, 0, 0)]
    gone = kept((BEN,))
    assert gone["samples"]["dropped"].to_list() == [1, 1, 1]
    assert gone["tracks"].is_empty()
    assert gone["observations"].is_empty()


@given(st.lists(st.sampled_from([ADA, BEN, CAM, None]), max_size=6))
def test_every_face_is_kept_or_counted(people):
    found = kept(people)
    samples, faces = found["samples"], found["observations"]
    assert (samples["faces"] + samples["dropped"]).to_list() == [len(people)] * 3
    assert samples["faces"].sum() == len(faces)
    assert samples["faces"][0] == people.count(ADA)


def test_the_state_changes_with_who_agreed_and_with_their_pictures():
    pictures = {"ada": rows(ADA), "ben": rows(BEN)}
    states = [
        required("signals", pictures, {"ada", "ben"}, 0.6).state,
        required("signals", pictures, {"ada"}, 0.6).state,
        required("signals", pictures, {"ben"}, 0.6).state,
        required("signals", {"ada": rows(NEAR_ADA), "ben": rows(BEN)}, {"ada"}, 0.6).state,
    ]
    assert len(set(states)) == 4
    assert required("signals", dict(reversed(pictures.items())), {"ada"}, 0.6).state == states[1]


def test_known_and_not_consenting_is_what_a_face_must_not_look_like():
    made = required("signals", {"ada": rows(ADA), "ben": rows(BEN)}, {"ada", "without a picture"}, 0.6)
    np.testing.assert_array_equal(made.known[YES], rows(ADA))
    np.testing.assert_array_equal(made.known[NO], rows(BEN))
    assert NO not in required("signals", {"ada": rows(ADA)}, {"ada"}, 0.6).known


@pytest.mark.parametrize(("pictures", "agreed"), [({}, {"ada"}), ({"ada": rows(ADA)}, set())])
def test_without_anybody_to_look_for_it_says_so(pictures, agreed):
    with pytest.raises(
        ConfigError, match=r"no student of course 'signals' has a picture and consent"
    ) as told:
        required("signals", pictures, agreed, 0.6)
    assert "fertool students enroll" in told.value.hint


# --- silence is no no -----------------------------------------------------------------------------

REFUSED = [
    ("the one who refuses", (ADA,), ("ada",), []),
    ("somebody without a picture", (CAM,), ("ada",), ["t0"]),
    ("somebody with one, who was not asked", (BEN,), ("ada",), ["t0"]),
    ("near the one who refuses", (NEAR_ADA,), ("ada",), []),
    ("as near to somebody else", (BETWEEN,), ("ada",), []),  # within the limit of 0.8 of both
    ("nearer to the one who refuses", (MOSTLY_ADA,), ("ada",), []),
    ("clearly nearer to somebody else", (MOSTLY_ADA,), ("ben",), ["t0"]),
    ("not clearly nearer to somebody else", (HARDLY_ADA,), ("ben",), []),
    ("too poor for an embedding", (None, CAM), ("ada",), ["t1"]),
    ("both refuse", (ADA, BEN, CAM), ("ada", "ben"), ["t2"]),
]


@pytest.mark.parametrize(("what", "people", "refusing", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_who_is_left_out_where_nobody_has_to_be_asked(what, people, refusing, expected):
    made = unless_refused({"ada": rows(ADA), "ben": rows(BEN)}, {*refusing, "no picture"}, 0.8)
    found = made.keep(tables(*people))
    assert found["tracks"]["track"].to_list() == expected
    assert found["samples"]["dropped"].to_list() == [len(people) - len(expected)] * 3
    assert found["samples"]["faces"].to_list() == [len(expected)] * 3


@given(st.lists(st.sampled_from([ADA, BEN, CAM, NEAR_ADA, MOSTLY_ADA, HARDLY_ADA, None]), max_size=6))
def test_where_silence_is_no_no_more_pass(people):
    """Who passes where silence is a no passes where it is not, with the same pictures."""
    pictures = {"ada": rows(ADA), "ben": rows(BEN)}
    strict = required("signals", pictures, {"ada"}, 0.8).keep(tables(*people))
    open_ = unless_refused(pictures, {"ben"}, 0.8).keep(tables(*people))
    assert {*strict["tracks"]["track"]} <= {*open_["tracks"]["track"]}


def test_without_a_picture_of_anybody_who_refuses_there_is_no_gate():
    assert unless_refused({"ada": rows(ADA)}, {"ben"}, 0.6) is None
    assert unless_refused({"ada": rows(ADA)}, set(), 0.6) is None
    assert unless_refused({}, {"ada"}, 0.6) is None
    assert unless_refused({"ada": rows(ADA)}, {"ada"}, 0.6).known.keys() == {NO}


def test_the_state_changes_with_who_refuses_not_with_what_they_are_called():
    ada, ben = rows(ADA), rows(BEN)
    states = [
        unless_refused({"ada": ada, "ben": ben}, {"ada"}, 0.6).state,
        unless_refused({"ada": ada, "ben": ben}, {"ben"}, 0.6).state,
        unless_refused({"ada": ada, "ben": ben}, {"ada", "ben"}, 0.6).state,
        unless_refused({"ada": ada}, {"ada"}, 0.6).state,
        required("signals", {"ada": ada, "ben": ben}, {"ben"}, 0.6).state,
    ]
    assert len(set(states)) == 5
    assert unless_refused({"zoe": ada, "ben": ben}, {"zoe"}, 0.6).state == states[0]
