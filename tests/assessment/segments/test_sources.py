"""One word for where segments come from: chapters, slides, parts, files."""

import cv2
import numpy as np
import pytest

from fertool.assessment.segments import Film, check, find, is_file, slides, usable
from fertool.errors import ConfigError, PluginError, VideoError
from fertool.media import probe
from fertool.media.display import View
from fertool.types import Segment

CHAPTERS = [("Intro", 0.0, 1.0), ("Main", 1.0, 2.4)]


def spans(segments):
    return [(s.title, s.start_s, s.end_s) for s in segments]


@pytest.mark.parametrize(
    ("source", "edges"),
    [("parts", [0, 300, 600]), ("parts:5m", [0, 300, 600]), ("parts:200s", [0, 200, 400, 600])],
)
def test_parts(source, edges):
    segments, notes = find(source, 600, [])
    assert [s.start_s for s in segments] + [segments[-1].end_s] == edges
    assert notes == []


BAD = [
    ("parts:0.2s", "expected parts of at least 1 s"),
    ("parts:keyframes", "expected parts of at least 1 s"),
    ("parts:soon", "sampling 'soon'"),
    ("chapter", "unknown source (chapters, slides"),
    ("points.md", "unknown source"),
    ("points.csv", "points.csv: cannot be read"),
    ("slides:1,2,3", "expected the screen share as X1,Y1,X2,Y2"),
    ("slides:9,0,3,4", "expected the screen share"),
]


@pytest.mark.parametrize(("source", "words"), BAD)
def test_a_bad_source_is_told_before_any_video(source, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        check(source)
    assert words in str(caught.value)


def test_a_file_is_checked_for_overlaps_beforehand(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("start,end\n0,60\n50,90\n")
    with pytest.raises(ConfigError, match=r"points\.csv:3: begins at 0:00:50"):
        check(str(file))
    file.write_text("start,end\n0,50\n50,90\n")
    check(str(file))
    assert is_file(str(file))
    assert not is_file("chapters")
    with pytest.raises(ConfigError, match="beyond the end"):
        find(str(file), 60, [])


def test_chapters_of_the_first_film_that_has_any(tmp_path, videos):
    bare = videos.write(tmp_path / "bare.mp4", 10)
    film = videos.write(tmp_path / "film.mp4", 60, chapters=CHAPTERS)
    segments, _ = find("chapters", 12.4, [Film(bare), Film(film, 10.0)])
    assert spans(segments) == [("Intro", 10.0, 11.0), ("Main", 11.0, 12.4)]
    with pytest.raises(ConfigError, match=r"bare\.mp4: no chapters in it \(try parts:5m"):
        find("chapters", 12.4, [Film(bare)])
    with pytest.raises(VideoError, match="no such file"):
        find("chapters", 12.4, [Film(tmp_path / "moved.mp4")])


def test_chapters_nobody_asked_for_count_if_they_make_sense():
    fine = [Segment(0, "A", 0.0, 50.0), Segment(1, "B", 50.0, 101.0)]
    assert spans(usable(fine, 100)) == [("A", 0.0, 50.0), ("B", 50.0, 100)]
    assert usable([Segment(0, "A", 5.0, 5.0)], 100) == []  # of no length
    assert usable([], 100) == []


# --- slides ---------------------------------------------------------------------------------------


def slide(number, size=(320, 192)):
    """A white slide with four lines of 'text', another one for each number."""
    image = np.full((size[1], size[0], 3), 245, np.uint8)
    for line in range(4):
        words = np.random.default_rng(10 * number + line).integers(0, 2, 30)
        for place in np.flatnonzero(words):
            y, x = 40 + 34 * line, 20 + 9 * place
            image[y : y + 12, x : x + 6] = 30
    return image


@pytest.fixture(scope="module")
def talk(videos, tmp_path_factory):
    """Slides change at 8, 20 and 22 s (leafed past) of 30; a lively camera picture on the right."""
    path, rng = tmp_path_factory.mktemp("slides") / "talk.mp4", np.random.default_rng(0)

    def picture(number, width=448, height=192):
        second = number / 5
        shown = sum(second >= change for change in (8, 20, 22))
        lively = rng.integers(0, 256, (24, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        return np.hstack([slide(shown), lively])

    patch = pytest.MonkeyPatch()
    patch.setattr(videos, "picture", picture)
    videos.write(path, 150, fps=5, size=(448, 192))
    patch.undo()
    return path


def test_slides_are_found_in_their_region(talk):
    pytest.importorskip("scenedetect")
    segments, _ = find("slides:0,0,320,192", 30, [Film(talk, 0.0)])
    assert spans(segments) == [("Slide 1", 0, 8), ("Slide 2", 8, 22), ("Slide 3", 22, 30)]


def test_slides_of_a_file_with_a_camera_say_where_they_were_looked_for(talk, videos, tmp_path):
    """The camera is the first stream, and the one that players take: no slide changes there."""
    pytest.importorskip("scenedetect")
    both = videos.changed(
        talk, tmp_path / "both.mp4", lambda image: image // 8 + 100, lambda image: image[:, :320]
    )
    looked = "both.mp4: slides were looked for in stream {} of 2, which was analyzed"
    segments, notes = find("slides", 30, [Film(both)])
    assert notes == [looked.format(1)]
    segments, notes = find("slides", 30, [Film(both, view=View(stream=2))])
    assert spans(segments) == [("Slide 1", 0, 8), ("Slide 2", 8, 22), ("Slide 3", 22, 30)]
    assert notes == [looked.format(2)]
    assert find("slides", 30, [Film(talk)])[1] == []


def test_a_region_outside_the_picture(talk):
    pytest.importorskip("scenedetect")
    with pytest.raises(ConfigError, match="not within the picture.*448x192"):
        slides.slide_edges(talk, (0, 0, 500, 100))


def test_slides_without_the_library_say_what_to_install(talk, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scenedetect", None)
    with pytest.raises(PluginError, match=r"pip install 'fertool\[slides\]'"):
        slides.slide_edges(talk)
    with pytest.raises(ConfigError, match="no recording"):
        find("slides", 30, [])


@pytest.mark.parametrize(
    ("edges", "kept"),
    [
        ([0.0], [0.0]),
        ([0.0, 3.0, 10.0], [0.0, 10.0]),  # a short first one is joined to the second
        ([0.0, 10.0, 12.0, 30.0], [0.0, 12.0, 30.0]),
        ([0.0, 58.0], [0.0]),  # a short last one to the one before
    ],
)
def test_leafing(edges, kept):
    assert slides._long_enough(edges, 60.0) == kept


def test_pictures_of_slides(talk):
    """The last frame before the change at 8 s, and the first one after it; between them there is none."""
    before, after = probe.probe(talk).index.times[39:41].tolist()
    found = slides.pictures(talk, {}, [before, 7.9, after], (0, 0, 320, 192))
    assert list(found) == [before, after]
    for number, jpeg in enumerate(found.values()):
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (192, 320, 3), "no larger than it is"
        assert np.abs(shown - slide(number).astype(float)).mean() < 12
    whole = slides.pictures(talk, {}, [0.0])[0.0]
    assert cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR).shape == (192, 448, 3)
    with pytest.raises(VideoError):
        slides.pictures(talk.parent / "gone.mp4", {}, [0.0])
    with pytest.raises(VideoError, match="in another shape"):
        slides.pictures(talk, {"pixels": "4:3"}, [0.0])
    turned = slides.pictures(talk, {"rotate": 90}, [0.0])[0.0]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (448, 192, 3)


def test_a_picture_of_a_slide_stands_upright(videos, tmp_path):
    """A recording that is turned by a quarter: the region is in pixels of the upright frame, 96 x 160."""
    path = videos.write(tmp_path / "turned.mp4", 5, rotation=90)
    upright = cv2.imdecode(np.frombuffer(slides.pictures(path, {}, [0.0])[0.0], np.uint8), cv2.IMREAD_COLOR)
    assert upright.shape == (160, 96, 3)
    part = slides.pictures(path, {}, [0.0], (10, 20, 90, 140))[0.0]
    shown = cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(shown - upright[20:140, 10:90].astype(float)).mean() < 8
