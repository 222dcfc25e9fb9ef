"""Standard streams and signals, as terminals, pipes and schedulers have them."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fertool.errors import ConfigError

if TYPE_CHECKING:
    from types import FrameType

NOWHERE = Path(os.devnull)
ENDED = ("SIGTERM", "SIGHUP")
"""Signals that end a command as Ctrl-C does, where the platform has them."""
INTERRUPTED, UNWRITABLE = 130, 1
"""Exit codes after Ctrl-C, and where the output could not be written, as the tools of a shell have them."""
_notes = logging.StreamHandler()
"""Of the log, on standard error."""
_received: list[int] = []
"""The signal that ended this command, if any."""


def prepare() -> None:
    """What cannot be shown is replaced, a closed stream takes everything and shows nothing, notes of the log
    stand on standard error, and signals that end a command do so as Ctrl-C does."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: `>&-`
            setattr(sys, name, NOWHERE.open("w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    _notes.stream = sys.stderr  # `setStream` would flush the one of an earlier command in this process
    _notes.setFormatter(logging.Formatter("fertool: %(message)s"))
    _notes.setLevel(logging.WARNING)
    logger = logging.getLogger("fertool")
    for former in logger.handlers:  # of an earlier command in this process
        former.close()
    logger.handlers = [_notes]
    with suppress(ValueError):  # not in the main thread
        for name in ENDED:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _stop)
        told, tells = socket.socketpair()
        tells.setblocking(False)
        signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=_interrupt, args=(told, tells), name="signals", daemon=True).start()


def log_steps(*, verbose: bool, file: Path | None) -> None:
    """Steps of the work go to standard error (`verbose`) and to the end of a file, one line each.

    Raises ConfigError for a file that cannot be written.
    """
    logger = logging.getLogger("fertool")
    if verbose:
        _notes.setLevel(logging.INFO)
    if file is not None:
        try:
            lines = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            what = f"--log-file {file}: cannot be written: {error.strerror}"
            raise ConfigError(what, "check the folder") from error
        lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(lines)
    logger.setLevel(logging.INFO if verbose or file is not None else logging.NOTSET)


def utf8() -> None:
    """From here on standard output is data, which is UTF-8 wherever it goes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")


def code(error: SystemExit) -> int:
    """130 after Ctrl-C, 143 after SIGTERM, with a line where the command itself said none."""
    found = error.code if isinstance(error.code, int) else 0
    if found != INTERRUPTED:
        return found
    if isinstance(getattr(error.__context__, "__cause__", None), KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
    return 128 + _received[0] if _received else found


def fault(*, probe: bool = False) -> OSError | None:
    """Why standard output takes nothing more (full, or its reader is gone), if so; what waits is written.

    `probe`: after an error, which may have thrown away what was waiting.
    """
    try:
        if probe:
            sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError as error:
        # Else the interpreter tries once more at its end, and says so with a traceback.
        with suppress(OSError, ValueError), NOWHERE.open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return error
    return None


def unwritable(error: OSError) -> int:
    """Say that the output is lost, in one line; the exit code. A reader that is gone (`| head`) is no error
    to talk about: 141, as after SIGPIPE."""
    if isinstance(error, BrokenPipeError):
        return 128 + 13
    print(f"fertool: cannot write to standard output: {error.strerror}", file=sys.stderr)
    return UNWRITABLE


def _interrupt(told: socket.socket, tells: socket.socket) -> None:
    """A signal's handler runs when Python goes on, which a long statement of DuckDB prevents: end it.

    `tells` is kept, since the signal module has the number of its file only.
    """
    while told.recv(1):
        database = sys.modules.get("fertool.storage.database")
        if database is not None:
            database.interrupt()
    tells.close()


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    _received.append(number)
    raise KeyboardInterrupt
