"""How many cores a process may use."""

from __future__ import annotations

import os

import pytest

from fertool.vision.cores import cores


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1", 1),
        ("3", 3),  # as Ray sets it for its workers
        ("0", None),  # no number of cores: as if nothing were said
        ("", None),
        ("many", None),
        ("-2", None),
        ("2,1", None),  # one number per level of nesting, which OpenMP allows
    ],
)
def test_the_variable_counts_where_it_is_a_number(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert cores() == (expected or os.cpu_count())


def test_without_it_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cores() == os.cpu_count() >= 1
