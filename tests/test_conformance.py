"""Every registered plugin keeps its contract: registering one subscribes it to this test."""

from __future__ import annotations

import pytest

from fertool.host import registry
from fertool.testing import check_plugin

REGISTRY = registry.load_plugins()


@pytest.mark.parametrize(("kind", "name"), sorted(REGISTRY.found))
def test_keeps_its_contract(kind: str, name: str) -> None:
    plugin = REGISTRY.found[kind, name].plugin
    if reason := plugin().available():
        pytest.skip(f"{kind} {name}: {reason}")
    check_plugin(plugin)


def test_every_first_party_plugin_is_registered_and_none_is_broken() -> None:
    ours = {key for key, found in REGISTRY.found.items() if found.source.startswith("fertool ")}
    assert ours >= {
        ("detector", "ssd"),
        ("detector", "haar"),
        ("detector", "yunet"),
        ("detector", "insightface"),
        ("encoder", "faceapi"),
        ("classifier", "faceapi-expression"),
        ("rule", "presence"),
        ("rule", "shares"),
        ("rule", "focus"),
        ("rule", "difficulty"),
        ("rule", "engagement"),
        ("rule", "involvement"),
        ("rule", "preference"),
        ("rule", "state"),
        ("rule", "concentration"),
        ("rule", "synchrony"),
        ("rule", "lost-moments"),
        ("rule", "hard-points"),
        ("rule", "good-moments"),
    }
    assert REGISTRY.broken == []
