"""fertool.media.display: pictures as a player shows them. Every recording is composed here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import ModuleType

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from fertool.errors import ConfigError, VideoError
from fertool.media.decode import Samples
from fertool.media.display import AS_DECLARED, View, parse_rotate, parse_stream
from fertool.media.probe import count_streams, probe
from fertool.media.sampling import plan

Image = np.ndarray


def shown(path: Path, view: View = AS_DECLARED, number: int = 0) -> Image:
    """The picture that an analysis of the file sees."""
    source = probe(path, view)
    target = source.index.times[number : number + 1]
    image = next(iter(Samples(path, source.index, target, view=source.view))).image
    assert (source.height, source.width) == image.shape[:2]
    return image


def stored(path: Path) -> Image:
    """The first picture as the decoder gives it."""
    with av.open(str(path)) as container:
        return VideoReformatter().reformat(next(container.decode(video=0)), format="bgr24").to_ndarray()


def filtered(path: Path, chain: str, number: int = 0) -> Image:
    """What FFmpeg's own filters make of a picture of the file, in BGR: filters as on its command line."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = [*container.decode(video=0)][number]
        graph = av.filter.Graph()
        begin, end = graph.add_buffer(template=stream), graph.add("buffersink")
        last = begin
        for one in [*filter(None, chain.split(",")), "format=bgr24"]:
            name, _, options = one.partition("=")
            following = graph.add(name, options)
            last.link_to(following)
            last = following
        last.link_to(end)
        graph.configure()
        begin.push(frame)
        begin.push(None)
        return end.pull().to_ndarray()


def off(one: Image, other: Image) -> float:
    """Largest difference of two pictures of one size, in gray levels."""
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).max())


# --- pixels that are not square -----------------------------------------------------------------------------

# (stored size, width of a pixel by its height, size as shown)
SHAPES: list[tuple[tuple[int, int], Fraction, tuple[int, int]]] = [
    ((90, 96), Fraction(16, 9), (160, 96)),  # 90 * 16 / 9
    ((176, 96), Fraction(10, 11), (160, 96)),  # NTSC DV
    ((180, 144), Fraction(64, 45), (256, 144)),  # PAL wide
    ((144, 108), Fraction(4, 3), (192, 108)),  # HDV, an eighth of it
    ((160, 96), Fraction(1), (160, 96)),
    ((160, 96), Fraction(999, 1000), (160, 96)),  # 159.84 pixels
    ((160, 96), Fraction(1, 50), (160, 96)),  # not possible: an error in the file
    ((160, 96), Fraction(50), (160, 96)),
]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(("size", "pixels", "expected"), SHAPES)
def test_pixels_become_square_at_the_stored_height(
    videos: ModuleType,
    tmp_path: Path,
    suffix: str,
    size: tuple[int, int],
    pixels: Fraction,
    expected: tuple[int, int],
) -> None:
    path = videos.write(tmp_path / f"a.{suffix}", 3, size=size, pixels=pixels, options={"qp": "0"})
    image = shown(path)
    assert image.shape[1::-1] == expected
    reference = cv2.resize(stored(path), expected, interpolation=cv2.INTER_LINEAR)
    assert np.abs(image.astype(int) - reference).mean() < 2
    plain = expected == size
    assert ("pixels" in probe(path).picture) is not plain
    if plain:
        assert off(image, stored(path)) == 0  # nothing is scaled


def test_a_face_keeps_its_proportions(tmp_path: Path) -> None:
    """A circle is a circle again: it is stored 9/16 as wide as it is high."""
    path = tmp_path / "anamorphic.mp4"
    picture = np.zeros((180, 180, 3), np.uint8)
    cv2.ellipse(picture, (90, 90), (36, 64), 0, 0, 360, (255, 255, 255), -1)
    write_one(path, picture, pixels=Fraction(16, 9))
    y, x = np.nonzero(shown(path)[..., 0] > 128)
    assert np.ptp(x) == pytest.approx(128, abs=2)  # 2 * 36 * 16 / 9
    assert np.ptp(y) == pytest.approx(128, abs=2)


def test_where_container_and_codec_disagree_the_container_is_right(
    videos: ModuleType, tmp_path: Path
) -> None:
    """Packets of a codec that says 16:9 in a container that says 4:3, and in one that says nothing."""
    coded = videos.write(tmp_path / "coded.mp4", 3, size=(90, 96), pixels=Fraction(16, 9))
    path = tmp_path / "other.mp4"
    path.write_bytes(
        coded.read_bytes().replace(
            b"pasp" + bytes([0, 0, 0, 16, 0, 0, 0, 9]), b"pasp" + bytes([0, 0, 0, 4, 0, 0, 0, 3])
        )
    )
    assert path.read_bytes() != coded.read_bytes()
    assert shown(path).shape[1::-1] == (120, 96)  # 90 * 4 / 3
    path.write_bytes(coded.read_bytes().replace(b"pasp", b"free"))
    assert shown(path).shape[1::-1] == (160, 96)


# --- turned and mirrored ------------------------------------------------------------------------------------

# (display matrix a, b, c, d, what FFmpeg's filters do for it, whether it is a mirror image)
MATRICES: list[tuple[tuple[int, int, int, int], str, bool]] = [
    ((1, 0, 0, 1), "", False),
    ((0, -1, 1, 0), "transpose=cclock", False),
    ((-1, 0, 0, -1), "hflip,vflip", False),
    ((0, 1, -1, 0), "transpose=clock", False),
    ((-1, 0, 0, 1), "hflip", True),
    ((1, 0, 0, -1), "vflip", True),
    ((0, 1, 1, 0), "transpose=cclock_flip", True),
    ((0, -1, -1, 0), "transpose=clock_flip", True),
]


@pytest.mark.parametrize(("matrix", "chain", "mirrored"), MATRICES)
def test_display_matrices_turn_and_mirror(
    videos: ModuleType, tmp_path: Path, matrix: tuple[int, ...], chain: str, mirrored: bool
) -> None:
    path = videos.write(tmp_path / "a.mp4", 3, matrix=matrix, options={"qp": "0"})
    assert off(shown(path), filtered(path, chain)) <= 2
    assert probe(path).mirrored is mirrored
    assert probe(path).picture == ({"mirrored": True} if mirrored else {})


@pytest.mark.parametrize(
    ("degrees", "chain"), [(90, "transpose=cclock"), (180, "hflip,vflip"), (270, "transpose=clock")]
)
def test_what_the_user_turns_comes_last(videos: ModuleType, tmp_path: Path, degrees: int, chain: str) -> None:
    path = videos.write(tmp_path / "a.mp4", 3, options={"qp": "0"})
    assert off(shown(path, View(rotate=degrees)), filtered(path, chain)) <= 2
    assert probe(path, View(rotate=degrees)).picture == {"rotate": degrees}
    # Pixels are wide as they are stored: only then is the picture turned. 90 x 96 is shown as 160 x 96.
    wide = videos.write(tmp_path / "b.mp4", 3, size=(90, 96), pixels=Fraction(16, 9), rotation=90)
    turned = shown(wide, View(rotate=degrees))
    assert turned.shape[1::-1] == ((96, 160) if degrees == 180 else (160, 96))


def test_the_codec_crops(videos: ModuleType, tmp_path: Path) -> None:
    """H.264 stores whole blocks of 16: of 104 x 56, 112 x 64 are stored and 8 columns and rows not shown."""
    path = videos.write(tmp_path / "a.mp4", 3, size=(104, 56), options={"qp": "0"})
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        next(container.decode(video=0))
        assert (context.coded_width, context.coded_height) == (112, 64)
    assert off(shown(path), filtered(path, "")) <= 2


WORDS: list[tuple[str, int | None]] = [("", 0), ("1", 1), (" 12 ", 12), ("ALL", None)]


@pytest.mark.parametrize(("word", "number"), WORDS)
def test_streams_are_named(word: str, number: int | None) -> None:
    assert parse_stream(word) == number


@pytest.mark.parametrize("word", ["0", "-1", "1.5", "both", "true"])
def test_streams_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="expected all, or a number from 1 on"):
        parse_stream(word)


def test_turns_are_named() -> None:
    assert [parse_rotate(word) for word in ("", "0", " 90 ", "180", "270", "Auto")] == [
        0,
        0,
        90,
        180,
        270,
        None,
    ]
    for word in ("45", "-90", "360", "left", "True"):
        with pytest.raises(ConfigError, match="rotate .*: expected"):
            parse_rotate(word)


# --- several streams of pictures ----------------------------------------------------------------------------


@pytest.fixture
def two(videos: ModuleType, tmp_path: Path) -> Path:
    """Slides of 320 x 192, which come first, and a camera of 160 x 96 with numbers from 500 on."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        slides, camera = (container.add_stream("libx264", rate=25) for _ in range(2))
        packets = [
            *videos.encode(slides, 10, how=videos.Pictures(size=(320, 192))),
            *videos.encode(camera, 10, how=videos.Pictures(numbers=range(500, 510))),
        ]
        container.mux(sorted(packets, key=lambda packet: packet.dts * packet.time_base))
    return path


def test_the_stream_taken_is_said_and_the_other_can_be_had(videos: ModuleType, two: Path) -> None:
    assert count_streams(two) == 2
    plain, first, second = (probe(two, View(stream)) for stream in (0, 1, 2))
    assert [(one.width, one.picture) for one in (plain, first, second)] == [
        (320, {}),
        (320, {}),  # the one that is taken anyway: the same run
        (160, {"stream": 2}),
    ]
    assert plain.warnings == (
        "the file has 2 streams of pictures: 1 (320x192) was taken, not 2 (160x96): "
        "--stream 2, or --stream all",
    )
    assert second.warnings == (
        "the file has 2 streams of pictures: 2 (160x96) was taken, not 1 (320x192): "
        "--stream 1, or --stream all",
    )
    assert [videos.number_of(shown(two, View(stream), 3)) for stream in (0, 2)] == [3, 503]
    got = list(Samples(two, second.index, plan(second.index, 0.2), view=second.view))
    assert [videos.number_of(sample.image) for sample in got] == [500, 505]


def test_a_stream_that_is_not_there(two: Path) -> None:
    with pytest.raises(VideoError, match="--stream 3: expected 1 to 2, got 3"):
        probe(two, View(3))


# --- colors -------------------------------------------------------------------------------------------------


def write_one(
    path: Path, picture: Image, pixels: Fraction | None = None, kind: str = "yuv420p", **facts: int
) -> Path:
    """Five times one BGR picture, losslessly, as `kind`; `facts`: attributes of the encoder. A yuv picture is
    made with the matrix and the range that they say."""
    matrix, span = facts.get("colorspace", 2), facts.get("color_range", 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.options = kind.removesuffix(INTERLACED), {"qp": "0"}
        if pixels:
            stream.codec_context.sample_aspect_ratio = pixels
        for name, value in facts.items():
            setattr(stream.codec_context, name, value)
        if kind.endswith(INTERLACED):
            stream.options |= {"x264-params": "tff=1"}
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=matrix, dst_color_range=span)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


INTERLACED = " interlaced"


def ramps() -> Image:
    """Three slopes, one a channel: without edges, at which color planes of half size would show."""
    y, x = np.mgrid[:96, :192].astype(np.float32)
    channels = [x * 255 / 191, y * 255 / 95, 255 - (x + y) * 255 / 286]
    return np.stack(channels, axis=2).round().astype(np.uint8)


BT709, BT601, BT2020 = 1, 6, 9
LIMITED, FULL = 1, 2
# (name, pixel format, facts)
COLORS: list[tuple[str, str, dict[str, int]]] = [
    ("limited range", "yuv420p", {"colorspace": BT601, "color_range": LIMITED}),
    ("full range", "yuv420p", {"colorspace": BT601, "color_range": FULL}),
    ("high definition", "yuv420p", {"colorspace": BT709, "color_range": LIMITED}),
    ("full range of high definition", "yuv420p", {"colorspace": BT709, "color_range": FULL}),
    # 10 bit, BT.2020, PQ: shown without tone mapping, as FFmpeg does unless it is asked for it
    (
        "HDR",
        "yuv420p10le",
        {"colorspace": BT2020, "color_range": LIMITED, "color_trc": 16, "color_primaries": 9},
    ),
    ("interlaced", "yuv420p" + INTERLACED, {"colorspace": BT601, "color_range": LIMITED}),
]


@pytest.mark.parametrize(("name", "kind", "facts"), COLORS, ids=[name for name, _, _ in COLORS])
def test_colors_are_what_ffmpeg_shows(tmp_path: Path, name: str, kind: str, facts: dict[str, int]) -> None:
    path = write_one(tmp_path / "a.mkv", ramps(), kind=kind, **facts)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (facts["colorspace"], facts["color_range"])
        assert frame.interlaced_frame is kind.endswith(INTERLACED)
    image = shown(path)
    assert off(image, filtered(path, "")) <= 2
    # What was encoded comes back, but for rounding: limited range has 220 levels of gray.
    assert np.abs(image.astype(int) - ramps())[:, 2:-2].mean() < 3
    assert set(probe(path).picture) == {"interlaced"} & {name} | ({"bits"} if name == "HDR" else set())
