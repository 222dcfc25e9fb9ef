"""fertool.media.decode: exactly the frames wanted, whatever the codec, container and place to start from."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from fertool.errors import VideoError
from fertool.media.decode import Samples, prefetch
from fertool.media.probe import VideoInfo, probe
from fertool.media.sampling import Every, Index, plan
from fertool.types import Sample

GROUPS = {"g": "12", "bf": "3"}
X264_OPEN = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0"}
X264_REFRESH = {"x264-params": "intra-refresh=1:keyint=12:bframes=3"}
X265 = "log-level=none:pools=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0"
FILES = {
    # B-frames in closed groups, in containers that seek by table, by cluster and by bisection
    "h264.mp4": ("libx264", GROUPS),
    "h264.mkv": ("libx264", GROUPS),
    "h264.ts": ("libx264", GROUPS),
    "h264.flv": ("libx264", GROUPS),
    # frames shown before the keyframe they are stored after
    "open.mp4": ("libx264", X264_OPEN),
    "open.ts": ("libx264", X264_OPEN),
    "open-hevc.mp4": ("libx265", {"x265-params": f"{X265}:open-gop=1"}),
    "open-hevc.ts": ("libx265", {"x265-params": f"{X265}:open-gop=1"}),
    "closed-hevc.mkv": ("libx265", {"x265-params": f"{X265}:open-gop=0"}),
    # "keyframes" that only begin a gradual recovery
    "refresh.mp4": ("libx264", X264_REFRESH),
    "refresh.ts": ("libx264", X264_REFRESH),
    # MPEG-PS guesses other stamps after seeking
    "mpeg2.mpg": ("mpeg2video", {"g": "12", "bf": "2"}),
    "mpeg2.ts": ("mpeg2video", {"g": "12", "bf": "2"}),
    "mpeg4.mp4": ("mpeg4", {"g": "12", "bf": "2"}),
    "mpeg4.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    # hidden references within packets
    "vp9.webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "10"}),
    "vp8.webm": ("libvpx", {"g": "20", "deadline": "realtime", "cpu-used": "8"}),
    # a decoder that fixes `skip_frame` when it is opened
    "av1.webm": ("libsvtav1", {"g": "12", "preset": "12"}),
    "pyramid-av1.webm": ("libsvtav1", {"g": "60", "preset": "12"}),
    "pyramid-av1.mp4": ("libsvtav1", {"g": "60", "preset": "12"}),
    # every frame a keyframe
    "mjpeg.avi": ("mjpeg", {}),
    # no time stamps at all, and decoding times in place of presentation times
    "bare.h264": ("libx264", GROUPS),
    "h264.avi": ("libx264", GROUPS),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(FILES))
def recording(
    request: pytest.FixtureRequest, videos: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> VideoInfo:
    codec, options = FILES[request.param]
    try:
        av.codec.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"this PyAV has no {codec}")
    path = tmp_path_factory.mktemp("decode") / request.param
    return probe(videos.write(path, 60, codec, options=options))


@pytest.fixture(scope="module")
def reference(recording: VideoInfo) -> dict[float, np.ndarray]:
    """Time -> image of every frame, decoded from the start with nothing left out."""
    converter = VideoReformatter()
    with av.open(str(recording.path)) as container:
        images = [converter.reformat(f, format="bgr24").to_ndarray() for f in container.decode(video=0)]
    assert len(images) == len(recording.index.times)
    return dict(zip(recording.index.times.tolist(), images, strict=True))


def assert_same(
    got: list[Sample], targets: np.ndarray, first: int, reference: dict[float, np.ndarray]
) -> None:
    assert [s.time_s for s in got] == targets.tolist()
    assert [s.index for s in got] == list(range(first, first + len(targets)))
    for sample in got:
        assert np.array_equal(sample.image, reference[sample.time_s]), f"sample {sample.index} differs"


def test_frames_are_numbered_as_they_were_drawn(
    recording: VideoInfo, reference: dict[float, np.ndarray], videos: ModuleType
) -> None:
    assert [videos.number_of(image) for image in reference.values()] == list(range(60))
    start = recording.index.times[0]
    np.testing.assert_allclose(np.array(list(reference)) - start, np.arange(60) / 25, atol=0.0011)
    assert 0 <= start <= 0.041  # AVI counts decoding times, which begin one frame earlier


@pytest.mark.parametrize("every", ["all", "keyframes", 0.2, 0.5, 1.0])
def test_what_is_sampled_is_the_same_as_without_skipping(
    recording: VideoInfo, reference: dict[float, np.ndarray], every: Every
) -> None:
    targets = plan(recording.index, every)
    assert_same(list(Samples(recording.path, recording.index, targets)), targets, 0, reference)


@pytest.mark.parametrize("every", ["all", 0.2])
@pytest.mark.parametrize("length", [1, 5])
def test_starting_anywhere_gives_the_same(
    recording: VideoInfo, reference: dict[float, np.ndarray], every: Every, length: int
) -> None:
    targets = plan(recording.index, every)
    for first in range(0, len(targets), 3):
        part = targets[first : first + length]
        assert_same(list(Samples(recording.path, recording.index, part, first)), part, first, reference)


def test_images_are_contiguous_bgr(recording: VideoInfo) -> None:
    sample = next(iter(Samples(recording.path, recording.index, recording.index.times[:1])))
    assert (sample.image.dtype, sample.image.shape) == (np.uint8, (96, 160, 3))
    assert sample.image.flags.c_contiguous


def test_only_wanted_frames_are_converted(
    videos: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = probe(videos.write(tmp_path / "a.mp4", 60, options=GROUPS))
    converted = []

    def spy(_: object, frame: av.VideoFrame, pixels: Fraction) -> np.ndarray:
        converted.append(frame.pts)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr("fertool.media.display.Converter.picture", spy)
    targets = plan(source.index, 0.4)
    list(Samples(source.path, source.index, targets))
    assert converted == source.index.positions(targets).tolist()


DECODED = [
    # codec, options, at most so many of 60 frames come out of the decoder for samples at 0, 1 and 2 s
    ("libx264", {"g": "60", "bf": "3"}, 34),
    ("libx265", {"x265-params": "log-level=none:pools=1:keyint=60:bframes=3:b-adapt=0"}, 34),
    ("libsvtav1", {"g": "60", "preset": "12"}, 45),
]


@pytest.mark.parametrize(("codec", "options", "most"), DECODED)
def test_what_no_sample_needs_is_not_decoded(
    videos: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, options: dict, most: int
) -> None:
    try:
        av.codec.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"this PyAV has no {codec}")
    source = probe(videos.write(tmp_path / "a.mkv", 60, codec, options=options))
    decode, decoded = Samples._decode, []

    def spy(*given: object) -> list[av.VideoFrame]:
        decoded.extend(frames := decode(*given))
        return frames

    monkeypatch.setattr(Samples, "_decode", spy)
    frames = Samples(source.path, source.index, plan(source.index, 1.0))
    assert [videos.number_of(sample.image) for sample in frames] == [0, 25, 50]
    assert 3 <= len(decoded) <= most


def test_nothing_wanted_opens_nothing() -> None:
    empty = Index(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_), np.zeros(0, np.int32))
    assert list(Samples(Path("no such file"), empty, np.zeros(0))) == []


def test_variable_frame_rate_keeps_true_times(videos: ModuleType, tmp_path: Path) -> None:
    stamps = [0, 7, 40, 41, 90, 500, 501, 900, 2000, 2033]
    path = videos.write(tmp_path / "v.mkv", 10, pts=stamps, tick=Fraction(1, 1000), options={"bf": "2"})
    source = probe(path)
    got = list(Samples(path, source.index, plan(source.index, 0.5)))
    assert [(s.time_s, videos.number_of(s.image)) for s in got] == [(0.0, 0), (0.5, 5), (2.0, 8)]


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_frames_are_turned_upright(videos: ModuleType, tmp_path: Path, degrees: int) -> None:
    path = videos.write(tmp_path / "phone.mp4", 5, rotation=degrees)
    source = probe(path)
    got = next(iter(Samples(path, source.index, source.index.times[2:3]))).image
    stored = np.rot90(got, -degrees // 90)  # the matrix turns counter-clockwise, and so does rot90
    assert videos.number_of(np.ascontiguousarray(stored)) == 2
    assert source.rotation_deg == degrees % 360
    assert (source.height, source.width) == got.shape[:2] == ((96, 160) if degrees == 180 else (160, 96))


def test_a_change_of_size_is_passed_on(videos: ModuleType, tmp_path: Path) -> None:
    path = videos.write_annexb(tmp_path / "size.ts", [(160, 96), (320, 192), (160, 96)])
    source = probe(path)
    got = list(Samples(path, source.index, plan(source.index, 0.2)))
    assert [videos.number_of(s.image) for s in got] == list(range(0, 90, 5))
    assert [s.image.shape[0] for s in got] == [96] * 6 + [192] * 6 + [96] * 6
    assert (source.width, source.height) == (160, 96)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("every", ["all", 0.2])
def test_damage_in_the_middle_is_skipped_and_never_shown(
    videos: ModuleType, tmp_path: Path, suffix: str, every: Every
) -> None:
    path = videos.write(tmp_path / f"a.{suffix}", 250, options={"g": "25", "bf": "3"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = random.Random(0).randbytes(3000)
    path.write_bytes(content)
    source = probe(path)
    frames = Samples(path, source.index, plan(source.index, every))
    got = [(round(s.time_s * 25), videos.number_of(s.image)) for s in frames]
    assert all(at == number for at, number in got)
    whole = len(range(0, 250, 1 if every == "all" else 5))
    assert 0.7 * whole < len(got) < whole
    assert got[-1][0] >= 245


def test_hidden_references_are_decoded_and_not_shown(videos: ModuleType, tmp_path: Path) -> None:
    # VP8's alternate references: packets with a stamp, whose show_frame bit is off.
    shown, path = (
        videos.write(tmp_path / "shown.webm", 30, "libvpx", options={"g": "30"}),
        tmp_path / "a.webm",
    )
    with av.open(str(shown)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            content = bytearray(bytes(packet))
            content[0] &= ~(0x10 if number % 4 == 2 else 0)
            hidden = av.Packet(bytes(content))
            hidden.pts, hidden.dts, hidden.time_base = packet.pts, packet.dts, packet.time_base
            hidden.is_keyframe, hidden.stream = packet.is_keyframe, stream
            out.mux(hidden)
    source = probe(path)
    frames = Samples(path, source.index, source.index.times)
    got = [(round(s.time_s * 25), videos.number_of(s.image)) for s in frames]
    assert got == [(n, n) for n in range(30) if n % 4 != 2]


def test_a_file_that_is_gone_by_now_is_an_error(videos: ModuleType, tmp_path: Path) -> None:
    path = videos.write(tmp_path / "a.mp4", 60, options=GROUPS)
    source = probe(path)
    path.unlink()
    with pytest.raises(VideoError, match="cannot be read as a video: No such file"):
        list(Samples(path, source.index, source.index.times[30:31]))


# --- prefetch -------------------------------------------------------------------------------------


def prefetching() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


def test_prefetch_gives_the_same_items_in_order() -> None:
    assert list(prefetch(range(1000), 3)) == list(range(1000))
    assert list(prefetch([], 1)) == []
    assert not prefetching()


def test_prefetch_holds_no_more_than_its_size() -> None:
    made = []

    def items() -> Iterator[int]:
        for i in range(20):
            made.append(i)
            yield i

    ahead = prefetch(items(), 4)
    next(ahead)
    time.sleep(0.1)
    assert len(made) <= 1 + 4
    assert list(ahead) == list(range(1, 20))


def test_prefetch_works_on_while_the_consumer_is_busy() -> None:
    second = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    ahead = prefetch(items(), 1)
    assert next(ahead) == 1
    assert second.wait(10)  # made without having been asked for
    assert next(ahead) == 2


def test_prefetch_passes_exceptions_on_where_they_happen() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    ahead = prefetch(failing(), 5)
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="broken"):
        next(ahead)
    assert not prefetching()


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_prefetch_stops_when_the_consumer_does(taken: int) -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            i = 0
            while True:
                yield (i := i + 1)
        finally:
            closed.set()

    ahead = prefetch(endless(), 2)
    for _ in range(taken):
        next(ahead)
    ahead.close()
    assert not prefetching()
    assert closed.is_set() == (taken > 0)  # never started, never to be closed


def test_prefetch_stops_when_it_is_dropped() -> None:
    for item in prefetch(range(1000), 2):
        if item == 3:
            break
    del item
    assert not prefetching()


def frames_alive() -> int:
    return sum(type(one) is av.VideoFrame for one in gc.get_objects())


def test_frames_go_as_soon_as_they_are_pictures(videos: ModuleType, tmp_path: Path) -> None:
    """A frame in a cycle of references would wait for Python's search for cycles: 3 MB each at 1080p."""
    film = probe(videos.write(tmp_path / "a.mp4", 60))
    gc.collect()
    gc.disable()
    others = frames_alive()
    try:
        alive = []
        for _ in Samples(film.path, film.index, plan(film.index, "all")):
            alive.append(frames_alive() - others)
    finally:
        gc.enable()
    assert len(alive) == 60
    assert max(alive) < 10
