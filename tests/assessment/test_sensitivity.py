"""How a rule's answers change when a threshold moves, or the classifier errs: counted by hand."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from fertool import EMOTIONS, Assessment, Rule, Segment
from fertool.assessment.runner import LectureInput
from fertool.assessment.sensitivity import (
    ERRORS,
    SENSITIVITY,
    read_confusion,
    redrawn,
    sensitivity,
    under_errors,
    variants,
)
from fertool.errors import ConfigError, PluginError
from fertool.testing import timeline
from fertool_plugins.rules.concentration import Concentration
from fertool_plugins.rules.preference import Preference
from fertool_plugins.rules.presence import Presence
from fertool_plugins.rules.shares import Shares
from fertool_plugins.rules.state import State


def lecture(spec, **more):
    return LectureInput("signals", "week-1", timeline(spec), [Segment(0, "All", 0.0, 999.0)], **more)


def test_each_setting_is_judged_by_itself():
    table = sensitivity(Presence(), [lecture("neutral*6 absent*4"), lecture("neutral*3 absent*7")])
    assert {name: table.schema[name] for name in table.columns} == SENSITIVITY
    rows = table.select("option", "setting", "assessments", "value", "attention").rows()
    assert rows == [
        ("low", 0.25, 2, pytest.approx(0.45), 0.0),
        ("low", 0.375, 2, pytest.approx(0.45), 0.5),  # 0.3 is below it
        ("low", 0.5, 2, pytest.approx(0.45), 0.5),
        ("low", 0.625, 2, pytest.approx(0.45), 1.0),
        ("low", 0.75, 2, pytest.approx(0.45), 1.0),
    ]


def test_the_floor_decides_what_is_not_measurable():
    rows = sensitivity(Shares(), [lecture("happy*6 absent*4")]).select("setting", "not measurable").rows()
    assert rows == [(0.25, 0.0), (0.375, 0.0), (0.5, 0.0), (0.625, 1.0), (0.75, 1.0)]


@dataclass
class Counts(Rule):
    name = "counts"
    version = "1"
    least: int = 2
    strict: bool = True
    label: str = "happy"

    def assess(self, seen, context):
        return Assessment(float(self.least))


def test_whole_numbers_stay_whole_and_the_rest_is_kept():
    assert [(name, value) for name, value, _ in variants(Counts())] == [
        ("least", 1.0),
        ("least", 2.0),
        ("least", 3.0),
    ]


def test_settings_that_a_rule_refuses_are_left_out():
    ahead = [value for name, value, _ in variants(Concentration(ahead=30.0)) if name == "ahead"]
    assert ahead == [15.0, 22.5, 30.0, 37.5]  # not 45: that is `aside`


REFUSED = [
    (Preference(), {}, ConfigError, "has the scope 'all': expected segment or lecture"),
    (Shares(), {"policy": "behaviour"}, PluginError, "the policy 'behaviour' switches off"),
]


@pytest.mark.parametrize(("rule", "more", "error", "message"), REFUSED)
def test_what_cannot_be_judged_is_said(rule, more, error, message):
    with pytest.raises(error, match=message):
        sensitivity(rule, [lecture("happy*9", **more)])


# --- errors of the classifier ---------------------------------------------------------------------

SURE = np.eye(7)


def confused(said, **shown):
    """The matrix of a classifier that is right but for `said`: shares of what those faces showed."""
    table = np.eye(7)
    table[:, EMOTIONS.index(said)] = [shown.get(label, 0) for label in EMOTIONS]
    return table


def test_a_classifier_without_errors_changes_nothing():
    one = lecture("happy*30 absent*5 sad*20 present*3 neutral/down*9")
    table = under_errors(Shares(), [one], SURE, draws=3)
    assert {name: table.schema[name] for name in table.columns} == ERRORS
    assert table["draw"].to_list() == [0, 1, 2, 3]
    assert table.drop("draw").unique().height == 1
    assert table["other level"].to_list() == [0, 0, 0, 0]
    assert redrawn(one.seen, SURE, np.random.default_rng(0)).equals(one.seen)


def test_what_is_always_mistaken_is_always_changed():
    seen = timeline("happy*12 neutral*3 absent*2 present")
    changed = redrawn(seen, confused("happy", sad=1), np.random.default_rng(0))
    assert changed["emotion"].to_list() == [*["sad"] * 12, *["neutral"] * 3, None, None, None]
    assert changed["sad"].to_list()[:12] == seen["happy"].to_list()[:12], "the probabilities change places"
    assert changed["happy"].to_list()[:12] == seen["sad"].to_list()[:12]
    assert changed.drop("emotion", *EMOTIONS).equals(seen.drop("emotion", *EMOTIONS))
    assert changed.schema == seen.schema


def test_shares_of_many_draws_are_those_of_the_matrix():
    seen = timeline("happy*10 neutral*10 " * 1000)
    changed = redrawn(seen, confused("happy", sad=1, happy=3), np.random.default_rng(0))
    assert (changed["emotion"] == "sad").mean() == pytest.approx(0.125, abs=0.015)
    assert (changed["emotion"] == "neutral").mean() == 0.5


def test_an_error_lasts_as_long_as_the_face_but_for_ten_seconds():
    seen = timeline("happy*400")
    changed = redrawn(seen, confused("happy", sad=1, happy=1), np.random.default_rng(0))
    blocks = changed.group_by(pl.col("time_s") // 10).agg(pl.col("emotion").n_unique())
    assert blocks["emotion"].to_list() == [1] * 40
    assert changed["emotion"].n_unique() == 2


def test_students_err_by_themselves_and_the_order_of_rows_is_kept():
    both = pl.concat([timeline("happy*400", student=name) for name in ("a", "b")]).sort("time_s", "student")
    changed = redrawn(both, confused("happy", sad=1, happy=1), np.random.default_rng(0))
    assert changed.select("student", "time_s").equals(both.select("student", "time_s"))
    a, b = (changed.filter(student=name)["emotion"].to_list() for name in ("a", "b"))
    assert a != b


def test_a_label_beyond_the_seven_and_one_never_said_stay():
    seen = timeline("contempt happy absent", further=("contempt",))
    assert redrawn(seen, np.zeros((7, 7)), np.random.default_rng(0)).equals(seen)


def test_errors_move_the_seven_and_leave_the_probability_of_a_further_label():
    seen = timeline("happy*3 contempt*2 absent", further=("contempt",))
    changed = redrawn(seen, confused("happy", sad=1), np.random.default_rng(0))
    assert changed["emotion"].to_list() == [*["sad"] * 3, *["contempt"] * 2, None]
    assert changed["contempt"].equals(seen["contempt"])
    assert changed.columns == seen.columns


def test_an_empty_table_has_no_errors():
    assert redrawn(timeline("happy").clear(), SURE, np.random.default_rng(0)).is_empty()


def test_draws_are_the_same_every_time_and_levels_that_change_are_counted():
    lectures = [lecture("angry*100 happy*20"), lecture("happy*20")]
    matrix = confused("angry", angry=1, neutral=1)
    table = under_errors(State(), lectures, matrix, draws=30)
    assert table.equals(under_errors(State(), lectures, matrix, draws=30))
    assert not table.equals(under_errors(State(), lectures, matrix, draws=30, seed=1))
    assert table.row(0, named=True)["attention"] == 0.5
    # 60 of 120 samples negative are not more than half: only if six or more of ten stretches stay angry
    assert set(table["attention"]) == {0.0, 0.5}
    assert table.filter(attention=0.0)["other level"].unique().to_list() == [0.5]
    assert table.filter(attention=0.5)["other level"].unique().to_list() == [0.0]


UNTOUCHED = [
    (Presence(), "looks at presence, not at expressions"),
    (Preference(), "expected segment or lecture"),
]


@pytest.mark.parametrize(("rule", "message"), UNTOUCHED)
def test_a_rule_that_errors_do_not_touch(rule, message):
    with pytest.raises(ConfigError, match=message):
        under_errors(rule, [lecture("happy*9")], SURE)


def evaluated(**changes):
    model = {"classes": [{"label": label} for label in EMOTIONS], "confusion": np.eye(7).tolist()}
    return json.dumps({"models": [{**model, **changes}]})


def test_a_matrix_is_read_in_the_order_of_its_labels(tmp_path):
    labels = [{"label": label} for label in reversed(EMOTIONS)]
    table = np.arange(49).reshape(7, 7)
    (tmp_path / "x.json").write_text(evaluated(classes=labels, confusion=table.tolist()))
    assert read_confusion(tmp_path / "x.json").tolist() == table[::-1, ::-1].tolist()


BAD = [
    ("{", "expected what `fertool evaluate NAME --json` writes"),
    ('{"models": []}', "expected what"),
    (evaluated(classes=[{"label": "happy"}]), "with the seven expressions"),
    (evaluated(confusion=[[1]]), "expected what"),
    (evaluated(confusion=(-np.eye(7)).tolist()), "expected counts, got negative"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_file_that_is_no_evaluation(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_confusion(tmp_path / "x.json")


def test_a_matrix_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"x\.json: cannot be read: No such file"):
        read_confusion(tmp_path / "x.json")
