"""`fertool explain`: the page, what is said, and whose faces are not shown."""

from __future__ import annotations

import base64
import re
import shutil
import stat
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from make_video import changed

from fertool.demo import gallery
from fertool.storage.store import Store

TODAY = date.today()
ANN, BOB = "student-01", "student-02"
"""In the small video: Ann all the time, Bob in its first three and a half seconds."""
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.fixture(scope="module")
def watched(small_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small video, analyzed: its database."""
    from fertool.config import Settings
    from fertool.workflows.analyze import analyze
    from fertool.workflows.plan import Arguments

    folder = tmp_path_factory.mktemp("watched")
    shutil.copy(small_video, folder / "two.mp4")
    chosen = Settings(db=str(folder / "fertool.duckdb"), course="signals")
    analyze(Arguments((str(folder / "two.mp4"),), lecture="week 1"), chosen)
    return folder


@pytest.fixture
def folder(watched: Path, tmp_path: Path) -> Path:
    """A copy of it: the current folder."""
    shutil.copytree(watched, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`smile.png`, `two.png` with two people, `none.png`, and `small.png`: a face of 25 pixels in a room."""
    path = tmp_path_factory.mktemp("portraits")
    one, other = (np.ascontiguousarray(gallery.portraits()[i]) for i in (0, 1))
    height = min(len(one), len(other))
    room = np.full((240, 320, 3), 120, np.uint8)
    room[60:100, 90:138] = cv2.resize(one, (48, 40), interpolation=cv2.INTER_AREA)
    for name, image in {
        "smile": one,
        "two": np.hstack([one[:height], other[:height]]),
        "none": np.full((200, 300, 3), 255, np.uint8),
        "small": room,
    }.items():
        cv2.imwrite(str(path / f"{name}.png"), image)
    (path / "words.png").write_text("no picture")
    return path


def stored(folder: Path, time_s: float) -> dict[str, dict[str, Any]]:
    """Student -> what is stored of the face at that time."""
    sql = "FROM frame_emotions WHERE time_s = $t"
    return {row["student"]: row for row in Store(folder / "fertool.duckdb").query(sql, t=time_s).to_dicts()}


def tables(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table with all of its rows, but the audit."""
    store = Store(folder / "fertool.duckdb")
    names = store.query("SELECT table_name FROM duckdb_tables() ORDER BY 1")["table_name"]
    return {name: store.query(f"FROM {name} ORDER BY ALL").rows() for name in names if name != "audit"}


def audit(folder: Path) -> list[tuple[Any, ...]]:
    log = (
        Store(folder / "fertool.duckdb").audit.log().select("command", "course", "lecture", "student", "what")
    )
    return [row for row in log.rows() if row[0] == "explain"]


def chances(page: str) -> list[dict[str, float]]:
    """The tables of a page, in order."""
    found = re.findall(r'<table class="chances">(.*?)</table>', page, re.DOTALL)
    row = r'<th scope="row">(.*?)</th><td class="num">(.*?) %</td>'
    return [{label: float(value) / 100 for label, value in re.findall(row, table)} for table in found]


# --- a moment -------------------------------------------------------------------------------------


def test_a_moment_shows_everybody_as_analyze_saw_them(fertool, folder: Path) -> None:
    """What is read of each face is what is stored, so the face was cut as `analyze` cut it."""
    seen, before = stored(folder, 2), tables(folder)
    done = fertool("explain", "two.mp4", "--at", "0:02")
    assert done.err == ""
    lines = [
        f"{who}, two.mp4 at 0:00:02: compact: {row['emotion']} {row[row['emotion']]:.1%}"
        for who, row in sorted(seen.items())
    ]
    assert done.out.splitlines() == [*lines, str(folder / "fertool-explain.html")]
    assert len(lines) == 2
    page = (folder / "fertool-explain.html").read_text(encoding="utf-8")
    for found, row in zip(chances(page), (seen[ANN], seen[BOB]), strict=True):
        assert found == pytest.approx({label: row[label] for label in EXPRESSIONS}, abs=0.0006)
    assert tables(folder) == before
    where = "two.mp4 at 0:00:02"
    assert audit(folder) == [("explain", "signals", "week 1", who, where) for who in (ANN, BOB)]


def test_the_page_is_one_file_for_its_owner(fertool, folder: Path) -> None:
    done = fertool("explain", "two.mp4", "--at", "5", "--out", "seen.html", "--expression", "sad")
    assert done.code == 0, done.err
    file = folder / "seen.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    page = file.read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)(.*?)"', page) == []
    pictures = [
        cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
        for text in re.findall(r'src="data:image/jpeg;base64,(.*?)"', page)
    ]
    assert [picture.shape for picture in pictures] == [(240, 240, 3)] * 2  # Bob has left
    colors = [np.ptp(picture.astype(int), axis=2).max() for picture in pictures]
    assert colors[0] < 40 < 120 < colors[1]  # a gray face, and colors over it
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert f"{ANN}, two.mp4 at 0:00:05 compact version" in text
    sentence = "The stronger the color, the more a pixel changed what compact says of “sad”; "
    assert f"{sentence}it does not say why, nor what the person feels." in text
    assert "This file shows faces. Nothing of it is in the database. Delete it when you are done." in text


def test_one_student_and_several_classifiers(fertool, folder: Path) -> None:
    done = fertool("explain", "two.mp4", "--at", "1", "--student", BOB, "--classifier", "compact+khalid2025")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line.rpartition(": ")[0] for line in lines[:-1]] == [
        f"{BOB}, two.mp4 at 0:00:01: {name}" for name in ("compact", "khalid2025")
    ]
    assert [row[3] for row in audit(folder)] == [BOB]
    page = (folder / "fertool-explain.html").read_text(encoding="utf-8")
    assert len(chances(page)) == 2
    assert page.count("<img ") == 4


def test_a_recording_is_known_by_its_bytes(fertool, folder: Path) -> None:
    """Moved and renamed since it was analyzed."""
    (folder / "elsewhere").mkdir()
    (folder / "two.mp4").rename(folder / "elsewhere" / "other.mp4")
    done = fertool("explain", "elsewhere/other.mp4", "--at", "1", "--student", ANN)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{ANN}, two.mp4 at 0:00:01: compact: ")


def test_a_recording_that_was_turned_is_turned(fertool, small_video: Path, tmp_path: Path) -> None:
    """With a detector that is not the default: what the run was made with counts."""
    changed(small_video, tmp_path / "lies.mp4", lambda image: np.rot90(image, -1))
    words = ("--rotate", "90", "--detector", "ssd", "-o", "ssd.threshold=0.4", "--every", "2s")
    assert fertool("analyze", "lies.mp4", *words).code == 0
    done = fertool("explain", "lies.mp4", "--at", "2")
    assert done.code == 0, done.err
    page = (tmp_path / "fertool-explain.html").read_text(encoding="utf-8")
    seen = [row for _, row in sorted(stored(tmp_path, 2).items())]
    assert len(seen) == 2
    for found, row in zip(chances(page), seen, strict=True):
        assert found == pytest.approx({label: row[label] for label in EXPRESSIONS}, abs=0.0006)


def test_a_stream_of_its_own(fertool, small_video: Path, tmp_path: Path) -> None:
    empty = np.full((240, 320, 3), 90, np.uint8)
    changed(small_video, tmp_path / "talk.mp4", lambda _: empty, lambda image: image)
    assert fertool("analyze", "talk.mp4", "--stream", "2", "--every", "2s").code == 0
    done = fertool("explain", "talk.mp4", "--at", "2", "--stream", "2")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 3
    for words in ((), ("--stream", "1")):
        done = fertool("explain", "talk.mp4", "--at", "2", *words)
        assert done.code == 2
        assert "talk.mp4: no analysis of this stream of a recording with these bytes in " in done.err


# --- who may be shown -----------------------------------------------------------------------------


def test_who_refuses_is_not_shown(fertool, folder: Path) -> None:
    Store(folder / "fertool.duckdb").consents.answer("signals", BOB, withdrawn=TODAY)
    alone = fertool("explain", "two.mp4", "--at", "1")
    assert alone.code == 0, alone.err
    assert [line.partition(",")[0] for line in alone.out.splitlines() if ": compact: " in line] == [ANN]
    (folder / "fertool-explain.html").unlink()
    named = fertool("explain", "two.mp4", "--at", "1", "--student", BOB)
    assert (named.code, named.out) == (2, "")
    assert named.err.splitlines()[-1] == (
        "fertool: student-02 of course signals refuses: nothing of this student is shown "
        "(`fertool students consent` records that this has changed)"
    )
    assert not (folder / "fertool-explain.html").exists()
    assert [row[3] for row in audit(folder)] == [ANN]


def test_where_consent_is_required_silence_is_not_consent(fertool, folder: Path) -> None:
    (folder / "fertool.toml").write_text('consent = "required"\n')
    nobody = fertool("explain", "two.mp4", "--at", "1")
    assert (nobody.code, nobody.out) == (2, "")
    assert nobody.err == (
        "fertool: two.mp4 at 0:00:01: nobody who may be shown is seen there "
        "(nor at any other time of the recording)\n"
    )
    Store(folder / "fertool.duckdb").consents.answer("signals", ANN, given=TODAY)
    one = fertool("explain", "two.mp4", "--at", "1")
    assert one.code == 0, one.err
    assert len(one.out.splitlines()) == 2
    named = fertool("explain", "two.mp4", "--at", "1", "--student", BOB)
    assert (named.code, named.out) == (2, "")
    assert named.err == (
        "fertool: student-02 of course signals: consent is required, and none of this student's is in force "
        "(see `fertool students show`)\n"
    )


def test_a_recording_without_expressions_stays_so(fertool, folder: Path) -> None:
    """Analyzed under the policy `behaviour`, it is not explained under another one."""
    words = ("--course", "signals", "--lecture", "week 1", "--policy", "behaviour")
    assert fertool("analyze", "two.mp4", *words).code == 0
    done = fertool("explain", "two.mp4", "--at", "1", "--policy", "full")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "fertool: two.mp4: was analyzed under the policy behaviour, which switches expressions off "
        "(`fertool policy explain` says why)\n"
    )


@pytest.mark.parametrize("words", [("smile.png",), ("two.mp4", "--at", "1")])
@pytest.mark.parametrize("where", ["flag", "file"])
def test_the_policy_behaviour_refuses(fertool, folder: Path, portraits: Path, words, where: str) -> None:
    shutil.copy(portraits / "smile.png", folder)
    if where == "file":
        (folder / "fertool.toml").write_text('policy = "behaviour"\n')
    done = fertool("explain", *words, *(("--policy", "behaviour") if where == "flag" else ()))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "fertool: explain reads expressions, which the policy behaviour switches off "
        "(`fertool policy explain` says why)\n"
    )
    assert not [*folder.glob("*.html")]


# --- a picture ------------------------------------------------------------------------------------


def test_a_picture_needs_no_database_and_makes_none(fertool, portraits: Path, tmp_path: Path) -> None:
    done = fertool("explain", portraits / "smile.png", "--classifier", "khalid2025")
    assert (done.code, done.err) == (0, "")
    line, path = done.out.splitlines()
    assert re.fullmatch(r"smile\.png: khalid2025: happy (9\d|8\d)\.\d%", line)
    assert path == str(tmp_path / "fertool-explain.html")
    assert [file.name for file in tmp_path.iterdir()] == ["fertool-explain.html"]


def test_a_picture_that_is_nothing_but_a_face(fertool, portraits: Path, tmp_path: Path) -> None:
    """48 gray pixels, as FER2013's: the network is given just these."""
    image = cv2.imread(str(portraits / "smile.png"), cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(image[10:200, 30:220], (48, 48), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "small.png"), small)
    done = fertool("explain", "small.png", "--whole")
    assert (done.code, done.err) == (0, "")
    from fertool_plugins.classifiers.compact import Compact

    plugin = Compact()
    plugin.load("cpu")
    (row,) = plugin.classify(small[None, :, :, None])
    page = (tmp_path / "fertool-explain.html").read_text(encoding="utf-8")
    assert [*chances(page)[0].values()] == pytest.approx(row.tolist(), abs=0.0006)


def test_a_face_below_the_floor_is_not_measured(fertool, portraits: Path, tmp_path: Path) -> None:
    done = fertool("explain", portraits / "small.png")
    assert (done.code, done.err) == (0, "")
    line = done.out.splitlines()[0]
    said = r"small\.png: compact: not measured: the face has \d\d px, below the 32 px of compact"
    assert re.fullmatch(said, line)
    page = (tmp_path / "fertool-explain.html").read_text(encoding="utf-8")
    assert "not measured: the face has " in page
    assert "<img" not in page


# --- what cannot be -------------------------------------------------------------------------------

ERRORS = {
    "no face": ("none.png", "none.png: shows no face, expected one (--whole, if it is nothing but a face)"),
    "two faces": ("two.png", "two.png: shows 2 faces, expected one (cut one out)"),
    "no picture": ("words.png", "words.png: is not a picture (of a recording, say when: --at 12:30)"),
    "a recording without a time": (
        "two.mp4",
        "two.mp4: is not a picture (of a recording, say when: --at 12:30)",
    ),
    "no file": ("gone.png", "gone.png: cannot be read: No such file or directory"),
    "no recording": (
        "gone.mp4 --at 1",
        "gone.mp4: no such file (was it moved? give the place where it is now)",
    ),
    "not analyzed": (
        "smile.png --at 1",
        "smile.png: no analysis of a recording with these bytes in fertool.duckdb "
        "(`fertool analyze smile.png` first)",
    ),
    "no such student": (
        "two.mp4 --at 1 --student Zoe",
        "signals: no student 'Zoe' (`fertool students list` shows them)",
    ),
    "who has left": (
        f"two.mp4 --at 5 --student {BOB}",
        "two.mp4 at 0:00:05: student-02 is not seen there (nearest at 0:00:03: --at 3)",
    ),
    "beyond the end": ("two.mp4 --at 12:30", "--at 0:12:30: two.mp4 ends at 0:00:06"),
    "no clock": (
        "two.mp4 --at noon",
        "time 'noon': expected seconds, m:ss or h:mm:ss (such as 90, 1:30 or 0:01:30.5)",
    ),
    "every stream": ("two.mp4 --at 1 --stream all", "--stream all: expected one stream (all is for analyze)"),
    "a student of a picture": (
        f"smile.png --student {ANN}",
        "--student is for a recording (say when: --at 12:30)",
    ),
    "a stream of a picture": ("smile.png --stream 1", "--stream is for a recording (say when: --at 12:30)"),
    "a whole recording": (
        "two.mp4 --at 1 --whole",
        "--whole is for a picture, --at for a recording (leave one out)",
    ),
    "an option of another": (
        "smile.png --classifier aly2023 -o compact.exact=true",
        "-o compact.…: plugin 'compact' is not in use (add --classifier compact, or leave this option out)",
    ),
    "no gradients": (
        "smile.png --classifier faceapi-expression",
        "classifier 'faceapi-expression' cannot be explained: it has no network with gradients "
        "(these can: aly2023, compact, hafnet2025, khalid2025, tuyakov2022)",
    ),
    "no such expression": (
        "smile.png --expression joy",
        f"--expression joy: compact has none of that name (it has {', '.join(EXPRESSIONS)})",
    ),
    "no such folder": (
        "smile.png --out gone/page.html",
        "--out: no folder gone (make it first, or give another file)",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_is_said_in_one_line(fertool, folder: Path, portraits: Path, case: str) -> None:
    shutil.copytree(portraits, folder, dirs_exist_ok=True)
    before = tables(folder)
    words, said = ERRORS[case]
    done = fertool("explain", *words.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == f"fertool: {said}\n"
    assert not [*folder.rglob("*.html")]
    assert (tables(folder), audit(folder)) == (before, [])


def test_weights_of_another_network(fertool, portraits: Path, tmp_path: Path) -> None:
    from fertool_plugins.nets.trained import SHIPPED

    words = ("--classifier", "khalid2025", "-o", f"khalid2025.file={SHIPPED / 'compact.safetensors'}")
    done = fertool("explain", portraits / "smile.png", *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"fertool: {SHIPPED / 'compact.safetensors'} holds no weights of 'khalid2025' with these options "
        "(give the options it was trained with, or another file)\n"
    )
    assert not [*tmp_path.iterdir()]


def test_a_time_outside_of_what_was_analyzed(fertool, folder: Path) -> None:
    words = ("--course", "signals", "--lecture", "week 1", "--start", "2", "--end", "4")
    assert fertool("analyze", "two.mp4", *words).code == 0
    done = fertool("explain", "two.mp4", "--at", "5.5")
    assert (done.code, done.out) == (2, "")
    assert done.err == "fertool: --at 0:00:05: two.mp4 was analyzed from 0:00:02 to 0:00:03\n"


def test_boxes_that_are_elsewhere_now_are_not_guessed_at(fertool, folder: Path) -> None:
    """As another version of the detector would find them."""
    store = Store(folder / "fertool.duckdb")
    with store.database.transaction() as con:
        con.execute("UPDATE observations SET x1 = x1 + 500, x2 = x2 + 500")
    done = fertool("explain", "two.mp4", "--at", "1", "--student", ANN)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "fertool: two.mp4 at 0:00:01: the face of student-01 is not found again "
        "(analyze the recording again)\n"
    )
    assert audit(folder) == []
