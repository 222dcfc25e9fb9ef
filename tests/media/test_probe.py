"""fertool.media.probe: finding, hashing and describing recordings, sound and unsound ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest

from fertool.errors import VideoError
from fertool.media.decode import Samples
from fertool.media.probe import FoundVideos, chapters, find_videos, probe, sha256
from fertool.media.sampling import plan

GROUPS = {"g": "25", "bf": "3"}


def numbers(path: Path, videos: ModuleType, every: float = 0.2) -> list[tuple[int, int]]:
    """(time in frames of 1/25 s, number drawn into the frame) of the samples of a file."""
    source = probe(path)
    got = Samples(path, source.index, plan(source.index, every))
    return [(round(s.time_s * 25), videos.number_of(s.image)) for s in got]


# --- find_videos ----------------------------------------------------------------------------------


def test_folders_are_listed_as_a_person_would(tmp_path: Path) -> None:
    for name in ["week 10.mp4", "Week 2.MKV", "week 1.mp4", "notes.txt", "._week 1.mp4", "10.avi", "9.avi"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "folder.mp4" / "inside.mp4").touch()
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    found = find_videos([tmp_path])
    assert [f.name for f in found.videos] == ["9.avi", "10.avi", "week 1.mp4", "Week 2.MKV", "week 10.mp4"]
    assert [(path.name, reason) for path, reason in found.skipped] == [
        ("._week 1.mp4", "hidden"),
        ("folder.mp4", "a subfolder: give it by itself"),
        ("gone.mp4", "a link to nothing, or no regular file"),
        ("notes.txt", "no video by its name: give it by itself"),
    ]


@pytest.mark.parametrize("suffix", ["mp4", "MKV", "h264", "y4m", "dv", "3g2", "ogm"])
def test_kinds_that_a_folder_may_hold(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"talk.{suffix}").touch()
    assert [file.name for file in find_videos([tmp_path]).videos] == [f"talk.{suffix}"]


def test_files_keep_their_order_and_come_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["b.mp4", "a.mp4", "odd.name"]:
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    given = ["odd.name", tmp_path / "b.mp4", tmp_path, "a.mp4"]
    found = find_videos(given)
    assert [path.name for path in found.videos] == ["odd.name", "b.mp4", "a.mp4"]
    assert found.skipped == [], "what was given by itself is not skipped in its folder"
    assert find_videos([]) == FoundVideos([], [])


def test_a_folder_without_videos_and_a_missing_path_are_errors(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(VideoError, match=r"folder with videos, found none \(subfolders"):
        find_videos([tmp_path])
    with pytest.raises(VideoError, match="no such file"):
        find_videos([tmp_path / "x.mp4"])


# --- sha256 ---------------------------------------------------------------------------------------


def test_sha256(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(content)
    seen: list[int] = []
    assert sha256(tmp_path / "a", seen.append) == hashlib.sha256(content).hexdigest()
    assert seen == [1 << 20, 2 << 20, len(content)]
    with pytest.raises(VideoError, match="No such file"):
        sha256(tmp_path / "b")


# --- probe ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_sound_file(videos: ModuleType, tmp_path: Path, suffix: str) -> None:
    chapters = [("Intro", 0.0, 1.5), ("Proof: ε", 1.5, 3.0)]
    path = videos.write(tmp_path / f"a.{suffix}", 75, options=GROUPS, sound_s=2, chapters=chapters)
    source = probe(path)
    assert (source.codec, source.width, source.height, source.rotation_deg) == ("h264", 160, 96, 0)
    assert source.fps == pytest.approx(25, abs=0.1)
    assert source.duration_s == pytest.approx(3, abs=0.1)
    assert source.has_audio
    assert [(c.index, c.title, c.start_s, c.end_s) for c in source.chapters] == [
        (0, "Intro", 0.0, 1.5),
        (1, "Proof: ε", 1.5, 3.0),
    ]
    assert (len(source.index.times), source.index.keyframe_times.tolist()) == (75, [0.0, 1.0, 2.0])
    assert source.warnings == ()


def test_a_title_in_another_encoding(videos: ModuleType, tmp_path: Path) -> None:
    path = videos.write(tmp_path / "a.mkv", 10, chapters=[("Einfuehrung", 0.0, 0.2)])
    path.write_bytes(path.read_bytes().replace(b"Einfuehrung", "Einf\xfchrung.".encode("latin-1")))
    assert probe(path).chapters[0].title == "Einf\ufffdhrung."


def test_names_that_ffmpeg_would_take_for_something_else(videos: ModuleType, tmp_path: Path) -> None:
    path = videos.write(tmp_path / "plain.mp4", 10).rename(tmp_path / "http: week 1 %03d 🎓.mp4")
    assert len(probe(path).index.times) == 10


def clip(
    videos: ModuleType, path: Path, pts: Iterable[int], *, sound_s: float = 0.0, starts_s: float = 0.0
) -> Path:
    """Pictures at these 25ths of a second, sound from zero on, a chapter each 4 s; all `starts_s` later."""
    pts = list(pts)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        sound = container.add_stream("aac", rate=16000, layout="mono") if sound_s else None
        container.set_chapters([
            {
                "id": n, "time_base": Fraction(1), "metadata": {"title": f"C{n}"},
                "start": int(starts_s) + 4 * n, "end": int(starts_s) + 4 * n + 4,
            }
            for n in range(2)
        ])  # fmt: skip
        how = videos.Pictures(options=GROUPS, pts=pts)
        packets = list(videos.encode(pictures, len(pts), how=how))
        packets += list(videos.silence(sound, sound_s)) if sound else []
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            shift = round(starts_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            container.mux(packet)
    return path


GAP = [*range(50), *range(30_050, 30_100)]
"""Two seconds of pictures, 20 minutes without, two seconds."""
LATE, CUT_OFF, HOLE = "the first picture comes", "pictures can be read up to", "no picture for"
# (name, where it differs from 5 s of pictures from zero on, length, last picture, what is said)
CLOCKS: list[tuple[str, dict[str, Any], float, float, list[str]]] = [
    ("plain", {"pts": range(125)}, 5, 4.96, []),
    ("with sound", {"pts": range(125), "sound_s": 5}, 5, 4.96, []),
    ("starts at an hour", {"pts": range(125), "starts_s": 3600}, 5, 4.96, []),
    ("an hour, with sound", {"pts": range(125), "sound_s": 5, "starts_s": 3600}, 5, 4.96, []),
    # 3 s of sound, then both: what comes before the first picture does not count
    ("late picture", {"pts": range(75, 200), "sound_s": 8}, 5, 4.96, [LATE]),
    ("late, without sound", {"pts": range(75, 200)}, 5, 4.96, []),
    ("ends early", {"pts": range(50), "sound_s": 9}, 9, 1.96, [CUT_OFF]),
    ("hole", {"pts": GAP}, 1204, 1203.96, [HOLE]),
]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
@pytest.mark.parametrize(("name", "facts", "length", "last", "said"), CLOCKS, ids=[row[0] for row in CLOCKS])
def test_times_count_from_the_first_picture(
    videos: ModuleType,
    tmp_path: Path,
    suffix: str,
    name: str,
    facts: dict[str, Any],
    length: float,
    last: float,
    said: list[str],
) -> None:
    source = probe(clip(videos, tmp_path / f"a.{suffix}", **facts))
    # FLV and TS begin with the sound, which comes 64 ms early, or with a B-frame's delay of 80 ms.
    assert source.index.times[0] == pytest.approx(0, abs=0.1)
    assert source.index.times[-1] == pytest.approx(last, abs=0.1)
    assert source.duration_s == pytest.approx(length, abs=0.2)
    assert [next(w for w in (LATE, CUT_OFF, HOLE) if text.startswith(w)) for text in source.warnings] == said
    assert set(source.picture) == ({"late_s"} if LATE in said else set())
    if source.chapters:  # not in TS and FLV; the file's own clock says 0:04 for the second one
        early = 3 if name.startswith("late") else 0
        assert source.chapters[1].start_s == pytest.approx(4 - early, abs=0.1)
        assert chapters(source.path) == source.chapters


def test_what_an_edit_list_cuts_away_is_not_shown(videos: ModuleType, tmp_path: Path) -> None:
    whole, path = videos.write(tmp_path / "whole.mp4", 100, options=GROUPS), tmp_path / "cut.mp4"
    with (
        av.open(str(whole)) as source,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size and packet.pts >= 25 * 512:
                packet.pts, packet.dts, packet.stream = packet.pts - 32 * 512, packet.dts - 32 * 512, stream
                out.mux(packet)
    assert numbers(path, videos) == [(at, at + 32) for at in range(0, 68, 5)]
    assert np.isnan(probe(path).index.time_s).sum() == 7


def test_a_recording_that_begins_within_a_group(videos: ModuleType, tmp_path: Path) -> None:
    path = videos.write(tmp_path / "a.ts", 100, options={**GROUPS, "g": "50"})
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 188 // 4 * 188 :])
    got = numbers(path, videos)
    assert got[0][1] == 50
    assert {number - at for at, number in got} == {got[0][1] - got[0][0]}


# (name, damage to a sound faststart MP4 of 10 s, how many frames can be read at least and at most)
CUT: list[tuple[str, float, int, int]] = [
    ("faststart.mp4", 0.6, 100, 200),  # the index at the front lists frames that are not there
    ("a.mkv", 0.6, 100, 200),
    ("a.mkv", 0.99, 200, 250),
]


@pytest.mark.parametrize(("name", "share", "least", "most"), CUT)
def test_a_cut_file_is_read_up_to_the_cut(
    videos: ModuleType, tmp_path: Path, name: str, share: float, least: int, most: int
) -> None:
    path = videos.write(tmp_path / name, 250, options=GROUPS, faststart=name.endswith("mp4"))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    source = probe(path)
    end = len(source.index.times)
    assert least <= end <= most
    if share < 0.9:
        assert f"up to {source.index.times[-1] + 0.04:.0f} s of 10 s only" in source.warnings[0]
    got = numbers(path, videos)
    assert all(at == number for at, number in got)
    assert end - 5 <= got[-1][0] < end


def test_a_cut_transport_stream_does_not_know_its_length(videos: ModuleType, tmp_path: Path) -> None:
    path = videos.write(tmp_path / "a.ts", 250, options=GROUPS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    got = numbers(path, videos)
    assert all(at == number for at, number in got)
    assert 100 < got[-1][0] < 200


def test_missing_time_stamps_are_estimated_with_a_warning(videos: ModuleType, tmp_path: Path) -> None:
    source = probe(videos.write(tmp_path / "a.h264", 60, options=GROUPS))
    assert source.index.estimated
    assert "estimated" in source.warnings[0]
    assert numbers(source.path, videos) == [(n, n) for n in range(0, 60, 5)]


def test_stamps_that_jump_back_are_not_believed(videos: ModuleType, tmp_path: Path) -> None:
    # Two takes, each counted from zero, in one stream.
    takes = [videos.write(tmp_path / f"{n}.ts", 50, options=GROUPS) for n in range(2)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(take.read_bytes() for take in takes))
    source = probe(path)
    assert source.index.estimated
    np.testing.assert_allclose(source.index.times, np.arange(100) / 25)
    assert source.duration_s == 4.0
    assert len(source.warnings) == 1


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.h264"])
def test_whatever_happened_to_a_file_it_is_read_in_order_or_refused(
    sound: dict[str, bytes], tmp_path: Path, name: str, seed: int
) -> None:
    luck = random.Random(seed)
    content = bytearray(sound[name])
    at = luck.randrange(len(content))
    if seed % 3 == 0:  # overwritten
        content[at : at + 300] = luck.randbytes(300)
    elif seed % 3 == 1:  # a hole
        del content[at : at + 1000]
    else:  # bits that flipped here and there
        for _ in range(20):
            content[luck.randrange(len(content))] ^= 1 << luck.randrange(8)
    path = tmp_path / name
    path.write_bytes(content)
    try:
        source = probe(path)
    except VideoError:
        return
    frames = Samples(path, source.index, plan(source.index, "all"))
    times = [sample.time_s for sample in frames]
    assert times == sorted(set(times))


@pytest.fixture(scope="module")
def sound(videos: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of files without a fault."""
    folder = tmp_path_factory.mktemp("sound")
    names = {"a.mp4": 0.0, "a.mkv": 3.0, "a.ts": 3.0, "a.h264": 0.0}
    return {n: videos.write(folder / n, 75, options=GROUPS, sound_s=s).read_bytes() for n, s in names.items()}


# Files that cannot be analyzed: (name, damage to a sound MP4, words of the error)
UNREADABLE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("empty.mp4", lambda _: b"", r"the file is empty \(was it copied completely"),
    ("text.mp4", lambda _: b"Dear all,\n" * 500, "cannot be read as a video: Invalid data"),
    ("zeros.mp4", lambda content: bytes(len(content)), "cannot be read as a video"),
    # MP4 keeps its index at the end unless told otherwise: a recorder that dies leaves a heap of bytes
    ("broken off.mp4", half, r"cannot be read as a video: .*broke off may lack its index"),
    # no decoder has ever heard of this one
    ("codec.mp4", lambda content: content.replace(b"avc1", b"zzz9"), "video codec is unknown"),
    # an index, and noise where the pictures should be
    (
        "noise.mp4",
        lambda content: content.replace(content[48:4000], bytes(3952)),
        "not one frame can be decoded",
    ),
]


@pytest.mark.parametrize(("name", "spoil", "message"), UNREADABLE)
def test_unreadable_files_are_errors_that_name_them(
    videos: ModuleType, tmp_path: Path, name: str, spoil: Callable[[bytes], bytes], message: str
) -> None:
    sound = videos.write(tmp_path / "sound.mp4", 10, options={"g": "250"})
    path = tmp_path / name
    path.write_bytes(spoil(sound.read_bytes()))
    with pytest.raises(VideoError, match=message) as caught:
        probe(path)
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_sound_recording_has_no_pictures(videos: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="expected pictures, found none"):
        probe(videos.write(tmp_path / "a.m4a", video=False, sound_s=1))


def test_a_folder_and_a_missing_file_are_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="expected a video file, got a folder"):
        probe(tmp_path)
    with pytest.raises(VideoError, match="no such file"):
        probe(tmp_path / "x.mp4")
