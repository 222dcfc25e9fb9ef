"""A report served on this machine alone, rendered again when the database changes.

Who asks has to know the token of the address that was printed; it becomes a cookie, so that it stands in no
link, no history and no screenshot. Nothing can be changed through it, and no other site's page can read it.
"""

from __future__ import annotations

import hmac
import mimetypes
import secrets
import shutil
import tempfile
import threading
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from fertool.errors import FertoolError

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
POLL_S = 1.0
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'; "
    "form-action 'none'; base-uri 'none'",
}
"""With every answer, refusals included."""
VERSION, SCRIPT = "/-/version", "/-/reload.js"
CLOSED, OPEN = "connect-src 'none'", "connect-src 'self'"
"""Pages from a file may ask nobody; served, they ask here whether they are out of date."""


class Preview(ThreadingHTTPServer):
    """Serves what `build(folder)` wrote into a folder of its own, and builds again when `database` changed.

    `build` gets a folder that is not there yet and may raise FertoolError: then what was served before stays,
    and `tell` hears why. The first build happens here, and raises.
    """

    daemon_threads = True

    def __init__(
        self,
        build: Callable[[Path], object],
        database: Path,
        port: int = 0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.build, self.database, self.tell = build, database, tell
        self.token = secrets.token_urlsafe(32)
        self.version = 0
        self._work = Path(tempfile.mkdtemp(prefix="fertool-serve-"))  # readable by its owner only
        self._over = threading.Event()
        try:
            self._seen = self._state()
            self._rebuild()
            super().__init__((HOST, port), Handler)
        except OSError as error:
            self._remove()
            what = f"port {port}: cannot be served on: {error.strerror}"
            raise FertoolError(what, "give another --port, or none") from error
        except BaseException:
            self._remove()
            raise

    @property
    def root(self) -> Path:
        """Where the pages of the current version lie."""
        return self._work / str(self.version)

    @property
    def origin(self) -> str:
        """Scheme, host and port of the served address."""
        return f"http://{HOST}:{self.server_port}"

    @property
    def address(self) -> str:
        """What to open."""
        return f"{self.origin}/?token={self.token}"

    @property
    def cookie(self) -> str:
        """Cookies of all ports of a host go to all of them, so each has its own name."""
        return f"fertool_{self.server_port}"

    def run(self) -> None:
        """Serve until Ctrl-C, or `shutdown` from another thread; then leave nothing behind."""
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            self.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            pass
        finally:
            self._over.set()
            self.server_close()
            self._remove()

    def _watch(self) -> None:
        while not self._over.wait(POLL_S):
            state = self._state()
            if state == self._seen:
                continue
            if self._over.wait(POLL_S):
                return
            if state != self._state():  # somebody is still writing
                continue
            self._seen = state
            try:
                self._rebuild()
            except (FertoolError, OSError) as error:
                self.tell(f"not rendered again: {error}")

    def _rebuild(self) -> None:
        old, new = self.root, self._work / str(self.version + 1)
        shutil.rmtree(new, ignore_errors=True)  # of a build that failed
        self.build(new)
        self.version += 1
        shutil.rmtree(old, ignore_errors=True)
        self.tell(f"version {self.version}")

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        """Changes whenever the database does: it and its log."""
        return tuple(_stamp(Path(f"{self.database}{end}")) for end in ("", ".wal"))

    def _remove(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)


class Handler(BaseHTTPRequestHandler):
    """One request: from this machine's browser, with the token, for a file of the report; else refused."""

    server: Preview
    server_version, sys_version = "fertool", ""
    timeout = 30

    def do_GET(self) -> None:
        """Answer one request as the class says."""
        url = urlsplit(self.path)
        if self.headers.get("Host") not in self._hosts():  # a name that somebody pointed at this machine
            self._refuse(403, "wrong host")
        elif self._right(parse_qs(url.query).get("token", [""])[0]):
            self._welcome()
        elif not self._right(self._cookie()):
            self._refuse(403, "open the address that `fertool report --serve` printed")
        elif url.path == VERSION:
            self._answer(200, str(self.server.version).encode(), "text/plain; charset=utf-8")
        elif url.path == SCRIPT:
            self._answer(200, _script(), "text/javascript; charset=utf-8")
        else:
            self._file(unquote(url.path))

    do_HEAD = do_GET

    def _only_reading(self) -> None:
        self.close_connection = True  # what it sent is not read
        self._answer(405, b"read-only\n", "text/plain; charset=utf-8", Allow="GET, HEAD")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _only_reading

    def _hosts(self) -> tuple[str, str]:
        return f"{HOST}:{self.server.server_port}", f"localhost:{self.server.server_port}"

    def _right(self, token: str) -> bool:
        """Compared in a time that reveals nothing about it."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(self.server.cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def _welcome(self) -> None:
        cookie = f"{self.server.cookie}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        self._answer(303, b"", "text/plain; charset=utf-8", Location="/", **{"Set-Cookie": cookie})

    def _file(self, path: str) -> None:
        root = self.server.root
        wanted = [part for part in path.split("/") if part] or ["index.html"]
        # No part may lead up or aside, and what begins with a dot is not for show.
        if any(part.startswith(".") or "\\" in part or ":" in part or "\0" in part for part in wanted):
            self._refuse(404, "no such page")
            return
        try:
            file = root.joinpath(*wanted).resolve(strict=True)
            inside = file.is_relative_to(root.resolve()) and file.is_file()
            content = file.read_bytes() if inside else b""
        except OSError:
            inside = False
        if not inside:
            self._refuse(404, "no such page")
            return
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if kind == "text/html":
            content = self._live(content)
        self._answer(200, content, f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)

    def _live(self, page: bytes) -> bytes:
        """The page with a script that reloads it."""
        script = f'<script defer src="{SCRIPT}" data-version="{self.server.version}"></script>\n</head>'
        return page.replace(CLOSED.encode(), OPEN.encode(), 1).replace(b"</head>", script.encode(), 1)

    def _refuse(self, code: int, why: str) -> None:
        self._answer(code, f"{why}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, code: int, content: bytes, kind: str, **headers: str) -> None:
        self.send_response(code)
        for name, value in {**HEADERS, **headers, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: who looks at which page is nobody's business, and the token is in the first line."""


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _script() -> bytes:
    return files("fertool.report").joinpath("static", "reload.js").read_bytes()
