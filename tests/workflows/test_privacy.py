"""Forget, answer and merge, called from Python: what is reported, and what is left."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fertool.config import Settings
from fertool.demo.timelines import store_lecture, timeline
from fertool.errors import FertoolError
from fertool.storage.store import Store
from fertool.workflows import privacy, students
from fertool.workflows.reporter import Aside, Reporter


class Heard(Reporter):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def message(self, text: str) -> None:
        self.lines.append(("message", text))

    def warning(self, text: str) -> None:
        self.lines.append(("warning", text))

    def result(self, text: str) -> None:
        self.lines.append(("result", text))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {name: timeline("happy*60") for name in ("Ann", "Bob")})
    return store


@pytest.fixture
def chosen(store: Store) -> Settings:
    return Settings(db=str(store.database.path), course="signals")


def test_forgetting_tells_each_step_and_leaves_the_others(store: Store, chosen: Settings) -> None:
    heard = Heard()
    assert privacy.forget(store, chosen, "Ann", heard)
    kinds, lines = zip(*heard.lines, strict=True)
    assert set(kinds) == {"result"}
    assert lines[:2] == ("1 lecture judged again", f"{store.database.path}: rewritten")
    assert lines[2].startswith("Searched byte by byte, and not found: ")
    assert store.labels("signals") == {"Bob"}


def test_forgetting_who_is_not_there_changes_nothing(store: Store, chosen: Settings) -> None:
    with pytest.raises(FertoolError):
        privacy.forget(store, chosen, "Zoe", Reporter())
    with pytest.raises(FertoolError, match="Ann does not refuse"):
        privacy.forget(store, chosen, "Ann", Reporter(), keep_answer=True)
    assert store.labels("signals") == {"Ann", "Bob"}


def test_a_refusal_takes_effect_at_once(store: Store, chosen: Settings) -> None:
    heard = Heard()
    privacy.bring_up_to_date(store, chosen, heard)
    assert heard.lines == [], "nothing has changed"
    privacy.answer(store, chosen, "Ann", heard, withdrawn=date.today())
    assert heard.lines[0] == ("result", f"Ann in course signals: withdrawn {date.today()}")
    assert store.labels("signals") == {"Bob"}
    (line,) = privacy.still_stored(store, str(store.database.path))
    assert "students forget Ann --course signals --keep-answer" in line


def test_merging_tells_it(store: Store, chosen: Settings) -> None:
    heard = Heard()
    assert students.merge(store, chosen, "Ann", "Bob", [], heard)
    assert heard.lines == [("result", "Bob is Ann now"), ("result", "1 lecture judged again")]
    assert store.labels("signals") == {"Ann"}


def test_aside_turns_results_into_messages() -> None:
    heard = Heard()
    aside = Aside(heard)
    aside.message("a")
    aside.warning("b")
    aside.result("c")
    assert heard.lines == [("message", "a"), ("warning", "b"), ("message", "c")]


def test_a_reporter_by_itself_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Reporter()
    quiet.message("a")
    quiet.warning("b")
    quiet.result("c")
    quiet.removed({"tracks": 1})
    assert capsys.readouterr() == ("", "")
