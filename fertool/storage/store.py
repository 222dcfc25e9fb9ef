"""The store: one object for all that is read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fertool.storage import query
from fertool.storage.assessments import Assessments
from fertool.storage.database import Database
from fertool.storage.lectures import Lectures
from fertool.storage.observations import Observations
from fertool.storage.runs import Runs

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class Store(Runs, Lectures, Observations, Assessments):
    """Typed access to one database. Every method is one transaction."""

    def __init__(
        self, path: Path, *, read_only: bool = False, create: bool = True, timeout_s: float = 30
    ) -> None:
        super().__init__(Database(path, read_only=read_only, create=create, timeout_s=timeout_s))

    def query(self, sql: str, **params: Any) -> pl.DataFrame:
        """Run one statement that somebody typed and fetch its result completely.

        Columns of types that polars does not have, or not whole, are text as DuckDB writes it: intervals,
        BLOB, BIT, BIGNUM, UNION, VARIANT, times with a zone, integers beyond 37 digits, dates without end or
        outside the years 1 to 9999. Raises StoreError for a statement that fails.
        """
        return query.answer(self.database, sql, params)
