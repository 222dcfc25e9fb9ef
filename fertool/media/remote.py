"""Recordings and spools on other machines, by URI, through fsspec."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fertool.errors import ConfigError, VideoError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem
    from fsspec.spec import AbstractBufferedFile

PART = 1 << 20
"""Bytes fetched at a time."""

PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "http": "fertool[http]",
    "https": "fertool[http]",
}
"""What has to be installed for a protocol; fsspec itself knows `file`, `memory` and a few more."""


def file_system(uri: str) -> tuple[AbstractFileSystem, str]:
    """The file system that a URI (or a plain path) is on, and the path there.

    Raises ConfigError for an unknown protocol, and for one whose package is not installed.
    """
    from fsspec.core import url_to_fs

    try:
        found: tuple[Any, str] = url_to_fs(uri)
    except ImportError as error:
        protocol = uri.split("://")[0]
        package = PACKAGES.get(protocol, str(error))
        hint = f"pip install '{package}'" if protocol in PACKAGES else str(error)
        raise ConfigError(f"{uri}: {protocol}:// needs a package that is not installed", hint) from error
    except ValueError as error:
        known = "use a path, file://, s3://, gs:// or http(s)://"
        raise ConfigError(f"{uri}: {error}", known) from error
    return found


@dataclass(frozen=True, slots=True)
class Remote:
    """A file that is not on this machine, with what is needed of a `Path`. Read in parts, never copied."""

    uri: str

    def __str__(self) -> str:
        return self.uri

    @property
    def name(self) -> str:
        """File name with suffix, as of a `Path`."""
        return self.uri.partition("?")[0].rpartition("/")[2]

    @property
    def stem(self) -> str:
        """File name without suffix, as of a `Path`."""
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        """With its dot, as of a `Path`."""
        return Path(self.name).suffix

    def resolve(self) -> Remote:
        """The same: a URI is absolute."""
        return self

    def size(self) -> int:
        """In bytes; 0 if the server does not say. Raises OSError if there is no such file."""
        files, path = file_system(self.uri)
        return int(files.info(path).get("size") or 0)

    def open(self) -> AbstractBufferedFile:
        """For reading at any position. Only the parts that are asked for are fetched.

        Raises OSError, and VideoError if the server gives whole files only.
        """
        files, path = file_system(self.uri)
        about = files.info(path)
        if not about.get("size") or about.get("partial") is False:
            raise VideoError(f"{self.uri}: its server does not give parts of a file", "copy it here first")
        return files.open(path, "rb", block_size=PART, cache_type="readahead")


File = Path | Remote


def located(name: str) -> File:
    """A path, or a URI; `file://` is a path too, and one letter before `://` is a drive."""
    protocol, found, rest = name.partition("://")
    if not found or len(protocol) == 1:
        return Path(name)
    return Path(local(rest, windows=os.name == "nt")) if protocol == "file" else Remote(name)


def local(address: str, *, windows: bool) -> str:
    """What follows `file://` as a path of this system: `%20` is a blank, and on Windows `/C:/a` a drive and
    `server/a` a share (https://www.rfc-editor.org/rfc/rfc8089)."""
    path = unquote(re.sub(r"^localhost(?=/)", "", address))
    if not windows:
        return path
    drive = path.lstrip("/")
    if drive[1:2] in (":", "|"):
        return f"{drive[0]}:{drive[2:]}"
    return path if path.startswith("/") else f"//{path}"


def in_utf8(file: File) -> bool:
    """Whether the name is text, as databases, pages and terminals need it: file systems store any bytes."""
    return shown(file.resolve()) == str(file.resolve())


def shown(file: File | str) -> str:
    """The name as text, with a replacement character for each byte that is none."""
    return os.fsencode(str(file)).decode("utf-8", "replace")


def size(file: File) -> int:
    """In bytes."""
    return file.size() if isinstance(file, Remote) else file.stat().st_size
