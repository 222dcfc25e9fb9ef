"""Private files: written whole or not at all, readable by their owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from fertool.errors import FertoolError


def write(path: Path, content: str | bytes) -> None:
    """Put a file in the place of an older one; that one stays if anything fails. Raises FertoolError."""
    draft = None
    try:
        # mkstemp makes files that only their owner can read.
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode(errors="replace"))
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except OSError as error:
        if draft is not None:
            with suppress(OSError):
                Path(draft).unlink()
        what = f"{path}: could not be written: {error.strerror}"
        raise FertoolError(what, "check the folder and the disk") from error
