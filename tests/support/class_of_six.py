"""The six people of the demo as a class: their names, and what commands print and leave of them."""

from __future__ import annotations

import re
from pathlib import Path

from fertool.storage.store import Store

SIX = ("Ann", "Bob", "Cem", "Dora", "Eve", "Finn")


def lines(text: str) -> list[list[str]]:
    """Rows of printed tables, cell by cell."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return [row for row in rows if row != [""] and "─" not in row[0]]


def labels(database: Path, sql: str = "SELECT DISTINCT student FROM frame_emotions ORDER BY 1") -> list:
    return Store(database).query(sql)["student"].to_list()
