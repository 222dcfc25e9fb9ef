"""A third party's plugin, installed for real: pip builds the example package into a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fertool_plugins.rules.presence import Presence

ROOT = Path(__file__).parents[1]
PACKAGES = ("packaged_rule", "packaged_classifier")
BROKEN = """
[project]
name = "fertool-broken"
version = "0.0.1"
[project.entry-points.fertool]
broken = "fertool_broken"
impostor = "fertool_impostor"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
only-include = ["fertool_broken.py", "fertool_impostor.py"]
"""
IMPOSTOR = """
from fertool import Rule, hookimpl
class Presence(Rule):
    name, version = "presence", "666"
    def assess(self, seen, context): return None
@hookimpl
def fertool_plugins(): return [Presence]
"""


def pip_install(source: Path, target: Path) -> None:
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target, source]
    done = subprocess.run([sys.executable, "-m", "pip", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def fertool(path: Path, *args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(path)}
    words = [sys.executable, "-m", "fertool", *map(str, args)]
    return subprocess.run(words, env=env, capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example packages and one that is broken in two ways, as pip leaves them."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    (source / "pyproject.toml").write_text(BROKEN)
    (source / "fertool_broken.py").write_text("import a_library_that_is_not_there")
    (source / "fertool_impostor.py").write_text(IMPOSTOR)
    for example in PACKAGES:
        pip_install(ROOT / "examples" / example, target)
    pip_install(source, target)
    return target


def test_it_is_listed_like_our_own(installed: Path, tmp_path: Path) -> None:
    listed = json.loads(fertool(installed, "plugins", "--json", cwd=tmp_path).stdout)
    mine = [p for p in listed["plugins"] if p["name"] == "turned-away"]
    assert [(p["kind"], p["version"], p["source"]) for p in mine] == [
        ("rule", "1", "fertool-turned-away 0.1.0")
    ]
    assert [o["name"] for o in mine[0]["options"]] == ["yaw_deg"]


def test_a_broken_one_is_listed_with_its_reason_and_breaks_nothing(installed: Path, tmp_path: Path) -> None:
    shown = fertool(installed, "plugins", "--json", cwd=tmp_path)
    assert shown.returncode == 2, "something is broken"
    reasons = {b["name"]: b["reason"] for b in json.loads(shown.stdout)["broken"]}
    assert "a_library_that_is_not_there" in reasons["broken"]
    assert "the name is taken by fertool" in reasons["presence"]
    versions = {p["name"]: p["version"] for p in json.loads(shown.stdout)["plugins"]}
    assert versions["presence"] == Presence.version, "nobody takes a first-party name"


def test_it_judges_stored_observations(installed: Path, tmp_path: Path) -> None:
    from fertool.storage.store import Store
    from fertool.testing import store_lecture, timeline

    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {"ann": timeline("neutral/left*15 neutral*45")})
    options = ["-o", "turned-away.yaw_deg=39"]
    done = fertool(installed, "assess", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = store.query("SELECT student, value FROM assessments_latest WHERE rule = 'turned-away'").rows()
    assert found == [("ann", 0.25)]
    stored = "SELECT version, options FROM assessments WHERE rule = 'turned-away'"
    assert store.query(stored).rows() == [("1", '{"yaw_deg": 39.0}')]
    done = fertool(installed, "report", "--out", tmp_path / "report", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for kind in ("segments", "students"):
        pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "report" / kind).iterdir()]
        assert any("turned-away" in page and "0.25" in page for page in pages), kind
    assert "turned-away" in (tmp_path / "report" / "method.html").read_text(encoding="utf-8")


def test_a_classifier_says_what_it_lacks(installed: Path, tmp_path: Path) -> None:
    """EmotiEffLib is not a dependency: its plugin is there all the same, and nothing is fetched."""
    listed = json.loads(fertool(installed, "plugins", "--json", cwd=tmp_path).stdout)
    (mine,) = (p for p in listed["plugins"] if p["name"] == "emotiefflib")
    assert (mine["kind"], mine["source"]) == ("classifier", "fertool-emotiefflib 0.1.0")
    assert [o["name"] for o in mine["options"]] == ["model"]
    (tmp_path / "x.mp4").touch()
    done = fertool(installed, "analyze", "x.mp4", "--classifier", "emotiefflib", cwd=tmp_path)
    assert done.returncode == 2
    assert "classifier 'emotiefflib' cannot run: the package emotiefflib is not installed" in done.stderr


@pytest.mark.parametrize("example", PACKAGES)
def test_its_own_tests_pass(installed: Path, tmp_path: Path, example: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(installed)}
    tests = ROOT / "examples" / example / "tests"
    words = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_read_results_example_runs(tmp_path: Path) -> None:
    from fertool.storage.store import Store
    from fertool.testing import store_lecture, timeline

    store = Store(tmp_path / "fertool.duckdb")
    store_lecture(store, "signals", "week 1", {"ann": timeline("happy*10 absent*5")})
    words = [sys.executable, str(ROOT / "examples" / "read_results.py"), str(tmp_path / "fertool.duckdb")]
    assert subprocess.check_output(words, text=True).startswith("ann: seen in 10 samples, happy 0.7")
