"""The page of `fertool explain`: what it says of each face, and nothing that runs or is fetched."""

from __future__ import annotations

import re

import pytest

from fertool.report.explanation import Card, Figure, page

PICTURE = b"\xff\xd8\xff\xe0 not really"
CHANCES = {"happy": 0.91237, "contempt": 0.08, "neutral": 0.00763}
ANSWER = Figure(
    "compact", "3", label="happy", probabilities=CHANCES, face=PICTURE, heat=PICTURE + b"!",
    logit=2.5, logit_blurred=3.125, total=-0.6,
)  # fmt: skip
SMALL = Figure("khalid2025", "2", "not measured: the face has 20 px, below the 32 px of khalid2025")


def words(html: str) -> str:
    """What is read, from the heading on."""
    text = re.sub(r"<[^>]*>", " ", html.partition("<main")[2])
    return " ".join(text.partition(">")[2].split())


def test_a_face_with_an_answer_and_one_that_is_too_small() -> None:
    said = words(page([Card("student-01, week 1.mp4 at 0:01:30", (ANSWER, SMALL))]))
    assert said.startswith(
        "Where classifiers looked Each face as a network sees it, beside the pixels that its answer rests "
        "on. Orange pixels raise the network's figure for an expression, blue ones lower it, compared with "
        "the same face blurred. This file shows faces. Nothing of it is in the database. Delete it when you "
        "are done. student-01, week 1.mp4 at 0:01:30 compact version 3 as the network sees it map of “happy” "
        "Probabilities of compact happy 91.2 % contempt 8.0 % neutral 0.8 % The stronger the color, the more "
        "a pixel changed what compact says of “happy”; it does not say why, nor what the person feels. "
        "Figures of the map Logit of “happy”: 2.500, and 3.125 for the face blurred. Their difference is "
        "-0.625; the pixels sum up to -0.600. khalid2025 version 2 not measured: the face has 20 px, below "
        "the 32 px of khalid2025 How to read it, and how it is made "
    )


def test_every_face_has_its_heading_and_its_pictures() -> None:
    html = page([Card(f"student-0{i}", (ANSWER,) * i) for i in (1, 2)])
    assert re.findall(r'<h2 id="face-(\d)">(.*?)</h2>', html) == [("1", "student-01"), ("2", "student-02")]
    images = re.findall(
        r'<img src="data:image/jpeg;base64,(.*?)" width="240" height="240" alt="(.*?)">', html
    )
    assert len(images) == 6
    assert [alt for _, alt in images[:2]] == [
        "The face as compact sees it",
        "Pixels that raise or lower happy",
    ]
    assert images[0][0] != images[1][0]


def test_only_the_expression_that_is_explained_is_marked() -> None:
    html = page([Card("face.png", (ANSWER,))])
    rows = re.findall(r'<tr( class="asked")?><th scope="row">(.*?)</th>.*?width: ([\d.]+)%', html)
    assert rows == [(' class="asked"', "happy", "91.2"), ("", "contempt", "8.0"), ("", "neutral", "0.8")]


@pytest.mark.parametrize("title", ["<b>.png", "Ann & Bob", '"quoted"'])
def test_names_of_files_and_students_are_text(title: str) -> None:
    html = page([Card(title, (ANSWER,))])
    assert title not in html.partition("<main")[2].replace("&amp;", "")
    assert "<script" not in html
    assert "default-src 'none'; img-src data:" in html
    assert re.findall(r'(?:src|href)="(?!data:)(.*?)"', html) == []
