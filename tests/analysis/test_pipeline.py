"""The flow on a made video and with tiny plugins: identity of a run, moving, naming, what is kept."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fertool import Assessment, Classifier, Crop, Detector, Encoder, Faces, Rule, Segment
from fertool.analysis.pipeline import analyze, assess
from fertool.analysis.request import Request
from fertool.demo import gallery
from fertool.errors import ConfigError, PluginError, VideoError
from fertool.host import options, registry
from fertool.host.toolbox import Plugged, Toolbox
from fertool.storage.store import Store
from fertool.storage.tables import segment_table
from fertool.testing import store_lecture, timeline
from fertool_plugins.rules.presence import Presence
from fertool_plugins.rules.shares import Shares


@dataclass
class Tiles(Detector):
    """A face in every tile that is lit: two tiles side by side."""

    name, version = "tiles", "1"
    wide: int = 60

    def detect(self, images):
        return [self.one(image) for image in images]

    def one(self, image):
        half = image.shape[1] // 2
        lit = [x for x in (0, half) if image[:, x + 20 : x + half - 20].std() > 20]
        boxes = np.array([[x + 60, 20, x + 60 + self.wide, 100] for x in lit], np.float32).reshape(-1, 4)
        return Faces(boxes, np.full(len(lit), 0.9, np.float32))


@dataclass
class Places(Encoder):
    """Two people are told apart by their mean color."""

    name, version, crop, same_person = "places", "1", Crop(16, align=False), 0.05

    def encode(self, images, faces):
        return [
            f.with_(
                landmarks=np.repeat(f.boxes[:, None, :2], 5, 1), pose_deg=np.zeros((len(f), 3), np.float32)
            )
            for f in faces
        ]

    def embed(self, crops):
        color = crops.reshape(len(crops), -1, 3).mean(1)
        return (color / np.linalg.norm(color, axis=1, keepdims=True)).astype(np.float32)


@dataclass
class Happy(Classifier):
    name, version, crop = "happy", "1", Crop(8)

    def classify(self, crops):
        rows = np.zeros((len(crops), 7), np.float32)
        rows[:, 3] = 1
        return rows


class Quiet:
    def __init__(self):
        self.samples, self.plans = 0, []

    def started(self, planned, done):
        self.plans.append((planned, done))

    def advanced(self, samples, faces, time_s):
        self.samples += samples


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 s: two chunks. The second person leaves after 30."""
    path = tmp_path_factory.mktemp("pipeline") / "two.mp4"
    people = [gallery.Person(0, ((0, 80),)), gallery.Person(3, ((0, 30),))]
    gallery.make_gallery(path, people, duration_s=80, size=(360, 160), columns=2, fps=2, gop_s=4)
    return path


def request_(policy: str = "full", **changes) -> Request:
    classifier = Plugged(Happy()) if policy == "full" else None
    tools = Toolbox(Plugged(Tiles()), Plugged(Places()), classifier, [Presence(), Shares()])
    return dataclasses.replace(Request("signals", "week 1", tools, policy=policy), **changes)


def counts(store: Store) -> dict[str, int]:
    tables = ("recordings", "runs", "chunks", "samples", "tracks", "observations", "students", "segments")
    return {t: store.query(f"SELECT count(*) FROM {t}").item() for t in tables}


def test_a_recording_becomes_rows(video: Path, store: Store) -> None:
    quiet = Quiet()
    outcome = analyze(video, request_(), store, quiet)
    assert outcome.fresh
    assert outcome.notes == []
    assert quiet.plans == [(80, 0)]
    assert quiet.samples == 80
    assert counts(store) == {
        "recordings": 1, "runs": 1, "chunks": 2, "samples": 80, "tracks": 3, "observations": 110,
        "students": 2, "segments": 1,
    }  # fmt: skip
    seen = store.query("SELECT student, count(*) FROM frame_emotions GROUP BY 1 ORDER BY 1").rows()
    assert seen == [("student-01", 80), ("student-02", 30)]


@pytest.mark.parametrize(
    ("floor", "policy", "notes"),
    [
        (80.0, "full", []),  # the detector's boxes are 80 px high
        (81.0, "full", ["expression not measured in 110 of 110 faces: below 81 px"]),
        (80.5, "full", ["expression not measured in 110 of 110 faces: below 80.5 px"]),
        (81.0, "behaviour", []),  # nothing was to be measured
    ],
)
def test_a_note_on_faces_below_the_floor(
    video: Path, store: Store, monkeypatch, floor: float, policy: str, notes: list[str]
) -> None:
    monkeypatch.setattr(Happy, "floor_px", floor)
    outcome = analyze(video, request_(policy), store, Quiet())
    assert outcome.notes == notes
    config = json.loads(store.query("SELECT config FROM runs").item())
    assert (
        config["classifier"] is None if policy == "behaviour" else config["classifier"]["floor_px"] == floor
    )


def test_no_track_crosses_a_chunk(video: Path, store: Store) -> None:
    run = analyze(video, request_(), store, Quiet()).run
    spans = store.tracks(run).select("chunk", "first_s", "last_s").rows()
    assert spans == [(0, 0.0, 59.0), (0, 0.0, 29.0), (1, 60.0, 79.0)]


def test_the_same_again_reads_no_video(video: Path, store: Store) -> None:
    first, before = analyze(video, request_(), store, Quiet()), counts(store)
    quiet = Quiet()
    again = analyze(video, request_(), store, quiet)
    assert (again.run, again.fresh, again.changed) == (first.run, False, False)
    assert quiet.plans == []
    assert counts(store) == before


@pytest.mark.parametrize(
    "change",
    [
        {"every": 2.0},
        {"start_s": 1.0},
        {"end_s": 60.0},
        {"policy": "behaviour"},
        {"tools": Toolbox(Plugged(Tiles(wide=50)), Plugged(Places()), Plugged(Happy()), [])},  # an option
        {
            "tools": Toolbox(Plugged(Tiles(), "abc"), Plugged(Places()), Plugged(Happy()), [])
        },  # an edited file
    ],
)
def test_what_changes_results_is_another_run(video: Path, store: Store, change: dict) -> None:
    first = analyze(video, request_(end_s=4.0, every=1.0), store, Quiet()).run
    other = analyze(video, request_(**{"end_s": 4.0, "every": 1.0, **change}), store, Quiet())
    assert other.run != first
    assert other.fresh


@pytest.mark.parametrize(
    "change", [{"device": "cpu"}, {"force": True}, {"lecture": "week 2"}, {"lecture": "week 2", "move": True}]
)
def test_what_does_not_is_the_same_run(video: Path, store: Store, change: dict) -> None:
    first = analyze(video, request_(end_s=4.0), store, Quiet()).run
    assert analyze(video, request_(end_s=4.0, **change), store, Quiet()).run == first


def test_moving_to_another_course_renumbers_students_there(video: Path, store: Store) -> None:
    analyze(video, request_(end_s=4.0), store, Quiet())
    store.students.claim("optics", "another recording", 3)
    moved = analyze(video, request_(end_s=4.0, course="optics", move=True), store, Quiet())
    assert (moved.fresh, moved.changed, moved.left) == (False, True, ("signals", "week 1"))
    assert moved.notes == ["moved from signals / week 1 to optics / week 1"]
    rows = store.query("SELECT DISTINCT course, student FROM frame_emotions ORDER BY ALL").rows()
    assert rows == [("optics", "student-04"), ("optics", "student-05")]
    assert store.query("SELECT count(*) FROM students WHERE course = 'signals'").item() == 0


def test_the_first_place_stands(video: Path, store: Store) -> None:
    """In another lecture, in another course, under another configuration and by force: nothing is read."""
    run = analyze(video, request_(end_s=4.0), store, Quiet()).run
    before = counts(store)
    for change in (
        {"lecture": "week 2"},
        {"course": "optics"},
        {"course": "optics", "every": 2.0, "force": True},
    ):
        quiet = Quiet()
        other = analyze(video, request_(**{"end_s": 4.0, **change}), store, quiet)
        wanted = " / ".join((change.get("course", "signals"), change.get("lecture", "week 1")))
        assert other.same_as == f"it stays in signals / week 1; --move takes it to {wanted}"
        assert (other.fresh, other.changed, other.notes, quiet.plans) == (False, False, [], [])
    assert counts(store) == before
    assert store.run_state(run) == "finished"


class Stops(Quiet):
    """Ctrl-C when the first chunk is on its way into the database."""

    def advanced(self, samples, faces, time_s):
        super().advanced(samples, faces, time_s)
        if self.samples == 64:  # of 60 in a chunk
            raise KeyboardInterrupt


@dataclass
class Cheerful(Happy):
    """`Happy`, renamed."""

    name, formerly = "cheerful", ("happy",)


def test_a_run_goes_on_when_its_plugin_has_another_name(video: Path, store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        analyze(video, request_(), store, Stops())
    renamed = Toolbox(Plugged(Tiles()), Plugged(Places()), Plugged(Cheerful()), [])
    done = analyze(video, request_(tools=renamed), store, quiet := Quiet())
    assert (done.resumed, quiet.plans) == (True, [(80, 60)])
    again = analyze(video, request_(tools=renamed), store, Quiet())
    assert (again.run, again.fresh) == (done.run, False)
    assert analyze(video, request_(), store, Quiet()).run == done.run, "by the old name as well"


def test_an_interrupted_run_holds_no_place(video: Path, store: Store) -> None:
    """Nothing of it is on any page yet, so that a mistyped lecture can be corrected."""
    with pytest.raises(KeyboardInterrupt):
        analyze(video, request_(lecture="wek 1"), store, Stops())
    done = analyze(video, request_(), store, quiet := Quiet())
    assert (done.resumed, done.same_as, quiet.plans) == (True, "", [(80, 60)])
    assert store.query("SELECT course, lecture FROM lectures").rows() == [("signals", "week 1")]


def test_the_same_bytes_under_another_name_in_one_lecture(video: Path, store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(video.read_bytes())
    analyze(video, request_(end_s=4.0), store, Quiet())
    again = analyze(copy, request_(end_s=4.0), store, Quiet())
    assert again.same_as == f"the same bytes as {video}, in signals / week 1"
    assert store.recordings("signals", "week 1") == [(str(video), 0.0, {})]


def test_a_file_that_was_renamed_is_known_by_its_new_name(video: Path, store: Store, tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(video.read_bytes())
    analyze(tmp_path / "old.mp4", request_(end_s=4.0), store, Quiet())
    new = (tmp_path / "old.mp4").rename(tmp_path / "new.mp4")
    again = analyze(new, request_(end_s=4.0), store, Quiet())
    assert (again.same_as, again.changed) == ("", False)
    assert store.recordings("signals", "week 1") == [(str(new), 0.0, {})]


def test_other_bytes_at_the_same_place_replace_the_run(video: Path, store: Store, tmp_path: Path) -> None:
    """The same people, as when a file was copied by half before: they keep their numbers, also when the whole
    is analyzed with something else."""
    file = tmp_path / "two.mp4"
    file.write_bytes(video.read_bytes())
    analyze(file, request_(end_s=20.0), store, Quiet())
    file.write_bytes(video.read_bytes() + b" ")
    again = analyze(file, request_(end_s=40.0), store, Quiet())
    told = "other bytes than when it was analyzed before (80 s then, 80 s now): this run replaces that"
    assert again.notes == [told]
    assert (counts(store)["recordings"], counts(store)["runs"], counts(store)["samples"]) == (1, 1, 40)
    sql = "SELECT student, count(*) FROM frame_emotions GROUP BY 1 ORDER BY 1"
    assert store.query(sql).rows() == [("student-01", 40), ("student-02", 30)]
    assert analyze(file, request_(end_s=40.0), store, Quiet()).notes == []
    analyze(file, request_(end_s=10.0), store, Quiet())
    assert store.query(sql).rows() == [("student-01", 10), ("student-02", 10)]
    # In another lecture the path is another recording's: a recorder that always writes the same file.
    file.write_bytes(video.read_bytes() + b"  ")
    assert analyze(file, request_(end_s=4.0, lecture="week 2"), store, Quiet()).notes == []
    assert counts(store)["recordings"] == 2


def test_segments_follow_the_length_of_what_replaces(video: Path, store: Store, tmp_path: Path) -> None:
    """Equal parts are cut again, longer and shorter; those that somebody chose are left alone."""
    file = tmp_path / "two.mp4"
    gallery.make_gallery(
        file, [gallery.Person(0, ((0, 4),))], duration_s=4, size=(360, 160), columns=2, fps=2
    )
    short = file.read_bytes()
    for content, end in ((short, 4.0), (video.read_bytes(), 80.0), (short, 4.0)):
        file.write_bytes(content)
        analyze(file, request_(end_s=3.0), store, Quiet())
        assert store.segments("signals", "week 1")["end_s"].to_list() == [pytest.approx(end)]
    chosen = segment_table([Segment(0, "Proof", 1.0, 2.0)])
    store.set_segments("signals", "week 1", chosen, "points.csv")
    file.write_bytes(video.read_bytes())
    analyze(file, request_(end_s=3.0), store, Quiet())
    assert store.segments("signals", "week 1")["title"].to_list() == ["Proof"]


def test_a_file_that_grows_while_it_is_measured(video: Path, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "two.mp4"
    file.write_bytes(video.read_bytes())
    size = file.stat().st_size

    class Copies(Quiet):
        def started(self, planned, done):
            with file.open("ab") as end:
                end.write(b"more")

    done = analyze(file, request_(end_s=4.0), store, Copies())
    grows = f"the file grows while it is read: {size} bytes, then {size + 4}"
    assert done.notes == [f"{grows}; analyze it again when it is complete"]
    assert analyze(file, request_(end_s=4.0), store, Quiet()).notes == [
        "other bytes than when it was analyzed before (80 s then, 80 s now): this run replaces that"
    ]


def test_a_file_that_grows_before_it_is_hashed(video: Path, tmp_path: Path) -> None:
    """Its index would be that of a part, its hash that of the whole: never to be told from it again."""
    from fertool.analysis.run import describe, look

    file = tmp_path / "two.mp4"
    file.write_bytes(video.read_bytes())
    source = look(file, request_())
    assert describe(source, request_()).recording.bytes == file.stat().st_size
    with file.open("ab") as end:
        end.write(b"more")
    with pytest.raises(VideoError, match=r"grows while it is read: \d+ bytes, then \d+ \(analyze it when"):
        describe(source, request_())


def test_a_name_given_later_is_taken_up(video: Path, store: Store) -> None:
    analyze(video, request_(end_s=4.0), store, Quiet())
    named = analyze(video, request_(end_s=4.0, student="Ann"), store, Quiet())
    assert (named.fresh, named.changed) == (False, True)
    assert named.notes == ["2 people found; 'Ann' is the one on screen longest"]
    assert store.students_in(named.run) == {"Ann", "student-01"}
    again = analyze(video, request_(end_s=4.0, student="Ann"), store, Quiet())
    assert not again.changed


def test_a_name_that_looks_like_a_pseudonym_is_refused() -> None:
    with pytest.raises(ConfigError, match="looks like a pseudonym"):
        request_(student="student-07")


def test_force_replaces(video: Path, store: Store) -> None:
    analyze(video, request_(), store, Quiet())
    before = counts(store)
    again = analyze(video, request_(force=True), store, Quiet())
    assert again.fresh
    assert counts(store) == before


def test_behaviour_stores_no_expression_and_withdraws_what_was_said_of_it(video: Path, store: Store) -> None:
    rules = [Presence(), Shares()]
    analyze(video, request_(end_s=4.0), store, Quiet())
    assess(store, rules, [("signals", "week 1")])
    assert store.query("SELECT DISTINCT rule FROM assessments ORDER BY 1")["rule"].to_list() == [
        "presence",
        "shares",
    ]
    analyze(video, request_("behaviour", end_s=4.0), store, Quiet())
    result = assess(store, rules, [("signals", "week 1")])
    assert "the policy 'behaviour' switches off" in result.skipped[0]
    assert store.query("SELECT count(*) FROM frame_emotions WHERE emotion IS NOT NULL").item() == 0
    assert store.query("SELECT DISTINCT rule FROM assessments")["rule"].to_list() == ["presence"]


def test_a_failing_plugin_leaves_nothing(video: Path, store: Store) -> None:
    class Raises(Tiles):
        def detect(self, images):
            raise RuntimeError("out of order")

    tools = Toolbox(Plugged(Raises()), Plugged(Places()), None, [])
    with pytest.raises(PluginError, match="out of order"):
        analyze(video, request_(tools=tools), store, Quiet())
    assert set(counts(store).values()) == {0}


def test_nothing_between_start_and_end(video: Path, store: Store) -> None:
    with pytest.raises(VideoError, match=r"nothing to analyze.*80\.0 s long"):
        analyze(video, request_(start_s=500.0), store, Quiet())


# --- rules of wider scopes ------------------------------------------------------------------------


class Counts(Rule):
    """Answers with the number of rows, and says of which lectures."""

    name, version, scope = "counts", "1", "course"
    signals = frozenset({"presence"})

    def assess(self, seen, context):
        return Assessment(len(seen), message=",".join(seen["lecture"].unique(maintain_order=True)))


class CountsAll(Counts):
    name, scope = "counts-all", "all"


class Reads(CountsAll):
    name = "reads"
    signals = frozenset({"expression"})


class Knows(CountsAll):
    """Says whose courses it knows."""

    name = "knows"

    def assess(self, seen, context):
        return Assessment(1.0, message=", ".join(f"{k}: {c.instructor}" for k, c in context.courses.items()))


def several(store: Store, policy: str = "full") -> None:
    store_lecture(store, "law", "1", {"Ada": timeline("happy*4"), "student-01": timeline("sad*4")})
    store_lecture(store, "law", "2", {"Ada": timeline("happy*3")}, policy=policy)
    store_lecture(store, "art", "1", {"Ada": timeline("sad*2"), "student-01": timeline("happy*2")})


SAID = "SELECT course, student, value, message FROM assessments_latest WHERE lecture IS NULL ORDER BY ALL"


def test_a_rule_of_all_courses_knows_what_is_said_of_them(store: Store) -> None:
    several(store)
    store.describe_course("law", "E. Noether", ["contracts"], {"1": None, "2": None})
    store.describe_course("sport", "C. Babbage", [], {"next term": None})
    assess(store, [Knows()], [("law", "1")])
    assert store.query(SAID)["message"].to_list() == ["law: E. Noether, sport: C. Babbage"]


def test_the_same_is_said_twice_with_version_and_options(store: Store) -> None:
    several(store)
    rules = [found.plugin() for found in registry.load_plugins().of_kind("rule")]
    first, second = (assess(store, rules, store.lectures()).table() for _ in range(2))
    assert first.equals(second)
    assert len(first) > 30
    made = {rule.name: (rule.version, json.dumps(options.values(rule), sort_keys=True)) for rule in rules}
    said = first.select("rule", "version", "options").unique().rows()
    assert all(made[rule][0] == version and made[rule][1] == chosen for rule, version, chosen in said)


def test_a_rule_of_a_course_is_asked_about_all_its_lectures_whichever_was_judged(store: Store) -> None:
    several(store)
    assess(store, [Counts()], [("law", "2")])
    assert store.query(SAID).rows() == [("law", "Ada", 7.0, "1,2"), ("law", "student-01", 4.0, "1")]


def test_a_rule_of_all_courses_is_asked_about_named_students(store: Store) -> None:
    several(store)
    assess(store, [CountsAll()], store.lectures())
    assert store.query(SAID).rows() == [(None, "Ada", 9.0, "1,2")]  # art/1, law/1, law/2


def test_a_lecture_without_expressions_is_hidden_from_wide_rules_that_look_at_them(store: Store) -> None:
    several(store, "behaviour")
    result = assess(store, [Reads(), CountsAll()], store.lectures())
    assert {(row["rule"], row["value"]) for row in result.rows} == {("reads", 6.0), ("counts-all", 9.0)}
    assert result.withdrawn == [(None, None, "reads")]


def test_nobody_with_a_name_means_nothing_to_ask_of_all_courses(store: Store) -> None:
    store_lecture(store, "law", "1", {"student-01": timeline("happy*4")})
    assert assess(store, [CountsAll()], store.lectures()).rows == []


BOWED = [
    # lecture, timeline, share of bowed heads, level
    ("1", "neutral*60 neutral/down*40", 0.4, "good"),
    ("2", "neutral*30 neutral/down*70", 0.7, "attention"),  # more than half: the median is bowed
    ("3", "neutral*100", 0.0, "good"),  # at the level that the first two show
    ("4", "neutral/down*100", None, "not measurable"),  # bowed, or another tilt of the camera
]


def test_the_level_of_a_head_comes_from_the_lecture_and_the_others_of_the_student(store: Store) -> None:
    from fertool_plugins.rules.involvement import Involvement

    for lecture, spec, _, _ in BOWED:
        store_lecture(store, "law", lecture, {"Ada": timeline(spec)})
    rows = assess(store, [Involvement()], store.lectures()).rows
    assert [(row["lecture"], row["value"], row["level"]) for row in rows] == [
        (lecture, share, level) for lecture, _, share, level in BOWED
    ]


def test_a_speaker_view_of_four_asks_for_nobodys_attention(store: Store) -> None:
    """Each speaks for a minute, neutrally, and is not shown for the other three."""
    people = {}
    for turn in range(4):
        blocks = [f"absent*{60 * turn}", "neutral*60", f"absent*{60 * (3 - turn)}"]
        people[f"student-0{turn + 1}"] = timeline(" ".join(b for b in blocks if not b.endswith("*0")))
    store_lecture(store, "law", "1", people)
    rows = assess(
        store, [found.plugin() for found in registry.load_plugins().of_kind("rule")], store.lectures()
    ).rows
    assert {row["level"] for row in rows} <= {"not measurable", "info"}
    measured = {row["rule"] for row in rows if row["value"] is not None}
    assert not measured & {"presence", "focus", "lost-moments", "good-moments", "involvement", "state"}


def test_every_rule_that_ships_finds_something_to_say(store: Store) -> None:
    ours = [found for found in registry.load_plugins().of_kind("rule") if found.source.startswith("fertool ")]
    rules = [found.plugin() for found in ours]
    parts = segment_table([Segment(0, "Proof", 0.0, 120.0, "hard", "induction")])
    ada = timeline("neutral*30 sad*31 happy*39 absent*20")
    bob = timeline("neutral/down*30 sad*30 happy*40 absent*20")
    store_lecture(store, "law", "1", {"Ada": ada, "Bob": bob, "Cleo": bob}, segments=parts)
    store_lecture(store, "law", "2", dict.fromkeys(("Ada", "Bob", "Cleo"), timeline("neutral*120")))
    store_lecture(store, "art", "1", {"Ada": timeline("happy*120"), "Bob": timeline("happy*120")})
    result = assess(store, rules, store.lectures())
    assert result.failed == result.skipped == []
    rows = store.query("FROM assessments_latest").to_dicts()
    assert {row["rule"] for row in rows if row["value"] is not None} == {rule.name for rule in rules}
    levels = {(row["rule"], row["student"], row["level"]) for row in rows if row["course"] in ("law", None)}
    assert levels >= {
        ("difficulty", "Ada", "attention"),  # 31 in a row
        ("difficulty", "Bob", "attention"),  # exactly 30
        ("focus", "Ada", "attention"),  # 20 s away at the end
        ("preference", "Ada", "preferred"),
        ("lost-moments", None, "attention"),
        ("good-moments", None, "happier"),  # all three from 1:01 to 1:40
        ("hard-points", None, "attention"),  # negative in .31 and .3 of the samples, never in lecture 2
    }


def test_the_same_tables_give_the_same_assessments(store: Store) -> None:
    several(store)
    rules = [found.plugin() for found in registry.load_plugins().of_kind("rule")]
    assert assess(store, rules, store.lectures()).rows == assess(store, rules, store.lectures()).rows
