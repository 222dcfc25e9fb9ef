"""The names file: its passphrase, asked for or from the environment."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.privacy.names import Names
    from fertool.workflows.names import NamesFile


def passphrase(*, new: bool = False) -> str:
    """From the environment, or asked for: twice when it is a new one."""
    from fertool.errors import FertoolError

    if given := os.environ.get("FERTOOL_PASSPHRASE"):
        return given
    if not sys.stdin.isatty():
        raise FertoolError("a names file needs a passphrase", "set FERTOOL_PASSPHRASE")
    from getpass import getpass

    typed = getpass("Passphrase of the names file: ")
    if new and getpass("Once more: ") != typed:
        raise FertoolError("the two passphrases differ", "try again")
    return typed


def read_names(path: Path | None) -> Names | None:
    """The names, to be read; None without a file."""
    from fertool.privacy import names

    return None if path is None else names.load(path, passphrase())


def open_names(path: Path | None, *, new: bool = True) -> NamesFile | None:
    """The names, to be changed; None without a file. A file that is not there yet has none, unless `new` is
    False: then it is an error. So is a wrong passphrase."""
    from fertool.errors import FertoolError
    from fertool.privacy import names
    from fertool.workflows.names import NamesFile

    if path is None:
        return None
    if new and not path.parent.is_dir():
        raise FertoolError(f"{path}: no such folder: {path.parent}", "create it, or give another --names")
    if new and not path.exists():
        return NamesFile(path, passphrase(new=True), names.Names())
    secret = passphrase()
    return NamesFile(path, secret, names.load(path, secret))
