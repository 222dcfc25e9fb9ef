"""Marks of difficulty: what a lecturer may type, and what is said of anything else."""

from pathlib import Path

import pytest

from fertool import Segment, difficulty
from fertool.errors import ConfigError
from fertool.testing import context

MARKS = [
    # as typed, whether it says difficult; None: not understood
    ("", False),  # nobody said
    ("  ", False),
    ("hard", True),
    ("Hard", True),
    (" HARD ", True),
    ("difficult", True),
    ("high", True),
    ("very hard", True),
    ("Quite  difficult", True),
    ("easy", False),
    ("very easy", False),
    ("medium", False),
    ("normal", False),
    ("low", False),
    ("schwer", True),
    ("Schwierig", True),
    ("hoch", True),
    ("sehr schwer", True),
    ("ziemlich schwierig", True),
    ("recht schwer", True),
    ("leicht", False),
    ("sehr einfach", False),
    ("mittel", False),
    ("sehr hard", True),  # two languages in one mark
    ("1", False),
    ("3", False),
    ("3.9", False),
    ("4", True),
    ("4.0", True),
    (" 5 ", True),
    ("0", None),  # not on the scale
    ("6", None),
    ("-4", None),
    ("nan", None),
    ("4/5", None),
    ("very 4", None),  # a number has no degree
    ("very", None),  # a degree alone
    ("hard very", None),
    ("not hard", None),
    ("hrad", None),
    ("hardly", None),
    ("schwere", None),
]


@pytest.mark.parametrize(("mark", "difficult"), MARKS)
def test_marks(mark, difficult):
    assert difficulty.says_difficult(mark) is difficult
    part = Segment(0, "Proof", 0.0, 300.0, mark)
    assert part.difficult is difficult
    assert context(segment=part).difficult is difficult


def test_a_rule_of_a_wider_scope_has_no_mark():
    assert context(segment=None).difficult is False


@pytest.mark.parametrize(("mark", "difficult"), MARKS)
def test_what_is_not_understood_is_refused_where_it_is_typed(mark, difficult):
    if difficult is None:
        with pytest.raises(ConfigError) as caught:
            difficulty.checked("points.csv:4", mark)
        assert caught.value.message == f"points.csv:4: difficulty {mark!r} is not understood"
    else:
        assert difficulty.checked("points.csv:4", mark) == mark


HINTS = [
    # typed, what the hint begins with
    ("hrad", "did you mean 'hard'? difficult: hard, "),
    ("very Hrad", "did you mean 'hard'? difficult: hard, "),
    ("schwehr", "did you mean 'schwer'? difficult: hard, "),
    ("xyz", "difficult: hard, difficult, high, schwer, schwierig, hoch; not difficult: easy, "),
    ("9", "difficult: hard, difficult, high, "),
]


@pytest.mark.parametrize(("mark", "words"), HINTS)
def test_the_hint_lists_the_words(mark, words):
    with pytest.raises(ConfigError) as caught:
        difficulty.checked("points.csv:4", mark)
    hint = caught.value.hint
    assert hint.startswith(words)
    for known in ("schwierig", "medium", "leicht", "very", "ziemlich"):
        assert f" {known}" in hint
    assert hint.endswith("; or a number from 1 to 5, difficult from 4 on")
    assert "\n" not in hint


def test_every_language_of_the_report_has_words():
    folder = Path(difficulty.__file__).parent / "report" / "languages"
    assert set(difficulty.LANGUAGES) == {file.stem for file in folder.glob("*.toml")}


def test_no_word_says_both():
    for words in difficulty.LANGUAGES.values():
        assert words.difficult
        assert words.other
        assert words.degrees
    said = [word for words in difficulty.LANGUAGES.values() for word in words.difficult]
    assert all(difficulty.says_difficult(word) for word in said)
    others = [word for words in difficulty.LANGUAGES.values() for word in words.other]
    assert not any(difficulty.says_difficult(word) for word in others)
    every = {*said, *others, *(word for words in difficulty.LANGUAGES.values() for word in words.degrees)}
    assert every == {word.casefold() for word in every}


def test_the_readme_says_the_same():
    page = (Path(__file__).parents[1] / "fertool" / "assessment" / "README.md").read_text(encoding="utf-8")
    section = page.split("\n## Segments\n")[1].split("\n## ")[0]
    for words in difficulty.LANGUAGES.values():
        for word in (*words.difficult, *words.other, *words.degrees):
            assert f"`{word}`" in section
    scale = f"from {difficulty.LOWEST} to {difficulty.HIGHEST}, difficult from {difficulty.HARD_FROM} on"
    assert scale in " ".join(section.split())
