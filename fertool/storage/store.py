"""The store: one object for all that is read and written."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fertool.storage import query
from fertool.storage.assessments import Assessments
from fertool.storage.audit import Audit
from fertool.storage.consents import Consents
from fertool.storage.corrections import Corrections
from fertool.storage.database import Database
from fertool.storage.erase import Erasure
from fertool.storage.lectures import Lectures
from fertool.storage.observations import Observations
from fertool.storage.runs import Runs
from fertool.storage.students import Students

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class Store(Runs, Lectures, Observations, Assessments):
    """Typed access to one database. Every method is one transaction.

    What analyses, rules and reports exchange are methods of the store itself; what concerns students as
    people is in its parts.
    """

    def __init__(
        self, path: Path, *, read_only: bool = False, create: bool = True, timeout_s: float = 30
    ) -> None:
        super().__init__(Database(path, read_only=read_only, create=create, timeout_s=timeout_s))
        self.students = Students(self.database)
        """Who is in a course: pictures, labels, where they are seen."""
        self.consents = Consents(self.database)
        """Answers on consent."""
        self.corrections = Corrections(self.database)
        """Students renamed, merged or split by hand."""
        self.audit = Audit(self.database)
        """Who looked at whose data, what is held, which reports were written."""
        self.erase = Erasure(self.database)
        """Deletions: of a student, of old runs."""

    def discard(self) -> bool:
        """Delete the file, unless anything of a course is in it; whether it is gone. What waits for it
        meanwhile makes a new one."""
        with self.database.kept():
            if self.students.courses():
                return False
            with suppress(PermissionError):  # Windows keeps open files
                self.database.path.unlink()
        return not self.database.path.exists()

    def query(self, sql: str, **params: Any) -> pl.DataFrame:
        """Run one statement that somebody typed and fetch its result completely.

        Columns of types that polars does not have, or not whole, are text as DuckDB writes it: intervals,
        BLOB, BIT, BIGNUM, UNION, VARIANT, times with a zone, integers beyond 37 digits, dates without end or
        outside the years 1 to 9999. Raises StoreError for a statement that fails.
        """
        return query.answer(self.database, sql, params)
