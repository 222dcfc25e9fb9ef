"""Write the site: pages from templates into a folder beside the target, swapped in when complete."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import fertool
from fertool.config import SMALLEST_GROUP
from fertool.errors import FertoolError
from fertool.files import swapped
from fertool.host.registry import load_plugins
from fertool.report import data, i18n, shots, text
from fertool.report.data.course import Course, describe, gathered
from fertool.report.data.digest import Digest, digest
from fertool.report.exports import tables as flat
from fertool.report.exports import write as exports
from fertool.report.exports import xapi
from fertool.report.pages import COURSE_PAGES, SITE_PAGES, Page, Site
from fertool.report.sections import Sections
from fertool.report.style import EMOTICONS, color
from fertool.storage import audit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import jinja2

    from fertool.host.registry import Registry
    from fertool.privacy.names import Names
    from fertool.report.exports.tables import Tables
    from fertool.report.i18n import Language
    from fertool.report.shots import Cut
    from fertool.storage.store import Store

log = logging.getLogger(__name__)
MARKER = ".fertool-report"
"""Its presence says that a folder is ours to replace; its next lines, in which language and formats
it was."""
STATIC = {
    "report.js": "report.js",
    "plotly-cartesian.min.js": "plotly.min.js",
    "LICENSE-plotly.js.txt": "LICENSE-plotly.js.txt",
}
"""File here -> file in `assets/`, once per site, beside report.css. plotly.js in the smallest bundle with
heat maps."""


BLANK = re.compile(r"\n\s*\n")


def _quietly(what: str) -> None:
    """Nobody listens."""


def _nothing_to_show(one: Digest) -> None:
    """No pictures."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What a report shows, and in which form."""

    names: Names | None = None
    """Shown instead of pseudonyms; only in a report do the two meet."""
    k: int = SMALLEST_GROUP
    """Figures about fewer students are left out."""
    retention: str = ""
    """Stands in the headers: `180d`."""
    formats: Collection[str] = ("html",)
    """Some of `exports.write.FORMATS`."""
    home: str = xapi.HOME
    """The address under which xAPI statements name things."""
    lang: str = i18n.DEFAULT
    """A language of `languages/`."""
    registry: Registry | None = None
    """Plugins whose formulas are shown; the installed ones when left out."""
    plugin_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Plugin -> option -> value, for sections."""
    slides: Cut | None = None
    """Cuts pictures of slides for the pages of lectures and segments; they are shown where no face can be in
    them."""
    progress: Callable[[str], None] = _quietly
    """Called with what is being done."""
    noted: Callable[[str], None] = _quietly
    """Called for each lecture with slides: at how many places one is shown, and why not at the others."""
    failed: Callable[[str], None] = _quietly
    """Called for each section of a plugin that broke: in its place the page says so."""


DEFAULTS = ReportOptions()


def render(
    store: Store,
    out: Path,
    course: str | None = None,
    lecture: str | None = None,
    options: ReportOptions = DEFAULTS,
) -> Path:
    """Write the report into the folder `out`; returns its `index.html`, or `out` where there are no pages.

    An older report there is replaced as a whole, once the new one is complete; any other non-empty
    folder is refused. `course` and `lecture` narrow down what is reported; nothing found is an error.
    The database remembers the report, if it can be written to, so that a student who is forgotten can be
    taken out of it.
    """
    names = options.names
    say = i18n.load(options.lang)
    out = out.resolve()
    _check_target(out)
    with store.database.kept():
        lectures = store.lectures(course, lecture)
        labels = {name: data.labels(store, name) for name in dict.fromkeys(name for name, _ in lectures)}
        further = store.further_labels()
    if not lectures:
        raise FertoolError(_nothing(course, lecture), "`fertool analyze` comes first")
    told = {name: data.shown_as(names.shown(name) if names else {}, known) for name, known in labels.items()}
    students = {
        name: list(dict.fromkeys(told[name].get(label, label) for label in known))
        for name, known in labels.items()
    }
    registry = load_plugins() if options.registry is None else options.registry
    say = say.with_rules(registry)
    sections = Sections.of(registry, options.plugin_options)
    site = Site(
        lectures,
        say,
        students,
        out=out,
        registry=registry,
        k=options.k,
        retention=options.retention,
        further=further,
    )

    def shoot(one: Digest) -> None:
        if options.slides is not None and (note := shots.take(store, site, one, options.slides)):
            options.noted(note)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Private: figures about students are in it.
        with swapped(out, private=True) as folder:
            folder.mkdir()
            exports.write(
                folder,
                options.formats,
                lambda where: write(store, where, site, names, options.progress, sections, shoot),
                lambda: _tables(store, site),
                told,
                options.home,
                options.progress,
            )
            _mark(folder, options.lang, options.formats)
    except OSError as error:
        what = f"{out}: the report could not be written: {error}"
        raise FertoolError(what, "check space and permissions") from error
    if not store.database.read_only:
        store.audit.add_site(audit.ReportSite(out, course, lecture, options.k))
    log.info("rendered: lectures %d, %s", len(lectures), out)
    for trouble in sections.failures.values():
        options.failed(trouble)
    return out / "index.html" if "html" in options.formats else out


def _tables(store: Store, site: Site) -> Iterator[Tables]:
    """For exports, one lecture after another."""
    courses = dict.fromkeys(course for course, _ in site.lectures)
    meetings = {course: describe(store, course).meetings for course in courses}
    for course, lecture in site.lectures:
        loaded = data.load(store, course, lecture, site.k)
        yield flat.of_lecture(digest(loaded, meetings[course][lecture], site.signals))


def _mark(folder: Path, lang: str, formats: Collection[str]) -> None:
    lines = [f"fertool {fertool.__version__}", lang, ",".join(formats)]
    (folder / MARKER).write_text("\n".join(lines) + "\n", encoding="utf-8")


def written_as(folder: Path) -> tuple[str, ...]:
    """The formats of a report that was written before."""
    lines = (folder / MARKER).read_text(encoding="utf-8").splitlines()
    return tuple(lines[2].split(",")) if len(lines) > 2 else ("html",)


def write(
    store: Store,
    folder: Path,
    site: Site,
    names: Names | None,
    progress: Callable[[str], None],
    sections: Sections,
    shoot: Callable[[Digest], None] = _nothing_to_show,
) -> None:
    """All pages into an existing folder. One lecture at a time: memory holds the samples of one, and of the
    others what `data.digest` keeps. `shoot` gives the site its pictures of a lecture."""
    pages = environment(site)
    pages.globals["sections"] = partial(sections.show, site.say)
    courses = []
    for name in dict.fromkeys(course for course, _ in site.lectures):
        courses.append(_read(store, site, name, names, progress, sections))
        for one in courses[-1].lectures:
            shoot(one)
        for builder in COURSE_PAGES:
            for page in builder(site, courses[-1]):
                _write_page(pages, folder, page)
    for site_builder in SITE_PAGES:
        for page in site_builder(site, courses):
            _write_page(pages, folder, page)
    _write_assets(folder / "assets", site.style)


def written_in(folder: Path) -> str:
    """The language of a report that was written before."""
    lines = (folder / MARKER).read_text(encoding="utf-8").splitlines()
    return lines[1] if len(lines) > 1 and lines[1] in i18n.available() else i18n.DEFAULT


def _read(
    store: Store,
    site: Site,
    name: str,
    names: Names | None,
    progress: Callable[[str], None],
    sections: Sections,
) -> Course:
    with store.database.kept():
        about, labels = describe(store, name), data.labels(store, name)
    shown = names.shown(name) if names is not None else {}
    if shown:
        about = about.named(data.shown_as(shown, labels))
    digests, found = [], []
    for lecture, meeting in about.meetings.items():
        if (name, lecture) not in site.lectures:
            continue
        progress(f"{name} / {lecture}")
        tables = data.load(store, name, lecture, site.k)
        tables = data.named(tables, shown, labels) if shown else tables
        digests.append(digest(tables, meeting, site.signals))
        # One student alone is no group: sections of pages show what the pages show.
        found.append(flat.of_lecture(digests[-1].own or digests[-1] if len(labels) == 1 else digests[-1]))
    sections.tables = flat.together(found)
    return gathered(name, digests, about, site.k)


def environment(site: Site | None = None) -> jinja2.Environment:
    """Templates, speaking the language of the site."""
    import jinja2

    say: Language = site.say if site is not None else i18n.load(i18n.DEFAULT)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fertool.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_compiled(),
    )
    environment.filters |= say.filters() | {"color": color}
    environment.globals |= {
        "say": say,
        "site": site,
        "plugin": text.plugin,
        "members": text.members,
        "sections": lambda *_: [],
        "version": fertool.__version__,
        "emoticons": EMOTICONS,
        "retention": site.retention if site is not None else "",
    }
    return environment


@cache
def _compiled() -> jinja2.BytecodeCache:
    """Templates compiled once per process: that takes longer than to fill in a small report."""
    import jinja2

    class Memory(jinja2.BytecodeCache):
        def __init__(self) -> None:
            self.known: dict[tuple[str, str], Any] = {}

        def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
            bucket.code = self.known.get((bucket.key, bucket.checksum))

        def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
            self.known[bucket.key, bucket.checksum] = bucket.code

    return Memory()


def _write_page(environment: jinja2.Environment, folder: Path, page: Page) -> None:
    path = folder / page.path
    path.parent.mkdir(exist_ok=True)
    root = "../" * (len(PurePosixPath(page.path).parts) - 1)
    markup = environment.get_template(page.template).render(page.context, title=page.title, root=root)
    markup = BLANK.sub("\n", markup)  # what macros leave behind is a tenth of a page
    # A lone surrogate (a file name that is no UTF-8) becomes a question mark, not a crash.
    path.write_bytes(markup.encode("utf-8", "replace"))


def _write_assets(folder: Path, style: str) -> None:
    folder.mkdir()
    (folder / "report.css").write_text(style, encoding="utf-8")
    for name, target in STATIC.items():
        (folder / target).write_bytes(files("fertool.report").joinpath("static", name).read_bytes())


def _check_target(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise FertoolError(f"{out}: is a file, a report is a folder", "give another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise FertoolError(
            f"{out}: not empty and not a fertool report, so it is left alone", "give a new or an empty folder"
        )


def _nothing(course: str | None, lecture: str | None) -> str:
    names = {"course": course, "lecture": lecture}
    wanted = [f"{what} {name!r}" for what, name in names.items() if name is not None]
    return f"nothing to report: no finished run{' for ' + ', '.join(wanted) if wanted else ''}"
