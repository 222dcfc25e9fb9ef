"""Bytes that are there before and gone afterwards, and a search that would have found them."""

from __future__ import annotations

import shutil
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from fertool.errors import StoreError
from fertool.storage import rewrite
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline

ANN, BOB = "student-01", "student-02"


def filled(path: Path, tracks: int = 400) -> tuple[Store, list[bytes]]:
    """A lecture, and many more tracks with embeddings, every second one Ann's; returns Ann's bytes."""
    store = Store(path)
    store_lecture(store, "signals", "week 1", {ANN: timeline("happy*9"), BOB: timeline("sad*9")})
    vectors = np.random.default_rng(3).normal(size=(tracks, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with store.database.transaction() as con:
        run = con.execute("SELECT run FROM runs").fetchall()[0][0]
        for i, row in enumerate(vectors):
            values = {"t": f"t{i}", "r": run, "e": row.tolist(), "s": (ANN, BOB)[i % 2]}
            con.execute(
                """INSERT INTO tracks (track, run, chunk, first_s, last_s, samples, embedding, student)
                   VALUES ($t, $r, 0, 0, 1, 2, $e, $s)""",
                values,
            )
    return store, [row.tobytes() for row in vectors[::2]]


def test_what_was_forgotten_is_found_before_and_not_after(tmp_path: Path) -> None:
    store, theirs = filled(tmp_path / "x.duckdb")
    before = rewrite.traces(store.database, theirs, [])
    assert before == [f"{store.database.path}: 200 of 200 embeddings"], "the search can find what is there"
    removed = store.erase.forget("signals", ANN)
    assert sorted(removed.embeddings) == sorted(theirs)
    rewrite.rewrite(store.database)
    assert rewrite.traces(store.database, theirs, [ANN]) == []
    assert [file.name for file in tmp_path.iterdir()] == ["x.duckdb"], "no log, no copy left behind"
    assert store.seen("signals", "week 1")["student"].unique().to_list() == [BOB]


def test_deleting_alone_leaves_bytes_behind(tmp_path: Path) -> None:
    """Why there is a rewriting: in a file without compression, the deleted bytes are still there."""
    store, theirs = filled(tmp_path / "x.duckdb")
    rewrite._uncompressed(store.database.path, tmp_path / "plain.duckdb")
    plain = Store(tmp_path / "plain.duckdb")
    plain.erase.forget("signals", ANN)
    with plain.database.exclusive():
        pass
    content = (tmp_path / "plain.duckdb").read_bytes()
    assert sum(embedding[:32] in content for embedding in theirs) > 100
    rewrite.rewrite(plain.database)
    content = (tmp_path / "plain.duckdb").read_bytes()
    assert not any(embedding[:32] in content for embedding in theirs)
    assert ANN.encode() not in content


def test_rewriting_keeps_everything_else(tmp_path: Path) -> None:
    store, _ = filled(tmp_path / "x'y.duckdb")  # a quote in the name
    tables = store.query("SELECT table_name FROM duckdb_tables()")["table_name"].to_list()
    before = {name: store.query(f"FROM {name} ORDER BY ALL") for name in tables}
    views = store.query("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1")
    rewrite.rewrite(store.database)
    again = Store(store.database.path)
    assert {name: again.query(f"FROM {name} ORDER BY ALL").equals(rows) for name, rows in before.items()} == (
        dict.fromkeys(before, True)
    )
    assert again.query("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1").equals(views)
    assert store.database.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Exception, match="onstraint"), again.database.transaction() as con:
        con.execute("INSERT INTO courses VALUES ('signals')")  # keys came along


def test_others_wait_while_a_file_is_rewritten(tmp_path: Path) -> None:
    store, _ = filled(tmp_path / "x.duckdb", tracks=4)
    with store.database.exclusive():
        writer = threading.Thread(target=lambda: store.audit.record("query", what="late"))
        writer.start()
        writer.join(0.2)
    writer.join()
    rewrite.rewrite(store.database)
    assert store.audit.log()["what"].to_list() == ["late"]


def test_without_room_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = filled(tmp_path / "x.duckdb", tracks=4)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 99, 1))
    content = store.database.path.read_bytes()
    with pytest.raises(StoreError, match="rewriting needs"):
        rewrite.rewrite(store.database)
    assert store.database.path.read_bytes() == content


# --- where an embedding is looked for -------------------------------------------------------------

VECTOR = np.random.default_rng(8).normal(size=16).astype(np.float32).tobytes()
OTHER = np.random.default_rng(9).normal(size=16).astype(np.float32).tobytes()
PLACES = [
    (b"", 0),
    (b"x" * 999, 0),
    (VECTOR, 1),
    (b"abc" + VECTOR, 1),  # at no round address
    (VECTOR[:32], 1),  # half of it, cut by the end of a block
    (VECTOR[32:], 1),
    (VECTOR[4:32] + VECTOR[36:], 0),  # no whole piece
    (OTHER + VECTOR, 2),
    (VECTOR * 3, 1),
]


@pytest.mark.parametrize(("data", "expected"), PLACES)
def test_pieces_of_embeddings_are_found_anywhere(data: bytes, expected: int) -> None:
    assert rewrite.count(data, [VECTOR, OTHER, bytes(64)]) == expected
    assert rewrite.count(data, []) == 0


@pytest.mark.parametrize("place", range(32 - 8, 32 + 9))
def test_pieces_are_found_across_windows(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "WINDOW", 32)
    assert rewrite.count(b"y" * place + VECTOR[:32] + b"z" * 70, [VECTOR]) == 1


# --- where a label is looked for ------------------------------------------------------------------


def site(folder: Path, text: str) -> Path:
    (folder / "lectures").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<html>", encoding="utf-8")
    (folder / "lectures" / "a.html").write_text(text, encoding="utf-8")
    (folder / "assets" / "plotly.min.js").write_text("Ann", encoding="utf-8")  # the same in every report
    (folder / "empty").touch()
    return folder


PAGES = [
    ("Ann", "<td>Ann</td>", True),
    ("Ann", "<td>Annotation</td>", False),
    ("student-1", "student-10", False),
    ("Zoë", "Zoë was here", True),
    ("O'Neil & Co", "<b>O&#39;Neil &amp; Co</b>", True),  # as templates write it
    ("Zoë", '{"name":"Zo\\u00eb"}', True),  # as charts do
]


@pytest.mark.parametrize(("label", "text", "found"), PAGES)
def test_labels_on_pages(tmp_path: Path, label: str, text: str, found: bool) -> None:
    store = Store(tmp_path / "x.duckdb")
    folder = site(tmp_path / "site", text)
    expected = [f"{folder / 'lectures' / 'a.html'}: {label!r}"] if found else []
    assert rewrite.traces(store.database, [], [label], [folder]) == expected


def test_the_bytes_of_a_label_tell_only_where_no_other_text_has_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store.students.know("signals", "Annabel")
    assert not rewrite.searchable(store.database, "Ann")
    assert not rewrite.searchable(store.database, "faces"), "a column's name"
    assert rewrite.searchable(store.database, "Zoë")
    assert rewrite.traces(store.database, [], ["Ann", "faces", "Zoë"]) == []


def test_a_label_in_the_bytes_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    store.students.know("signals", "Zoë Quist")
    with store.database.transaction() as con:
        con.execute("DELETE FROM students")
    assert rewrite.searchable(store.database, "Zoë Quist"), "no table has it any more"
    found = rewrite.traces(store.database, [], ["Zoë Quist"])
    rewrite.rewrite(store.database)
    assert rewrite.traces(store.database, [], ["Zoë Quist"]) == []
    # Whether a deleted row's bytes are still in the file depends on when DuckDB wrote them.
    assert found in ([], [f"{store.database.path}: the bytes of 'Zoë Quist'"])


def test_a_log_beside_the_database_is_reported(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.duckdb")
    (tmp_path / "x.duckdb.wal").touch()
    assert any("x.duckdb.wal" in line for line in rewrite.traces(store.database, [], []))
