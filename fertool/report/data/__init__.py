"""All that a report knows: `lecture` reads one lecture, `digest` keeps what the rest of the site needs of it,
`course` puts digests in order, and `story` draws conclusions."""

from __future__ import annotations

from fertool.report.data.lecture import Lecture, Run, Summary, labels, load, median_step, named, shown_as

__all__ = ["Lecture", "Run", "Summary", "labels", "load", "median_step", "named", "shown_as"]
