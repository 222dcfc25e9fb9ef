"""Files and folders that appear whole or not at all, some of them for their owner alone; hashes of files."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fertool.errors import FertoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 1 << 20
"""Bytes hashed at a time."""


@contextmanager
def swapped(target: Path, *, private: bool = False, replace: bool = True) -> Iterator[Path]:
    """A free path on the file system of `target`, for a file or a folder to be made at; when the block ends
    well, this takes the place of `target` in one step.

    Otherwise it vanishes, with whatever else was put beside it, and an older `target` stays as it was. Nobody
    else can read it before; `private` keeps it so: 0600 for a file, 0700 for a folder. Without `replace`, a
    `target` that is there by then stays. Raises OSError; a folder is never replaced by a file.
    """
    work = Path(tempfile.mkdtemp(prefix=".fertool-", dir=target.parent))  # 0700
    try:
        draft = work / "new" / target.name
        draft.parent.mkdir()
        yield draft
        if private:
            draft.chmod(0o700 if draft.is_dir() else 0o600)
        if replace:
            _put(draft, target, work / "old")
        else:
            _put_once(draft, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put(draft: Path, target: Path, old: Path) -> None:
    if draft.is_dir() and target.exists():
        target.rename(old)  # a folder cannot be replaced in one step
    try:
        draft.replace(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _put_once(draft: Path, target: Path) -> None:
    """Move a file, but never onto another one."""
    try:
        os.link(draft, target)
    except FileExistsError:  # another process was faster
        return
    except OSError:  # a file system without links
        draft.rename(target)


def write(path: Path, content: str | bytes) -> None:
    """Put a private file in the place of an older one, which stays if anything fails. Raises FertoolError."""
    try:
        with swapped(path, private=True) as draft, draft.open("wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode(errors="replace"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        what = f"{path}: could not be written: {error.strerror}"
        raise FertoolError(what, "check the folder and the disk") from error


def sha256(file: Path | BinaryIO, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, or of what is left to read of an open one, in hexadecimal. Raises OSError.

    `progress` receives the number of bytes read so far.
    """
    if isinstance(file, Path):
        with file.open("rb", buffering=0) as stream:
            return sha256(stream, progress)
    digest, done = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        done += len(block)
        if progress:
            progress(done)
    return digest.hexdigest()
