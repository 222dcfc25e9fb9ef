"""A new database file without deleted bytes, verified by a search for them.

DuckDB marks deleted rows and keeps their bytes; only a copy into a fresh file leaves them behind. The
old file's blocks belong to the file system then: on a disk that is not encrypted, a recovery tool may find
them.
"""

from __future__ import annotations

import html
import json
import logging
import mmap
import re
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from fertool import files
from fertool.errors import StoreError
from fertool.storage.audit import Audit
from fertool.storage.schema import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt

    from fertool.storage.database import Database

log = logging.getLogger(__name__)
SLICE = 32
"""Bytes of an embedding searched for at a time: 8 numbers. A block's end may cut one such piece, not all."""
WINDOW = 2**24
"""Bytes looked at together."""
MARGIN = 32 * 2**20
"""Bytes to leave free beside the copies."""


def rewrite(database: Database) -> None:
    """Copy what is left into a fresh file and put it in the old one's place, in one step.

    Others wait for the lock meanwhile. Raises StoreError, with the old file as it was, when there is no room.
    """
    path = database.path
    check_room(database, copies=1)
    try:
        # Swapped in while locked: no process writes into the old file.
        with database.exclusive() as con, files.swapped(path, private=True) as fresh:
            _copy(con, fresh)
        log.info("%s: rewritten without what was deleted", path)
    except OSError as error:
        hint = "nothing was lost; free some space and give the command again"
        raise StoreError(f"{path}: could not be rewritten: {error.strerror}", hint) from error


def _copy(con: duckdb.DuckDBPyConnection, fresh: Path) -> None:
    rows = con.execute("SELECT current_database()").fetchall()
    con.execute(f"ATTACH {_quoted(str(fresh))} AS fertool_fresh")
    con.execute(f'COPY FROM DATABASE "{str(rows[0][0]).replace(chr(34), chr(34) * 2)}" TO fertool_fresh')
    con.execute("DETACH fertool_fresh")  # writes it out whole, without a log beside it


def traces(
    database: Database, embeddings: Sequence[bytes], labels: Iterable[str], sites: Iterable[Path] = ()
) -> list[str]:
    """Where embeddings or labels can still be found, one sentence each; empty is what one hopes for.

    DuckDB squeezes numbers and texts together, so the database is searched in a copy without compression, in
    which every byte stands as it is; it is deleted at once. Sites are searched for labels file by file. A
    label that other texts still held contain (see `searchable`) is not looked for in the database's bytes.
    """
    path, labels = database.path, list(labels)
    log = path.with_name(f"{path.name}.wal")
    found = [f"{log}: a log that may hold deleted rows"] if log.exists() else []
    check_room(database, copies=3)
    telling = [label.encode() for label in labels if searchable(database, label)]
    with TemporaryDirectory(prefix=".fertool-", dir=path.parent) as folder:
        plain = Path(folder, "plain.duckdb")
        _uncompressed(path, plain)
        for file in (plain, path):
            with _bytes(file) as data:
                there = count(data, embeddings)
                found += [f"{path}: {there} of {len(embeddings)} embeddings"] if there else []
                found += [f"{path}: the bytes of {t.decode()!r}" for t in telling if data.find(t) >= 0]
    for file in pages(sites):
        with _bytes(file) as data:
            found += [f"{file}: {label!r}" for label in labels if _word(label).search(data)]
    return list(dict.fromkeys(found))


def searchable(database: Database, label: str) -> bool:
    """Whether bytes can tell: `student-10` stands inside `student-100`, `face` in a column's name."""
    schema = (sql for _, sql in MIGRATIONS)
    return not Audit(database).texts(label) and not any(label in sql for sql in schema)


def pages(sites: Iterable[Path]) -> Iterator[Path]:
    """The files of sites in which a student can stand; `assets` are the same in every report."""
    for site in sites:
        yield from sorted(file for file in site.rglob("*") if file.is_file() and file.parent.name != "assets")


def _uncompressed(path: Path, plain: Path) -> None:
    with closing(duckdb.connect()) as con:
        con.execute("SET force_compression = 'uncompressed'")
        con.execute(f"ATTACH {_quoted(str(path))} AS given (READ_ONLY)")
        con.execute(f"ATTACH {_quoted(str(plain))} AS plain")
        con.execute("COPY FROM DATABASE given TO plain")
        con.execute("DETACH plain")


@contextmanager
def _bytes(file: Path) -> Iterator[mmap.mmap | bytes]:
    """The file's content without reading it all; an empty file cannot be mapped."""
    if not file.stat().st_size:
        yield b""
        return
    with file.open("rb") as source, closing(mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)) as data:
        yield data


def count(data: mmap.mmap | bytes, embeddings: Sequence[bytes]) -> int:
    """How many of the embeddings have a piece in the data, at any place.

    One pass, however many there are: a table of 2**16 bits says which words may begin a piece. A piece that
    begins with a zero could be anything's and is left out.
    """
    whose: dict[bytes, set[int]] = {}
    for number, embedding in enumerate(embeddings):
        for i in range(0, len(embedding) - SLICE + 1, SLICE):
            whose.setdefault(embedding[i : i + SLICE], set()).add(number)
    firsts = np.unique(np.frombuffer(b"".join(piece[:4] for piece in whose), "<u4"))
    firsts = firsts[firsts != 0]
    likely = np.zeros(2**16, np.bool_)
    likely[_mixed(firsts)] = True
    found: set[int] = set()
    if not len(firsts):
        return 0
    for start in range(0, len(data), WINDOW):
        block = data[start : start + WINDOW + SLICE + 3]
        for shift in range(min(4, len(block))):
            words = np.frombuffer(block, "<u4", count=min(WINDOW, len(block) - shift) // 4, offset=shift)
            near = np.flatnonzero(likely[_mixed(words)])
            place = np.minimum(np.searchsorted(firsts, words[near]), len(firsts) - 1)
            for at in near[firsts[place] == words[near]] * 4 + shift:
                found |= whose.get(bytes(block[at : at + SLICE]), set())
    return len(found)


def _mixed(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """32 bits -> 16 of them, mixed as Knuth's multiplicative hash does: round numbers are common in files."""
    return np.asarray((words * np.uint32(2654435761)) >> np.uint32(16))


def _word(label: str) -> re.Pattern[bytes]:
    """As a page would show it, HTML escapes and all, as a whole word."""
    in_html, in_script = (
        html.escape(label).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        json.dumps(label),
    )
    spelled = sorted({text.encode() for text in (label, in_html, in_script[1:-1])})
    return re.compile(rb"(?<![0-9A-Za-z])(?:" + b"|".join(map(re.escape, spelled)) + rb")(?![0-9A-Za-z])")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def check_room(database: Database, copies: int = 3) -> None:
    """Raise StoreError unless so many copies of the file fit beside it; to be asked before anything is
    deleted that could then not be rewritten."""
    path = database.path
    free, need = shutil.disk_usage(path.parent).free, copies * path.stat().st_size + MARGIN
    if free < need:
        what = f"{path}: rewriting needs {need / 1e6:.0f} MB beside it, {free / 1e6:.0f} MB are free"
        raise StoreError(what, "nothing was lost; free some space and give the command again")
