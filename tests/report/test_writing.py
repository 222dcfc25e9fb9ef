"""How a report gets to its place: whole or not at all, for its owner, and never over something else."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fertool.errors import FertoolError
from fertool.report import ReportOptions, pages, render
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def small(store: Store) -> Store:
    store_lecture(store, "c", "one", {"A": timeline("happy*5")})
    store_lecture(store, "c", "two", {"A": timeline("happy*5")})
    store_lecture(store, "d", "one", {"A": timeline("happy*5")})
    return store


@pytest.fixture
def site_pages() -> Iterator[list[object]]:
    """The registry of pages, as it was again afterwards."""
    before = list(pages.SITE_PAGES)
    yield pages.SITE_PAGES
    pages.SITE_PAGES[:] = before


@pytest.mark.parametrize(
    ("chosen", "files"),
    [
        ({}, ["c.one.html", "c.two.html", "d.one.html"]),
        ({"course": "c"}, ["c.one.html", "c.two.html"]),
        ({"course": "c", "lecture": "two"}, ["c.two.html"]),
        ({"lecture": "one"}, ["c.one.html", "d.one.html"]),
    ],
)
def test_course_and_lecture_narrow_it_down(
    small: Store, tmp_path: Path, chosen: dict[str, str], files: list[str]
) -> None:
    index = render(small, tmp_path / "out", **chosen, options=ReportOptions(k=1))
    assert index == tmp_path / "out" / "index.html"
    assert sorted(path.name for path in (tmp_path / "out" / "lectures").iterdir()) == files


def test_nothing_to_report_is_an_error(small: Store, tmp_path: Path) -> None:
    with pytest.raises(FertoolError, match="no finished run for course 'x', lecture 'one'"):
        render(small, tmp_path / "out", course="x", lecture="one", options=ReportOptions(k=1))
    with pytest.raises(FertoolError, match="nothing to report: no finished run"):
        render(Store(tmp_path / "empty.duckdb"), tmp_path / "out", options=ReportOptions(k=1))
    assert not (tmp_path / "out").exists()


def test_an_older_report_is_replaced_as_a_whole(small: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    render(small, out, options=ReportOptions(k=1))
    (out / "lectures" / "stale.html").write_text("old")
    render(small, out, course="d", options=ReportOptions(k=1))
    assert [path.name for path in (out / "lectures").iterdir()] == ["d.one.html"]
    assert {path.name for path in tmp_path.iterdir()} == {"out", "fertool.duckdb"}  # nothing left over


def test_an_empty_folder_and_missing_parents_are_fine(small: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert render(small, tmp_path / "empty", options=ReportOptions(k=1)).is_file()
    assert render(small, tmp_path / "a" / "b" / "c", options=ReportOptions(k=1)).is_file()


def test_a_relative_folder(small: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert render(small, Path("out"), options=ReportOptions(k=1)) == tmp_path / "out" / "index.html"


def test_a_folder_with_something_else_in_it_is_refused(small: Store, tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.txt").write_text("precious")
    with pytest.raises(FertoolError, match="not empty and not a fertool report"):
        render(small, out, options=ReportOptions(k=1))
    assert [path.name for path in out.iterdir()] == ["chapter1.txt"]


def test_a_file_in_its_place_is_refused(small: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("precious")
    with pytest.raises(FertoolError, match="is a file"):
        render(small, out, options=ReportOptions(k=1))
    assert out.read_text() == "precious"


def test_a_failure_leaves_the_old_report_and_no_rubbish(
    small: Store, tmp_path: Path, site_pages: list[object]
) -> None:
    out = tmp_path / "out"
    render(small, out, course="c", options=ReportOptions(k=1))
    before = {path: path.read_bytes() for path in out.rglob("*.html")}

    def broken(site: pages.Site, courses: object) -> object:
        raise OSError(28, "No space left on device")

    site_pages.append(broken)
    with pytest.raises(FertoolError, match=r"could not be written: .*No space left"):
        render(small, out, options=ReportOptions(k=1))
    assert {path: path.read_bytes() for path in out.rglob("*.html")} == before
    assert {path.name for path in tmp_path.iterdir()} == {"out", "fertool.duckdb"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_an_error_in_words(small: Store, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(FertoolError, match="could not be written"):
        render(small, locked / "out", options=ReportOptions(k=1))


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_only_the_owner_can_read_it(small: Store, tmp_path: Path) -> None:
    render(small, tmp_path / "out", options=ReportOptions(k=1))
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_the_same_tables_give_the_same_site(small: Store, tmp_path: Path) -> None:
    one_site, other = (
        render(small, tmp_path / "1", options=ReportOptions(k=1)).parent,
        render(small, tmp_path / "2", options=ReportOptions(k=1)).parent,
    )
    for path in one_site.rglob("*"):
        if path.is_file():
            assert (other / path.relative_to(one_site)).read_bytes() == path.read_bytes()


def test_it_can_be_moved(site: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(site, tmp_path / "a stick")
    assert str(site) not in "".join(path.read_text("utf-8") for path in copied.rglob("*.html"))


def test_a_new_kind_of_page_is_a_builder_and_a_template(
    small: Store, tmp_path: Path, site_pages: list[object]
) -> None:
    def more(site: pages.Site, courses: list[object]):
        yield pages.Page("more/page.html", "index.html", "More", {"courses": []})

    site_pages.append(more)
    folder = render(small, tmp_path / "out", options=ReportOptions(k=1)).parent
    assert 'href="../assets/report.css"' in (folder / "more" / "page.html").read_text("utf-8")
