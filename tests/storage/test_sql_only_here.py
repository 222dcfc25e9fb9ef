"""SQL stands in `fertool/storage/` alone, read from the source of all other modules."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "fertool"
ALLOWED = {
    "assessment/sqlrule.py": "a rule's own SQL, over a polars table in a database of its own in memory",
}
STATEMENT = re.compile(
    r"^\s*(SELECT|WITH\s+\w+\s+AS|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|FROM\s+\w+"
    r"|ATTACH|COPY"
    r"|(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?(TEMP\s+)?(TABLE|VIEW))\b|\bSELECT\b.+\bFROM\b",
    re.DOTALL,
)
ASKING = {"query", "execute", "sql", "table", "rows"}
"""Methods of databases and connections that take a statement."""


def sql_in(source: str) -> list[str]:
    """Every statement in a module: a text that reads as one, or any text given to a method that asks."""
    tree = ast.parse(source)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    given = [call.args[0] for call in calls if call.func.attr in ASKING and call.args]
    documentation = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    texts = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    texts = [text for text in texts if id(text) not in documentation]
    found = [text for text in texts if STATEMENT.search(text.value)]
    found += [text for text in given if isinstance(text, (ast.Constant, ast.JoinedStr))]
    return [ast.unparse(text) for text in found]


SOURCES = [  # (source of a module, whether it holds SQL)
    ('x = "SELECT student FROM tracks"', True),
    ('x = """\n    WITH a AS (SELECT 1) FROM a"""', True),
    ('x = f"DELETE FROM {table} WHERE run = $run"', True),
    ('x = "INSERT OR REPLACE INTO sites VALUES ($p)"', True),
    ('x = "CREATE OR REPLACE VIEW v AS FROM t"', True),
    ('x = "FROM assessments_latest"', True),  # DuckDB needs no SELECT
    ('store.query("CHECKPOINT")', True),  # no keyword that we know, but a database is asked
    ('con.execute(f"PRAGMA {name}")', True),
    ('def f():\n    """>>> db.query("SELECT a FROM b")"""', False),  # an example for the user
    ("store.query(sql)", False),  # typed by somebody
    ('x = "Select a segment from the list"', False),  # words, not a statement
    ('x = "FROM the recording on"', True),  # errs on the safe side: write it in lower case
    ('x = "update a student"', False),
    ('writer.table("segments")', True),
]


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_statements_are_recognized(source: str, expected: bool) -> None:
    assert bool(sql_in(source)) == expected


def modules() -> list[str]:
    files = sorted(file.relative_to(CORE).as_posix() for file in CORE.rglob("*.py"))
    return [name for name in files if not name.startswith("storage/")]


@pytest.mark.parametrize("name", modules())
def test_sql_stands_in_storage_alone(name: str) -> None:
    source = (CORE / name).read_text(encoding="utf-8")
    if name not in ALLOWED:
        assert not sql_in(source), "give it a method with a plain name in fertool/storage/"
        assert not re.search(r"^\s*(import|from) duckdb", source, re.MULTILINE), (
            "only storage opens databases"
        )


def test_storage_itself_is_recognized() -> None:
    """Else the test above could not fail."""
    for name in ("runs", "observations", "lectures", "assessments", "corrections", "erase", "audit"):
        assert sql_in((CORE / "storage" / f"{name}.py").read_text(encoding="utf-8")), name


@pytest.mark.parametrize("name", ALLOWED)
def test_exceptions_are_needed(name: str) -> None:
    assert sql_in((CORE / name).read_text(encoding="utf-8"))
