"""Files for their owner only, whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from fertool import files
from fertool.errors import FertoolError


def test_a_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files.write(tmp_path / "x", "grüße\n")
    finally:
        os.umask(before)
    assert (tmp_path / "x").read_text(encoding="utf-8") == "grüße\n"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_an_older_file_is_replaced_also_one_that_others_could_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("older")
    (tmp_path / "x").chmod(0o644)
    files.write(tmp_path / "x", "newer")
    assert (tmp_path / "x").read_text() == "newer"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_a_name_that_is_no_utf_8_becomes_a_question_mark(tmp_path: Path) -> None:
    files.write(tmp_path / "x", "lecture\udcff.mp4")
    assert (tmp_path / "x").read_text() == "lecture?.mp4"


@pytest.mark.parametrize("where", ["none/x", "."])
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FertoolError, match="could not be written"):
        files.write(tmp_path / "folder" / where, "text")
    assert not list((tmp_path / "folder").iterdir())


def test_a_full_disk_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "x").write_text("older")
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(FertoolError, match="No space left on device"):
        files.write(tmp_path / "x", "newer")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["older"]
