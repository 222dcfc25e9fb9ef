"""What is on and off under every combination of settings."""

from __future__ import annotations

import itertools

import pytest

from fertool.config import Settings
from fertool.privacy.policy import explain

RULES = [("presence", {"presence"}), ("shares", {"expression"}), ("still", ())]


def states(settings: Settings) -> dict[str, str]:
    return {line.what: line.state for line in explain(settings, RULES)}


def why(settings: Settings, what: str) -> str:
    return next(line.why for line in explain(settings, RULES) if line.what == what)


def test_by_default() -> None:
    assert states(Settings()) == {
        "presence": "on",
        "head pose": "on",
        "expression": "on",
        "rule presence": "on",
        "rule shares": "on",
        "rule still": "on",
        "faces stored": "all but refused",
        "consent needed": "off",
        "a no": "holds",
        "pseudonyms": "on",
        "pictures stored": "off",
        "small groups": "hidden",
        "retention": "not set",
        "audit": "on",
    }


def test_with_every_safeguard() -> None:
    strict = Settings(policy="behaviour", consent="required", k=10, retention="180d")
    changed = dict(states(strict).items() - states(Settings()).items())
    assert changed == {
        "expression": "off",
        "rule shares": "off",
        "faces stored": "consenting",
        "consent needed": "on",
        "retention": "180d",
    }
    assert "publication" not in why(strict, "small groups")
    assert "fertool purge --older-than 180d" in why(strict, "retention")


@pytest.mark.parametrize("policy", ["full", "behaviour"])
def test_the_law_is_named_either_way(policy: str) -> None:
    reason = why(Settings(policy=policy), "expression")
    assert "Art. 5(1)(f)" in reason
    assert "consent does not lift that" in reason


@pytest.mark.parametrize(("k", "state", "words"), [(1, "reported", "default"), (5, "hidden", "publication")])
def test_groups(k: int, state: str, words: str) -> None:
    assert states(Settings(k=k))["small groups"] == state
    assert words in why(Settings(k=k), "small groups")


def test_every_line_has_a_reason() -> None:
    for policy, consent in itertools.product(("full", "behaviour"), ("off", "required")):
        for line in explain(Settings(policy=policy, consent=consent), RULES):
            assert line.what
            assert line.state
            assert len(line.why) > 10
