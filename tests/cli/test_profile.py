"""`fertool analyze --profile`: where the time went, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from same_rows import ROWS

from fertool.host.profile import STAGES

MEASURED = ("decode", "detect", "encode", "crops", "classify", "track", "store", "judge")


def rows(out: str) -> list[list[str]]:
    """The table below its title: stage, seconds, share, what."""
    title, _, table = out.partition("Where the time went: seconds of work")[2].partition("\n")
    assert title.startswith((", over ", " of this process, without its workers, over "))
    lines = [line.strip().split(maxsplit=3) for line in table.splitlines() if line.strip(" ─")]
    assert lines[0] == ["stage", "seconds", "share", "what"]
    return lines[1:]


def test_the_table_has_every_stage_and_their_sum(fertool, small_video: Path) -> None:
    done = fertool("analyze", small_video, "--profile")
    assert done.code == 0, done.err
    *stages, whole = rows(done.out)
    assert [(name, what) for name, _, _, what in stages] == list(STAGES.items())
    seconds = {name: float(spent) for name, spent, *_ in stages}
    assert min(seconds[name] for name in ("detect", "encode", "classify")) > 0
    assert whole[0] == "all"
    assert whole[2] == "100%"
    assert float(whole[1]) == pytest.approx(sum(seconds.values()), abs=0.005 * len(stages) + 0.005)
    for (name, _, share, _), spent in zip(stages, seconds.values(), strict=True):
        assert float(share.rstrip("%")) == pytest.approx(100 * spent / float(whole[1]), abs=1), name


def test_json_has_it_and_what_is_stored_is_the_same(fertool, small_video: Path) -> None:
    usual = fertool("analyze", small_video, "--json", "--db", "usual.duckdb")
    watched = fertool("analyze", small_video, "--json", "--db", "watched.duckdb", "--profile")
    assert watched.code == 0, watched.err
    found = json.loads(watched.out).pop("profile")
    assert "profile" not in json.loads(usual.out)
    assert list(found) == ["wall_s", "threads", "seconds"]
    assert list(found["seconds"]) == list(STAGES)
    assert all(found["seconds"][name] > 0 for name in MEASURED)
    assert found["threads"] >= 4, "this one, the decoder's, one or more for networks, and that which writes"
    assert found["wall_s"] > 0
    for table, columns in ROWS.items():
        with duckdb.connect("usual.duckdb") as one, duckdb.connect("watched.duckdb") as other:
            sql = f"SELECT {columns} FROM {table} ORDER BY ALL"
            assert one.execute(sql).fetchall() == other.execute(sql).fetchall(), table


def test_what_was_done_before_is_not_measured_again(fertool, small_video: Path) -> None:
    assert fertool("analyze", small_video).code == 0
    again = fertool("analyze", small_video, "--json", "--profile")
    seconds = json.loads(again.out)["profile"]["seconds"]
    idle = {name: seconds[name] for name in ("decode", "detect", "encode", "crops", "classify", "track")}
    assert set(idle.values()) == {0}
    assert seconds["probe"] > 0, "its bytes are looked at all the same"


def test_workers_are_not_in_it(fertool, small_video: Path) -> None:
    done = fertool("analyze", small_video, "--isolate", "--policy", "behaviour", "--profile")
    assert done.code == 0, done.err
    assert "seconds of work of this process, without its workers, over " in done.out
    seconds = {name: float(spent) for name, spent, *_ in rows(done.out)}
    assert seconds["detect"] == seconds["encode"] == 0
