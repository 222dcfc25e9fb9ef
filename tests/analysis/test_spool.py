"""The layout of a spool, and what of it gets into a database."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from fertool.analysis.run import Analysis
from fertool.analysis.spool import COLUMNS, TABLES, Spool
from fertool.distributed.ingest import _batches, ingest
from fertool.errors import StoreError
from fertool.storage.runs import Recording, Run
from fertool.storage.store import Store
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS, frame
from fertool.types import Segment


def analysis(run: str = "aa", chunks: tuple[int, ...] = (0, 1), **changes) -> Analysis:
    recording = Recording(
        f"r{run}",
        f"r{run}" * 4,
        "signals",
        "week 1",
        f"/{run}.mp4",
        f"{run}.mp4",
        9,
        100.0,
        100.0,
        64,
        32,
        "h264",
    )
    about = Run(run, recording.id, "0", "full", {"model": "m 1", "classifier": None, "every": 1.0}, 4)
    chapters = (Segment(0, "One", 0.0, 50.0), Segment(1, "Two", 50.0, 100.0))
    made = Analysis(recording, about, 0.5, None, chunks, chapters, ("it is short",), ("2026-01-01", 0))
    return replace(made, **changes)


def tables(run: str = "aa", chunk: int = 0) -> dict[str, pl.DataFrame]:
    """Two samples, one face, seen in both."""
    track = f"{run}-{chunk:04d}-000"
    times = [{"sample": 2 * chunk + i, "time_s": 60.0 * chunk + i, "faces": 1} for i in (0, 1)]
    faces = [
        {"sample": 2 * chunk + i, "face": 0, "track": track, "happy": 0.5, "emotion": "happy", "x1": 1.0}
        for i in (0, 1)
    ]
    first, last = 60.0 * chunk, 60.0 * chunk + 1
    rows = {"track": track, "chunk": chunk, "first_s": first, "last_s": last, "samples": 2}
    return {
        "samples": frame(times, SAMPLES),
        "tracks": frame([rows | {"embedding": [1.0, 0.0], "change": None}], TRACKS),
        "observations": frame(faces, OBSERVATIONS),
    }


def test_a_spool_of_before_is_read() -> None:
    """Before version 0.2, the keys of both rows were named as their columns are."""
    one = analysis()
    given = json.loads(one.to_json())
    for name in ("recording", "run"):
        given[name][name] = given[name].pop("id")
    assert Analysis.from_json(json.dumps(given)) == one


@pytest.fixture(params=["folder", "memory"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    if request.param == "folder":
        return Spool(str(tmp_path / "spool"))
    return Spool(f"memory://{tmp_path.name}/spool")


def fill(spool: Spool, one: Analysis, chunks: tuple[int, ...] = (0, 1)) -> None:
    spool.begin(one)
    for chunk in chunks:
        spool.commit(one.run.id, chunk, 1.5, tables(one.run.id, chunk))


def counts(store: Store) -> dict[str, int]:
    names = ("recordings", "runs", "chunks", "samples", "tracks", "observations", "students", "segments")
    return {t: store.query(f"SELECT count(*) FROM {t}").item() for t in names}


def test_an_analysis_travels_as_json() -> None:
    one = analysis(student="Ann")
    assert Analysis.from_json(one.to_json()) == one
    assert (one.course, one.lecture, one.model, one.consent) == ("signals", "week 1", "m 1", "off")
    required = replace(one.run, config=one.run.config | {"consent": {"mode": "required", "state": "x"}})
    assert replace(one, run=required).consent == "required"


def test_one_file_holds_all_tables_of_a_chunk(spool: Spool) -> None:
    fill(spool, analysis())
    assert spool.done("aa") == {0, 1}
    assert spool.done("bb") == set()
    files = spool.chunk_files("aa")
    assert {chunk: name.rpartition("/")[2] for chunk, name in files.items()} == {
        0: "aa-0000.parquet", 1: "aa-0001.parquet",
    }  # fmt: skip
    with spool.files.open(files[1].removeprefix("memory:/"), "rb") as file:
        rows = pl.read_parquet(file.read())
    assert rows.schema == pl.Schema(COLUMNS)
    assert dict(rows["table"].value_counts().rows()) == {
        "chunks": 1,
        "samples": 2,
        "tracks": 1,
        "observations": 2,
    }
    assert set(rows["run"]) == {"aa"}
    assert set(rows["chunk"]) == {1}
    for name in ("samples", "tracks", "observations"):
        part = rows.filter(table=name).select(tables("aa", 1)[name].columns)
        assert part.equals(tables("aa", 1)[name]), name


def test_an_empty_chunk_is_a_chunk(spool: Spool, store: Store) -> None:
    spool.begin(analysis(chunks=(0,)))
    nothing = {name: pl.DataFrame(schema=TABLES[name]) for name in ("samples", "tracks", "observations")}
    spool.commit("aa", 0, 1.0, nothing)
    found = ingest(store, spool)
    assert found.outcomes[0][1].notes == ["it is short", "4 of 4 samples could not be decoded"]
    assert counts(store) | {"segments": 0, "recordings": 0} == {
        "recordings": 0, "runs": 1, "chunks": 1, "samples": 0, "tracks": 0, "observations": 0,
        "students": 0, "segments": 0,
    }  # fmt: skip


def test_ingested_twice_is_ingested_once(spool: Spool, store: Store) -> None:
    fill(spool, analysis())
    first = ingest(store, spool)
    assert [(outcome.fresh, outcome.notes) for _, outcome in first.outcomes] == [(True, ["it is short"])]
    before = counts(store)
    assert before == {
        "recordings": 1, "runs": 1, "chunks": 2, "samples": 4, "tracks": 2, "observations": 4,
        "students": 1, "segments": 2,
    }  # fmt: skip
    assert store.segment_source("signals", "week 1") == "chapters"
    assert store.query("SELECT DISTINCT dropped, faces FROM samples").rows() == [(0, 1)]
    again = ingest(store, spool)
    assert [outcome.fresh for _, outcome in again.outcomes] == [False]
    assert counts(store) == before


def test_further_labels_travel_with_their_chunks(spool: Spool, store: Store) -> None:
    spool.begin(analysis())
    for chunk in (0, 1):
        more = tables(chunk=chunk)
        more["observations"] = more["observations"].with_columns(others=pl.lit('{"contempt": 0.25}'))
        spool.commit("aa", chunk, 1.5, more)
    ingest(store, spool)
    assert store.query("SELECT DISTINCT happy, contempt FROM frame_emotions").rows() == [(0.5, 0.25)]


def test_chunks_that_are_in_the_database_stay_as_they_are(spool: Spool, store: Store) -> None:
    one = analysis()
    store.add_recording(one.recording)
    store.begin_run(one.run)
    store.commit_chunk("aa", 0, 7.0, tables())
    fill(spool, one)
    ingest(store, spool)
    assert store.query("SELECT chunk, seconds FROM chunks ORDER BY 1").rows() == [(0, 7.0), (1, 1.5)]
    assert counts(store)["observations"] == 4


def test_what_is_not_measured_to_the_end_stays_out(spool: Spool, store: Store) -> None:
    fill(spool, analysis(), chunks=(1,))
    found = ingest(store, spool)
    assert found.outcomes == []
    assert [reason for _, reason in found.refused] == ["1 of 2 chunks are not measured yet: analyze it again"]
    assert set(counts(store).values()) == {0}


def test_runs_are_finished_in_the_order_they_were_asked_for(spool: Spool, store: Store) -> None:
    order = {"cc": ("2026-01-01", 1), "aa": ("2026-01-02", 0), "bb": ("2026-01-01", 0)}
    for run, asked in order.items():
        fill(spool, analysis(run, asked=asked))
    told = []
    ingest(store, spool, lambda one, number, count: told.append((one.run.id, number, count)))
    assert told == [("bb", 0, 3), ("cc", 1, 3), ("aa", 2, 3)]


def test_loading_is_broken_off_and_begun_again(spool: Spool, store: Store) -> None:
    for number, run in enumerate(("aa", "bb", "cc")):  # of one batch: lectures of their own
        other = replace(analysis().recording, id=f"r{run}", lecture=f"week {number}")
        fill(spool, analysis(run, recording=other, asked=("2026-01-01", number)))

    def stop(one: Analysis, number: int, count: int) -> None:
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(store, spool, stop)
    assert store.query("SELECT run, state FROM runs ORDER BY 1").rows() == [
        ("aa", "finished"), ("bb", "running"), ("cc", "running"),
    ]  # fmt: skip
    assert [outcome.fresh for _, outcome in ingest(store, spool).outcomes] == [False, True, True]
    assert counts(store)["observations"] == 12
    assert counts(store)["chunks"] == 6


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], []),
        ([("a", "week 1"), ("b", "week 2"), ("c", "week 3")], ["ab", "c"]),  # two at once
        ([("a", "week 1"), ("b", "week 1"), ("c", "week 2")], ["a", "bc"]),  # one run of a lecture
        ([("a", "week 1"), ("a", "week 2")], ["a", "a"]),  # a recording that moves
        ([("a", "week 1"), ("old", "week 2"), ("c", "week 3")], ["a", "oldc"]),  # known already: first
    ],
)
def test_what_is_loaded_together(store: Store, monkeypatch, runs, expected) -> None:
    monkeypatch.setattr("fertool.distributed.ingest.RUNS_AT_ONCE", 2)
    old = replace(analysis().recording, id="old", lecture="week 9")
    store.add_recording(old)
    given = [analysis(recording=replace(old, id=name, lecture=at)) for name, at in runs]
    found = list(_batches(store, given))
    assert ["".join(one.recording.id for one in batch) for _, batch in found] == expected
    assert [begin for begin, _ in found] == [
        sum(map(len, [b for _, b in found[:i]])) for i in range(len(found))
    ]


def test_only_what_is_asked_for_and_anew(spool: Spool, store: Store) -> None:
    for run in ("aa", "bb"):
        fill(spool, analysis(run))
    assert len(ingest(store, spool, only={"bb"}).outcomes) == 1
    assert [outcome.fresh for _, outcome in ingest(store, spool, replace={"bb"}).outcomes] == [True, True]
    assert counts(store)["observations"] == 8


def test_a_dropped_run_is_gone(spool: Spool) -> None:
    fill(spool, analysis())
    spool.drop("aa")
    spool.drop("aa")
    assert spool.done("aa") == set()
    fill(spool, analysis(), chunks=(0,))
    assert [one.run.id for one in spool.analyses()] == ["aa"]


def test_no_spool_and_none_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no spool here"):
        Spool(str(tmp_path / "nothing")).analyses()
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa" / "run.json").write_text("{}")
    with pytest.raises(StoreError, match="not a run of this version of fertool"):
        Spool(str(tmp_path)).analyses()
