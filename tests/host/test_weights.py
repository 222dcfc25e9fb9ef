"""Weights on demand: fetched whole from a real server or a folder, or not at all."""

import hashlib
import io
import os
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fertool import FertoolError, Model
from fertool.host import weights

WEIGHTS = bytes(range(256)) * 9000  # 2.3 MB: more than one chunk
SIZE = len(WEIGHTS)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


def zipped(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".onnx", content)
    return data.getvalue()


PACK = zipped(det=b"detector", sub__rec=b"recognition")


class Handler(BaseHTTPRequestHandler):
    """Answers by path, the bad ways included."""

    def do_GET(self):
        body = PACK if self.path.endswith(".zip") else WEIGHTS
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        if not self.path.startswith("/unsized"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path.startswith("/cut"):
            self.wfile.write(body[: len(body) // 2])
        elif self.path.startswith("/slow"):
            self.wfile.write(body[:10])
            self.wfile.flush()
            self.server.released.wait(10)
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.released = threading.Event()
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.released.set()
        httpd.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where models go during a test; no proxy may come between."""
    folder = tmp_path / "data" / "models"
    monkeypatch.setenv("FERTOOL_MODELS", str(folder))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder


def net(url, sha256=SHA256, size=SIZE):
    return Model("net", "net.onnx", url, "MIT", sha256=sha256, size=size)


def pack(url="https://example.org/pack.zip", sha256=""):
    return Model("pack", "packs/small", url, "research only", sha256=sha256, archive=True)


def copies(tmp_path, name="net.onnx", content=WEIGHTS):
    """A folder as somebody would carry it to a machine without network."""
    folder = tmp_path / "stick"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def left_over(home):
    return sorted(p.relative_to(home).as_posix() for p in home.rglob("*")) if home.exists() else []


@pytest.mark.parametrize("size", [SIZE, 0], ids=["known size", "unknown size"])
@pytest.mark.parametrize("route", ["", "/unsized"], ids=["announced", "not announced"])
def test_pull_from_a_server(server, home, route, size):
    model = net(f"{server}{route}/net.onnx", size=size)
    assert weights.verify(model) == "missing"
    assert weights.path(model) is None

    assert weights.pull(model) == home / "net.onnx"

    assert (home / "net.onnx").read_bytes() == WEIGHTS
    assert left_over(home) == ["net.onnx"]
    assert weights.verify(model) == "ok"
    assert weights.path(model) == weights.require(model) == home / "net.onnx"
    assert weights.digests(model) == {"net.onnx": SHA256}


def test_progress_is_told(server):
    told = []
    weights.pull(net(f"{server}/net.onnx"), progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1
    assert told[-1] == (SIZE, SIZE)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("route", "change", "says"),
    [
        ("/net.onnx", {"sha256": "0" * 64}, f"expected SHA-256 {'0' * 64}, got {SHA256}"),  # another file
        ("/net.onnx", {"size": 10}, "expected 10 bytes, got more"),  # too long: not written to the end
        ("/net.onnx", {"size": 10**9}, f"expected {10**9} bytes, got {SIZE}"),  # too short
        ("/cut/net.onnx", {}, f"expected {SIZE} bytes, got|cannot download"),  # line dropped
        ("/cut/net.onnx", {"size": 0}, f"expected {SIZE} bytes, got|cannot download"),  # likewise
        ("/missing/net.onnx", {}, "cannot download model 'net': Not Found"),  # 404
    ],
)
def test_a_failed_download_leaves_nothing_behind(server, home, route, change, says):
    with pytest.raises(FertoolError, match=says) as caught:
        weights.pull(net(server + route, **change))
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert left_over(home) == []


def test_a_failed_download_leaves_the_old_copy_alone(server, home):
    weights.pull(net(f"{server}/net.onnx"))
    with pytest.raises(FertoolError):
        weights.pull(net(f"{server}/net.onnx", sha256="0" * 64))
    assert (home / "net.onnx").read_bytes() == WEIGHTS
    assert left_over(home) == ["net.onnx"]


def test_a_silent_server_is_given_up(server, home, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT_S", 0.3)
    with pytest.raises(FertoolError, match=r"cannot download model 'net': .*timed out"):
        weights.pull(net(f"{server}/slow/net.onnx"))
    assert left_over(home) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/net.onnx",  # nobody listens
        "http://name.invalid/net.onnx",  # no such host: what a machine without network sees
    ],
)
def test_without_network_the_error_says_what_to_do(url, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FertoolError) as caught:
        weights.pull(net(url))
    assert "fertool models pull net --from DIR" in caught.value.hint
    assert url in caught.value.hint


def test_pull_from_a_folder(home, tmp_path):
    model = net("https://example.org/a/net.onnx")
    assert weights.pull(model, copies(tmp_path)) == home / "net.onnx"
    assert weights.verify(model) == "ok"
    assert (tmp_path / "stick" / "net.onnx").exists(), "copied, not moved"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("other.onnx", WEIGHTS, r"stick/net\.onnx not found"),  # not in the folder
        ("net.onnx", WEIGHTS[:-1], f"expected {SIZE} bytes, got {SIZE - 1}"),  # cut short
        ("net.onnx", b"x" + WEIGHTS[1:], "expected SHA-256"),  # one byte wrong
        ("net.onnx", b"", f"expected {SIZE} bytes, got 0"),  # empty
    ],
)
def test_a_bad_copy_is_refused(home, tmp_path, name, content, says):
    with pytest.raises(FertoolError, match=says) as caught:
        weights.pull(net("https://example.org/net.onnx"), copies(tmp_path, name, content))
    assert "https://example.org/net.onnx" in caught.value.hint
    assert left_over(home) == []


def test_require_says_what_to_run(home):
    model = net("https://example.org/net.onnx")
    with pytest.raises(FertoolError, match="'net' is not on this machine") as caught:
        weights.require(model)
    assert caught.value.hint == "run `fertool models pull net`"
    assert weights.digests(model) == {}

    home.mkdir(parents=True)
    (home / "net.onnx").write_bytes(WEIGHTS[:-1])
    assert weights.verify(model) == "mismatch"
    with pytest.raises(FertoolError, match="'net' is damaged"):
        weights.require(model)


def test_a_folder_in_the_place_of_a_file_is_a_mismatch(home):
    (home / "net.onnx").mkdir(parents=True)
    assert weights.verify(net("https://example.org/net.onnx")) == "mismatch"


def test_an_archive_is_unpacked_and_its_hashes_recorded(home, tmp_path):
    folder = weights.pull(pack(), copies(tmp_path, "pack.zip", PACK))
    assert folder == home / "packs" / "small"
    assert left_over(folder) == ["SHA256SUMS", "det.onnx", "sub", "sub/rec.onnx"]
    recorded = {name: hashlib.sha256(text).hexdigest() for name, text in
                [("det.onnx", b"detector"), ("sub/rec.onnx", b"recognition")]}  # fmt: skip
    assert weights.digests(pack()) == recorded
    assert weights.verify(pack()) == "ok"
    assert weights.require(pack()) == folder
    assert left_over(home / "packs")[0] == "small", "no temporary folder"


def spoil(folder):
    (folder / "det.onnx").write_bytes(b"something else")


def lose(folder):
    (folder / "det.onnx").unlink()


def add(folder):
    (folder / "more.onnx").write_bytes(b"a model that nobody pulled")


def lose_sums(folder):
    (folder / weights.SUMS).unlink()


def garble_sums(folder):
    (folder / weights.SUMS).write_text("what?\n")


@pytest.mark.parametrize("harm", [spoil, lose, add, lose_sums, garble_sums])
def test_an_archive_is_held_to_what_was_recorded(tmp_path, harm):
    harm(weights.pull(pack(), copies(tmp_path, "pack.zip", PACK)))
    assert weights.verify(pack()) == "mismatch"
    with pytest.raises(FertoolError, match="damaged"):
        weights.require(pack())
    weights.pull(pack(), tmp_path / "stick")  # pulled again, it is whole again
    assert weights.verify(pack()) == "ok"


def test_an_archive_from_a_server(server, home):
    model = pack(f"{server}/pack.zip", sha256=hashlib.sha256(PACK).hexdigest())
    weights.pull(model)
    assert weights.verify(model) == "ok"


@pytest.mark.parametrize(
    "content",
    [
        b"<html>please log in</html>",  # a captive portal
        PACK[: len(PACK) // 2],  # cut short
        b"",
    ],
)
def test_a_bad_archive_is_refused(home, tmp_path, content):
    with pytest.raises(FertoolError, match="no whole zip file"):
        weights.pull(pack(), copies(tmp_path, "pack.zip", content))
    assert left_over(home) == ["packs"]


def test_an_archive_cannot_write_outside_its_folder(home, tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../../evil.onnx", b"evil")
    weights.pull(pack(), copies(tmp_path, "pack.zip", data.getvalue()))
    assert left_over(home) == ["packs", "packs/small", "packs/small/SHA256SUMS", "packs/small/evil.onnx"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder this user cannot write to")
def test_a_folder_that_cannot_be_written(home, tmp_path):
    home.mkdir(parents=True)
    home.chmod(0o500)
    with pytest.raises(FertoolError, match="cannot write to") as caught:
        weights.pull(net("https://example.org/net.onnx"), copies(tmp_path))
    home.chmod(0o700)
    assert "FERTOOL_MODELS" in caught.value.hint


def test_a_file_in_the_place_of_the_folder(home, tmp_path):
    home.parent.mkdir(parents=True)
    home.write_text("not a folder")
    with pytest.raises(FertoolError, match="cannot write to") as caught:
        weights.pull(net("https://example.org/net.onnx"), copies(tmp_path))
    assert "FERTOOL_MODELS" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "file:///etc/passwd", "sha256": SHA256}, "must start with https:// or http://"),
        ({"url": "http://example.org/x.zip", "archive": True}, "must start with https://"),  # without a hash
        ({"url": "https://example.org/x.onnx"}, "a single file needs its sha256"),
    ],
)
def test_a_careless_catalog_entry_is_refused(fields, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        Model(name="x", file="x", license="MIT", **fields)


def test_where_models_live(monkeypatch, tmp_path):
    monkeypatch.setenv("FERTOOL_MODELS", "~/weights")
    assert weights.models_dir() == Path.home() / "weights"
    monkeypatch.delenv("FERTOOL_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert weights.models_dir().parts[-2:] == ("fertool", "models")
    if os.name == "posix" and os.uname().sysname == "Linux":
        assert weights.models_dir() == tmp_path / "fertool" / "models"
        monkeypatch.delenv("XDG_DATA_HOME")
        assert weights.models_dir() == Path.home() / ".local/share/fertool/models"
