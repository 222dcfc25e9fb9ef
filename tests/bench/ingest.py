"""How fast a spool gets into the database, and how much memory that takes.

python tests/bench/ingest.py [--millions 10] [--faces 25] [--folder DIR] [--keep]

Makes a spool (runs of 60 chunks of 60 samples, `--faces` in each, twelve lectures a course) and takes it in
as `fertool ingest` does, students linked, in a process of its own. Prints rows a second of both, the peak
memory of that process, and the sizes on the disk. Judging lectures is not part of it: tests/bench/assess.py.

The files of one run are made as workers make them and copied for the others, another run's name put in: so
they are not compressed, which saves little, as they hold numbers made by chance.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from fertool.analysis.run import Analysis
from fertool.analysis.spool import Spool
from fertool.storage.runs import Recording, Run
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS

CHUNKS, SAMPLES_EACH, LECTURES = 60, 60, 12
NOBODY = b"-" * 12
"""In the place of a run's name."""
MODEL = "bench 1"
INGEST = """
import sys, time
from pathlib import Path
from fertool import bulk
from fertool.distributed.ingest import ingest
from fertool.analysis.spool import Spool
from fertool.storage.store import Store
spent, load = [0.0], bulk.load
def timed(*given):
    began = time.perf_counter()
    load(*given)
    spent[0] += time.perf_counter() - began
bulk.load = timed
store = Store(Path(sys.argv[1]))
found = ingest(store, Spool(sys.argv[2]))
assert not found.refused
print(spent[0], store.query("SELECT count(*) FROM observations").item())
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--faces", type=int, default=25)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fertool-bench-ingest")
    parser.add_argument("--keep", action="store_true", help="the spool and the database")
    given = parser.parse_args()
    runs = max(1, round(given.millions * 1e6 / (CHUNKS * SAMPLES_EACH * given.faces)))
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir()
    try:
        rows = make(given.folder / "spool", runs, given.faces)
        measure(given.folder, rows)
    finally:
        if not given.keep:
            shutil.rmtree(given.folder)


def make(folder: Path, runs: int, faces: int) -> int:
    """A spool of that many runs; returns the number of face rows."""
    began, chance = time.perf_counter(), np.random.default_rng(1)
    drafts = [draft(folder / "draft", chunk, faces, chance) for chunk in range(CHUNKS)]
    shutil.rmtree(folder / "draft")
    spool = Spool(str(folder))
    for number in range(runs):
        name = f"{chance.integers(1 << 48):012x}"
        spool.describe(analysis(name, number))
        for chunk, content in enumerate(drafts):
            (folder / name / f"{name}-{chunk:04d}.parquet").write_bytes(
                content.replace(NOBODY, name.encode())
            )
    size = sum(len(content) for content in drafts) * runs
    rows = runs * CHUNKS * SAMPLES_EACH * faces
    print(
        f"{rows / 1e6:.1f} million faces in {runs * CHUNKS} files, {size / 1e9:.2f} GB, "
        f"made in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    return rows


def draft(folder: Path, chunk: int, faces: int, chance: np.random.Generator) -> bytes:
    """A chunk's file as a worker writes it, without compression: so that names can be replaced in it."""
    spool, run = Spool(str(folder)), NOBODY.decode()
    spool.commit(run, chunk, 1.0, tables(run, chunk, faces, chance))
    file = Path(spool.chunk_files(run)[chunk])
    pl.read_parquet(file).write_parquet(file, compression="uncompressed")
    return file.read_bytes()


def analysis(run: str, number: int) -> Analysis:
    course, lecture = f"course {number // LECTURES:03d}", f"week {number % LECTURES + 1:02d}"
    name, length = f"{run}.mp4", float(CHUNKS * 60)
    recording = Recording(run, run * 5, course, lecture, name, name, 1, length, length, 1280, 720, "h264")
    about = Run(run, run, "0", "full", {"model": MODEL, "every": 1.0}, CHUNKS * SAMPLES_EACH)
    return Analysis(recording, about, 0.55, None, tuple(range(CHUNKS)), (), (), ("2026-01-01", number))


def tables(run: str, chunk: int, faces: int, chance: np.random.Generator) -> dict[str, pl.DataFrame]:
    """One minute of the same people, each in one place."""
    n = SAMPLES_EACH * faces
    sample = np.repeat(np.arange(SAMPLES_EACH) + chunk * SAMPLES_EACH, faces)
    names = [f"{run}-{chunk:04d}-{i:03d}" for i in range(faces)]
    numbers = {k: chance.random(n, np.float32) for k, kind in OBSERVATIONS.items() if kind == pl.Float32}
    left = np.tile(np.arange(faces, dtype=np.float32) * 50, SAMPLES_EACH)
    places = {"x1": left, "x2": left + 40, "y1": left * 0, "y2": left * 0 + 40}
    emotions = np.array(["happy", "sad", "neutral"])[chance.integers(0, 3, n)]
    observations = pl.DataFrame(
        {
            "sample": sample,
            "face": np.tile(np.arange(faces), SAMPLES_EACH),
            "track": names * SAMPLES_EACH,
            "emotion": emotions,
            "others": [None] * n,
            **numbers,
            **places,
        }
    )
    people = np.random.default_rng(7).normal(0, 0.12, (faces, 128))  # as far apart as different people are
    tracks = {
        "track": names,
        "chunk": [chunk] * faces,
        "first_s": [chunk * 60.0] * faces,
        "last_s": [chunk * 60.0 + 59] * faces,
        "samples": [SAMPLES_EACH] * faces,
        "embedding": (people + chance.normal(0, 0.02, people.shape)).astype(np.float32).tolist(),
        "change": [9.0] * faces,
    }
    times = {"sample": np.unique(sample), "time_s": np.unique(sample) * 1.0, "faces": [faces] * SAMPLES_EACH}
    return {
        "samples": pl.DataFrame(times).cast(pl.Schema(SAMPLES)),
        "tracks": pl.DataFrame(tracks).cast(pl.Schema(TRACKS)).select(*TRACKS),
        "observations": observations.select(*OBSERVATIONS).cast(pl.Schema(OBSERVATIONS)),
    }


def measure(folder: Path, rows: int) -> None:
    began, db = time.perf_counter(), folder / "x.duckdb"
    words = [sys.executable, "-c", INGEST, str(db), str(folder / "spool")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    said = process.communicate()[0].split()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    if process.returncode or int(said[1]) != rows:
        raise SystemExit("not everything was taken in")
    print(
        f"in the database after {seconds:.0f} s: {rows / seconds:,.0f} faces a second, of which loading "
        f"{float(said[0]):.0f} s: {rows / float(said[0]):,.0f} a second; peak {peak:.0f} MB "
        f"(goal: below 2000), database {db.stat().st_size / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
