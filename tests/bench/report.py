"""What a report costs: wall time, peak memory of the whole process, and bytes by kind of page.

python tests/bench/report.py [--lectures 20] [--students 30] [--seconds 3600] [--out DIR] [--keep DB]

Makes a course without video (`fertool.demo.large_course`), judges it, and renders it in a process of its own,
measured as `/usr/bin/time -v` does. `--keep`: where the database is, or will be if it is not there yet.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fertool.analysis import pipeline
from fertool.demo.large_course import store_course
from fertool.host import registry
from fertool.storage.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lectures", type=int, default=20)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = given.keep or Path(folder) / "bench.duckdb"
        if not database.exists():
            make(database, given.lectures, given.students, given.seconds)
        out = given.out or Path(folder) / "report"
        start = time.monotonic()
        command = [sys.executable, "-m", "fertool", "report", "--db", str(database), "--out", str(out)]
        subprocess.run(command, check=True)
        wall = time.monotonic() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{wall:.1f} s on the wall, {used.ru_utime + used.ru_stime:.1f} s CPU, "
            f"{used.ru_maxrss / 1024:.0f} MiB at most"
        )
        weigh(out)


def make(database: Path, lectures: int, students: int, seconds: int) -> None:
    store = Store(database)
    store_course(store, "bench", lectures, students, seconds)
    rules = [found.plugin() for found in registry.load_plugins().of_kind("rule")]
    pipeline.assess(store, rules, store.lectures())


def weigh(site: Path) -> None:
    bytes_: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for path in site.rglob("*"):
        if path.is_file():
            kind = path.relative_to(site).parts[0]
            bytes_[kind] += path.stat().st_size
            files[kind] += 1
    for kind, size in bytes_.most_common():
        print(f"{kind:20} {files[kind]:4} files {size / 1e6:7.2f} MB")
    print(f"{'all':20} {files.total():4} files {bytes_.total() / 1e6:7.2f} MB")


if __name__ == "__main__":
    main()
