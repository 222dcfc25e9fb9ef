"""Consent from analysis to report: a lecture of two people; one has agreed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.storage.students import ENROLLED

TODAY = date.today()


def answer(store: Store, student: str, **dates: date | None) -> None:
    row = {"student": student, "consent": True, "given": None, "expires": None, "withdrawn": None} | dates
    store.consents.set_consents("signals", pl.DataFrame([row], schema=CONSENTS))


@pytest.fixture
def enrolled(fertool, small_video: Path, tmp_path: Path) -> Store:
    """What the person on the left looks like, from an analysis of their own, under the name of Ann."""
    assert fertool("analyze", small_video, "--db", "other.duckdb", "--detector", "ssd").code == 0
    other = Store(tmp_path / "other.duckdb")
    sql = """SELECT embedding FROM tracks WHERE student = 'student-01'"""
    embedding = other.query(sql)["embedding"][0].to_list()
    model = other.query("SELECT config ->> '$.model' AS model FROM runs")["model"][0]
    store = Store(tmp_path / "fertool.duckdb")
    picture = {"student": "Ann", "picture": "a.jpg", "sha256": "ab", "embedding": embedding, "model": model}
    store.students.enroll("signals", pl.DataFrame([picture], schema=ENROLLED))
    answer(store, "Ann", expires=TODAY)
    return store


def analyze(fertool, video: Path, *more: str):
    return fertool("analyze", video, "--course", "signals", "--detector", "ssd", *more)


def tables(store: Store) -> dict[str, int]:
    names = ("observations", "tracks", "runs")
    return {name: store.query(f"SELECT count(*) AS n FROM {name}")["n"][0] for name in names}


def test_whoever_has_not_agreed_leaves_a_count_and_nothing_else(fertool, enrolled: Store, small_video: Path):
    done = analyze(fertool, small_video, "--consent", "required")
    assert done.code == 0, done.err
    assert tables(enrolled) == {"observations": 6, "tracks": 1, "runs": 1}
    faces = enrolled.query("SELECT student, count(happy) AS n FROM frame_emotions GROUP BY ALL").rows()
    assert faces == [("Ann", 6)]
    seen = enrolled.query("SELECT faces, dropped FROM samples_seen ORDER BY sample").rows()
    assert seen == [(1, 1)] * 4 + [(1, 0)] * 2
    assert enrolled.query("SELECT DISTINCT student FROM assessments WHERE student IS NOT NULL").rows() == [
        ("Ann",)
    ]
    again = analyze(fertool, small_video, "--consent", "required")
    assert "already analyzed" in again.err

    # What was withdrawn is out of everything that reads, at the next command.
    for dates in ({"withdrawn": TODAY}, {"expires": TODAY - timedelta(days=1)}):
        answer(enrolled, "Ann", **dates)
        for view in ("frame_emotions", "assessments_latest WHERE student IS NOT NULL"):
            assert enrolled.query(f"FROM {view}").is_empty()
        assert fertool("report", "--out", "site").code == 0
        assert not any("Ann" in page.read_text() for page in Path("site").rglob("*.html"))
        refused = analyze(fertool, small_video, "--consent", "required")
        assert refused.code == 2
        assert "no student of course 'signals' has a picture and consent in force" in refused.err


def test_a_worker_leaves_nothing_of_them_in_the_spool(fertool, enrolled: Store, small_video: Path):
    """What is in no file of the spool is not in it: the only descriptor is that of the one who agreed."""
    done = analyze(fertool, small_video, "--consent", "required", "--isolate", "--spool", "spool")
    assert done.code == 0, done.err
    rows = pl.read_parquet("spool/*/*.parquet")
    assert dict(rows["table"].value_counts().rows()) == {
        "chunks": 1,
        "samples": 6,
        "tracks": 1,
        "observations": 6,
    }
    assert rows.filter(table="samples")["dropped"].to_list() == [1] * 4 + [0] * 2
    assert not [file for file in Path("spool").rglob("*") if file.name.startswith(".")]
    assert tables(enrolled) == {"observations": 6, "tracks": 1, "runs": 1}
    assert fertool("ingest", "spool").code == 0
    assert tables(enrolled) == {"observations": 6, "tracks": 1, "runs": 1}

    # A person whose consent has ended gets into no other database that holds that answer.
    answer(enrolled, "Ann", withdrawn=TODAY)
    enrolled.delete_run(enrolled.runs()["run"][0])
    refused = fertool("ingest", "spool")
    assert refused.code == 3
    assert "no student of course 'signals' has a picture and consent in force" in refused.out
    assert tables(enrolled) == {"observations": 0, "tracks": 0, "runs": 0}


def test_a_worker_computes_no_expression_that_the_policy_forbids(fertool, small_video: Path):
    run = ("--policy", "behaviour", "--isolate", "--spool", "spool")
    assert analyze(fertool, small_video, *run).code == 0
    rows = pl.read_parquet("spool/*/*.parquet").filter(table="observations")
    assert len(rows) == 10
    assert rows["happy"].null_count() == rows["emotion"].null_count() == 10


def test_an_analysis_with_consent_takes_the_older_one_without_it_away(
    fertool, enrolled: Store, small_video: Path
):
    assert analyze(fertool, small_video).code == 0
    assert tables(enrolled)["tracks"] == 2
    (Path.cwd() / "fertool.toml").write_text('consent = "required"')
    done = analyze(fertool, small_video)
    assert "1 earlier run without consent deleted" in done.err
    assert tables(enrolled) == {"observations": 6, "tracks": 1, "runs": 1}


def test_an_analysis_without_expression_takes_the_older_one_with_it_away(
    fertool, small_video: Path, tmp_path
):
    run = ("analyze", small_video, "--detector", "ssd")
    assert fertool(*run, "--policy", "behaviour").code == 0
    assert fertool(*run).code == 0  # from now on the current one
    done = fertool(*run, "--policy", "behaviour")
    assert "1 earlier run with expressions deleted" in done.err
    store = Store(tmp_path / "fertool.duckdb")
    assert store.query("SELECT policy, current FROM (FROM runs), (SELECT true AS current)").rows() == [
        ("behaviour", True)
    ]
    assert store.query("SELECT count(emotion) AS n FROM observations")["n"][0] == 0
    assert store.query("SELECT count(*) AS n FROM assessments_latest WHERE rule = 'shares'")["n"][0] == 0


def test_a_webcam_recording_of_somebody_who_has_not_agreed(fertool, enrolled: Store, small_video: Path):
    refused = analyze(fertool, small_video, "--consent", "required", "--student", "Bob")
    assert refused.code == 2
    assert "--student Bob: consent is required" in refused.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('consent = "maybe"', "consent: expected off or required, got 'maybe'"),
        ('retention = "half a year"', "retention: expected a number of days such as 180d"),
        ("k = 0", "k: expected a number of students from 1 on, got 0"),
    ],
)
def test_settings_that_make_no_sense(fertool, tmp_path: Path, line: str, words: str):
    (tmp_path / "fertool.toml").write_text(line)
    done = fertool("runs")
    assert done.code == 2
    assert words in done.err
