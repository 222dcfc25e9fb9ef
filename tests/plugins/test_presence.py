"""`presence` on timelines whose shares were counted by hand."""

import polars as pl
import pytest

from fertool import Context
from fertool.storage.tables import SEEN
from fertool.testing import context, timeline
from fertool_plugins.rules.presence import Presence

CONTEXT = Context("signals", "week-1", None, "student-01", 1.0)


def judged(spec, **options):
    return Presence(**options).assess(timeline(spec), CONTEXT)


SHARES = [
    # timeline, value, level
    ("neutral*10", 1.0, "good"),
    ("absent*10", 0.0, "attention"),  # never seen in this window, elsewhere in the recording
    ("neutral*3 absent*1", 0.75, "good"),
    ("neutral*1 absent*3", 0.25, "attention"),
    ("neutral*5 absent*5", 0.5, "good"),  # `low` itself is not below it
    ("neutral*49 absent*51", 0.49, "attention"),
    ("neutral", 1.0, "good"),  # one sample
    ("absent", 0.0, "attention"),
    ("present*10", 1.0, "good"),  # without an expression: the policy `behaviour`
    ("neutral/unposed*10", 1.0, "good"),  # without a pose
    ("absent*2 neutral absent*2 neutral absent*2", 0.25, "attention"),  # in pieces
]


@pytest.mark.parametrize(("spec", "value", "level"), SHARES)
def test_the_share_of_samples_with_a_face(spec, value, level):
    one = judged(spec)
    assert one.value == value
    assert one.level == level


LEVELS = [
    (0.25, "good"),
    (0.251, "attention"),
    (0.0, "good"),  # nothing is below nothing
]


@pytest.mark.parametrize(("low", "level"), LEVELS)
def test_where_attention_begins_is_an_option(low, level):
    assert judged("neutral*1 absent*3", low=low).level == level


def test_what_it_says():
    one = judged("neutral*2 absent*1")
    assert str(one.message) == "seen in 67% of 3 samples"
    assert one.evidence == {"present": 2, "samples": 3}
    assert (one.start_s, one.end_s) == (None, None)  # the window's own


def test_an_empty_table_says_nothing():
    assert Presence().assess(pl.DataFrame(schema=SEEN), CONTEXT) is None


def test_it_needs_no_expression():
    assert Presence.signals == {"presence"}
    assert Presence.needs == ()


def test_a_speaker_view_measures_nobodys_absence():
    one = Presence().assess(timeline("neutral*10 absent*30"), context(one_at_a_time=True))
    assert (one.value, one.level) == (None, "not measurable")
    assert str(one.message) == "shown in 25% of 40 samples of a recording that shows one face at a time"
