"""Who looked at what, which reports were written, and what is held: whole tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fertool.errors import StoreError
from fertool.storage.audit import ReportSite
from fertool.storage.store import Store

ANN, BOB = "student-01", "student-02"


# --- audit ----------------------------------------------------------------------------------------


def test_the_audit_says_who_did_what_to_whom_newest_first(store: Store) -> None:
    custody = store.audit
    custody.record("analyze", "signals", what="gallery.mp4", lecture="week 1")
    custody.record("export", "signals", [BOB, ANN, BOB], "everything held")
    custody.record("purge", what="all courses")
    custody.record("report", "optics", what="site")
    log = custody.log().select("command", "course", "lecture", "student", "what").rows()
    assert log == [
        ("report", "optics", None, None, "site"),
        ("purge", None, None, None, "all courses"),
        ("export", "signals", None, ANN, "everything held"),
        ("export", "signals", None, BOB, "everything held"),
        ("analyze", "signals", "week 1", None, "gallery.mp4"),
    ]
    assert custody.log("signals")["command"].to_list() == ["purge", "export", "export", "analyze"]
    assert custody.log(student=BOB)["student"].to_list() == [BOB]
    now = datetime.now(UTC)
    assert all(now - timedelta(minutes=1) < at <= now for at in custody.log()["done_at"])


def test_the_audit_of_a_new_database_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path / "new.duckdb").audit.log().is_empty()


# --- sites ----------------------------------------------------------------------------------------


def test_sites_are_remembered_once_per_folder(store: Store) -> None:
    custody = store.audit
    one, two, all_of_it = (Path(f"/r/{name}") for name in ("one", "two", "all"))
    custody.add_site(ReportSite(one, "signals", None, 5))
    custody.add_site(ReportSite(two, "optics", "week 1", None))
    custody.add_site(ReportSite(all_of_it, None, None, 10))
    custody.add_site(ReportSite(one, "signals", "week 2", 3))
    assert custody.sites("signals") == [
        ReportSite(all_of_it, None, None, 10),
        ReportSite(one, "signals", "week 2", 3),
    ]
    assert [site.path for site in custody.sites()] == [all_of_it, one, two]
    custody.drop_site(one)
    custody.drop_site(one)  # no error the second time
    assert [site.path for site in custody.sites()] == [all_of_it, two]


# --- what is held ---------------------------------------------------------------------------------


def test_everything_held_on_a_student(store: Store, give_embeddings, assessed, enrolled) -> None:
    give_embeddings(store)
    enrolled(store, ANN)
    assessed(store, {"lecture": "week 1", "student": ANN}, {"lecture": "week 1", "student": BOB})
    store.audit.record("export", "signals", [ANN], "x")
    held = store.audit.held("signals", ANN)
    assert {table: len(found) for table, found in held.items()} == {
        "students": 1,
        "enrolled": 1,
        "consents": 1,
        "decisions": 0,
        "tracks": 2,  # one per chunk
        "observations": 70,
        "assessments": 1,
        "audit": 1,
    }
    assert set(held["tracks"]["lecture"]) == {"week 1"}, "not the namesake of another course"
    assert len(held["tracks"]["embedding"][0]) == 16
    assert held["observations"]["time_s"].is_sorted()


def test_nothing_is_held_on_a_stranger(store: Store) -> None:
    for act in (store.audit.held, store.erase.forget):
        with pytest.raises(StoreError, match=r"nothing is held on 'student-99' in course 'signals'"):
            act("signals", "student-99")
