"""What rules that come with fertool say, they can say in every language of the report."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fertool import Rule
from fertool.host import registry
from fertool.report import i18n

PLACE = re.compile(r"\{\w+(?::\w+)?\}")
RULES = [
    it.plugin
    for it in registry.load_plugins().of_kind("rule")
    if it.source.startswith("fertool ") and it.plugin.words
]
OTHERS = [code for code in i18n.available() if code != i18n.DEFAULT]


def texts(rule: type[Rule]) -> set[str]:
    """Every text that the module of a rule makes a Message of: literals, constants, values of a table."""
    module = sys.modules[rule.__module__]
    calls = [
        node.args[0]
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Message"
    ]
    return {text for call in calls for text in spelled(call, vars(module))}


def spelled(node: ast.expr, names: dict[str, Any]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name):
            yield names[name]
        case ast.IfExp(body=one, orelse=other):
            yield from spelled(one, names)
            yield from spelled(other, names)
        case ast.Subscript(value=ast.Name(id=name)):
            yield from names[name].values()
        case _:
            raise AssertionError(f"a test cannot see which text this is: {ast.unparse(node)}")


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_sentence_has_words(rule: type[Rule], code: str) -> None:
    assert rule.label
    said = {rule.label, *texts(rule)}
    assert len(said) > 1
    assert rule.words[code].keys() == said


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_words_have_the_places_of_the_english_text(rule: type[Rule]) -> None:
    for words in rule.words.values():
        for text, other in words.items():
            assert sorted(PLACE.findall(other)) == sorted(PLACE.findall(text))


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_rule_says_of_itself_names_the_same_options_in_every_language(
    rule: type[Rule], code: str
) -> None:
    named = re.compile(r"`(\w+)`")
    options = {field.name for field in dataclasses.fields(rule)}
    other = rule.about[code]
    assert options & set(named.findall(other)) == options & set(named.findall(inspect.getdoc(rule) or ""))
    years = re.compile(r"\b[12]\d{3}\b")  # of references
    assert sorted(years.findall(other)) == sorted(years.findall(rule.__doc__ or ""))
