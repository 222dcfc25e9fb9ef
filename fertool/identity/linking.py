"""Linking: from the tracks of one run to the students of the course.

An uncertain person is a new student, rather than the wrong one; a still picture is nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fertool.identity import corrections, matching
from fertool.storage.student_labels import number
from fertool.vision import gallery_tiles, still_faces

if TYPE_CHECKING:
    from fertool.storage.runs import Recording, Run
    from fertool.storage.store import Store
    from fertool.types import Floats


def link(
    store: Store, run: Run, recording: Recording, same_person: float, model: str, student: str | None = None
) -> tuple[dict[str, str], list[str]]:
    """Track -> student for the whole run, and notes for the user.

    `same_person`: distance of embeddings up to which two are one person; `model`: what makes the embeddings;
    `student`: label of the only person of a webcam recording.
    """
    tracks = store.tracks(run.id)
    people, pictures, notes = _people(tracks, same_person, run.planned)
    named = [student] if student and people else []
    for name in named:
        store.students.know(recording.course, name)
    known = decided(store, recording.course, recording.id, run.id)
    settled = corrections.settle([person["track"].to_list() for person in people[len(named) :]], known)
    open_ = [person for person, label in zip(people[len(named) :], settled, strict=True) if label is None]
    found = iter(_labels(store, open_, recording, same_person, model, {*named, *known.values()}))
    labels = [*named, *(next(found) if label is None else label for label in settled)]
    students = {
        track: label for label, person in zip(labels, people, strict=True) for track in person["track"]
    } | known
    if named and len(people) > 1:
        notes.append(f"{len(people)} people found; {named[0]!r} is the one on screen longest")
    lost = len(tracks) - len(students) - len(pictures - students.keys())
    if lost:
        notes.append(f"{lost} of {len(tracks)} tracks could not be assigned to a student")
    return students, notes


def decided(store: Store, course: str, recording: str, run: str) -> dict[str, str]:
    """Track -> label, for the tracks of a run that a lecturer's decisions are about."""
    decisions = store.corrections.all(course, recording)
    return {} if decisions.is_empty() else corrections.apply(decisions, store.boxes(run))


def _people(
    tracks: pl.DataFrame, same_person: float, planned: int
) -> tuple[list[pl.DataFrame], set[str], list[str]]:
    """The tracks of each person, most time on screen first; the tracks of pictures; notes for the user.

    Somebody seen in fewer than three samples of a longer recording is more likely a false detection.
    """
    known = tracks.filter(pl.col("embedding").is_not_null())
    if known.is_empty():
        return [], set(), []
    hints, notes = _places(known, same_person)
    labels = matching.link(_embeddings(known), _spans(known), same_person, hints)
    groups = [known.filter(labels == label) for label in range(int(labels.max()) + 1)]
    if pictures := sum(bool(_still(group).any()) for group in groups):
        notes.append(f"{pictures} still picture{'s were' if pictures > 1 else ' was'} left out")
    least = min(3, 1 + planned // 10)
    alive = [_alive(group) for group in groups]
    shown = {*known["track"]} - {track for person in alive for track in person["track"]}
    longest = int(known["samples"].to_numpy().max())
    people = [person for person in alive if _enough(person["samples"].to_numpy(), least, longest)]
    return sorted(people, key=lambda person: -person["samples"].sum()), shown, notes


def _enough(samples: Any, least: int, longest: int) -> bool:
    """Whether tracks of (n,) samples each, n may be 0, are somebody's: `least` together, and not one at a
    time where others are followed, up to `longest`: those are rather poor looks at one of the others."""
    return len(samples) > 0 and samples.sum() >= least and samples.max() >= min(2, longest)


def _alive(group: pl.DataFrame) -> pl.DataFrame:
    """Without the tracks that show a picture; and nothing at all if the rest is too short to tell."""
    rest = group.filter(~_still(group))
    if len(rest) < len(group) and not (rest["change"] >= still_faces.STILL).any():
        return rest.clear()
    return rest


def _still(tracks: pl.DataFrame) -> pl.Series:
    long = tracks["last_s"] - tracks["first_s"] >= still_faces.LONG_S
    return (long & (tracks["change"] < still_faces.STILL)).fill_null(False)


def _places(tracks: pl.DataFrame, same_person: float) -> tuple[matching.Pairs | None, list[str]]:
    """What places say of who is who, and a note if people changed places."""
    if tracks["first_box"].null_count():
        return None, []
    spans = _spans(tracks)
    first, last = (np.array(tracks[name].to_list(), np.float32) for name in ("first_box", "last_box"))
    limit = matching.HINTED * same_person
    found = gallery_tiles.changes(_embeddings(tracks), spans, first, last, limit)
    shuffled = ", ".join(f"{time:.0f} s" for time in gallery_tiles.shuffles(found, spans))
    return gallery_tiles.hints(found, spans), [f"people changed places at {shuffled}"] if shuffled else []


def _labels(
    store: Store,
    people: list[pl.DataFrame],
    recording: Recording,
    same_person: float,
    model: str,
    decided: set[str],
) -> list[str]:
    """Who of the course each person is; new students for the uncertain ones.

    `decided`: students whose tracks in this recording are settled already; nobody else is one of them.
    """
    course = recording.course
    own = store.students.own(course, recording.id)
    # What this recording itself showed before must not count: it is analyzed again.
    roster = store.students
    known = roster.prototypes(course, model=model, without=recording.id)
    sure = {*own, *roster.enrolled(course, model=model)}
    known = {
        label: rows
        for label, rows in known.items()
        if label not in decided and (label in sure or not _younger(label, own))
    }
    faces, together = [_embeddings(person) for person in people], _together(people)
    found = matching.assign(faces, together, known, same_person)
    # A number given in this recording before is kept, although another person may look alike.
    left = {label: rows for label, rows in known.items() if label in own and label not in found}
    open_ = [i for i, label in enumerate(found) if label is None]
    again = matching.assign(
        [faces[i] for i in open_], together[np.ix_(open_, open_)], left, same_person, margin=0
    )
    for i, label in zip(open_, again, strict=True):
        found[i] = label
    fresh = iter(store.students.claim(course, recording.id, found.count(None), {*known, *decided}))
    return [next(fresh) if label is None else label for label in found]


def _younger(label: str, own: list[str]) -> bool:
    """Whether a pseudonym was given after this recording was first looked at. To be matched with it now
    would give a person of this recording another number than before."""
    numbers = [given for name in (label, *own[:1]) if (given := number(name)) is not None]
    return len(numbers) == 2 and numbers[0] > numbers[1]


def _together(people: list[pl.DataFrame]) -> matching.Bools:
    """(n, n): were two people seen at the same time?"""
    if not people:
        return np.zeros((0, 0), bool)
    ends = np.cumsum([len(person) for person in people])
    groups = np.split(np.arange(ends[-1]), ends[:-1])
    return matching.seen_together(_spans(pl.concat(people)), groups)


def _embeddings(tracks: pl.DataFrame) -> Floats:
    return np.array(tracks["embedding"].to_list(), np.float32)


def _spans(tracks: pl.DataFrame) -> matching.Doubles:
    return tracks.select("first_s", "last_s").to_numpy()
