"""The preview, asked through real sockets: who gets in, what is refused, and that it keeps up."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fertool.errors import FertoolError
from fertool.report import serve
from fertool.report.serve import Preview

PAGE = "<head><meta content=\"connect-src 'none'; form-action 'none'\"></head><body>{}</body>"


class Site:
    """What a report's folder is made of, counted."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "x.duckdb"
        self.database.write_bytes(b"1")
        self.heard: list[str] = []
        self.fails = False

    def build(self, folder: Path) -> None:
        if self.fails:
            raise FertoolError("nothing to report")
        (folder / "lectures").mkdir(parents=True)
        (folder / ".fertool-report").write_text("marker")
        (folder / "index.html").write_text(PAGE.format(self.database.read_text()))
        (folder / "lectures" / "a.html").write_text(PAGE.format("lecture"))
        (folder / "report.css").write_text("body {}")

    def change(self, text: str) -> None:
        self.database.write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def preview(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Preview]:
    monkeypatch.setattr(serve, "POLL_S", 0.05)
    server = Preview(site.build, site.database, tell=site.heard.append)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


Ask = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def ask(preview: Preview) -> Ask:
    """One request, as a browser that came in by the printed address would send it, unless told otherwise."""

    def send(path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
        inside = {"Cookie": f"{preview.cookie}={preview.token}"}
        connection = http.client.HTTPConnection("127.0.0.1", preview.server_port, timeout=10)
        connection.request(method, path, headers={**inside, **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    return send


def wait_for(what: Callable[[], bool]) -> None:
    for _ in range(400):
        if what():
            return
        time.sleep(0.025)
    raise AssertionError("it did not happen")


def test_the_address_becomes_a_cookie_and_the_page(preview: Preview, ask: Ask) -> None:
    code, headers, _ = ask(preview.address.removeprefix(preview.origin), Cookie="")
    assert (code, headers["Location"]) == (303, "/")
    cookie = headers["Set-Cookie"]
    assert cookie == f"{preview.cookie}={preview.token}; HttpOnly; SameSite=Strict; Path=/"
    code, headers, text = ask(Cookie=cookie.split(";")[0])
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<body>1</body>" in text


def test_served_pages_may_ask_here_and_nowhere_else(ask: Ask) -> None:
    _, headers, text = ask("/lectures/a.html")
    assert "connect-src 'self'" in text
    assert '<script defer src="/-/reload.js" data-version="1"></script>' in text
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert ask("/-/version")[2] == "1"
    assert "location.reload()" in ask("/-/reload.js")[2]


REFUSED = [
    ("/", {"Cookie": ""}, 403),  # no token
    ("/-/version", {"Cookie": ""}, 403),
    ("/report.css", {"Cookie": ""}, 403),
    ("/?token=", {"Cookie": ""}, 403),
    ("/?token=wrong", {"Cookie": ""}, 403),
    ("/?token=%F0%9F%A6%8A", {"Cookie": ""}, 403),  # no ASCII, which a careless comparison chokes on
    ("/", {"Cookie": "fertool_1=guess"}, 403),
    ("/", {"Cookie": "\x01=;;"}, 403),  # no cookie at all
    ("/", {"Host": "evil.example:80"}, 403),  # a name that leads here: DNS rebinding
    ("/", {"Host": "127.0.0.1"}, 403),  # another port's
    ("/../x.duckdb", {}, 404),
    ("/%2e%2e/x.duckdb", {}, 404),
    ("/lectures/..%2f..%2fx.duckdb", {}, 404),
    ("/..%5cx.duckdb", {}, 404),
    ("//etc/passwd", {}, 404),
    ("/%2fetc%2fpasswd", {}, 404),
    ("/.fertool-report", {}, 404),
    ("/lectures", {}, 404),  # a folder
    ("/none.html", {}, 404),
    ("/index.html%00.css", {}, 404),
]


@pytest.mark.parametrize(("path", "headers", "code"), REFUSED)
def test_refused(ask: Ask, path: str, headers: dict[str, str], code: int) -> None:
    status, _, text = ask(path, **headers)
    assert status == code
    assert "<body>" not in text


@pytest.mark.parametrize("headers", [{}, {"Cookie": ""}])
@pytest.mark.parametrize("path", ["/", "/none", "/?token=x"])
def test_every_answer_is_guarded(ask: Ask, path: str, headers: dict[str, str]) -> None:
    _, got, _ = ask(path, **headers)
    assert {name: got.get(name) for name in serve.HEADERS} == serve.HEADERS


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(ask: Ask, method: str) -> None:
    code, headers, _ = ask("/", method)
    assert (code, headers["Allow"]) == (405, "GET, HEAD")


def test_head_has_no_body(ask: Ask) -> None:
    code, headers, text = ask("/report.css", "HEAD")
    assert (code, headers["Content-Length"], text) == (200, "7", "")


def test_a_link_that_leads_out_is_not_followed(preview: Preview, ask: Ask, site: Site) -> None:
    (preview.root / "out.html").symlink_to(site.database)
    assert ask("/out.html")[0] == 404


def test_it_listens_on_this_machine_only(preview: Preview) -> None:
    assert preview.socket.getsockname()[0] == "127.0.0.1"


def test_a_change_of_the_database_is_shown(ask: Ask, site: Site) -> None:
    site.change("22")
    wait_for(lambda: ask("/-/version")[2] == "2")
    assert "<body>22</body>" in ask()[2]


def test_what_cannot_be_rendered_leaves_the_last_report(preview: Preview, ask: Ask, site: Site) -> None:
    site.fails = True
    site.change("22")
    wait_for(lambda: any("nothing to report" in line for line in site.heard))
    assert "<body>1</body>" in ask()[2]
    site.fails = False
    site.change("333")
    wait_for(lambda: "<body>333</body>" in ask()[2])
    assert len(list(preview.root.parent.iterdir())) == 1, "old versions are deleted"


def test_nothing_is_left_behind(site: Site) -> None:
    server = Preview(site.build, site.database)
    folder = server.root
    thread = threading.Thread(target=server.run)
    thread.start()
    server.shutdown()
    thread.join()
    assert not folder.parent.exists()


def test_a_taken_port_is_said(preview: Preview, site: Site) -> None:
    with pytest.raises(FertoolError, match=f"port {preview.server_port}: cannot be served on"):
        Preview(site.build, site.database, preview.server_port)


def test_a_first_report_that_fails_is_an_error(site: Site) -> None:
    site.fails = True
    with pytest.raises(FertoolError, match="nothing to report"):
        Preview(site.build, site.database)
