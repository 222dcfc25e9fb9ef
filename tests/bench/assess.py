"""What judging costs: rules over stored observations, and each rule against the cheapest one.

python tests/bench/assess.py [--lectures 3] [--students 30] [--samples 3600] [--database]

Prints seconds a lecture, ratios to `presence`, and what 100 lectures would take. `--database`: from a stored
database and back, as `fertool assess` does it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from fertool.analysis import pipeline
from fertool.assessment.runner import LectureInput, Result, assess_lecture
from fertool.assessment.segments.equal_parts import equal_parts
from fertool.demo.large_course import wander
from fertool.host import registry
from fertool.storage.store import Store
from fertool.testing import store_course


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lectures", type=int, default=3)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--samples", type=int, default=3600)
    parser.add_argument("--database", action="store_true")
    given = parser.parse_args()
    rules = [found.plugin() for found in registry.load_plugins().of_kind("rule")]
    if given.database:
        stored(rules, given.lectures, given.students, given.samples)
    else:
        in_memory(rules, given.students, given.samples)


def in_memory(rules, students: int, samples: int) -> None:
    rng = np.random.default_rng(0)
    named = [wander(rng, samples).with_columns(student=pl.lit(f"s{i:02d}")) for i in range(students)]
    usual = {f"s{i:02d}": {"pitch_deg": 0.0, "yaw_deg": 0.0} for i in range(students)}
    seen = pl.concat(named).sort("time_s", "student")
    lecture = LectureInput("bench", "1", seen, equal_parts(samples), baselines=usual)
    assess_lecture(rules, lecture, Result())  # warm
    narrow = [rule for rule in rules if rule.scope in ("segment", "lecture")]
    seconds = {rule.name: cpu(lambda rule=rule: assess_lecture([rule], lecture, Result())) for rule in narrow}
    for name, one in seconds.items():
        print(f"{name:15} {one:6.2f} s CPU, {one / seconds['presence']:5.1f} x presence")
    whole = cpu(lambda: assess_lecture(narrow, lecture, Result()))
    print(f"all rules: {whole:.2f} s CPU a lecture, {100 * whole:.0f} s for 100 lectures")


def stored(rules, lectures: int, students: int, samples: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "bench.duckdb")
        making = cpu(lambda: store_course(store, "bench", lectures, students, samples))
        reading = cpu(lambda: [store.seen(*pair) for pair in store.lectures()])
        one = cpu(
            lambda: pipeline.assess(store, [r for r in rules if r.name == "engagement"], store.lectures())
        )
        whole = cpu(lambda: pipeline.assess(store, rules, store.lectures()))
    for what, seconds in (("made", making), ("read", reading), ("one rule", one), ("all rules", whole)):
        print(
            f"{what:10} {seconds / lectures:.2f} s CPU a lecture, {seconds / reading:.1f} x reading, "
            f"{100 * seconds / lectures:.0f} s for 100 lectures"
        )


def cpu(call) -> float:
    """Processor time: on a shared machine, the clock on the wall measures the neighbors."""
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
