"""One DuckDB file: a connection per transaction, its lock, its schema.

A connection lasts for one transaction, so several fertool processes can share a file: one that finds it
locked waits, and raises after `timeout_s` an error that names the process with the lock. Opening and closing
takes tens of milliseconds; hundreds of transactions in a row share one connection (`kept`).
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import duckdb
import polars as pl

from fertool import files
from fertool.errors import StoreError
from fertool.storage.schema import MIGRATIONS, frame_emotions
from fertool.types import is_label

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
FULL = re.compile(r"no space left|disk quota|file too large|could not (write|resize|truncate)", re.IGNORECASE)
FAILURES = (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException)
"""A file that cannot be written shows as any of these, depending on when."""
DAMAGED = re.compile(r"corrupt|checksum|could not read enough bytes|deserializ", re.IGNORECASE)
"""DuckDB raises its plainest error for some of these."""
SQLITE = b"SQLite format 3\0"
RETRY_S = 0.05
PATIENCE_S = 2.0
"""Seconds of waiting for the file, after which the log says who has it open."""
log = logging.getLogger(__name__)
INTERRUPTED = "Query interrupted"
"""DuckDB's RuntimeError where a signal came during a statement."""
_open: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
"""Connections within a transaction."""


def interrupt() -> None:
    """End the statements of this process that run now, from another thread: each raises KeyboardInterrupt."""
    for con in list(_open):
        with suppress(duckdb.Error):  # it was closed just now
            con.interrupt()


class Database:
    """A fertool database file. Created and brought up to date when it is opened, also for reading alone."""

    def __init__(
        self, path: Path, *, read_only: bool = False, create: bool = True, timeout_s: float = 30
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.timeout_s = timeout_s
        self._kept: duckdb.DuckDBPyConnection | None = None
        if not path.exists() and (read_only or not create):
            raise StoreError(f"{path}: no database here", "run `fertool analyze` first, or give --db")
        if not path.parent.is_dir():
            raise StoreError(f"{path}: no such folder: {path.parent}", "create it, or give another --db")
        self._migrate()

    def transaction(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """All or nothing: committed when the block ends, rolled back when it raises."""
        return self._transaction(self.read_only)

    def table(self, sql: str, **params: Any) -> pl.DataFrame:
        """What a statement of ours returns, fetched completely, in a transaction of its own."""
        with self.transaction() as con:
            return table(con, sql, **params)

    def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        """As `table`, as tuples."""
        with self.transaction() as con:
            return con.execute(sql, params).fetchall()

    def further_labels(self) -> tuple[str, ...]:
        """Labels beyond the seven that the classifier of any run has, in alphabetical order."""
        with self.transaction() as con:
            return further_labels(con)

    @contextmanager
    def kept(self, *, read_only: bool | None = None) -> Iterator[None]:
        """Until the block ends the file is open, for this process alone; transactions are what they were.

        For less than `timeout_s`: others wait. Opening takes a processor 30 ms, whatever is in the file.
        `read_only`: as the database is, when left out. Within such a block, another one changes nothing.
        """
        if self._kept is not None:
            yield
            return
        self._kept = self._connect(self.read_only if read_only is None else read_only)
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        """Close the file that is kept open, if it is."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def _transaction(self, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        con = self._kept.cursor() if self._kept is not None else self._connect(read_only)
        try:
            con.begin()
            _open.add(con)
            yield con
            con.commit()
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except duckdb.Error as error:
            if not broken(error):
                raise
            con.close()  # a damaged file is opened once more, to see what can be saved
            self._release()
            raise self._explain(error) from error
        except RuntimeError as error:
            if str(error) == INTERRUPTED:
                raise KeyboardInterrupt from error
            raise
        finally:
            con.close()  # rolls back what was not committed

    @contextmanager
    def exclusive(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that keeps everybody else out, the log written back: to copy the file whole."""
        con = self._connect(read_only=False)
        try:
            con.execute("CHECKPOINT")
            yield con
        except FAILURES as error:
            raise self._explain(error) from error
        finally:
            con.close()

    def _connect(self, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open the file, waiting for its lock."""
        # A query someone else wrote must not reach files or the network through DuckDB.
        config: dict[str, str | bool | int | float | list[str]] = {}
        if read_only:
            config["enable_external_access"] = False
        if _begins(self.path, SQLITE):  # DuckDB would look for an extension, in the network too
            raise StoreError(f"{self.path}: an SQLite database, not a DuckDB one", "give another --db")
        began, told = time.monotonic(), False
        while True:
            try:
                return duckdb.connect(str(self.path), read_only=read_only, config=config)
            except duckdb.Error as error:
                waited = time.monotonic() - began
                if "Could not set lock" not in str(error) or waited > self.timeout_s:
                    raise self._explain(error) from error
                if waited > PATIENCE_S and not told:
                    log.warning("%s: waiting for %s, which has it open", self.path, _holder(str(error)))
                    told = True
                time.sleep(RETRY_S)

    def _create(self) -> None:
        """An empty database, made under another name and put in its place whole: DuckDB looks whether a
        file is there before it locks it, so two processes would write over each other."""
        try:
            # Private: faces of students. If another process makes one meanwhile, that one stays.
            with files.swapped(self.path, private=True, replace=False) as draft:
                duckdb.connect(str(draft)).close()
        except duckdb.IOException as error:
            raise self._explain(error) from error
        except OSError as error:
            hint = "check the path and its permissions"
            raise StoreError(f"{self.path}: cannot be created: {error.strerror}", hint) from error

    def _migrate(self) -> None:
        """Apply missing migrations, each in one transaction with its own record."""
        if not self.path.exists():
            self._create()
        con = self._connect(read_only=True)
        try:
            done = self._applied(con)
        finally:
            con.close()
        if missing := [(name, sql) for name, sql in MIGRATIONS if name not in done]:
            with self.kept(read_only=False):
                for name, sql in missing:
                    self._apply(name, sql)

    def _apply(self, name: str, sql: str) -> None:
        with self._transaction(read_only=False) as con:
            con.execute(
                "CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY, applied_at TIMESTAMPTZ)"
            )
            if not con.execute("SELECT 1 FROM migrations WHERE name = $name", {"name": name}).fetchall():
                con.execute(sql)  # not yet done by a process that was faster
                if name == MIGRATIONS[-1][0]:
                    show_labels(con)
                con.execute("INSERT INTO migrations VALUES ($name, now())", {"name": name})

    def _applied(self, con: duckdb.DuckDBPyConnection) -> set[str]:
        tables = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if "migrations" not in tables:
            if tables:
                raise StoreError(f"{self.path}: a DuckDB file, but not fertool's", "give another --db")
            return set()
        done = {row[0] for row in con.execute("SELECT name FROM migrations").fetchall()}
        if newer := sorted(done - {name for name, _ in MIGRATIONS}):
            what = f"{self.path}: written by a newer fertool (it knows {', '.join(newer)})"
            raise StoreError(what, "upgrade fertool: pip install -U fertool")
        return done

    def _explain(self, error: duckdb.Error) -> StoreError:
        text = str(error)
        if HOLDER.search(text):
            what = f"{self.path}: locked by {_holder(text)} for more than {self.timeout_s:g} s"
            return StoreError(what, "wait for it to finish or stop it, then try again")
        if FULL.search(text):
            what = f"{self.path}: could not be written: {text.splitlines()[0]}"
            return StoreError(what, "free some disk space and run the same command again; it resumes")
        if "not a valid DuckDB" in text:
            return StoreError(f"{self.path}: not a DuckDB database", "give another --db")
        if DAMAGED.search(text):
            what = f"{self.path}: the database is damaged: {text.splitlines()[0]}"
            return StoreError(what, self._saved())
        return StoreError(f"{self.path}: {text.splitlines()[0]}", "check the path and its permissions")

    def _saved(self) -> str:
        """What to do about a damaged file."""
        again = "put a copy of the file back, or analyze the recordings again with another --db"
        try:
            with duckdb.connect(str(self.path), read_only=True) as con:
                tables = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
                whole = [table for table in sorted(tables) if _readable(con, table)]
        except duckdb.Error:
            return f"nothing of it can be read: {again}"
        what = f"{len(whole)} of {len(tables)} tables can be saved ({', '.join(whole)})"
        copy = "any DuckDB client writes them with COPY table TO 'table.parquet'"
        return f"{what}: {copy}; or {again}" if whole else f"no table can be read whole: {again}"


class Aggregate:
    """A part of the store: methods over some of its tables."""

    def __init__(self, database: Database) -> None:
        self.database = database


def table(con: duckdb.DuckDBPyConnection, sql: str, **params: Any) -> pl.DataFrame:
    """What a statement returns, within a transaction."""
    return pl.DataFrame(con.sql(sql, params=params or None).pl())


def insert(con: duckdb.DuckDBPyConnection, into: str, rows: pl.DataFrame) -> None:
    """Append rows to a table; columns are matched by name, missing ones get their default."""
    con.register("rows_to_insert", rows)
    con.execute(f"INSERT INTO {into} BY NAME SELECT * FROM rows_to_insert")  # noqa: S608  (our own names)
    con.unregister("rows_to_insert")


def broken(error: duckdb.Error) -> bool:
    """Whether it is the file that is at fault, not what was asked of it."""
    return isinstance(error, FAILURES) or DAMAGED.search(str(error)) is not None


def _readable(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    try:
        con.execute(f'SELECT max(hash(COLUMNS(*))) FROM "{table}"').fetchall()  # noqa: S608  (our own names)
    except duckdb.Error:
        return False
    return True


def _holder(text: str) -> str:
    """The process that has the file open, from DuckDB's words about it."""
    found = HOLDER.search(text)
    return f"process {found['pid']} ({found['program']})" if found else "another process"


def _begins(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False  # DuckDB says why


def further_labels(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Labels beyond the seven that the classifier of some run has, in alphabetical order."""
    rows = con.execute("SELECT label FROM further_labels ORDER BY label").fetchall()
    # Whatever a plugin was allowed to say before labels became columns stays in `others` alone.
    return tuple(label for (label,) in rows if is_label(label))


def show_labels(con: duckdb.DuckDBPyConnection) -> None:
    """Make the view `frame_emotions` again, for the labels that there are now."""
    con.execute(frame_emotions(further_labels(con)))
