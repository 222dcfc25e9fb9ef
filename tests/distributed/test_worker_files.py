"""Plugin files that are sent to a worker: imported there, and removed from its disk at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertool.config import Settings
from fertool.distributed.local import Process
from fertool.distributed.worker import WorkerConfig
from fertool.host.toolbox import toolbox

EXAMPLE = Path(__file__).parents[2] / "examples" / "longest_absence.py"


@pytest.mark.parametrize(
    "tools", ["", "others"]
)  # loaded, and refused for other plugins than the asking machine's
def test_no_folder_is_left_by_a_worker_that_is_killed(tools: str, tmp_path: Path, monkeypatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    settings = Settings()
    here = tools or toolbox(settings, (), [EXAMPLE]).describe()
    files = ((EXAMPLE.name, EXAMPLE.read_bytes()),)
    config = WorkerConfig(settings, (), files, here, str(tmp_path / "spool"), 1)
    worker = Process()
    failed = worker.call("load", config).result()
    worker.stop()
    assert (failed is None) == (not tools)
    assert list(temporary.glob("fertool-plugins-*")) == []
