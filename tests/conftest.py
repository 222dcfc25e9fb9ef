"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from fertool.storage.store import Store

# Networks compute on one thread each: where a decoder or another test is busy too, threads wait for one
# another and burn what they wait (tests/cli/test_blur.py: 24 s of processor time instead of 92). How many
# networks work side by side is left as it is, which OMP_NUM_THREADS would not do. PyTorch reads this when it
# is imported.
os.environ.setdefault("MKL_NUM_THREADS", "1")

# No deadlines: the machines this runs on are shared. In CI the examples are the same every time, so that a
# change is judged by itself; elsewhere, hypothesis goes on looking.
settings.register_profile("fertool", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("fertool")


def pytest_configure(config: pytest.Config) -> None:
    """Exported networks are kept beside pytest's own cache, not in the user's."""
    os.environ.setdefault("FERTOOL_CACHE", str(config.rootpath / ".pytest_cache" / "networks"))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No workers for one file or one test: they take longer to start than they save, and hide its output.

    A hook of pytest-xdist; None leaves the number to it."""
    wanted = [Path(argument.partition("::")[0]) for argument in config.args]
    return 0 if len(wanted) == 1 and wanted[0].is_file() else None


_SUPPORT = Path(__file__).parent / "support"


@pytest.fixture
def course_folder(tmp_path: Path) -> Path:
    """A course.toml, tests/support/course.toml, with its three recordings (empty files) and its segments."""
    for name in ("week1/a.mp4", "week2/ann.mp4", "week2/bob.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    points = "start,title,point,difficulty\n0,A,aliasing,\n3,B,aliasing,easy\n"
    (tmp_path / "week1" / "points.csv").write_text(points)
    shutil.copy(_SUPPORT / "course.toml", tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def videos() -> ModuleType:
    """tests/support/make_video.py: `write(path, ...)` small numbered videos, `number_of(image)`."""
    import make_video

    return make_video


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.duckdb"
    Store(path)
    return path


@pytest.fixture
def store(tmp_path: Path, empty: Path) -> Store:
    """An empty database; copied, because migrating one takes longer than most tests."""
    return Store(Path(shutil.copy(empty, tmp_path / "fertool.duckdb")))
