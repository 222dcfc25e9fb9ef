"""How fast a spool gets into the database, and how much memory that takes.

python tests/bench/ingest.py [--millions 20] [--faces 25] [--folder DIR]

Makes a spool of face rows (runs of 60 chunks of 60 samples, `--faces` in each), loads it as `fertool ingest`
does, and prints rows a second and the peak memory of the process that loads. Linking is not part of it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from fertool.spool import Spool
from fertool.tables import OBSERVATIONS, SAMPLES, TRACKS

CHUNKS, SAMPLES_EACH = 60, 60
LOAD = """
import sys
from pathlib import Path
from fertool import bulk
from fertool.spool import TABLES, Spool
from fertool.store import Store
store, spool = Store(Path(sys.argv[1])), Spool(sys.argv[2])
for folder in sorted(Path(sys.argv[2]).iterdir()):
    bulk.load(store.database, folder.name, spool.chunk_files(folder.name), TABLES)
print(store.query("SELECT count(*) FROM observations").item())
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--millions", type=float, default=20)
    parser.add_argument("--faces", type=int, default=25)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fertool-bench-ingest")
    given = parser.parse_args()
    runs = max(1, round(given.millions * 1e6 / (CHUNKS * SAMPLES_EACH * given.faces)))
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir()
    try:
        made = make(given.folder / "spool", runs, given.faces)
        measure(given.folder, made)
    finally:
        shutil.rmtree(given.folder)


def make(folder: Path, runs: int, faces: int) -> int:
    """A spool of that many runs; returns the number of face rows."""
    spool, chance, began = Spool(str(folder)), np.random.default_rng(1), time.perf_counter()
    for _ in range(runs):
        name = f"{chance.integers(1 << 48):012x}"
        for chunk in range(CHUNKS):
            spool.commit(name, chunk, 1.0, tables(name, chunk, faces, chance))
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
    rows = runs * CHUNKS * SAMPLES_EACH * faces
    print(
        f"{rows / 1e6:.1f} million faces in {runs * CHUNKS} files, {size / 1e9:.2f} GB, "
        f"made in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    return rows


def tables(run: str, chunk: int, faces: int, chance: np.random.Generator) -> dict[str, pl.DataFrame]:
    n = SAMPLES_EACH * faces
    sample = np.repeat(np.arange(SAMPLES_EACH) + chunk * SAMPLES_EACH, faces)
    names = [f"{run}-{chunk:04d}-{i:03d}" for i in range(faces)]
    numbers = {k: chance.random(n, np.float32) for k, kind in OBSERVATIONS.items() if kind == pl.Float32}
    observations = pl.DataFrame(
        {
            "sample": sample,
            "face": np.tile(np.arange(faces), SAMPLES_EACH),
            "track": names * SAMPLES_EACH,
            "emotion": ["happy"] * n,
            "others": [None] * n,
            **numbers,
        }
    )
    tracks = {
        "track": names,
        "chunk": [chunk] * faces,
        "first_s": [chunk * 60.0] * faces,
        "last_s": [chunk * 60.0 + 59] * faces,
        "samples": [SAMPLES_EACH] * faces,
        "embedding": chance.random((faces, 128), np.float32).tolist(),
        "change": [9.0] * faces,
    }
    times = {"sample": np.unique(sample), "time_s": np.unique(sample) * 1.0, "faces": [faces] * SAMPLES_EACH}
    return {
        "samples": pl.DataFrame(times).cast(pl.Schema(SAMPLES)),
        "tracks": pl.DataFrame(tracks).cast(pl.Schema(TRACKS)).select(*TRACKS),
        "observations": observations.select(*OBSERVATIONS).cast(pl.Schema(OBSERVATIONS)),
    }


def measure(folder: Path, rows: int) -> None:
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", LOAD, str(folder / "x.duckdb"), str(folder / "spool")])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("loading failed")
    seconds, peak = time.perf_counter() - began, usage.ru_maxrss / 1024
    print(
        f"loaded in {seconds:.0f} s: {rows / seconds:,.0f} faces a second, peak {peak:.0f} MB "
        f"(goal: below 2000), database {(folder / 'x.duckdb').stat().st_size / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
