"""The encrypted file of names, open for changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.privacy.names import Names


@dataclass(frozen=True, slots=True)
class NamesFile:
    """Who is who, in a file beside the database; see `fertool.privacy.names`."""

    path: Path
    passphrase: str
    names: Names

    def save(self) -> None:
        """Write the file as a whole, encrypted."""
        from fertool.privacy import names

        names.save(self.names, self.path, self.passphrase)
