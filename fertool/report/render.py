"""Write the site: pages from templates into a folder beside the target, swapped in when complete."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import fertool
from fertool.errors import FertoolError
from fertool.privacy import custody
from fertool.privacy.custody import Custody
from fertool.report import data, text
from fertool.report.exports import tables, xapi
from fertool.report.exports import write as exports
from fertool.report.pages import LECTURE_PAGES, SITE_PAGES, Page, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    import jinja2

    from fertool.privacy.names import Names
    from fertool.report.exports.tables import Tables
    from fertool.store import Store

MARKER = ".fertool-report"
"""Its presence says that a folder is ours to replace; its second line, in which formats it was."""
STATIC = ("report.css", "report.js")


def render(
    store: Store,
    out: Path,
    course: str | None = None,
    lecture: str | None = None,
    *,
    names: Names | None = None,
    k: int = 1,
    retention: str = "",
    formats: Collection[str] = ("html",),
    home: str = xapi.HOME,
    progress: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the report into the folder `out`; returns its `index.html`, or `out` where there are no pages.

    `names` are shown instead of pseudonyms; only here do the two meet. Figures about fewer than `k` students
    are left out; `retention` (`180d`) stands in the headers. The database remembers the report, if it can be
    written to, so that a student who is forgotten can be taken out of it.

    `formats`: some of `exports.write.FORMATS`; `home`: under which address xAPI statements name things;
    `progress` hears what is being done.

    An older report there is replaced as a whole, once the new one is complete; any other non-empty
    folder is refused. `course` and `lecture` narrow down what is reported; nothing found is an error.
    """
    out = out.resolve()
    _check_target(out)
    lectures = store.lectures(course, lecture)
    if not lectures:
        raise FertoolError(_nothing(course, lecture), "`fertool analyze` comes first")
    try:
        with _swapped_in(out) as folder:
            exports.write(
                folder,
                formats,
                lambda where: _write(store, where, Site(lectures), names, k, retention),
                lambda: _tables(store, lectures, k),
                {of: names.shown(of) for of, _ in lectures} if names is not None else {},
                home,
                progress,
            )
            _mark(folder, formats)
    except OSError as error:
        what = f"{out}: the report could not be written: {error}"
        raise FertoolError(what, "check space and permissions") from error
    if not store.database.read_only:
        Custody(store.database).add_site(custody.Site(out, course, lecture, k))
    return out / "index.html" if "html" in formats else out


def _write(store: Store, folder: Path, site: Site, names: Names | None, k: int, retention: str) -> None:
    """One lecture at a time, so that memory holds one lecture's tables."""
    pages = environment()
    pages.globals["retention"] = retention
    summaries = []
    for course, lecture in site.lectures:
        one = data.load(store, course, lecture, k)
        if names is not None:
            one = data.named(one, names.shown(course))
        for lecture_pages in LECTURE_PAGES:
            for page in lecture_pages(site, one):
                _write_page(pages, folder, page)
        summaries.append(one.summary)
    for site_pages in SITE_PAGES:
        for page in site_pages(site, summaries):
            _write_page(pages, folder, page)
    _write_assets(folder / "assets")


def _tables(store: Store, lectures: Iterable[tuple[str, str]], k: int) -> Iterator[Tables]:
    """For exports, one lecture after another."""
    days = store.query("SELECT course, lecture, held FROM syllabi")
    held = {(course, lecture): day for course, lecture, day in days.iter_rows()}
    for pair in lectures:
        yield tables.of_lecture(data.load(store, *pair, k), held.get(pair))


def _mark(folder: Path, formats: Collection[str]) -> None:
    lines = [f"fertool {fertool.__version__}", ",".join(formats)]
    (folder / MARKER).write_text("\n".join(lines) + "\n", encoding="utf-8")


def written_as(folder: Path) -> tuple[str, ...]:
    """The formats of a report that was written before."""
    lines = (folder / MARKER).read_text(encoding="utf-8").splitlines()
    return tuple(lines[1].split(",")) if len(lines) > 1 else ("html",)


def environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fertool.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats = (text.clock, text.count, text.percent, text.number, text.degrees, text.period, text.script_json)
    environment.filters |= {function.__name__: function for function in formats}
    environment.globals |= {"plugin": text.plugin, "version": fertool.__version__, "retention": ""}
    return environment


def _write_page(environment: jinja2.Environment, folder: Path, page: Page) -> None:
    path = folder / page.path
    path.parent.mkdir(exist_ok=True)
    root = "../" * (len(PurePosixPath(page.path).parts) - 1)
    markup = environment.get_template(page.template).render(page.context, title=page.title, root=root)
    # A lone surrogate (a file name that is no UTF-8) becomes a question mark, not a crash.
    path.write_bytes(markup.encode("utf-8", "replace"))


def _write_assets(folder: Path) -> None:
    """Style, script, and plotly.js once per site: the Python package ships the full bundle only."""
    folder.mkdir()
    for name in STATIC:
        (folder / name).write_bytes(files("fertool.report").joinpath("static", name).read_bytes())
    bundle = files("plotly").joinpath("package_data", "plotly.min.js")
    (folder / "plotly.min.js").write_bytes(bundle.read_bytes())


def _check_target(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise FertoolError(f"{out}: is a file, a report is a folder", "give another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise FertoolError(
            f"{out}: not empty and not a fertool report, so it is left alone", "give a new or an empty folder"
        )


@contextlib.contextmanager
def _swapped_in(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place when the block ends well, and vanishes otherwise.

    Readable by its owner only, as temporary folders are: figures about students are in it.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        new, old = work / "new", work / "old"
        new.mkdir(mode=0o700)
        yield new
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _nothing(course: str | None, lecture: str | None) -> str:
    names = {"course": course, "lecture": lecture}
    wanted = [f"{what} {name!r}" for what, name in names.items() if name is not None]
    return f"nothing to report: no finished run{' for ' + ', '.join(wanted) if wanted else ''}"
