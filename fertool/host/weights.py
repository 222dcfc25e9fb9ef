"""Weights that do not ship with fertool: catalog, location, verification, download.

A plugin declares what it may need in its `models`. Nothing is fetched unless somebody runs
`fertool models pull NAME`; on a machine without network, `--from DIR` takes the file from a folder.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from fertool.errors import FertoolError
from fertool.files import sha256 as sha256  # for plugins, which import this module alone
from fertool.files import swapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fertool.contracts import Model

    Progress = Callable[[int, int], None]
    """Called with the bytes received so far and the bytes expected (0: unknown)."""

TIMEOUT_S = 30.0
"""Without a byte for so long, a download is given up."""
SUMS = "SHA256SUMS"
"""In the folder of an unpacked archive: the hash of every file, in the format of `sha256sum`."""
_CHUNK = 1 << 20


def models_dir() -> Path:
    """`FERTOOL_MODELS`, or `fertool/models` in the user's data folder (XDG_DATA_HOME); it need not exist."""
    from platformdirs import user_data_path

    if chosen := os.environ.get("FERTOOL_MODELS"):
        return Path(chosen).expanduser()
    return user_data_path("fertool", appauthor=False) / "models"


def path(model: Model) -> Path | None:
    """The file (or the folder of an archive) if it is there, whole or not; else None."""
    target = models_dir() / model.file
    return target if target.exists() else None


def require(model: Model) -> Path:
    """The path of a model that is there and whole; a FertoolError that says what to run otherwise."""
    state = verify(model)
    if state == "ok":
        return models_dir() / model.file
    problem = "is not on this machine" if state == "missing" else "is damaged: its SHA-256 does not match"
    raise FertoolError(f"model {model.name!r} {problem}", f"run `fertool models pull {model.name}`")


def verify(model: Model) -> Literal["ok", "mismatch", "missing"]:
    """Holds the files' SHA-256 against the catalog's; an archive's against those recorded at pull time."""
    if path(model) is None:
        return "missing"
    try:
        expected = _recorded(model) if model.archive else {model.file: model.sha256}
        return "ok" if expected and digests(model) == expected else "mismatch"
    except (OSError, ValueError):  # a folder in a file's place, no list of sums, an unreadable one
        return "mismatch"


def digests(model: Model) -> dict[str, str]:
    """File name -> SHA-256 of the files that are there, for a plugin's `weights`; empty if none is."""
    target = path(model)
    if target is None:
        return {}
    if not model.archive:
        return {model.file: sha256(target)}
    return _folder_digests(target)


def pull(model: Model, from_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch a model from its url, or from a folder that holds a copy, and put it in place.

    The bytes go to a temporary file beside the target; only when size and hash are right does it take
    the target's name, in one step. Whatever goes wrong is a FertoolError and leaves nothing behind,
    and an older copy as it was.
    """
    target = models_dir() / model.file
    try:
        with ExitStack() as stack:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                draft = stack.enter_context(swapped(target))
            except OSError as error:
                hint = "set FERTOOL_MODELS to a folder you can write to"
                raise FertoolError(f"cannot write to {target.parent}: {_reason(error)}", hint) from error
            if model.archive:
                archive = draft.with_name(f"{draft.name}.download")
                _fetch(model, archive, from_dir, progress)
                _unpack(model, archive, draft)
            else:
                _fetch(model, draft, from_dir, progress)
                if target.is_dir():  # no copy of the model, whatever it is
                    target.rename(draft.with_name(f"{draft.name}.old"))
    except OSError as error:
        raise FertoolError(f"cannot store {target}: {_reason(error)}", "is the disk full?") from error
    return target


def _fetch(model: Model, to: Path, from_dir: Path | None, progress: Progress | None) -> None:
    """Stream the file to `to`; FertoolError unless it arrived whole and with the right hash."""
    received = 0
    with _source(model, from_dir) as (stream, announced), to.open("wb") as out:
        size = model.size or announced
        while chunk := _read(stream, model, from_dir):
            out.write(chunk)
            received += len(chunk)
            if progress:
                progress(received, size)
            if size and received > size:
                break  # not our file: do not fill the disk with it
    if size and received != size:
        found = "more" if received > size else received
        raise _unusable(model, from_dir, f"expected {size} bytes, got {found}")
    if model.sha256 and (digest := sha256(to)) != model.sha256:
        raise _unusable(model, from_dir, f"expected SHA-256 {model.sha256}, got {digest}")


@contextmanager
def _source(model: Model, from_dir: Path | None) -> Iterator[tuple[BinaryIO, int]]:
    """The opened file or response, and its announced size in bytes (0: unknown)."""
    if from_dir is None:
        with _opened_url(model) as response:
            yield response
        return
    copy = from_dir / model.download
    if not copy.is_file():
        raise FertoolError(f"{copy} not found", f"download it on another machine from {model.url}")
    with copy.open("rb") as file:
        yield file, copy.stat().st_size


@contextmanager
def _opened_url(model: Model) -> Iterator[tuple[BinaryIO, int]]:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        response = urlopen(model.url, timeout=TIMEOUT_S)  # noqa: S310  (Model allows https and http only)
    except OSError as error:  # URLError, HTTPError and timeouts are all OSErrors
        if isinstance(error, HTTPError):
            error.close()  # it is the open response too
        raise _unreachable(model, error) from error
    with response:
        yield response, int(response.headers.get("Content-Length") or 0)


def _read(stream: BinaryIO, model: Model, from_dir: Path | None) -> bytes:
    from http.client import HTTPException

    try:
        return stream.read(_CHUNK)
    except (OSError, HTTPException) as error:
        if from_dir is None:
            raise _unreachable(model, error) from error
        raise FertoolError(f"cannot read {from_dir / model.download}: {_reason(error)}") from error


def _unreachable(model: Model, error: Exception) -> FertoolError:
    command = f"fertool models pull {model.name} --from DIR"
    hint = f"without network: download {model.url} elsewhere and run `{command}`"
    return FertoolError(f"cannot download model {model.name!r}: {_reason(error)}", hint)


def _unusable(model: Model, from_dir: Path | None, why: str) -> FertoolError:
    source = model.url if from_dir is None else from_dir / model.download
    hint = "try again" if from_dir is None else f"the right one is at {model.url}"
    return FertoolError(f"{source} is not the right file: {why}", hint)


def _reason(error: Exception) -> str:
    """The short part: `No space left on device` instead of `[Errno 28] ...: '/tmp/...'`."""
    return str(getattr(error, "strerror", None) or getattr(error, "reason", None) or error)


def _unpack(model: Model, archive: Path, into: Path) -> None:
    """Unpack a zip and record the hash of every file in it."""
    import zipfile

    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(into)  # drops absolute paths and `..` itself
    except zipfile.BadZipFile as error:
        raise FertoolError(f"model {model.name!r}: {model.download} is no whole zip file: {error}") from error
    sums = "".join(f"{digest}  {name}\n" for name, digest in _folder_digests(into).items())
    (into / SUMS).write_text(sums, encoding="utf-8")


def _recorded(model: Model) -> dict[str, str]:
    """The hashes written down when an archive was pulled."""
    lines = (models_dir() / model.file / SUMS).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("  ", 1) for line in lines)
    return {name: digest for digest, name in pairs}


def _folder_digests(folder: Path) -> dict[str, str]:
    """Name below the folder -> SHA-256 of every file but the list of sums, in order of the names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / SUMS)
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}
