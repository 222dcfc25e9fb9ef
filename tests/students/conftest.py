"""What tests about students share: an empty database, made once and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fertool.store import Store


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.duckdb"
    Store(path)
    return path


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Store:
    return Store(Path(shutil.copy(empty, tmp_path / "course.duckdb")))
