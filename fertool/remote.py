"""Files named by URI: recordings and spools that may lie on other machines, through fsspec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fertool.errors import ConfigError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

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


def located(name: str) -> Path:
    """Where a recording is."""
    return Path(name)
