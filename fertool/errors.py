"""Errors that a user can act on. Anything else is a bug and keeps its traceback."""

from __future__ import annotations


class FertoolError(Exception):
    """What went wrong, where, what was expected and what was found; `hint` says what to do.

    The command line prints it in one line and exits with code 2.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


def reason(error: Exception) -> str:
    """The error in one line, for a list of what failed; one that is not a FertoolError is a bug."""
    if isinstance(error, FertoolError):
        return str(error)
    return f"internal error: {type(error).__name__}: {error}"


class VideoError(FertoolError):
    """A recording that cannot be read: missing, empty, no video stream, unknown codec."""


class PluginError(FertoolError):
    """A plugin that is unknown, broken, or returned something its contract does not allow."""


class StoreError(FertoolError):
    """A database that is locked, newer than this fertool, or not a fertool database."""


class ConfigError(FertoolError):
    """An option or a configuration file that does not say something we understand."""
