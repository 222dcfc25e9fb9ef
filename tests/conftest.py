"""Fixtures for all tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# No deadlines: the machines this runs on are shared. In CI the examples are the same every time, so that a
# change is judged by itself; elsewhere, hypothesis goes on looking.
settings.register_profile("fertool", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("fertool")

_SUPPORT = Path(__file__).parent / "support"


@pytest.fixture(scope="session")
def videos() -> ModuleType:
    """tests/support/make_video.py: `write(path, ...)` small numbered videos, `number_of(image)`."""
    name = "make_video"
    spec = importlib.util.spec_from_file_location(name, _SUPPORT / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
