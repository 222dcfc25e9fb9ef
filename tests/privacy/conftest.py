"""A store of three lectures in two courses, and functions that fill it further."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.storage.students import ENROLLED
from fertool.storage.tables import ASSESSMENTS, frame
from fertool.testing import store_lecture, timeline

ANN, BOB = "student-01", "student-02"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "x.duckdb")
    both = {ANN: timeline("happy*70 absent*5"), BOB: timeline("sad*75")}
    store_lecture(store, "signals", "week 1", both, notes=[f"{ANN} stands out, student-010 does not"])
    store_lecture(store, "signals", "week 2", {BOB: timeline("sad*9")}, recording_name="second.mp4")
    store_lecture(store, "optics", "week 1", {ANN: timeline("fear*9")}, recording_name="third.mp4")
    return store


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    return store.query(sql).rows()


@pytest.fixture
def give_embeddings() -> Callable[..., dict[str, bytes]]:
    return _give_embeddings


@pytest.fixture
def assessed() -> Callable[..., None]:
    return _assessed


@pytest.fixture
def enrolled() -> Callable[..., bytes]:
    return _enrolled


def _vectors(count: int, seed: int = 0) -> np.ndarray:
    """(count, 16) float32 unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _give_embeddings(store: Store, seed: int = 0) -> dict[str, bytes]:
    """Every track an embedding of its own; returns track -> bytes."""
    with store.database.transaction() as con:
        names = [row[0] for row in con.execute("SELECT track FROM tracks ORDER BY track").fetchall()]
        rows = _vectors(len(names), seed)
        for name, row in zip(names, rows, strict=True):
            con.execute("UPDATE tracks SET embedding = $e WHERE track = $t", {"e": row.tolist(), "t": name})
    return {name: row.tobytes() for name, row in zip(names, rows, strict=True)}


def _assessed(store: Store, *rows: dict[str, object]) -> None:
    common = {"course": "signals", "version": "1", "options": "{}", "evidence": "{}", "rule": "presence"}
    store.save_assessments(frame([common | row for row in rows], ASSESSMENTS))


def _enrolled(store: Store, student: str, seed: int = 9) -> bytes:
    row = _vectors(1, seed)[0]
    picture = {
        "student": student,
        "picture": "a.jpg",
        "sha256": "ab",
        "embedding": row.tolist(),
        "model": "m",
    }
    store.students.enroll("signals", pl.DataFrame([picture], schema=ENROLLED))
    answer = {"student": student, "consent": True, "given": None, "expires": None, "withdrawn": None}
    store.consents.set_consents("signals", pl.DataFrame([answer], schema=CONSENTS))
    return row.tobytes()
