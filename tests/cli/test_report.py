"""`fertool report` beyond pages: other forms, sections that fail, and a report that is served."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import polars as pl
import pytest

from fertool.privacy import names
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.types import EMOTIONS

PEOPLE = {f"student-{i}": timeline("happy*30 absent*30") for i in range(1, 7)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("db") / "x.duckdb"
    store = Store(path)
    store_lecture(store, "signals", "week 1", PEOPLE)
    store_lecture(store, "signals", "by policy", PEOPLE, policy="behaviour")
    return path


@pytest.fixture
def db(written: Path, tmp_path: Path) -> Path:
    """A copy: reports are remembered in it."""
    copy = tmp_path / "fertool.duckdb"
    copy.write_bytes(written.read_bytes())
    return copy


def test_tables_and_statements_in_the_folder_that_is_asked_for(fertool, db: Path, tmp_path: Path) -> None:
    done = fertool("report", "--format", "csv,json", "--format", "parquet,xapi", "--out", "site")
    assert (done.code, done.out, done.err) == (0, f"{tmp_path / 'site'}\n", "")
    names = ("assessments", "lectures", "segments", "shares", "students")
    files = {f"data/{name}.{form}" for name in names for form in ("csv", "json", "parquet")}
    found = {p.relative_to("site").as_posix() for p in Path("site").rglob("*") if p.is_file()}
    assert {name for name in found if name.startswith("data/")} == {*files, "data/README.md"}
    assert not any(name.endswith(".html") for name in found)
    tables = [
        list(csv.DictReader(Path("site/data/students.csv").read_text(encoding="utf-8").splitlines())),
        json.loads(Path("site/data/students.json").read_text(encoding="utf-8")),
        pl.read_parquet("site/data/students.parquet").to_dicts(),
    ]
    assert {len(rows) for rows in tables} == {12}
    assert len({tuple((row["lecture"], row["student"]) for row in rows) for rows in tables}) == 1
    statements = [
        one for p in Path("site/xapi").iterdir() for one in json.loads(p.read_text(encoding="utf-8"))
    ]
    assert {one["actor"]["account"]["name"] for one in statements} == set(PEOPLE)
    assert Path("site").stat().st_mode & 0o077 == 0
    log = fertool("audit", "--json")
    assert "site (csv, parquet, json, xapi)" in log.out


@pytest.mark.parametrize("form", ["csv", "json", "xapi"])
def test_behaviour_names_no_expression(fertool, db: Path, form: str) -> None:
    assert fertool("report", "--format", form, "--lecture", "by policy", "--out", "site").code == 0
    for path in Path("site").rglob("*.*"):
        if path.suffix.lstrip(".") in {"csv", "json"}:
            text = path.read_text(encoding="utf-8")
            assert not [name for name in EMOTIONS if name in text], path


@pytest.mark.parametrize(("k", "why"), [(6, None), (7, "few")])
def test_small_groups_are_hidden_in_files(fertool, db: Path, k: int, why: str | None) -> None:
    assert fertool("report", "--format", "parquet", "--k", k, "--out", "site").code == 0
    rows = pl.read_parquet("site/data/lectures.parquet")
    assert rows["held_back"].to_list() == [why, why]
    assert rows["present"].null_count() == (2 if why else 0)


def test_names_only_where_they_are_asked_for(fertool, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERTOOL_PASSPHRASE", "secret")
    names.save(names.Names({("signals", "student-1"): "Ada"}), Path("people.names"), "secret")
    for flags, expected in ((("--names", "people.names"), True), ((), False)):
        assert fertool("report", "--format", "html,csv,xapi", "--out", "site", *flags).code == 0
        texts = "".join(
            p.read_text(encoding="utf-8") for p in Path("site").rglob("*.*") if p.suffix in {".csv", ".json"}
        )
        assert ("Ada" in texts) is expected


WRONG = [
    (["--format", "docx"], "--format 'docx': no such format (known: html, pdf, csv, parquet, json, xapi)"),
    (["--format", "xapi", "--home", "here"], "--home here: expected an address such as"),
    (["--serve", "--format", "csv"], "--serve shows pages and writes nothing"),
    (["--serve", "--out", "x"], "--serve shows pages and writes nothing"),
]


@pytest.mark.parametrize(("flags", "expected"), WRONG)
def test_what_is_refused(fertool, db: Path, flags: list[str], expected: str) -> None:
    done = fertool("report", *flags)
    assert done.code == 2
    assert expected in done.err
    assert not Path("fertool-report").exists()


def test_a_student_who_is_forgotten_leaves_every_form(fertool, db: Path) -> None:
    assert fertool("report", "--format", "html,csv,xapi", "--k", 1, "--out", "site").code == 0
    assert fertool("students", "forget", "student-3", "--course", "signals").code == 0
    texts = {
        p: p.read_text(encoding="utf-8") for p in Path("site").rglob("*.*") if p.suffix in {".csv", ".json"}
    }
    assert len(texts) > 5
    assert not [p for p, text in texts.items() if "student-3" in text]
    assert any("student-4" in text for text in texts.values())


def test_a_section_that_fails_is_said_and_the_report_stands(fertool, db: Path) -> None:
    Path("mine.py").write_text(
        "from fertool import Section, hookimpl\n"
        "class Mine(Section):\n    name, version, title = 'mine', '1', 'Mine'\n"
        "    def build(self, given):\n        raise ValueError('no')\n"
        "@hookimpl\ndef fertool_report_sections():\n    return [Mine]\n"
    )
    done = fertool("report", "--plugin", "mine.py", "--out", "site")
    assert done.code == 3
    assert "section 'mine' raised in build(): ValueError: no" in done.err
    assert "raised in build()" in Path("site/index.html").read_text(encoding="utf-8")


def test_served_until_ctrl_c(db: Path, tmp_path: Path) -> None:
    """As a process of its own: what it prints, what it serves, how it ends."""
    words = [sys.executable, "-m", "fertool", "report", "--serve", "--db", str(db)]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        address = running.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with opener.open(address, timeout=30) as answer:
            assert "signals" in answer.read().decode()
            assert "token" not in answer.url
        os.kill(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "Traceback" not in err
    assert not (tmp_path / "fertool-report").exists()
