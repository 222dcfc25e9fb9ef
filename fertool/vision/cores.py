"""The number of processor cores this process may use."""

from __future__ import annotations

import os


def cores() -> int:
    """`OMP_NUM_THREADS` if it is set, as numerical libraries read it too (and Ray sets it for its workers);
    else all there are. At least 1."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else os.cpu_count() or 1
