"""forget, export, purge, consent, audit, policy: whole outputs, and bytes that are really gone."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from fertool.privacy import names as files
from fertool.storage import rewrite
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

ANN, BOB = "student-01", "student-02"
SIGNALS = ("--course", "signals")


def words(text: str) -> str:
    """Tables without their layout."""
    return " ".join(text.split())


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Two lectures of two students with embeddings, in the current folder."""
    store = Store(tmp_path / "fertool.duckdb")
    both = {ANN: timeline("happy*9"), BOB: timeline("sad*9")}
    store_lecture(store, "signals", "week 1", both)
    store_lecture(store, "signals", "week 2", both, recording_name="second.mp4")
    vectors = np.random.default_rng(5).normal(size=(200, 128)).astype(np.float32)
    insert = """INSERT INTO tracks (track, run, chunk, first_s, last_s, samples, embedding, student)
                VALUES ($t, $r, 0, 0, 1, 2, $e, $s)"""
    with store.database.transaction() as con:
        run = con.execute("SELECT run FROM runs").fetchall()[0][0]
        for i, row in enumerate(vectors):
            values = {"t": f"t{i}", "r": run, "e": row.tolist(), "s": (ANN, BOB)[i % 2]}
            con.execute(insert, values)
    return tmp_path


def embeddings(student: str) -> list[bytes]:
    sql = "SELECT embedding FROM tracks WHERE student = $s AND embedding IS NOT NULL"
    rows = Store(Path("fertool.duckdb")).query(sql, s=student)["embedding"]
    return [np.array(row, np.float32).tobytes() for row in rows.to_list()]


# --- forget ---------------------------------------------------------------------------------------


def test_forgetting_leaves_no_byte_in_database_report_or_names(fertool, filled: Path, monkeypatch) -> None:
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "correct horse")
    files.save(files.Names({("signals", ANN): "Ann Quist", ("signals", BOB): "Bob"}),
               filled / "people.names", "correct horse")  # fmt: skip
    assert fertool("report", "--out", "site", "--names", "people.names", "--k", 1).code == 0
    site, database = filled / "site", Store(filled / "fertool.duckdb").database
    theirs = embeddings(ANN)
    assert len(theirs) == 100
    found = " ".join(rewrite.traces(database, theirs, ["Ann Quist"], [site]))
    assert "100 of 100 embeddings" in found
    assert "'Ann Quist'" in found

    done = fertool("students", "forget", ANN, *SIGNALS, "--names", "people.names")
    assert done.code == 0, done.err
    shown = words(done.out)
    assert "observations 18 tracks 102 students 1" in shown
    assert f"{filled / 'fertool.duckdb'}" in shown or "fertool.duckdb: rewritten" in shown
    assert f"{site}: rendered again" in shown
    assert "2 lectures judged again" in shown
    assert "not found: 100 embeddings" in shown
    assert "it becomes a new student" in shown

    assert rewrite.traces(database, theirs, [ANN, "Ann Quist"], [site]) == []
    pages = "".join(page.read_text() for page in site.rglob("*.html"))
    assert ANN not in pages
    assert "Ann Quist" not in pages
    assert BOB in pages, "the others are still there"
    assert files.load(filled / "people.names", "correct horse").known == {("signals", BOB): "Bob"}
    assert sorted(file.name for file in filled.glob("fertool*")) == ["fertool.duckdb"]
    again = fertool("students", "forget", ANN, *SIGNALS)
    assert again.code == 2
    assert f"nothing is held on '{ANN}'" in again.err


def test_forgetting_with_a_wrong_passphrase_touches_nothing(fertool, filled: Path, monkeypatch) -> None:
    files.save(files.Names(), filled / "people.names", "right")
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "wrong")
    assert fertool("students", "forget", ANN, *SIGNALS, "--names", "people.names").code == 2
    assert len(embeddings(ANN)) == 100


BROKEN = """from fertool import Rule, hookimpl

class Broken(Rule):
    name, version = "broken", "1"

    def assess(self, seen, context):
        raise ValueError("no")

@hookimpl
def fertool_plugins():
    return [Broken]
"""


def test_a_broken_rule_keeps_no_byte(fertool, filled: Path) -> None:
    (filled / "broken.py").write_text(BROKEN)
    (filled / "fertool.toml").write_text('plugins = ["broken.py"]')
    theirs = embeddings(ANN)
    done = fertool("students", "forget", ANN, *SIGNALS)
    assert done.code == 3, done.err
    assert "broken" in done.err
    assert "fertool.duckdb: rewritten" in done.out
    assert "not found: 100 embeddings" in done.out
    assert rewrite.traces(Store(filled / "fertool.duckdb").database, theirs, [ANN], []) == []


# --- export ---------------------------------------------------------------------------------------


def test_export_gives_everything_held(fertool, filled: Path) -> None:
    assert fertool("assess").code == 0
    done = fertool("students", "export", ANN, *SIGNALS, "--out", "for-ann")
    assert done.code == 0, done.err
    folder = filled / "for-ann"
    data = json.loads((folder / "data.json").read_text())
    assert (data["course"], data["student"]) == ("signals", ANN)
    counts = {table: len(rows) for table, rows in data["held"].items()}
    assert counts["tracks"] == 102
    assert counts["observations"] == 18
    assert counts["assessments"] > 0
    assert len(data["held"]["tracks"][0]["embedding"] or []) in (0, 128)
    lines = (folder / "tracks.csv").read_text().splitlines()
    assert len(lines) == 103
    sheet = (folder / "READ_ME.txt").read_text()
    assert f"What is held on {ANN} in the course signals" in sheet
    assert "You were seen at 18 moments in: week 1, week 2." in sheet
    assert "An expression was read at 18 of them." in sheet
    assert "enrolled.csv: nothing" in sheet
    assert BOB not in sheet + (folder / "data.json").read_text()
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    refused = fertool("students", "export", ANN, *SIGNALS, "--out", "for-ann")
    assert refused.code == 2
    assert "not an empty folder" in refused.err


def test_export_of_a_stranger(fertool, filled: Path) -> None:
    done = fertool("students", "export", "student-77", *SIGNALS, "--out", "x")
    assert done.code == 2
    assert not (filled / "x").exists()


# --- purge ----------------------------------------------------------------------------------------


def test_purge(fertool, filled: Path) -> None:
    store = Store(filled / "fertool.duckdb")
    with store.database.transaction() as con:
        con.execute("UPDATE runs SET started_at = started_at - INTERVAL 200 DAY WHERE run IN ("
                    "SELECT run FROM current_runs WHERE lecture = 'week 1')")  # fmt: skip
    (filled / "fertool.toml").write_text('retention = "365d"')
    assert "(nothing)" in fertool("purge").out
    assert store.lectures("signals") == [("signals", "week 1"), ("signals", "week 2")]
    done = fertool("purge", "--older-than", "180d")
    assert done.code == 0, done.err
    assert "recordings 1" in words(done.out)
    assert "not found: 200 embeddings" in done.out or "not found: 0 embeddings" in done.out
    assert store.lectures("signals") == [("signals", "week 2")]


@pytest.mark.parametrize(("more", "words_"), [([], "how old?"), (["--older-than", "6 months"], "180d")])
def test_purge_wants_to_know_how_old(fertool, filled: Path, more: list[str], words_: str) -> None:
    done = fertool("purge", *more)
    assert done.code == 2
    assert words_ in done.err


# --- consent --------------------------------------------------------------------------------------


def test_consent_and_its_withdrawal_make_reports_anew(fertool, filled: Path) -> None:
    with Store(filled / "fertool.duckdb").database.transaction() as con:
        con.execute("""UPDATE runs SET config = '{"consent": {"mode": "required", "state": "x"}}'""")
    for student in (ANN, BOB):
        assert fertool("students", "consent", student, *SIGNALS, "--given", "2026-01-01").code == 0
    assert fertool("report", "--out", "site", "--k", 1).code == 0

    def pages() -> str:
        return "".join(page.read_text() for page in (filled / "site").rglob("*.html"))

    assert ANN in pages()
    done = fertool("students", "withdraw", ANN, *SIGNALS)
    assert done.code == 0, done.err
    assert f"{ANN} in course signals: withdrawn {date.today()}" in done.out
    assert "2 lectures judged again" in done.err
    assert "rendered again" in done.err
    assert ANN not in pages()
    assert BOB in pages()
    assert fertool("students", "consent", ANN, *SIGNALS, "--expires", date.today() - timedelta(1)).code == 0
    assert ANN not in pages(), "expired"
    assert fertool("students", "consent", ANN, *SIGNALS).code == 0
    assert ANN in pages(), "a new answer"


@pytest.mark.parametrize(
    "command",
    [("students", "list", "--json"), ("assess", "--json"), ("report", "--out", "other")],
    ids=lambda words: words[0],
)
def test_consent_that_expired_meanwhile_takes_effect_at_the_next_command(
    fertool, filled: Path, command
) -> None:
    """Class figures and known reports are those of the others from then on."""
    store = Store(filled / "fertool.duckdb")
    with store.database.transaction() as con:
        con.execute("""UPDATE runs SET config = '{"consent": {"mode": "required", "state": "x"}}'""")
    for student in (ANN, BOB):
        assert fertool("students", "consent", student, *SIGNALS, "--given", "2026-01-01").code == 0
    assert fertool("report", "--out", "site", "--k", 1).code == 0
    figures = """SELECT lecture, rule, segment, value, message, spans FROM assessments_latest
                 WHERE student IS NULL ORDER BY ALL"""
    of_both = store.query(figures).rows()
    with store.database.transaction() as con:  # as time does
        con.execute("UPDATE consents SET expires = current_date - 1 WHERE student = $s", {"s": ANN})
    assert store.query(figures).rows() == of_both, "nobody has given a command yet"
    done = fertool(*command)
    assert done.code == 0
    assert "consent has changed since these lectures were judged" in done.err
    assert "judged again" not in done.out, "what comes out can still be read by programs"
    of_bob = store.query(figures).rows()
    assert of_bob != of_both
    assert ANN not in "".join(page.read_text() for page in (filled / "site").rglob("*.html"))
    assert fertool(*command).err == "", "once is enough"
    assert store.query(figures).rows() == of_bob


@pytest.mark.parametrize(
    ("command", "words_"),
    [
        (("consent", ANN, "--given", "yesterday"), "--given: expected a date such as 2026-10-01"),
        (("withdraw", "student-77"), "nothing is held on 'student-77'"),
    ],
)
def test_answers_that_make_no_sense(fertool, filled: Path, command: tuple[str, ...], words_: str) -> None:
    done = fertool("students", *command, *SIGNALS)
    assert done.code == 2
    assert words_ in done.err


# --- audit and policy -----------------------------------------------------------------------------


def test_the_audit_lists_what_commands_did(fertool, filled: Path) -> None:
    """All but `query`, which never writes."""
    assert fertool("query", "SELECT 1 AS one").code == 0
    assert fertool("assess").code == 0
    assert fertool("report", *SIGNALS, "--out", "site").code == 0
    assert fertool("students", "export", ANN, *SIGNALS, "--out", "x").code == 0
    rows = json.loads(fertool("audit", "--json").out)
    assert [(row["command"], row["lecture"], row["student"]) for row in reversed(rows)] == [
        ("assess", "week 1", None),
        ("assess", "week 2", None),
        ("report", None, None),
        ("students export", None, ANN),
    ]
    only = fertool("audit", "--student", ANN).out
    assert "students export" in only
    assert "report" not in only


def test_a_database_that_cannot_be_written_can_still_be_read(fertool, filled: Path, monkeypatch) -> None:
    from fertool.errors import StoreError
    from fertool.storage.audit import Audit

    def refuse(*_: object) -> None:
        raise StoreError("read-only")

    monkeypatch.setattr(Audit, "record", refuse)
    done = fertool("students", "list", "--json", *SIGNALS)
    assert done.code == 0
    assert [row["student"] for row in json.loads(done.out)]
    assert done.err == "fertool: this is not in the audit: read-only\n"


def test_policy_explain(fertool, tmp_path: Path) -> None:
    (tmp_path / "fertool.toml").write_text('consent = "required"\nretention = "180d"')
    shown = words(fertool("policy", "explain", "--policy", "behaviour").out)
    assert "expression off policy behaviour: not computed, not stored, not reported." in shown
    assert "Art. 5(1)(f)" in shown
    assert "rule shares off" in shown
    rows = json.loads(fertool("policy", "explain", "--json").out)
    assert {row["what"]: row["state"] for row in rows}["faces stored"] == "consenting"
    assert fertool("policy", "explain", "--policy", "none").code == 2
