"""Recipes as data: those that old files hold are read by the names of today."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from safetensors import safe_open

import fertool_plugins.nets
from fertool import Augment, Recipe, recipes

SHIPPED = Path(fertool_plugins.nets.__path__[0]) / "weights"


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({}, {}),
        ({"crowd": 0.4, "settled": True}, {"ferplus_translated": 0.4, "recalibrate_bn": True}),
        ({"votes_apart": True, "half_until": 0.5}, {"vote_head": True, "progressive_resize": 0.5}),
        ({"vote_head": True, "votes": 0.5}, {"vote_head": True, "votes": 0.5}),  # as files of today have it
        ({"augment": {"flip": True}}, {"keep": "best", "augment": asdict(Augment(flip=True))}),  # before 0.2
        ({"keep": "last", "augment": {}}, {"keep": "last", "augment": asdict(Augment())}),
    ],
)
def test_old_names_are_translated(stored: dict[str, object], expected: dict[str, object]) -> None:
    assert recipes.current(stored) == expected


def test_every_old_name_became_a_field() -> None:
    names = {field.name for field in fields(Recipe)}
    assert {*recipes.RENAMED.values()} <= names
    assert not names & {*recipes.RENAMED}


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.safetensors")), ids=lambda path: path.stem)
def test_recipes_of_shipped_weights_are_read(path: Path) -> None:
    with safe_open(path, "np") as stored:
        made = json.loads(stored.metadata()["made"])["recipe"]
    now = recipes.current(made)
    recipe = Recipe(**now | {"augment": Augment(**now["augment"])})
    assert recipe.ferplus_translated == made["crowd"]
    assert recipe.recalibrate_bn is made["settled"] is True
