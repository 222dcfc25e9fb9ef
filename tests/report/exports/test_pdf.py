"""Pages on paper, by a real Chromium; and what is said where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fertool.errors import FertoolError
from fertool.report.exports import pdf

PAGE = """<!doctype html><title>page</title>
<style>.wide { display: none } @media print { .wide { display: block } }</style>
<p>on screen</p><p class="wide">on paper</p><img src="http://127.0.0.1:9/x.png"><p>ünïcode</p>
<p><a href="lectures/a.html">elsewhere</a> <a href="#here">here</a></p>"""


def has_chromium() -> bool:
    try:
        pdf.browser()
    except FertoolError:
        return False
    return True


@pytest.mark.skipif(not has_chromium(), reason="no chromium on this machine (FERTOOL_CHROMIUM=PATH)")
def test_every_page_becomes_a_file_that_leads_nowhere(tmp_path: Path) -> None:
    site = tmp_path / "site with spaces"
    (site / "lectures").mkdir(parents=True)
    (site / "index.html").write_text(PAGE, encoding="utf-8")
    (site / "lectures" / "a.html").write_text(PAGE, encoding="utf-8")
    heard: list[str] = []
    pdf.write(site, tmp_path / "out", heard.append)
    made = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.*"))
    assert made == [Path("pdf/index.pdf"), Path("pdf/lectures/a.pdf")]
    assert heard == ["index.html as PDF", "lectures/a.html as PDF"]
    content = (tmp_path / "out" / "pdf" / "index.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"file:" not in content, "no path of this machine"
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", tmp_path / "out" / "pdf" / "index.pdf", "-"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "on paper" in text
        assert "ünïcode" in text
        assert str(tmp_path) not in text, "no header, no footer"
    assert (site / "index.html").read_text(encoding="utf-8") == PAGE, "the pages themselves keep their links"


LINKS = [
    ('<a href="a.html">', "<a>"),
    ('<a class="x" href="../a.html#b" title="t">', '<a class="x" title="t">'),
    ('<a href="#b">', '<a href="#b">'),
    ('<link rel="stylesheet" href="a.css">', '<link rel="stylesheet" href="a.css">'),
]


@pytest.mark.parametrize(("markup", "expected"), LINKS)
def test_links_that_are_cut(markup: str, expected: str) -> None:
    assert pdf.ELSEWHERE.sub(r"\1", markup) == expected


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(pdf.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FertoolError, match="apt-get install chromium"):
        pdf.browser()


def test_a_browser_that_is_named_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pdf.VARIABLE, "no-such-browser")
    with pytest.raises(FertoolError, match="FERTOOL_CHROMIUM=no-such-browser: no such program"):
        pdf.browser()


def test_a_browser_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv(pdf.VARIABLE, str(program))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text(PAGE)
    with pytest.raises(FertoolError, match="printing index.html failed: out of order"):
        pdf.write(tmp_path / "site", tmp_path / "out")
