"""Files and folders that appear whole or not at all, some for their owner alone; hashes of files."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_folder_s_name_is_no_file_s(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "kept").write_text("a user's")
    with pytest.raises(FertoolError, match="could not be written"):
        files.write(tmp_path / "x", "text")
    assert names(tmp_path) == ["x", "x/kept"]


# --- swapped --------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def put(draft: Path, content: str | None) -> None:
    """Make a file with this content, or (None) a folder with a file."""
    if content is None:
        draft.mkdir()
        (draft / "inside").write_text("new")
    else:
        draft.write_text(content)


@pytest.mark.parametrize("older", ["nothing", "file", "empty folder", "folder"])
@pytest.mark.parametrize(
    ("private", "modes"),
    [
        (True, (0o600, 0o700)),  # the owner's alone
        (False, (0o644, 0o755)),  # as the umask has it
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_was_made_takes_the_place(
    tmp_path: Path, older: str, private: bool, modes: tuple[int, int], kind: str
) -> None:
    target, content = tmp_path / "target.x", "new" if kind == "file" else None
    if older != "nothing":
        put(target, "old" if older == "file" else None)
    if older == "empty folder":
        (target / "inside").unlink()
    before = os.umask(0o022)
    try:
        if kind == "file" and "folder" in older:
            with pytest.raises(OSError, match="directory"), files.swapped(target, private=private) as draft:
                put(draft, content)
            assert target.is_dir(), "a user's folder is never replaced by a file"
            return
        with files.swapped(target, private=private) as draft:
            assert draft.name == "target.x", "the suffix tells writers the format"
            assert stat.S_IMODE(draft.parent.parent.stat().st_mode) == 0o700, "nobody else looks in"
            put(draft, content)
            draft.with_name("scratch").write_text("beside it")
    finally:
        os.umask(before)
    assert names(tmp_path) == (["target.x"] if kind == "file" else ["target.x", "target.x/inside"])
    assert (target if kind == "file" else target / "inside").read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == modes[kind == "folder"]


@pytest.mark.parametrize("content", ["half", None])
@pytest.mark.parametrize("older", ["old", None])
def test_what_fails_leaves_the_older_one(tmp_path: Path, content: str | None, older: str | None) -> None:
    put(tmp_path / "target", older)
    before = names(tmp_path)

    def make() -> None:
        with files.swapped(tmp_path / "target") as draft:
            put(draft, content)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make()
    assert names(tmp_path) == before


def test_a_folder_that_cannot_be_put_in_place_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(5, "Input/output error")

    put(tmp_path / "target", None)
    monkeypatch.setattr(files.Path, "replace", refused)
    with pytest.raises(OSError, match="Input/output"), files.swapped(tmp_path / "target") as draft:
        draft.mkdir()  # without a file in it
    assert names(tmp_path) == ["target", "target/inside"]


@pytest.mark.parametrize("links", [True, False])  # False: a file system without hard links
def test_without_replacing_the_first_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    if not links:
        monkeypatch.setattr(files.os, "link", none)
    with files.swapped(tmp_path / "x", private=True, replace=False) as draft:
        draft.write_text("first")
    assert (tmp_path / "x").read_text() == "first"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
    if links:
        with files.swapped(tmp_path / "x", replace=False) as draft:
            draft.write_text("second")
    assert (tmp_path / "x").read_text() == "first"
    assert names(tmp_path) == ["x"]


# --- sha256 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "digest"),
    [
        # FIPS 180-4's own examples, and the empty file.
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ],
)
def test_sha256(tmp_path: Path, content: bytes, digest: str) -> None:
    (tmp_path / "x").write_bytes(content)
    assert files.sha256(tmp_path / "x") == files.sha256(io.BytesIO(content)) == digest


@given(st.integers(0, 3 * files.BLOCK))
def test_progress_ends_at_the_size(size: int) -> None:
    seen: list[int] = []
    files.sha256(io.BytesIO(b"x" * size), seen.append)
    assert seen == sorted(set(seen))
    assert [0, *seen][-1] == size


def test_a_file_that_is_not_there_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.sha256(tmp_path / "x")
