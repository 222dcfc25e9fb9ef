"""Settings: flag over environment over fertool.toml over default."""

from dataclasses import fields
from pathlib import Path

import pytest

from fertool import config
from fertool.config import Settings
from fertool.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("FERTOOL_DB", raising=False)


def written(folder: Path, text: str) -> Path:
    (folder / "fertool.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_the_defaults_hold(tmp_path):
    assert config.load(tmp_path) == Settings()
    assert Settings().detector == "yunet"
    assert Settings().policy == "full"


def test_every_setting_can_stand_in_the_file(tmp_path):
    text = """
        db = "a.duckdb"
        course = "signals"
        every = "2s"
        detector = "ssd"
        encoder = "mine"
        classifier = "other"
        policy = "behaviour"
        consent = "required"
        k = 10
        retention = "180d"
        device = "cpu"
        plugin_limit = 60
        plugins = ["rules/mine.py"]
        [options.ssd]
        threshold = 0.4
    """
    settings = config.load(written(tmp_path, text))
    assert settings == Settings(
        db="a.duckdb", course="signals", every="2s", detector="ssd", encoder="mine", classifier="other",
        policy="behaviour", consent="required", k=10, retention="180d", device="cpu", plugin_limit=60,
        plugins=[str(tmp_path / "rules/mine.py")],
        options={"ssd": {"threshold": 0.4}},
    )  # fmt: skip
    changed = [f.name for f in fields(Settings) if getattr(settings, f.name) == getattr(Settings(), f.name)]
    assert changed == []  # a setting added later belongs in this test


def test_a_flag_wins_over_environment_over_file_over_default(tmp_path, monkeypatch):
    written(tmp_path, 'db = "file.duckdb"\ncourse = "file"')
    assert config.load(tmp_path).db == "file.duckdb"
    monkeypatch.setenv("FERTOOL_DB", "environment.duckdb")
    assert config.load(tmp_path).db == "environment.duckdb"
    assert config.load(tmp_path, db="flag.duckdb").db == "flag.duckdb"
    assert config.load(tmp_path, db="flag.duckdb").course == "file"
    assert config.load(tmp_path, course=None).course == "file"  # None: the flag was not given


def test_an_empty_environment_variable_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("FERTOOL_DB", "")
    assert config.load(tmp_path).db == Settings().db


def test_plugin_files_are_relative_to_the_file_that_names_them(tmp_path):
    written(tmp_path, 'plugins = ["a.py", "/opt/b.py"]')
    assert config.load(tmp_path).plugins == [str(tmp_path / "a.py"), "/opt/b.py"]


BROKEN = [
    ("dbb = 'x'", "unknown key 'dbb'", "did you mean 'db'?"),
    ("zzz = 1", "unknown key 'zzz'", "known: db, course"),
    ("every = 1", "every: expected str, got int 1", ""),  # a period needs its unit
    ("plugins = 'a.py'", "plugins: expected list, got str 'a.py'", ""),
    ("options = 3", "options: expected dict, got int 3", ""),
    ("[options]\nssd = 3", "options.ssd: expected a table, got 3", "[options.ssd]"),
    ("policy = 'none'", "policy: expected full or behaviour, got 'none'", ""),
    ("device = 'gpu'", "device: expected auto or cpu or cuda or mps, got 'gpu'", ""),
    ("db = x", "Invalid value (at line 1, column 6)", "see README"),
    ("[options.ssd]\n[options.ssd]", "line 2", "see README"),  # a table twice
]


@pytest.mark.parametrize(("text", "message", "hint"), BROKEN)
def test_a_file_that_makes_no_sense_is_explained(tmp_path, text, message, hint):
    with pytest.raises(ConfigError) as caught:
        config.load(written(tmp_path, text))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_message_names_the_file(tmp_path):
    with pytest.raises(ConfigError, match=str(tmp_path / "fertool.toml")):
        config.load(written(tmp_path, "dbb = 1"))


def test_a_file_in_another_encoding_is_explained(tmp_path):
    (tmp_path / "fertool.toml").write_bytes("course = 'Übung'".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"fertool\.toml"):
        config.load(tmp_path)


def test_a_course_may_have_any_name(tmp_path):
    written(tmp_path, "course = 'Übung \"1\" 🎓'")
    assert config.load(tmp_path).course == 'Übung "1" 🎓'


def test_a_folder_of_that_name_is_no_file(tmp_path):
    (tmp_path / "fertool.toml").mkdir()
    assert config.load(tmp_path) == Settings()


def test_a_flag_is_checked_as_the_file_is(tmp_path):
    with pytest.raises(ConfigError, match="policy: expected full or behaviour, got 'behavior'"):
        config.load(tmp_path, policy="behavior")  # the American spelling must not mean `full`


COURSES = [  # (course of fertool.toml, --course as typed, course that counts)
    (None, None, None),  # all
    ("signals", None, "signals"),
    ("signals", "optics", "optics"),  # the flag wins
    ("signals", "", None),  # all, although the file has one
    (None, "optics", "optics"),
]


@pytest.mark.parametrize(("written", "typed", "counts"), COURSES)
def test_the_course_of_a_command_that_can_be_about_all(
    tmp_path: Path, written: str | None, typed: str | None, counts: str | None
) -> None:
    if written:
        (tmp_path / config.FILE).write_text(f'course = "{written}"')
    assert config.course(tmp_path, typed) == counts
