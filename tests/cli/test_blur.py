"""`fertool blur` with the real detector: nobody is found in the copy."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from fertool.config import Settings
from fertool.host import validate
from fertool.host.toolbox import toolbox
from fertool.storage.consents import CONSENTS
from fertool.storage.store import Store
from fertool.storage.students import ENROLLED


@pytest.fixture(scope="module")
def found_in():
    """Path -> number of faces in every fifth frame."""
    detector = toolbox(Settings(detector="ssd", policy="behaviour")).detector.plugin
    detector.load("cpu")

    def count(path: Path) -> list[int]:
        with av.open(str(path)) as source:
            images = [frame.to_ndarray(format="bgr24") for frame in source.decode(video=0)]
        return [len(faces) for image in images for faces in validate.detect(detector, [image])]

    return count


def test_nobody_is_found_in_the_copy(fertool, small_video: Path, tmp_path: Path, found_in) -> None:
    done = fertool("blur", small_video, "--out", "copy.mp4", "--detector", "ssd")
    assert done.code == 0, done.err
    assert done.out == "copy.mp4: 12 frames\n"
    before, after = found_in(small_video), found_in(tmp_path / "copy.mp4")
    assert before == [2] * 7 + [1] * 5
    assert after == [0] * 12
    again = fertool("blur", small_video, "--out", "copy.mp4")
    assert again.code == 2
    assert "is there already" in again.err


def test_who_agreed_stays_to_be_seen(fertool, small_video: Path, tmp_path: Path, found_in) -> None:
    assert fertool("analyze", small_video, "--db", "other.duckdb", "--detector", "ssd").code == 0
    other = Store(tmp_path / "other.duckdb")
    embedding = other.query("SELECT embedding FROM tracks WHERE student = 'student-01'")["embedding"][0]
    model = other.query("SELECT config ->> '$.model' AS model FROM runs")["model"][0]
    store = Store(tmp_path / "fertool.duckdb")
    roster = store.students
    picture = {
        "student": "Ann",
        "picture": "a.jpg",
        "sha256": "ab",
        "embedding": embedding.to_list(),
        "model": model,
    }
    roster.enroll("signals", pl.DataFrame([picture], schema=ENROLLED))
    blur = ("blur", small_video, "--keep", "consenting", "--course", "signals", "--detector", "ssd")
    nobody = fertool(*blur, "--out", "none.mp4")
    assert nobody.code == 2
    assert "no student of course 'signals' has a picture and consent in force" in nobody.err
    answer = {"student": "Ann", "consent": True, "given": None, "expires": None, "withdrawn": None}
    store.consents.set_consents("signals", pl.DataFrame([answer], schema=CONSENTS))
    done = fertool(*blur, "--out", "ann.mp4")
    assert done.code == 0, done.err
    assert max(found_in(tmp_path / "ann.mp4")) == 1
    assert np.mean(found_in(tmp_path / "ann.mp4")) > 0.8
    assert fertool("audit").out.count("blur") == 1


def test_blur_knows_two_kinds_of_keeping(fertool, small_video: Path) -> None:
    done = fertool("blur", small_video, "--out", "x.mp4", "--keep", "everybody")
    assert done.code == 2
    assert "--keep: expected none or consenting, got 'everybody'" in done.err
