"""`fertool.analyze`, `assess`, `report`, `open`: the examples of their docstrings, and what they promise."""

from __future__ import annotations

import doctest
import logging
import runpy
import shutil
from pathlib import Path

import pytest

import fertool
from fertool.demo import gallery
from fertool.demo.timelines import store_lecture, timeline
from fertool.storage.store import Store
from fertool.workflows import api

EXAMPLES = Path(__file__).parents[2] / "examples"
RULE = """
from fertool import Assessment, Rule, hookimpl


class Mine(Rule):
    name, version = "mine", "1"

    def assess(self, seen, context):
        return Assessment(1.0)


@hookimpl
def fertool_plugins():
    return [Mine]
"""


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, four seconds."""
    path = tmp_path_factory.mktemp("video") / "lecture.mp4"
    people = [gallery.Person(0, ((0, 4),)), gallery.Person(3, ((0, 4),))]
    gallery.make_gallery(path, people, duration_s=4, size=(640, 288), columns=2, gop_s=2)
    return path


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FERTOOL_DB", raising=False)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Store:
    """A course of three students and one of one, in the database of the current folder."""
    store = Store(folder / "fertool.duckdb")
    three = {name: timeline("happy*60") for name in ("Ann", "Bob", "Eve")}
    store_lecture(store, "signals", "week 1", three)
    store_lecture(store, "optics", "week 1", {"Zoe": timeline("sad*30 absent*30")}, recording_name="o.mp4")
    return store


def test_the_examples_of_the_docstrings(folder: Path, video: Path) -> None:
    """In order of the file: the first one analyzes what the others read."""
    shutil.copy(video, folder)
    found = [test for test in doctest.DocTestFinder().find(api) if test.examples]
    names = [
        test.name.removeprefix("fertool.workflows.api.")
        for test in sorted(found, key=lambda t: t.lineno or 0)
    ]
    reading = ["faces", "samples", "assessments", "students", "query"]
    assert names == ["analyze", "assess", "report", "open", *(f"Results.{name}" for name in reading)]
    runner = doctest.DebugRunner()
    for test in sorted(found, key=lambda test: test.lineno or 0):
        runner.run(test)  # raises at the first line that prints something else


def test_the_quickstart(folder: Path, video: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["quickstart.py", str(video)])
    runpy.run_path(str(EXAMPLES / "quickstart.py"))
    shown = capsys.readouterr().out.splitlines()
    assert shown[:4] == ["0/4 samples", "4/4 samples", f"{video} analyzed ", "shape: (2, 6)"]
    assert shown[-1] == f"The report: {folder / 'fertool-report' / 'index.html'}"
    assert len((EXAMPLES / "quickstart.py").read_text().splitlines()) <= 25


def test_the_functions_are_those_of_the_facade() -> None:
    import fertool.report.render  # binds `fertool.report` to the package, were it not for the facade

    for name in ("analyze", "assess", "open", "report"):
        assert getattr(fertool, name) is getattr(api, name)
        assert name in fertool.__all__


def test_settings_of_the_folder_apply(folder: Path, video: Path) -> None:
    (folder / "fertool.toml").write_text(
        'course = "optics"\ndb = "mine.duckdb"\npolicy = "behaviour"\ndetector = "ssd"\nevery = "2s"'
    )
    heard: list[api.Progress] = []
    fertool.analyze(video, on_progress=heard.append)
    faces = fertool.open().faces("optics")
    assert faces["sample"].unique().to_list() == [0, 1], "two seconds apart"
    assert faces["happy"].null_count() == len(faces), "no expression under `behaviour`"
    assert [(one.file, one.done, one.planned, one.faces) for one in heard] == [
        ("lecture.mp4", 0, 2, 0),
        ("lecture.mp4", 2, 2, 4),
    ]
    assert not (folder / "fertool.duckdb").exists()


def test_arguments_win_over_settings(folder: Path) -> None:
    (folder / "fertool.toml").write_text('policy = "no such policy"')
    with pytest.raises(fertool.FertoolError, match="no database here"):
        fertool.assess(db=folder / "other.duckdb", policy="full")


def test_a_bad_recording_costs_itself_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "broken.mp4").write_bytes(b"no video")
    with caplog.at_level(logging.WARNING, "fertool"):
        done = fertool.analyze(["broken.mp4", "missing.mp4"], detector="ssd", policy="behaviour")
    assert sorted((entry.file, entry.became) for entry in done.inventory) == [
        ("broken.mp4", "failed"),
        ("missing.mp4", "failed"),
    ]
    assert {Path(file).name for file, _ in done.failed} == {"broken.mp4", "missing.mp4"}
    assert len(caplog.messages) == 2, "each once"


def test_an_unknown_setting_is_refused(folder: Path) -> None:
    with pytest.raises(TypeError, match="detectr"):
        fertool.analyze("lecture.mp4", detectr="ssd")


def test_assess_asks_a_rule_of_ones_own(store: Store, folder: Path) -> None:
    (folder / "mine.py").write_text(RULE)
    found = fertool.assess(course="signals", plugins=["mine.py"])
    mine = found.filter(rule="mine")
    assert (set(mine["course"]), set(mine["student"]), set(mine["value"])) == (
        {"signals"},
        {"Ann", "Bob", "Eve"},
        {1.0},
    )
    assert set(fertool.open().assessments("signals").filter(rule="mine")["student"]) == {"Ann", "Bob", "Eve"}
    assert fertool.open().assessments("optics").is_empty(), "the other course was not judged"


def test_nothing_to_judge_is_an_error(store: Store) -> None:
    with pytest.raises(fertool.FertoolError, match="no analyzed lecture fits"):
        fertool.assess(course="acoustics")


HAPPY = [  # k, the row of the class: three students, 60 samples each, all of them happy
    (None, "signals,week 1,,,happy,,,,few"),  # below the default of five: held back
    (3, "signals,week 1,,,happy,180,180,1.0,"),
]


@pytest.mark.parametrize(("k", "row"), HAPPY)
def test_small_groups_are_held_back_as_on_the_command_line(store: Store, k: int | None, row: str) -> None:
    written = fertool.report("site", course="signals", k=k, formats=("csv",))
    assert row in (written / "data" / "shares.csv").read_text().splitlines()


def test_the_default_of_rendering_is_that_of_the_settings(store: Store, folder: Path) -> None:
    """Who calls it without `k` gets the protected report."""
    from fertool.config import Settings
    from fertool.report.render import ReportOptions, render

    render(store, folder / "site", "signals", options=ReportOptions(formats=("csv",)))
    assert (
        "signals,week 1,,,happy,,,,few" in (folder / "site" / "data" / "shares.csv").read_text().splitlines()
    )
    assert Settings().k == 5


def test_tables_of_one_course_and_of_all(store: Store) -> None:
    """60 seconds, one sample each: three students all the time, and one for half of it."""
    results = fertool.open()
    assert len(results.faces("signals")) == 180
    assert len(results.faces()) == 180 + 30
    assert len(results.faces("signals", "week 2")) == 0
    assert len(results.samples("optics")) == 60, "those without a face too"
    assert results.students("signals")["student"].to_list() == ["Ann", "Bob", "Eve"]
    assert results.students().select("course", "student").row(0) == ("optics", "Zoe")


def test_who_refuses_is_in_no_table_but_the_list(store: Store) -> None:
    from datetime import date

    store.consents.answer("signals", "Ann", withdrawn=date.today())
    store.consents.answer("signals", "Bob", given=date.today(), expires=None)
    results = fertool.open()
    assert set(results.faces("signals")["student"]) == {"Bob", "Eve"}
    rows = results.students("signals").select("student", "lectures", "seen_s", "consent").rows()
    assert rows == [("Ann", 0, 0.0, "no"), ("Bob", 1, 59.0, "yes"), ("Eve", 1, 59.0, None)]


def test_opening_and_reading_write_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    from datetime import date

    fertool.assess()
    store.consents.answer("signals", "Ann", withdrawn=date.today())
    before = store.database.path.read_bytes()
    with caplog.at_level(logging.WARNING, "fertool"):
        results = fertool.open()
    for table in (results.faces, results.samples, results.assessments, results.students):
        assert len(table()) > 0
    assert results.query("SELECT $a AS a", a=1).item() == 1
    assert store.database.path.read_bytes() == before
    assert "consent has changed since lectures were judged" in caplog.text


def test_a_statement_that_writes_is_refused(store: Store) -> None:
    with pytest.raises(fertool.FertoolError, match="query failed"):
        fertool.open().query("DELETE FROM observations")


def test_no_database_is_an_error(folder: Path) -> None:
    with pytest.raises(fertool.FertoolError, match="no database here"):
        fertool.open()
    assert list(folder.iterdir()) == [], "and none is made"
