"""`fertool`, the facade: helper modules come in when they are first used, by any thread."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import fertool

HELPERS = sorted(fertool._HELPERS)
AT_ONCE = """
import sys, threading
import fertool
sys.setswitchinterval(1e-6)
helper, failed, ready = fertool.{name}, [], threading.Barrier(8)

def use():
    ready.wait()
    try:
        helper.{attribute}
    except AttributeError as error:
        failed.append(error)

threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failed)
"""


def run(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def last_defined(name: str) -> str:
    """The name that a module defines last: it is there when all of the module is."""
    module = import_module(f"fertool.{fertool._HELPERS[name]}")
    return [key for key, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__][-1]


@pytest.mark.parametrize("name", HELPERS)
def test_the_first_use_may_come_from_several_threads_at_once(name: str) -> None:
    assert run(AT_ONCE.format(name=name, attribute=last_defined(name))) == "[]"


def test_a_helper_costs_nothing_until_it_is_used() -> None:
    script = f"import sys; from fertool import {', '.join(HELPERS)}; print('numpy' in sys.modules)"
    assert run(script) == "False"
    assert run(f"{script}; crops.cut; print('numpy' in sys.modules)").split() == ["False", "True"]


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_its_module(name: str) -> None:
    module = import_module(f"fertool.{fertool._HELPERS[name]}")
    assert getattr(fertool, name) is module
    late = fertool._Late(module.__name__)  # as from before the first use
    assert dir(late) == dir(module)
    assert getattr(late, last_defined(name)) is getattr(module, last_defined(name))


@pytest.mark.parametrize(("old", "new"), fertool._RENAMED.items())
def test_names_from_before_still_work(old: str, new: str) -> None:
    assert getattr(fertool, old) is getattr(fertool, new)


def test_unknown_names_are_said() -> None:
    with pytest.raises(AttributeError, match="module 'fertool' has no attribute 'face'"):
        _ = fertool.face
