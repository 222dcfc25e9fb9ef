"""Reports that were written before, after somebody is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertool.report.refresh import refresh
from fertool.report.render import ReportOptions, render
from fertool.storage.audit import ReportSite
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "x.duckdb")
    both = {"student-01": timeline("happy*9"), "student-02": timeline("sad*9")}
    store_lecture(store, "signals", "week 1", both)
    store_lecture(store, "optics", "week 1", {"student-01": timeline("fear*9")}, recording_name="b.mp4")
    return store


def text(site: Path) -> str:
    return "".join(page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html")))


def test_known_reports_are_rendered_anew(store: Store, tmp_path: Path) -> None:
    render(store, tmp_path / "all", options=ReportOptions(k=1))
    render(store, tmp_path / "signals", "signals", options=ReportOptions(k=2))
    render(store, tmp_path / "optics", "optics", options=ReportOptions(k=1))
    known = [
        ReportSite(tmp_path / "all", None, None, 1),
        ReportSite(tmp_path / "signals", "signals", None, 2),
    ]
    assert store.audit.sites("signals") == known
    store.erase.forget("signals", "student-01")
    told = refresh(store, "signals", retention="90d")
    assert told == [f"{tmp_path / name}: rendered again" for name in ("all", "signals")]
    assert "student-01" not in text(tmp_path / "signals")
    assert "Data are kept for 90d" in text(tmp_path / "signals")
    assert store.audit.sites("signals") == known, "with the k it was made with"
    assert "student-01" in text(tmp_path / "optics"), "somebody else, in another course"


def test_a_report_with_nothing_left_is_deleted_and_a_strange_folder_is_not(
    store: Store, tmp_path: Path
) -> None:
    render(store, tmp_path / "optics", "optics", options=ReportOptions(k=1))
    render(store, tmp_path / "mine", "optics", options=ReportOptions(k=1))
    (tmp_path / "mine" / ".fertool-report").unlink()
    store.audit.add_site(ReportSite(tmp_path / "moved away", "optics", None, 5))
    store.erase.forget("optics", "student-01")
    assert refresh(store, "optics") == [
        f"{tmp_path / 'mine'}: no report there any more",
        f"{tmp_path / 'moved away'}: no report there any more",
        f"{tmp_path / 'optics'}: deleted, nothing is left to report",
    ]
    assert not (tmp_path / "optics").exists()
    assert (tmp_path / "mine" / "index.html").exists()
    assert refresh(store) == []


def test_a_database_that_is_only_read_remembers_nothing(store: Store, tmp_path: Path) -> None:
    render(Store(store.database.path, read_only=True), tmp_path / "site", options=ReportOptions(k=1))
    assert store.audit.sites() == []
