"""What becomes of a rule's answers when a threshold moves: counted by hand."""

from dataclasses import dataclass

import pytest

from fertool import Assessment, Rule, Segment
from fertool.assessing import Lecture
from fertool.errors import ConfigError, PluginError
from fertool.sensitivity import SENSITIVITY, sensitivity, variants
from fertool.testing import timeline
from fertool_plugins.rules.concentration import Concentration
from fertool_plugins.rules.preference import Preference
from fertool_plugins.rules.presence import Presence
from fertool_plugins.rules.shares import Shares


def lecture(spec, **more):
    return Lecture("signals", "week-1", timeline(spec), [Segment(0, "All", 0.0, 999.0)], **more)


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
