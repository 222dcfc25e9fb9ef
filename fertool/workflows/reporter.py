"""Progress and messages of a workflow, for any renderer: nothing, lines, JSON lines, a live screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fertool.analysis.run import Analysis
    from fertool.distributed.scheduler import Scheduler
    from fertool.media.remote import File


class Reporter:
    """Receives what a workflow has to say. This one shows nothing; a renderer overrides what it shows."""

    def message(self, text: str) -> None:
        """One line about a recording."""

    def warning(self, text: str) -> None:
        """One line that asks for attention: what is wrong, and what to do."""

    def result(self, text: str) -> None:
        """One line about something that was changed."""

    def removed(self, rows: Mapping[str, int]) -> None:
        """Rows were deleted; `rows`: table -> how many."""

    # --- one recording after the other, in this process ---

    def video(self, file: File) -> None:
        """The next recording is being opened."""

    def started(self, planned: int, done: int) -> None:
        """Measuring begins, or goes on after `done` of the `planned` samples."""

    def advanced(self, samples: int, faces: int, time_s: float) -> None:
        """`samples` more are measured, up to `time_s` of the recording, with `faces` faces."""

    # --- several recordings at once, on workers ---

    def notified(self, scheduler: Scheduler) -> None:
        """Called about once a second while workers measure."""

    def ingesting(self, analysis: Analysis, number: int, count: int) -> None:
        """Called before each recording is taken into the database, the first one is number 0."""

    def failed(self, file: str, reason: str) -> None:
        """A recording that workers could not measure."""


class Aside(Reporter):
    """Passes on what is reported; results as messages, since they are not what the user asked for."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter

    def message(self, text: str) -> None:
        """Passed on."""
        self.reporter.message(text)

    def warning(self, text: str) -> None:
        """Passed on."""
        self.reporter.warning(text)

    def result(self, text: str) -> None:
        """Passed on as a message."""
        self.reporter.message(text)
