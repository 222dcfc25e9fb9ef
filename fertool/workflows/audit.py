"""The record of which command showed or changed whose data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fertool.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fertool.storage.store import Store

log = logging.getLogger(__name__)


def record(
    store: Store,
    command: str,
    course: str | None = None,
    students: Iterable[str] = (),
    what: str = "",
    lecture: str | None = None,
) -> None:
    """Write to the audit that a command read or wrote personal data.

    A database that cannot be written to, a copy on a stick for example, can still be read: the log says so.
    """
    from fertool.storage.audit import Audit
    from fertool.storage.database import Database

    try:
        database = store.database
        if database.read_only:
            database = Database(database.path, create=False)
        Audit(database).record(command, course, students, what, lecture)
    except StoreError as error:
        log.warning("this is not in the audit: %s", error)
