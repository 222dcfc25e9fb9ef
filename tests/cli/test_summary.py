"""The summary of an analysis, whole: of a recording composed in the database, and of files that were none."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fertool.cli.summary import summary
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.workflows.analyze import Concluded, Entry


def concluded(store: Store, inventory: list[Entry], failed: list[tuple[str, str]] = ()) -> Concluded:
    """Of all runs in the database."""
    ids = store.database.table("SELECT run FROM runs ORDER BY run")["run"].to_list()
    outcomes: Any = [SimpleNamespace(run=run) for run in ids]
    return Concluded(outcomes, inventory, list(failed))


def shown(capsys: pytest.CaptureFixture[str], store: Store, found: Concluded, **how: bool) -> str:
    capsys.readouterr()
    summary(store, found, json=how.get("json", False), lines=how.get("lines", False))
    return capsys.readouterr().out


def lines(out: str) -> list[str]:
    """Without the rules and the padding of tables."""
    return [" ".join(line.split()) for line in out.splitlines() if line.strip(" ─")]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is folded."""
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def taught(store: Store) -> Store:
    """Sixty samples, a second apart: seen in 45 of them, and happy in 30, neutral in 15."""
    store_lecture(store, "signals", "week 1", {"Ann": timeline("happy*30 neutral*15 absent*15")})
    return store


def test_a_recording_is_a_row(capsys, taught: Store) -> None:
    out = shown(capsys, taught, concluded(taught, [Entry("a.mp4", "analyzed")]))
    head, row, *more = lines(out)
    assert head.startswith("recording lecture length coverage students expressions")
    assert "signals / week 1" in row
    assert "75%" in row, "45 of 60 samples"
    assert more[-1] == "1 found: 1 analyzed"
    # Probabilities, not counts: the three highest, and no fourth.
    assert "happy" in out
    assert "neutral" in out
    assert out.count("%") == 1 + 3


YUNET = {"name": "yunet", "version": "2", "options": {"net": "s", "threshold": 0.7, "close_ups": True}}
PULLED = {"name": "yunet", "version": "2", "options": {"net": "n", "threshold": 0.7, "close_ups": True}}
SSD = {"name": "ssd", "version": "1", "options": {"threshold": 0.4, "exact": False}, "weights": {"w": "ff"}}
PACK = {"name": "insightface", "version": "1", "options": {"side": 640, "pack": "buffalo_s"}}

DETECTORS = [
    # detectors of the runs, what the line below the table says of them
    ([YUNET], {"yunet (net=s)"}),  # of the options those that are words: they name the network
    ([PULLED], {"yunet (net=n)"}),
    ([SSD], {"ssd"}),  # numbers and switches only
    ([PACK], {"insightface (pack=buffalo_s)"}),
    ([{"name": "mine", "options": {"file": "a.onnx", "side": 3, "way": "b"}}], {"mine (file=a.onnx way=b)"}),
    ([{"name": "plain"}], {"plain"}),
    ([YUNET, YUNET], {"yunet (net=s)"}),
    ([YUNET, PULLED, YUNET], {"yunet (net=s)", "yunet (net=n)"}),
    ([None], {"not recorded"}),
]  # fmt: skip


@pytest.mark.parametrize(("detectors", "said"), DETECTORS)
def test_the_detector_is_named_once(capsys, store: Store, detectors: list, said: set[str]) -> None:
    for number, one in enumerate(detectors):
        seen = {"Ann": timeline("happy*5")}
        store_lecture(store, "signals", f"week {number}", seen, config={"detector": one})
    found = concluded(store, [Entry("a.mp4", "analyzed")])
    *table, line, last = lines(shown(capsys, store, found))
    assert (sum("signals /" in row for row in table), last) == (len(detectors), "1 found: 1 analyzed")
    named = line.removeprefix("detector: ").split(", ")
    assert (set(named), len(named)) == (said, len(said)), line
    whole = json.loads(shown(capsys, store, found, json=True))
    told = [run["detector"] for run in whole["runs"]]
    assert len(told) == len(detectors)
    assert all(one in told for one in detectors), "in --json with all of its options"


LEFT = [
    # inventory, what the rows say, the last line
    ([], [], "0 found"),
    ([Entry("notes.txt", "skipped", "no video")], ["skipped notes.txt no video"], "1 found: 1 skipped"),
    (
        [Entry(f"/far/{name}.mp4", "same as", "the same bytes as a.mp4") for name in "bcde"],
        ["same as b.mp4, c.mp4, d.mp4 and 1 more the same bytes as a.mp4"],
        "4 found: 4 the same as another",
    ),
    (
        [Entry("b.mp4", "same as", "x"), Entry("c.gif", "skipped", "y"), Entry("d.gif", "skipped", "z")],
        ["same as b.mp4 x", "skipped c.gif y", "skipped d.gif z"],  # a row for each reason
        "3 found: 1 the same as another, 2 skipped",
    ),
    # In the order of an analysis, whatever the order of the files.
    (
        [Entry("z.mp4", "failed", "damaged"), Entry("a.mp4", "done before"), Entry("b.mp4", "analyzed")],
        [],
        "3 found: 1 analyzed, 1 done before, 1 failed",
    ),
]


@pytest.mark.parametrize(("inventory", "rows", "last"), LEFT)
def test_what_is_no_recording_of_its_own_has_its_reason(
    capsys, store: Store, inventory: list[Entry], rows: list[str], last: str
) -> None:
    out = shown(capsys, store, concluded(store, inventory))
    head = ["not analyzed files reason"] if rows else []
    assert lines(out) == [*head, *rows, last]


def test_failures_are_named_with_their_reason(capsys, store: Store) -> None:
    found = concluded(store, [Entry("a.mp4", "failed", "no frame")], [("a.mp4", "no frame could be read")])
    assert lines(shown(capsys, store, found)) == [
        "failed reason",
        "a.mp4 no frame could be read",
        "1 found: 1 failed",
    ]


def test_json_has_everything(capsys, taught: Store) -> None:
    inventory = [Entry("a.mp4", "analyzed"), *(Entry(f"{n}.gif", "skipped", "no video") for n in range(9))]
    found = concluded(taught, inventory, [("b.mp4", "damaged")])
    whole = json.loads(shown(capsys, taught, found, json=True))
    assert set(whole) == {"runs", "failed", "inventory"}
    (run,) = whole["runs"]
    assert (run["course"], run["lecture"], run["samples"], run["coverage"]) == ("signals", "week 1", 60, 0.75)
    assert whole["failed"] == [{"file": "b.mp4", "reason": "damaged"}]
    assert whole["inventory"][1] == {"file": "0.gif", "became": "skipped", "reason": "no video"}
    assert len(whole["inventory"]) == 10, "the table names three"
    # As the last of several events: one line, with the same content.
    line = shown(capsys, taught, found, json=True, lines=True)
    assert line.count("\n") == 1
    assert json.loads(line) == {"event": "summary"} | whole
