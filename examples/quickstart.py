"""Analyze a recording, look at the tables, write the report: `python examples/quickstart.py [VIDEO]`."""

import sys

import fertool

video = sys.argv[1] if len(sys.argv) > 1 else "lecture.mp4"
done = fertool.analyze(video, course="signals", on_progress=lambda p: print(f"{p.done}/{p.planned} samples"))
for entry in done.inventory:
    print(entry.file, entry.became, entry.reason)

results = fertool.open()  # fertool.duckdb, unless fertool.toml or FERTOOL_DB say otherwise
print(results.students("signals"))
print(results.faces("signals").select("student", "time_s", "happy", "neutral", "yaw_deg"))
print(results.query("SELECT student, avg(happy) AS happy FROM frame_emotions GROUP BY ALL ORDER BY ALL"))
print(results.assessments("signals").select("student", "rule", "value", "level", "message"))
print("The report:", fertool.report(course="signals"))
