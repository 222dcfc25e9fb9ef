"""Read results without fertool: any DuckDB client will do. Try it after `fertool demo`:

python examples/read_results.py fertool-demo/fertool.duckdb
"""

import sys

import duckdb

SQL = """
    SELECT student, count(*) AS samples, round(avg(happy), 2) AS happy, round(avg(neutral), 2) AS neutral
    FROM frame_emotions GROUP BY student ORDER BY student
"""

with duckdb.connect(sys.argv[1], read_only=True) as results:
    for student, samples, happy, neutral in results.execute(SQL).fetchall():
        print(f"{student}: seen in {samples} samples, happy {happy}, neutral {neutral}")
