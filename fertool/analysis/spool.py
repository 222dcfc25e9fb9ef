"""A spool: a folder of measured chunks as Parquet files, written by workers without a database.

    SPOOL/RUN/run.json           the analysis: recording, run, configuration (`Analysis.to_json`)
    SPOOL/RUN/RUN-0003.parquet   one chunk, written whole or not at all

A chunk's file holds the rows of all its tables. `table` says which one a row belongs to; columns of the
others are null there, which costs a Parquet file nothing. So a chunk is one file, and a query over
`SPOOL/*/*.parquet` sees whole chunks only. Files of students: local ones are for their owner alone.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from fertool import files
from fertool.analysis.run import Analysis
from fertool.errors import FertoolError, StoreError
from fertool.media.remote import file_system
from fertool.storage.tables import OBSERVATIONS, SAMPLES, TRACKS

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

TABLES: dict[str, dict[str, pl.DataType]] = {
    "chunks": {"chunk": pl.Int32(), "seconds": pl.Float64()},
    "samples": {**SAMPLES, "dropped": pl.Int32()},
    "tracks": TRACKS,
    "observations": OBSERVATIONS,
}
"""Tables of a chunk and their columns, beside `run`; `samples` of a track and `sample` are two things."""
COLUMNS: dict[str, pl.DataType] = {
    "table": pl.String(),
    "run": pl.String(),
    **{name: kind for columns in TABLES.values() for name, kind in columns.items()},
}
CHUNK = re.compile(r"-(\d+)\.parquet$")
RUN = "run.json"


class Spool:
    """A folder given by path or fsspec URI; made when something is written. A `observe.Sink`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.files, self.root = file_system(uri)
        self._begun: set[str] = set()

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "file" in (self.files.protocol, *self.files.protocol)

    # --- written by workers -------------------------------------------------------------------

    def begin(self, analysis: Analysis) -> None:
        """See `Sink`."""
        if analysis.run.id not in self._begun:
            self.describe(analysis)

    def describe(self, analysis: Analysis) -> None:
        """Write which run this is, again where it was written before."""
        self._put(self._path(analysis.run.id, RUN), analysis.to_json().encode())
        self._begun.add(analysis.run.id)

    def commit(self, run: str, chunk: int, seconds: float, tables: dict[str, pl.DataFrame]) -> None:
        """See `Sink`."""
        if "dropped" not in tables["samples"].columns:  # nobody had to be left out
            tables = tables | {"samples": tables["samples"].with_columns(dropped=pl.lit(0, pl.Int32))}
        facts = pl.DataFrame({"chunk": [chunk], "seconds": [seconds]}, schema=TABLES["chunks"])
        rows = [
            rows.with_columns(pl.lit(name).alias("table"))
            for name, rows in {"chunks": facts, **tables}.items()
        ]
        whole = pl.concat(rows, how="diagonal").with_columns(run=pl.lit(run), chunk=pl.lit(chunk, pl.Int32))
        absent = [pl.lit(None, COLUMNS[name]).alias(name) for name in COLUMNS.keys() - {*whole.columns}]
        file = io.BytesIO()
        whole.with_columns(absent).select(*COLUMNS).write_parquet(file)
        self._put(self._path(run, f"{run}-{chunk:04d}.parquet"), file.getvalue())

    # --- read by ingestion --------------------------------------------------------------

    def done(self, run: str) -> AbstractSet[int]:
        """See `Sink`."""
        return self.chunk_files(run).keys()

    def chunk_files(self, run: str) -> dict[int, str]:
        """The run's chunks and their files, named as DuckDB wants them; see `bulk.load`."""
        found = {int(number[1]): path for path in self._list(run) if (number := CHUNK.search(path))}
        return found if self.local else {n: self.files.unstrip_protocol(path) for n, path in found.items()}

    def analyses(self) -> list[Analysis]:
        """What was measured or begun, in the order in which it was asked for.

        Raises StoreError for a folder that is no spool, or one of another version of fertool.
        """
        if not self.files.isdir(self.root):
            raise StoreError(f"{self.uri}: no spool here", "`fertool analyze --spool` makes one")
        found = []
        for path in sorted(self.files.glob(f"{self.root}/*/{RUN}")):
            try:
                found.append(Analysis.from_json(self.files.cat_file(path).decode()))
            except (KeyError, TypeError, ValueError) as error:
                hint = "use one version of fertool on all machines"
                raise StoreError(f"{path}: not a run of this version of fertool: {error}", hint) from error
        return sorted(found, key=lambda analysis: (*analysis.asked, analysis.run.id))

    def drop(self, run: str) -> None:
        """Delete a run."""
        self._begun.discard(run)
        if self.files.isdir(self._path(run)):
            self.files.rm(self._path(run), recursive=True)

    # --- files --------------------------------------------------------------------------------

    def _path(self, *parts: str) -> str:
        return "/".join((self.root, *parts))

    def _list(self, run: str) -> list[str]:
        self.files.invalidate_cache()  # other machines write there too
        folder = self._path(run)
        return list(self.files.ls(folder, detail=False)) if self.files.isdir(folder) else []

    def _put(self, path: str, content: bytes) -> None:
        """Write a file whole. Object stores do so by themselves; in a folder it gets its name last."""
        try:
            if self.local:
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                files.write(Path(path), content)
            else:
                self.files.pipe_file(path, content)
        except OSError as error:
            raise _unwritable(path, str(error.strerror or error)) from error
        except FertoolError as error:
            raise _unwritable(path, error.message.rpartition(": ")[2]) from error


def _unwritable(path: str, reason: str) -> StoreError:
    what = f"the spool's {path} could not be written: {reason}"
    return StoreError(what, "make room and run the same command again; it goes on where it stopped")
