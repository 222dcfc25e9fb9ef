"""Reports as a workflow: what settings become, what is reported and noted, in a database of two lectures."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import pytest

from fertool.config import Settings
from fertool.errors import FertoolError, PluginError
from fertool.report.render import ReportOptions, render
from fertool.storage.store import Store
from fertool.testing import store_lecture, timeline
from fertool.workflows import report
from fertool.workflows.reporter import Reporter

BROKEN = """
from fertool import Given, Section, hookimpl
class Broken(Section):
    name, version, title = "broken", "1", "Broken"
    def build(self, given: Given):
        raise ValueError("no luck")
@hookimpl
def fertool_plugins():
    return [Broken]
"""


class Heard(Reporter):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def taught(store: Store) -> Store:
    people = {f"S{i}": timeline("neutral*30") for i in range(6)}
    store_lecture(store, "signals", "week 1", people)
    store_lecture(store, "optics", "week 1", people)
    return store


def written(
    store: Store, out: Path, course: str | None = None, **how: object
) -> tuple[Path, bool, list[str]]:
    heard = Heard()
    chosen = replace(report.options(Settings(), lang="en"), **how)
    return *report.write(store, out, course, None, chosen, heard), heard.warnings


def test_options_are_those_of_the_settings(tmp_path: Path) -> None:
    plain = report.options(Settings(), lang="en")
    assert (plain.k, plain.retention, plain.lang, plain.slides) == (5, "", "en", None)
    assert tuple(plain.formats) == ("html",)
    assert plain.names is None
    chosen = Settings(k=7, retention="180d", options={"attendance": {"late": 3}})
    how = report.options(chosen, lang="de", slides=True)
    assert (how.k, how.retention, how.lang) == (7, "180d", "de")
    assert how.plugin_options == {"attendance": {"late": 3}}
    assert how.slides is not None
    (tmp_path / "broken.py").write_text(BROKEN)
    more = report.options(Settings(), lang="en", plugins=[tmp_path / "broken.py"])
    assert {("section", "broken")} == more.registry.found.keys() - plain.registry.found.keys()
    with pytest.raises(PluginError, match=r"gone\.py"):
        report.options(Settings(), lang="en", plugins=[tmp_path / "gone.py"])


def test_render_protects_groups_by_default(taught: Store, tmp_path: Path) -> None:
    """The default stands once, and `render` has at most eight parameters."""
    assert ReportOptions().k == Settings().k == 5
    assert len(inspect.signature(render).parameters) <= 8
    render(taught, tmp_path / "site")
    (site,) = taught.audit.sites()
    assert site.k == 5


def test_a_report_is_written_and_noted(taught: Store, tmp_path: Path) -> None:
    index, whole, warnings = written(taught, tmp_path / "site", "signals")
    assert index == tmp_path / "site" / "index.html"
    assert whole
    assert warnings == []
    names = [path.name for path in (tmp_path / "site" / "lectures").iterdir()]
    assert [name.partition("-1")[0] for name in names] == ["signals.week"]
    (noted,) = taught.audit.log().filter(command="report").to_dicts()
    assert (noted["course"], noted["what"]) == ("signals", str(tmp_path / "site"))


def test_formats_are_noted_and_returned(taught: Store, tmp_path: Path) -> None:
    index, whole, _ = written(taught, tmp_path / "tables", formats=("csv", "json"))
    assert (index, whole) == (tmp_path / "tables", True)
    (noted,) = taught.audit.log().filter(command="report").to_dicts()
    assert noted["what"] == f"{tmp_path / 'tables'} (csv, json)"


def test_a_broken_section_is_a_warning_and_the_report_is_not_whole(taught: Store, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    registry = report.options(Settings(), lang="en", plugins=[tmp_path / "broken.py"]).registry
    index, whole, warnings = written(taught, tmp_path / "site", "signals", registry=registry)
    assert index.is_file(), "the rest of the report is there"
    assert not whole
    (line,) = warnings
    assert "broken" in line
    assert "no luck" in line


def test_without_slides_among_the_segments_a_line_says_so(taught: Store, tmp_path: Path) -> None:
    def never(*_: object) -> dict[float, bytes]:
        raise AssertionError("nothing is cut from a recording without slides")

    _, whole, warnings = written(taught, tmp_path / "site", slides=never)
    assert whole
    assert warnings == [report.NO_SLIDE]


def test_nothing_to_report_is_an_error_and_nothing_is_noted(taught: Store, tmp_path: Path) -> None:
    with pytest.raises(FertoolError, match="algebra"):
        written(taught, tmp_path / "site", "algebra")
    assert not (tmp_path / "site").exists()
    assert taught.audit.log().filter(command="report").is_empty()
