"""Judge lectures again: on demand, after an analysis, and where rules have changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fertool.errors import FertoolError
from fertool.text import plural
from fertool.types import LectureKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fertool.analysis.pipeline import Outcome
    from fertool.config import Settings
    from fertool.contracts import Rule
    from fertool.storage.store import Store
    from fertool.workflows.reporter import Reporter

    Judged = tuple[str, str, str, str]
    """(course, lecture, rule, version)."""


def analyzed(store: Store, course: str | None, lecture: str | None) -> list[LectureKey]:
    """Lectures with a finished run, of one course and lecture unless None: at least one.

    Raises FertoolError if there is none.
    """
    found = store.lectures(course, lecture)
    if not found:
        raise FertoolError(f"{store.database.path}: no analyzed lecture fits", "see `fertool runs`")
    return found


def after_analysis(
    store: Store,
    rules: Sequence[Rule],
    outcomes: Iterable[Outcome],
    recut: Iterable[LectureKey],
    reporter: Reporter,
) -> list[str]:
    """Judge the lectures with new observations, and those of `recut` with new segments; returns which rules
    failed, one sentence each."""
    from fertool.analysis import pipeline

    outcomes = list(outcomes)
    homes = {store.home(outcome.recording) for outcome in outcomes if outcome.changed}
    for course, lecture in {outcome.left for outcome in outcomes if outcome.left}:
        # What is said of the whole course counts the recording no more, even where its lecture is gone.
        homes.update(store.lectures(course, lecture) or store.lectures(course)[:1])
    result = pipeline.assess(store, rules, sorted({*recut, *(home for home in homes if home)}))
    for line in absent(result.absent):
        reporter.warning(line)
    return result.failed


def with_other_students(
    store: Store, rules: Sequence[Rule], lectures: Sequence[LectureKey], reporter: Reporter
) -> bool:
    """Judge lectures whose students changed; False if a rule failed, which is reported."""
    from fertool.analysis import pipeline

    if not lectures:
        return True
    result = pipeline.assess(store, rules, lectures)
    reporter.result(f"{plural(len(lectures), 'lecture')} judged again")
    for line in [*absent(result.absent), *result.failed]:
        reporter.warning(line)
    return not result.failed


def outdated(store: Store, settings: Settings) -> tuple[list[Judged], dict[str, str]]:
    """By what the lectures were judged whose latest assessments are of other versions of rules than those
    that are here, installed or named in fertool.toml; and the versions that are here.

    Assessments by a rule that is not here, such as one given with --plugin, are no reason.
    """
    from fertool.host import registry

    if not (judged := store.judged_by()):
        return [], {}
    try:
        rules = registry.load_plugins(map(Path, settings.plugins)).of_kind("rule")
    except FertoolError:
        return [], {}  # a file that fertool.toml names: reported by the commands that need it
    versions = {found.plugin.name: found.plugin.version for found in rules}
    lectures = {row[:2] for row in judged if versions.get(row[2], row[3]) != row[3]}
    if lectures:  # seldom, and to open the database takes 30 ms of every command
        lectures &= set(store.lectures())
    return [row for row in judged if row[:2] in lectures], versions


def renew(store: Store, settings: Settings, reporter: Reporter) -> None:
    """Judge the `outdated` lectures again, with the options of fertool.toml, and say so in one line.

    Assessments by rules that are not here are kept. What cannot be done now, for example in a database that
    cannot be written to, is reported.
    """
    from fertool.analysis import pipeline
    from fertool.host import toolbox

    judged, versions = outdated(store, settings)
    if not judged:
        return
    try:
        writable = type(store)(store.database.path, create=False, timeout_s=store.database.timeout_s)
        with writable.database.transaction():
            pass  # raises, before any work is done, unless the file can be written to
        lectures = sorted({LectureKey(course, lecture) for course, lecture, *_ in judged})
        result = pipeline.assess(writable, toolbox.toolbox(settings).rules, lectures, kept=True)
    except FertoolError as error:
        what = "rules have changed since lectures were judged, which could not be judged again"
        reporter.warning(f"{what}: {error}")
        return
    for line in (_changed(judged, versions), *absent(result.absent), *result.failed):
        reporter.warning(line)


def absent(rules: Mapping[str, tuple[int, int]]) -> list[str]:
    """Lines about rules that are not present but have judged before; `rules`: as `Result.absent`."""
    lines = []
    for rule, (kept, gone) in rules.items():
        if kept:
            lines.append(f"rule not present: {rule}; {plural(kept, 'assessment')} kept as before")
        if gone:
            why = "what they are about has changed"
            lines.append(
                f"rule not present: {rule}; {plural(gone, 'assessment')} no longer shown, since {why}"
            )
    return lines


def _changed(judged: Sequence[Judged], versions: Mapping[str, str]) -> str:
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
    return f"{plural(n, 'lecture')} judged again, since rules have changed: {', '.join(changed)}"
