"""Assessments of rules that have changed since: the next command assesses these lectures again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fertool.cli.terminal.options import absent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fertool.config import Settings
    from fertool.storage.store import Store

    Judged = tuple[str, str, str, str]
    """(course, lecture, rule, version)."""


def renew(store: Store, chosen: Settings) -> None:
    """Judge again the lectures whose latest assessments are of other versions of rules than those that are
    here, installed or named in fertool.toml; with the options of fertool.toml. Says so in one line.

    Assessments by a rule that is not here, such as one given with --plugin, are no reason, and are kept. What
    cannot be done now, for example in a database that cannot be written to, is said.
    """
    from fertool.analysis import pipeline
    from fertool.errors import FertoolError
    from fertool.host import registry, toolbox

    if not (judged := store.judged_by()):
        return
    try:
        rules = registry.load_plugins(map(Path, chosen.plugins)).of_kind("rule")
    except FertoolError:
        return  # a file that fertool.toml names: told by the commands that need it
    versions = {found.plugin.name: found.plugin.version for found in rules}
    lectures = {row[:2] for row in judged if versions.get(row[2], row[3]) != row[3]}
    if not (lectures := lectures.intersection(store.lectures())):
        return
    try:
        writable = type(store)(store.database.path, create=False, timeout_s=store.database.timeout_s)
        with writable.database.transaction():
            pass  # raises, before any work is done, unless the file can be written to
        result = pipeline.assess(writable, toolbox.toolbox(chosen).rules, sorted(lectures), kept=True)
    except FertoolError as error:
        what = "rules have changed since lectures were judged, which could not be judged again"
        print(f"fertool: {what}: {error}", file=sys.stderr)
        return
    told = _told([row for row in judged if row[:2] in lectures], versions)
    for line in (told, *absent(result.absent), *result.failed):
        print(f"fertool: {line}", file=sys.stderr)


def _told(judged: Sequence[Judged], versions: Mapping[str, str]) -> str:
    """`judged`: by what the lectures were judged before; `versions`: of the rules that are here."""
    before: dict[str, set[str]] = {}
    for _, _, rule, version in judged:
        before.setdefault(rule, set()).add(version)
    changed = [
        f"{rule} {versions[rule]} (was {', '.join(sorted(old))})"
        for rule, given in before.items()
        if rule in versions and (old := given - {versions[rule]})
    ]
    n = len({row[:2] for row in judged})
    return f"{n} lecture{'' if n == 1 else 's'} judged again, since rules have changed: {', '.join(changed)}"
