"""The names file: encrypted, private, whole, and clear about what is wrong with it."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from fertool import files
from fertool.errors import FertoolError
from fertool.privacy import names
from fertool.privacy.names import Names

KNOWN = {
    ("signals", "student-01"): "Zoë O'Brien",
    ("signals", "student-02"): "Bob",
    ("algebra", "student-01"): "Eve",
}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a millisecond. One test uses the real cost."""
    monkeypatch.setattr(names, "SCRYPT", {"n": 2**4, "r": 8, "p": 1})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    names.save(Names(dict(KNOWN)), tmp_path / "names.json", "open sesame")
    return tmp_path / "names.json"


def test_names_come_back(path: Path) -> None:
    assert names.load(path, "open sesame").known == KNOWN


def test_at_the_real_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    names.save(Names(dict(KNOWN)), tmp_path / "names", "öpen")
    assert json.loads((tmp_path / "names").read_text())["scrypt"] == {"n": 131072, "r": 8, "p": 1}
    assert names.load(tmp_path / "names", "öpen").known == KNOWN


def test_the_file_is_private_and_gives_nothing_away(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    for word in ("Zoë", "Brien", "Bob", "Eve", "signals", "student", "sesame"):
        assert word.encode() not in content
        assert base64.b64encode(word.encode()).rstrip(b"=") not in content


def test_saving_again_draws_new_salt_and_leaves_nothing_beside(path: Path) -> None:
    before = json.loads(path.read_text())
    path.chmod(0o644)
    names.save(Names(dict(KNOWN)), path, "open sesame")
    after = json.loads(path.read_text())
    assert all(before[key] != after[key] for key in ("salt", "nonce", "data"))
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("passphrase", ["", "open sesam", "OPEN SESAME"])
def test_a_wrong_passphrase_is_one_clear_error(path: Path, passphrase: str) -> None:
    with pytest.raises(FertoolError, match="the passphrase is not the one it was written with") as error:
        names.load(path, passphrase)
    assert str(error.value).startswith(f"{path}: ")


def flipped(text: str) -> str:
    return ("B" if text[0] == "A" else "A") + text[1:]


@pytest.mark.parametrize("key", ["data", "salt", "nonce"])
def test_a_changed_file_is_noticed(path: Path, key: str) -> None:
    box = json.loads(path.read_text())
    path.write_text(json.dumps(box | {key: flipped(box[key])}))
    with pytest.raises(FertoolError, match="or the file was changed"):
        names.load(path, "open sesame")


@pytest.mark.parametrize(
    "change",
    [
        {"fertool_names": 2},  # of a newer fertool
        {"scrypt": {"n": 2**30, "r": 8, "p": 1}},  # would take all memory
        {"scrypt": {"n": 2**4, "r": 2**20, "p": 1}},
        {"scrypt": {"n": 15, "r": 8, "p": 1}},  # no power of two
        {"scrypt": {"n": "16", "r": 8, "p": 1}},
        {"scrypt": None},
        {"data": "!"},
        {"data": 3},
    ],
)
def test_what_is_no_names_file_is_refused(path: Path, change: dict) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FertoolError, match="is not a names file of fertool"):
        names.load(path, "open sesame")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"student,name\n", b"\xff\xfe"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(FertoolError, match="is not a names file of fertool"):
        names.load(tmp_path / "x", "p")


def test_a_file_that_is_not_there_and_one_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FertoolError, match="cannot be read: No such file"):
        names.load(tmp_path / "x", "p")
    with pytest.raises(FertoolError, match="could not be written"):
        names.save(Names(), tmp_path / "none" / "x", "p")
    with pytest.raises(FertoolError, match="expected a passphrase"):
        names.save(Names(), tmp_path / "x", "")
    assert not list(tmp_path.iterdir())


def test_an_older_file_stays_when_the_new_one_cannot_be_written(path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(FertoolError, match="No space left on device"):
        names.save(Names(), path, "open sesame")
    assert names.load(path, "open sesame").known == KNOWN
    assert list(path.parent.iterdir()) == [path]


def test_who_is_who() -> None:
    known = Names(dict(KNOWN))
    assert known.name("algebra", "student-01") == "Eve"
    assert known.name("algebra", "student-02") is None
    assert known.student("signals", "Bob") == "student-02"
    assert known.student("algebra", "Bob") is None
    assert known.shown("signals") == {"student-01": "Zoë O'Brien", "student-02": "Bob"}


def test_two_of_one_name_are_told_apart() -> None:
    known = Names({("c", "student-01"): "Ann", ("c", "student-02"): "Ann", ("d", "student-03"): "Ann"})
    assert known.shown("c") == {"student-01": "Ann (student-01)", "student-02": "Ann (student-02)"}
    assert known.shown("d") == {"student-03": "Ann"}
