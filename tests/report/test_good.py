"""Where more of the class than usual was happy, surprised or seen, as pages say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sites import read, teach

if TYPE_CHECKING:
    from pathlib import Path

    from fertool.storage.store import Store

TITLE = {
    "en": "Where more than usual were happy, surprised or seen",
    "de": "Wo mehr als üblich fröhlich, überrascht oder zu sehen waren",
}
SMILES, COMES = "neutral*60 happy*30 neutral*90", "absent*60 neutral*30 absent*90"
CASES = [
    # what each of n students shows; students, and what the lecture's page says in English and in German
    (
        SMILES,
        5,
        "0:01:00 to 0:01:30, part 1: 100 % of the class happy or surprised on average",
        "0:01:00 bis 0:01:30, part 1: im Mittel 100 % der Klasse fröhlich oder überrascht",
    ),
    (
        COMES,
        5,
        "0:01:00 to 0:01:30, part 1: 100 % of the class seen on average",
        "0:01:00 bis 0:01:30, part 1: im Mittel 100 % der Klasse gesehen",
    ),
    ("happy*180", 5, "At no time was much more of the class", "Zu keiner Zeit war viel mehr von der Klasse"),
    (
        "neutral*180",
        12,
        "At no time was much more of the class",
        "Zu keiner Zeit war viel mehr von der Klasse",
    ),
    (SMILES, 4, "held back: fewer than 5 students", "zurückgehalten: weniger als 5 Studierende"),
    (SMILES, 2, "held back: fewer than 5 students", "zurückgehalten: weniger als 5 Studierende"),
]


@pytest.mark.parametrize(("spec", "n", "english", "german"), CASES)
def test_good_moments_in_words(
    store: Store, tmp_path: Path, spec: str, n: int, english: str, german: str
) -> None:
    teach(store, {f"s{i:02d}": spec for i in range(n)})
    for lang, words in (("en", english), ("de", german)):
        pages = read(store, tmp_path / lang, k=5, lang=lang)
        after = pages["lectures 0"].split(TITLE[lang])[1]
        assert words in after[:400]
        told = TITLE[lang] in pages["index"]
        assert told == ("100 %" in words), "the course's page names moments, not their absence"
        assert not told or words in pages["index"]


@pytest.mark.parametrize("lang", ["en", "de"])
def test_one_learner_is_no_class(store: Store, tmp_path: Path, lang: str) -> None:
    teach(store, {"Ada": SMILES})
    pages = read(store, tmp_path / "site", k=5, lang=lang)
    assert not [name for name, text in pages.items() if TITLE[lang] in text]
