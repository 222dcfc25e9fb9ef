"""Recordings by URI: read in parts, from a server of our own on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath, PureWindowsPath
from threading import Thread
from types import ModuleType

import fsspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool.assessment import segments
from fertool.errors import ConfigError, VideoError
from fertool.identity import thumbnails
from fertool.media import probe
from fertool.media.decode import Samples
from fertool.media.remote import Remote, file_system, local, located, size

LOCATED = [
    ("a.mp4", Path("a.mp4")),  # a path
    ("/data/week 1/a:b.mp4", Path("/data/week 1/a:b.mp4")),  # with what is none of a protocol
    ("file:///data/a.mp4", Path("/data/a.mp4")),  # a path after all
    ("C://week 1/a.mp4", Path("C://week 1/a.mp4")),  # a drive, one slash too many
    ("s3://bucket/week 1/a.mp4", Remote("s3://bucket/week 1/a.mp4")),  # elsewhere
]


@pytest.mark.parametrize(("name", "file"), LOCATED)
def test_a_name_is_a_path_or_a_uri(name: str, file: Path | Remote) -> None:
    assert located(name) == file


# What follows file://, and the path that it is on Windows and elsewhere.
ADDRESSES = [
    ("/C:/week 1/a.mp4", r"C:\week 1\a.mp4", "/C:/week 1/a.mp4"),
    ("/c|/a.mp4", r"c:\a.mp4", "/c|/a.mp4"),  # as old programs write a drive
    ("C:/a.mp4", r"C:\a.mp4", "C:/a.mp4"),  # a slash too few
    ("/C:/week%201/%C3%BCben.mp4", r"C:\week 1\üben.mp4", "/C:/week 1/üben.mp4"),
    ("localhost/C:/a.mp4", r"C:\a.mp4", "/C:/a.mp4"),
    ("server/share/a.mp4", r"\\server\share\a.mp4", "server/share/a.mp4"),
    ("/data/a.mp4", r"\data\a.mp4", "/data/a.mp4"),
    ("localhost.mp4", r"\\localhost.mp4", "localhost.mp4"),  # no host: nothing follows it
    ("/data/100%.mp4", r"\data\100%.mp4", "/data/100%.mp4"),
]


@pytest.mark.parametrize(("address", "on_windows", "elsewhere"), ADDRESSES)
def test_an_address_of_a_file_is_a_path_of_its_system(address: str, on_windows: str, elsewhere: str) -> None:
    assert PureWindowsPath(local(address, windows=True)) == PureWindowsPath(on_windows)
    assert PurePosixPath(local(address, windows=False)) == PurePosixPath(elsewhere)


PLAIN = st.text(
    st.characters(codec="ascii", exclude_characters='\\/:*?"<>|\0', exclude_categories=("Cc",)), min_size=1
)


@given(st.lists(PLAIN.filter(lambda part: part.strip(" .") == part), min_size=1, max_size=3))
def test_an_address_that_a_system_writes_is_read_as_it_was(parts: list[str]) -> None:
    for root, windows in ((PureWindowsPath("D:/"), True), (PurePosixPath("/"), False)):
        path = root.joinpath(*parts)
        assert type(path)(local(path.as_uri().removeprefix("file://"), windows=windows)) == path


def test_what_a_uri_is_called() -> None:
    file = Remote("https://example.org/week%201/a.b.mp4?token=x/y")
    assert (file.name, file.stem, file.suffix, str(file)) == ("a.b.mp4", "a.b", ".mp4", file.uri)
    assert file.resolve() is file


UNKNOWN = [
    ("nowhere://x", "nowhere://x: Protocol not known: nowhere"),  # misspelt
    ("s3://bucket/x", "s3:// needs a package that is not installed (pip install 's3fs')"),
    ("gs://bucket/x", "gs:// needs a package that is not installed (pip install 'gcsfs')"),
]


@pytest.mark.parametrize(("uri", "words"), UNKNOWN)
def test_protocols_that_are_not_there(uri: str, words: str) -> None:
    package = re.search(r"'(\w+)'", words)
    if package:
        with pytest.raises(ImportError):
            __import__(package[1])
    with pytest.raises(ConfigError) as error:
        file_system(uri)
    assert words in str(error.value)


class Server(SimpleHTTPRequestHandler):
    """Gives parts of files, as web servers do and Python's own does not; counts the bytes."""

    protocol_version = "HTTP/1.1"
    sent, whole = 0, False

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if part and not self.whole:
            first, last = int(part[1]), min(int(part[2]), len(content) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            content = content[first : last + 1]
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "none" if self.whole else "bytes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
            type(self).sent += len(content)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp", reason="needs the extra fertool[http]")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Server.sent, Server.whole = 0, False
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_recording_by_http_is_what_it_is_here(served: str, videos: ModuleType, tmp_path: Path) -> None:
    here = videos.write(tmp_path / "a.mp4", frames=60)
    there = located(f"{served}/a.mp4")
    assert probe.sha256(there) == probe.sha256(here)
    assert size(there) == here.stat().st_size
    one, other = probe.probe(here), probe.probe(there)
    assert (one.duration_s, one.width, one.codec) == (other.duration_s, other.width, other.codec)
    targets = one.index.times[::10]
    for a, b in zip(Samples(here, one.index, targets), Samples(there, other.index, targets), strict=True):
        assert np.array_equal(a.image, b.image)


def test_only_what_is_needed_is_fetched(served: str, videos: ModuleType, tmp_path: Path) -> None:
    """40 MB that players skip stand behind the pictures (ISO 14496-12: a box called `free`)."""
    film, hole = videos.write(tmp_path / "a.mp4", frames=30).read_bytes(), 40_000_000
    with (tmp_path / "c.mp4").open("wb") as file:
        file.write(film + hole.to_bytes(4, "big") + b"free")
        file.truncate(len(film) + hole)
    assert probe.chapters(f"{served}/c.mp4") == ()
    assert 0 < Server.sent < hole / 4


def test_a_server_that_gives_whole_files_only(served: str, videos: ModuleType, tmp_path: Path) -> None:
    videos.write(tmp_path / "a.mp4")
    Server.whole = True
    with pytest.raises(VideoError, match="does not give parts of a file"):
        probe.probe(f"{served}/a.mp4")


def test_a_uri_that_leads_nowhere(served: str) -> None:
    with pytest.raises(VideoError, match="cannot be reached"):
        probe.find_videos([f"{served}/missing.mp4"])


def test_in_memory_too(videos: ModuleType, tmp_path: Path) -> None:
    here = videos.write(tmp_path / "a.mp4")
    fsspec.filesystem("memory").pipe_file("/films/a.mp4", here.read_bytes())
    assert probe.sha256(located("memory://films/a.mp4")) == probe.sha256(here)
    assert probe.probe("memory://films/a.mp4").width == probe.probe(here).width


@pytest.mark.parametrize("source", ["chapters", "slides"])
def test_segments_of_a_recording_elsewhere(source: str, videos: ModuleType, tmp_path: Path) -> None:
    if source == "slides":
        pytest.importorskip("scenedetect", reason="needs the extra fertool[slides]")
    here = videos.write(tmp_path / "talk.mp4", 75, chapters=[("Intro", 0.0, 1.5), ("Proof", 1.5, 3.0)])
    fsspec.filesystem("memory").pipe_file("/films/talk.mp4", here.read_bytes())
    there = located("memory://films/talk.mp4")
    found, notes = segments.find(source, 3.0, [segments.Film(there)])
    assert (found, notes) == segments.find(source, 3.0, [segments.Film(here)])
    assert found


def test_faces_are_cut_from_a_recording_elsewhere(videos: ModuleType, tmp_path: Path) -> None:
    here = videos.write(tmp_path / "a.mp4")
    fsspec.filesystem("memory").pipe_file("/films/b.mp4", here.read_bytes())
    face = {"recording": "r", "name": "a.mp4", "bytes": here.stat().st_size, "time_s": 0.2, "picture": None}
    box = {"x1": 10.0, "y1": 10.0, "x2": 40.0, "y2": 40.0}
    one, other = (
        thumbnails.cut(pl.DataFrame([face | box | {"path": path}]))
        for path in (str(here), "memory://films/b.mp4")
    )
    assert one == other
    assert one[0][0] is not None
    gone, notes = thumbnails.cut(pl.DataFrame([face | box | {"path": "memory://films/gone.mp4"}]))
    assert (gone, len(notes)) == ([None], 1)
