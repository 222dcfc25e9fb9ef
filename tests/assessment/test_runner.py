"""Windows, policies and failures: what rules are asked, and how their answers are stored."""

import json
from dataclasses import dataclass

import polars as pl
import pytest

from fertool import Assessment, Message, Rule, Segment, messages
from fertool.assessment.runner import LectureInput, Result, assess_lecture, windows
from fertool.demo.timelines import timeline
from fertool.host import registry
from fertool.storage.tables import ASSESSMENTS, SEEN, WIDE, frame

PARTS = [Segment(0, "Intro", 0.0, 5.0), Segment(1, "Rest", 5.0, 12.0)]


class Notes(Rule):
    """Remembers what it was asked; answers with the number of rows."""

    name = "notes"
    version = "1"

    def __init__(self):
        self.asked = []

    def assess(self, seen, context):
        self.asked.append((context, seen))
        return Assessment(len(seen))


class OfLecture(Notes):
    name = "of-lecture"
    scope = "lecture"


class OfClass(Notes):
    name = "of-class"
    subject = "class"


def lecture(*specs, segments=PARTS, **more):
    """One timeline per student: student-01, student-02, ..."""
    tables = [timeline(spec, student=f"student-{i:02d}") for i, spec in enumerate(specs, 1)]
    seen = pl.concat(tables).sort("time_s", "student") if tables else frame([], SEEN)
    return LectureInput("signals", "week-1", seen, list(segments), **more)


def judged(rules, *lectures):
    result = Result()
    for one in lectures:
        assess_lecture(rules, one, result)
    return result


# --- windows --------------------------------------------------------------------------------------


def asked(rule, lecture_):
    """(segment, student, rows) of every window."""
    return [
        (context.segment.index if context.segment else None, context.student, len(seen))
        for context, seen in windows(rule, lecture_)
    ]


WINDOWS = [
    (Notes, [(0, "student-01", 5), (1, "student-01", 7), (0, "student-02", 5), (1, "student-02", 7)]),
    (OfLecture, [(None, "student-01", 12), (None, "student-02", 12)]),
    (OfClass, [(0, None, 10), (1, None, 14)]),  # a row per sample and student
]


@pytest.mark.parametrize(("rule", "expected"), WINDOWS)
def test_a_rule_is_asked_about_its_scope_and_subject(rule, expected):
    assert asked(rule(), lecture("happy*12", "happy*6 absent*6")) == expected


def test_a_sample_at_an_edge_belongs_to_the_segment_that_begins_there():
    first, second = (seen["time_s"].to_list() for _, seen in windows(Notes(), lecture("happy*12")))
    assert first == [0, 1, 2, 3, 4]
    assert second == [5, 6, 7, 8, 9, 10, 11]


def test_a_window_is_ordered_by_time_and_keeps_absences():
    ((_, seen), _) = windows(Notes(), lecture("happy*2 absent*2 happy*8"))
    assert seen.schema == pl.Schema(SEEN)
    assert seen["time_s"].is_sorted()
    assert seen["present"].to_list() == [True, True, False, False, True]


def test_the_context_says_where_the_window_is():
    context, _ = next(windows(Notes(), lecture("happy*12")))
    assert (context.course, context.lecture) == ("signals", "week-1")
    assert context.segment == PARTS[0]
    assert context.student == "student-01"
    assert context.window == (0.0, 5.0)


def test_a_window_comes_with_the_lecture_around_it():
    whole = lecture("happy*12", "sad*6 absent*6")
    for context, seen in windows(Notes(), whole):
        assert context.segments == tuple(PARTS)
        assert context.lecture_seen["student"].unique().to_list() == [context.student]
        assert len(context.lecture_seen) == 12
        assert len(seen) < 12
    of_class, _ = next(windows(OfClass(), whole))
    assert len(of_class.lecture_seen) == 24


def test_a_rule_of_the_class_gets_the_baselines_of_all():
    usual = {"student-01": {"neutral": 0.8}, "student-02": {}}
    whole = lecture("happy*12", "sad*12", baselines=usual)
    assert [context.baselines for context, _ in windows(OfClass(), whole)] == [usual, usual]
    assert [context.baselines for context, _ in windows(Notes(), whole)] == [{}] * 4


ENDS = [
    # duration, segments, end of the lecture: the latest of both and of the last sample
    (20.0, PARTS, 20.0),
    (0.0, PARTS, 12.0),
    (0.0, PARTS[:1], 12.0),  # twelve samples of a second
    (0.0, [Segment(0, "All", 0.0, 30.0)], 30.0),
]


@pytest.mark.parametrize(("duration", "segments", "end"), ENDS)
def test_the_window_of_a_lecture_ends_with_it(duration, segments, end):
    whole = lecture("happy*12", segments=segments, duration_s=duration)
    ((context, _),) = windows(OfLecture(), whole)
    assert context.window == (0.0, end)


def test_in_several_lectures_there_is_no_window():
    seen = lecture("happy*12").seen.with_columns(course=pl.lit("signals"), lecture=pl.lit("week-1"))
    ((context, _),) = windows(OfLecture(), LectureInput("signals", None, seen, []))
    assert (context.window, context.segments, context.lecture_seen) == (None, (), None)


PERIODS = [
    ([], 0.0),
    ([3.0], 0.0),  # a single sample has no period
    ([0.0, 2.0, 4.0], 2.0),
    ([0.0, 0.5, 1.0, 9.0], 0.5),  # a gap does not count
    ([0.0, 0.0, 2.0, 2.0], 2.0),  # two students in every sample
]


@pytest.mark.parametrize(("times", "period"), PERIODS)
def test_the_period_is_the_usual_time_between_two_samples(times, period):
    rows = [{"student": f"s{i % 2}", "time_s": time, "present": True} for i, time in enumerate(times)]
    whole = LectureInput("signals", "week-1", frame(rows, SEEN), [Segment(0, "All", 0.0, 60.0)])
    ((context, _),) = windows(OfClass(), whole)
    assert context.period_s == period


def test_without_anybody_a_student_rule_is_not_asked_and_a_class_rule_gets_an_empty_table():
    assert asked(Notes(), lecture()) == []
    assert asked(OfClass(), lecture()) == [(0, None, 0), (1, None, 0)]


def test_a_segment_after_the_last_sample_is_an_empty_window():
    assert asked(Notes(), lecture("happy*5")) == [(0, "student-01", 5), (1, "student-01", 0)]


def test_without_segments_only_wider_rules_are_asked():
    assert asked(Notes(), lecture("happy*5", segments=[])) == []
    assert asked(OfLecture(), lecture("happy*5", segments=[])) == [(None, "student-01", 5)]


# --- answers --------------------------------------------------------------------------------------


@dataclass
class Answer(Rule):
    """Gives the answer of its class."""

    name = "answer"
    version = "2"
    answer = None
    low: float = 0.5

    def assess(self, seen, context):
        return self.answer


def answering(value, **more):
    return type("Answering", (Answer,), {"answer": value, **more})()


def test_an_answer_becomes_a_row():
    one = Assessment(0.25, "attention", "look", 1.0, 2.5, {"b": 1, "a": 2})
    table = judged([answering(one)], lecture("happy*3", segments=PARTS[:1])).table()
    assert table.schema == pl.Schema(ASSESSMENTS)
    assert table.to_dicts() == [
        {
            "course": "signals", "lecture": "week-1", "segment": 0, "student": "student-01", "rule": "answer",
            "version": "2", "options": '{"low": 0.5}', "value": 0.25, "level": "attention", "message": "look",
            "said": None, "start_s": 1.0, "end_s": 2.5, "evidence": '{"a": 2, "b": 1}',
            "coverage": None, "low": None, "high": None, "spans": None,
        }
    ]  # fmt: skip


def test_a_message_is_stored_as_data_and_in_english():
    said = Message("seen in {share:share}", share=0.5)
    (row,) = judged([answering(Assessment(0.5, message=said))], lecture("happy*3", segments=PARTS[:1])).rows
    assert row["message"] == "seen in 50%"
    assert messages.from_json(row["said"]) == said


SPANS = [
    # evidence span given, scope, number of the only segment -> span stored
    ((None, None), "segment", 1, (5.0, 12.0)),  # the window's own
    ((6.0, None), "segment", 1, (6.0, 12.0)),
    ((0.0, 0.5), "segment", 0, (0.0, 0.5)),  # 0 is a time, not nothing
    ((4.0, 7.0), "segment", 0, (4.0, 5.0)),  # cut to the segment
    ((None, None), "lecture", 1, (None, None)),  # no segment to take it from
    ((1.0, 2.0), "lecture", 1, (1.0, 2.0)),
    ((1.0, 30.0), "lecture", 1, (1.0, 12.0)),  # cut to the lecture
]


@pytest.mark.parametrize(("given", "scope", "segment", "stored"), SPANS)
def test_the_span_of_an_answer(given, scope, segment, stored):
    rule = answering(Assessment(1.0, start_s=given[0], end_s=given[1]), scope=scope)
    table = judged([rule], lecture("happy*12", segments=PARTS[segment : segment + 1])).table()
    assert table.select("start_s", "end_s").rows() == [stored]


def test_evidence_outside_of_its_window_is_told_with_the_rule_and_the_window():
    rule = answering(Assessment(1.0, spans=((6.0, 7.0),)))
    (problem,) = judged([rule], lecture("happy*12")).failed
    assert problem == (
        "rule 'answer': assess() broke its contract: expected times in order and within 0 to 5 s; "
        "got 6 to 7 s [signals/week-1, segment 0, student-01, 5 rows]"
    )


ANSWERS = [
    (None, []),
    ([], []),
    (Assessment(None, "not measurable"), [None]),
    (Assessment(3), [3.0]),  # a count is stored as a number like any other
    ([Assessment(0.1), Assessment(0.2)], [0.1, 0.2]),
]


@pytest.mark.parametrize(("answer", "values"), ANSWERS)
def test_none_one_or_several_answers(answer, values):
    table = judged([answering(answer)], lecture("happy*3", segments=PARTS[:1])).table()
    assert table["value"].to_list() == values


def test_no_rows_at_all_still_have_their_columns():
    assert judged([Notes()], lecture()).table().schema == pl.Schema(ASSESSMENTS)


def test_results_of_several_lectures_are_kept_together():
    other = lecture("happy*3")
    other.lecture = "week-2"
    table = judged([OfLecture()], lecture("happy*5"), other).table()
    assert table.select("lecture", "value").rows() == [("week-1", 5.0), ("week-2", 3.0)]


def test_the_same_tables_give_the_same_assessments():
    rules = [Notes(), OfClass(), answering(Assessment(0.5, evidence={"z": 1, "a": 2}))]
    first, second = (judged(rules, lecture("happy*12", "sad*12")).table() for _ in range(2))
    assert first.equals(second)


# --- what goes wrong ------------------------------------------------------------------------------


class Fails(Notes):
    """Fails in the second segment of the second student."""

    name = "fails"
    outcome = ValueError("no baseline")

    def assess(self, seen, context):
        if (context.student, context.segment.index) == ("student-02", 1):
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome
        return Assessment(1.0)


FAILURES = [
    (ValueError("no baseline"), "raised in assess(): ValueError: no baseline"),
    (0.5, "broke its contract: expected an Assessment"),
    (Assessment(float("nan")), "expected a finite value, or None; got nan"),
    (Assessment(0.5, evidence={"n": pl.Series([1])}), "evidence of plain finite numbers and text"),
    (Assessment(0.5, message=7), "expected a text or a Message; got int 7"),
]


@pytest.mark.parametrize(("outcome", "reason"), FAILURES)
def test_a_rule_that_fails_is_reported_with_its_window_while_the_others_count(outcome, reason):
    rules = [Notes(), type("Failing", (Fails,), {"outcome": outcome})(), OfLecture()]
    result = judged(rules, lecture("happy*12", "happy*12"))
    (failed,) = result.failed
    assert failed.startswith("rule 'fails'")
    assert reason in failed
    assert "[signals/week-1, segment 1, student-02, 7 rows]" in failed
    assert set(result.table()["rule"]) == {"notes", "of-lecture"}  # half a rule's answers are none
    assert len(result.table()) == 4 + 2


def test_the_window_of_a_wider_rule_is_named_as_well():
    result = judged([answering(3, scope="lecture", subject="class")], lecture("happy*3"))
    assert "[signals/week-1, 3 rows]" in result.failed[0]


def test_a_rule_that_fails_in_one_lecture_still_judges_the_next():
    other = lecture("happy*12")
    other.lecture = "week-2"
    result = judged([Fails()], lecture("happy*12", "happy*12"), other)
    assert len(result.failed) == 1
    assert set(result.table()["lecture"]) == {"week-2"}


# --- policies -------------------------------------------------------------------------------------

POLICIES = [
    # what the rule looks at, policy -> judged?
    ({"expression"}, "full", True),
    ({"expression"}, "behaviour", False),
    ({"presence", "expression"}, "behaviour", False),  # beside others
    ({"presence"}, "behaviour", True),
    ({"pose"}, "behaviour", True),
    (set(), "behaviour", True),
]


@pytest.mark.parametrize(("signals", "policy", "counts"), POLICIES)
def test_the_policy_behaviour_switches_off_whatever_looks_at_expressions(signals, policy, counts):
    class Looks(Notes):
        pass

    Looks.signals = frozenset(signals)
    rule = Looks()
    result = judged([rule], lecture("happy*12", policy=policy))
    assert bool(rule.asked) is counts
    assert bool(result.rows) is counts
    assert len(result.skipped) == (0 if counts else 1)
    assert result.withdrawn == ([] if counts else [("signals", "week-1", "notes")])
    if not counts:
        reason = "rule 'notes' needs expression, which the policy 'behaviour' switches off"
        assert result.skipped == [reason]


NEEDS = [
    (("happy",), True),
    ((), True),
    (("contempt",), False),  # this classifier knows no contempt
    (("happy", "contempt", "boredom"), False),
]


@pytest.mark.parametrize(("needs", "counts"), NEEDS)
def test_a_rule_whose_labels_were_not_classified_is_skipped_with_the_reason(needs, counts):
    class Needs(Notes):
        pass

    Needs.needs = needs
    rule = Needs()
    result = judged([rule], lecture("happy*12"))
    assert bool(rule.asked) is counts
    if not counts:
        missing = ", ".join(label for label in needs if label != "happy")
        assert result.skipped == [f"rule 'notes' needs {missing}, which was not classified"]


class Needs(Notes):
    needs = ("happy", "contempt")


def mixed(*specs, further=("contempt",)):
    """A lecture in which only the classifier of the first student's recording has the further labels."""
    tables = [
        timeline(spec, student=f"student-{i:02d}", further=() if i > 1 else further)
        for i, spec in enumerate(specs, 1)
    ]
    seen = pl.concat(tables, how="diagonal").sort("time_s", "student")
    return LectureInput("signals", "week-1", seen, PARTS)


def test_a_rule_whose_labels_were_classified_is_asked():
    rule = Needs()
    one = mixed("contempt*6 happy*6")
    assert judged([rule], one).skipped == []
    assert [seen["emotion"].to_list() for _, seen in rule.asked] == [
        ["contempt"] * 5,
        ["contempt"] + ["happy"] * 6,
    ]
    assert all(context.lecture_seen.equals(one.seen) for context, _ in rule.asked)


def test_what_a_classifier_could_not_say_is_not_measured_rather_than_not_shown():
    """Ann's classifier has contempt and Bob's has not: of Bob a rule about contempt learns nothing."""
    rule, other = Needs(), Notes()
    one = mixed("contempt*12", "happy/down*12")
    assert judged([rule, other], one).skipped == []
    ann, bob = rule.asked[0][1], rule.asked[2][1]
    assert ann["emotion"].to_list() == ["contempt"] * 5
    expression = ("emotion", "confidence", "happy", "neutral", "contempt")
    assert bob.select(expression).null_count().row(0) == (5,) * 5
    assert bob["present"].all()
    assert bob["pitch_deg"].to_list() == [-25.0] * 5  # that was measured
    assert rule.asked[2][0].lecture_seen["emotion"].null_count() == 12
    assert other.asked[2][1]["emotion"].to_list() == ["happy"] * 5  # who does not need it gets everything


def test_the_canonical_labels_are_no_exception():
    rule = Needs()
    rule.needs = ("fear",)
    one = mixed("happy*12", "happy*12")
    bare = pl.when(pl.col("student") != "student-02").then(pl.col("fear"))
    one.seen = one.seen.with_columns(fear=bare)
    judged([rule], one)
    assert [seen["emotion"].count() for _, seen in rule.asked] == [5, 7, 0, 0]


def test_what_is_said_beside_the_value_becomes_columns():
    one = Assessment(0.5, coverage=0.75, interval=(0.25, 1), spans=((0.0, 2.0), (3.0, 4.5)))
    row = judged([answering(one)], lecture("happy*3", segments=PARTS[:1])).table().row(0, named=True)
    assert (row["coverage"], row["low"], row["high"]) == (0.75, 0.25, 1.0)
    assert json.loads(row["spans"]) == [[0.0, 2.0], [3.0, 4.5]]


def test_a_rule_of_the_class_may_speak_of_a_student():
    rule = answering([Assessment(0.5, student="student-02"), Assessment(0.1)], subject="class")
    table = judged([rule], lecture("happy*3", segments=PARTS[:1])).table()
    assert table["student"].to_list() == ["student-02", None]


def test_a_student_gets_his_or_her_own_baseline():
    usual = {"student-01": {"pitch_deg": -4.0}}
    found = [c.baseline for c, _ in windows(OfLecture(), lecture("happy*3", "sad*3", baselines=usual))]
    assert found == [{"pitch_deg": -4.0}, {}]
    ((context, _),) = windows(OfClass(), lecture("happy*3", segments=PARTS[:1], baselines=usual))
    assert context.baseline == {}


# --- several lectures at once ---------------------------------------------------------------------


class OfCourse(Notes):
    name = "of-course"
    scope = "course"


def wide(*lectures, course="signals"):
    """(course, lecture, timeline) of one student -> the table a wide rule gets."""
    tables = [
        timeline(spec).with_columns(course=pl.lit(its_course), lecture=pl.lit(name))
        for its_course, name, spec in lectures
    ]
    return LectureInput(course, None, pl.concat(tables), [])


def test_a_wide_rule_gets_one_window_over_all_lectures():
    ((context, seen),) = windows(OfCourse(), wide(("signals", "a", "happy*3"), ("signals", "b", "sad*2")))
    assert (context.course, context.lecture, context.segment) == ("signals", None, None)
    assert seen.schema == pl.Schema(WIDE)
    assert seen["lecture"].to_list() == ["a"] * 3 + ["b"] * 2
    assert seen["time_s"].to_list() == [0, 1, 2, 0, 1]


def test_the_period_of_several_lectures_is_not_mixed_up():
    half = wide(("signals", "a", "happy*3"), ("signals", "b", "sad*3"))
    shifted = pl.when(pl.col("lecture") == "b").then(pl.col("time_s") + 0.5).otherwise(pl.col("time_s"))
    half.seen = half.seen.with_columns(time_s=shifted)
    ((context, _),) = windows(OfCourse(), half)
    assert context.period_s == 1.0


@pytest.mark.parametrize("course", ["signals", None])
def test_what_is_said_of_several_lectures_names_none(course):
    table = judged([OfCourse()], wide(("signals", "a", "happy*3"), course=course)).table()
    assert table.select("course", "lecture", "segment").rows() == [(course, None, None)]


def test_a_wide_rule_that_raises_says_where():
    class Raises(OfCourse):
        def assess(self, seen, context):
            raise RuntimeError("no")

    result = judged([Raises()], wide(("signals", "a", "happy*3"), course=None))
    assert "[all courses/all lectures, student-01, 3 rows]" in result.failed[0]


def test_evidence_is_json():
    table = judged(
        [answering(Assessment(1.0, evidence={"who": 'a"b', "n": 0.5}))], lecture("happy*3")
    ).table()
    assert json.loads(table["evidence"][0]) == {"who": 'a"b', "n": 0.5}


def test_the_evidence_of_every_shipped_rule_lies_in_its_window():
    # Segments that no part of 10 or 30 s fits: sad people leave a trace at each end.
    parts = [Segment(0, "A", 0.0, 17.0, "hard"), Segment(1, "B", 17.0, 40.0, "hard")]
    parts.append(Segment(2, "C", 40.0, 60.0))
    whole = lecture("sad/down*60", "neutral*20 absent*40", "neutral*15 sad*45", segments=parts)
    result = judged([found.plugin() for found in registry.load_plugins().of_kind("rule")], whole)
    assert not result.failed
    ends = {None: (0.0, 60.0)} | {part.index: (part.start_s, part.end_s) for part in parts}
    spans = [(r["rule"], r["segment"], span) for r in result.rows for span in json.loads(r["spans"] or "[]")]
    assert {rule for rule, _, _ in spans} >= {"state", "focus", "lost-moments"}  # which judge whole parts
    for _, segment, (start, end) in spans:
        assert ends[segment][0] <= start < end <= ends[segment][1]
