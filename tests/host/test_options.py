"""Options: dataclass fields of a plugin, read from the command line or fertool.toml."""

from dataclasses import dataclass, field
from typing import Literal, Optional

import pytest

from fertool import Rule
from fertool.errors import ConfigError
from fertool.host import options


@dataclass
class Sample(Rule):
    """One field of every type that an option may have."""

    name = "sample"
    version = "1"
    rate: float = field(default=0.5, metadata={"help": "how much"})
    count: int = 3
    fast: bool = False
    word: str = "a"
    mode: Literal["low", "high"] = "low"
    level: Literal[1, 2] = 1
    limit: float | None = None
    old: Optional[int] = 7  # noqa: UP045  (the older spelling is also legal)
    sizes: tuple[int, ...] = (1, 2)
    marks: tuple[float, ...] = field(default_factory=tuple)
    names: tuple[str, ...] = ()
    flag: bool | None = None

    def assess(self, seen, context):
        return None


@dataclass
class Later(Rule):
    """Annotations as text, as `from __future__ import annotations` makes them."""

    name = "later"
    version = "1"
    rate: "float | None" = 0.5
    mode: "Literal['x', 'y']" = "x"

    def assess(self, seen, context):
        return None


@dataclass
class Derived(Later):
    name = "derived"
    extra: "int" = 1


@dataclass
class Fussy(Rule):
    name = "fussy"
    version = "1"
    low: float = 0.1
    high: float = 0.9
    span: float = field(init=False, default=0.0)

    def __post_init__(self):
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        self.span = self.high - self.low

    def assess(self, seen, context):
        return None


class Bare(Rule):
    """No options, hence no @dataclass."""

    name = "bare"
    version = "1"

    def assess(self, seen, context):
        return None


CONVERSIONS = [
    ("rate", "0.25", 0.25),
    ("rate", "1e-3", 0.001),
    ("rate", 1, 1.0),  # TOML writes a whole number without a point
    ("rate", 0.5, 0.5),
    ("count", "12", 12),
    ("count", "-1", -1),
    ("count", 4, 4),
    ("fast", "true", True),
    ("fast", "Yes", True),  # whatever the spelling
    ("fast", "on", True),
    ("fast", "1", True),
    ("fast", "off", False),
    ("fast", "0", False),
    ("fast", "no", False),
    ("fast", True, True),
    ("word", "a=b", "a=b"),
    ("word", "", ""),  # an empty text is a text
    ("word", 7, "7"),  # `word = 7` in TOML: no harm in it
    ("mode", "high", "high"),
    ("level", "2", 2),  # text on the command line, a number in the plugin
    ("level", 2, 2),
    ("limit", "0.5", 0.5),
    ("limit", "none", None),
    ("limit", None, None),
    ("old", "none", None),
    ("old", "9", 9),
    ("sizes", "3,4,5", (3, 4, 5)),
    ("sizes", " 3 , 4 ", (3, 4)),  # blanks around commas
    ("sizes", "3", (3,)),
    ("sizes", "3,", (3,)),  # the trailing comma of Python
    ("sizes", "", ()),
    ("sizes", [3, 4], (3, 4)),  # a TOML array
    ("marks", [1, 2.5], (1.0, 2.5)),
    ("names", "a, b", ("a", "b")),
    ("flag", "no", False),  # not None: it was given
    ("flag", "none", None),
]


@pytest.mark.parametrize(("name", "given", "expected"), CONVERSIONS)
def test_a_value_becomes_the_type_of_its_field(name, given, expected):
    value = getattr(options.build(Sample, {name: given}), name)
    assert value == expected
    assert type(value) is type(expected)


REFUSED = [
    ("rate", "much", "float"),
    ("rate", True, "float"),  # Python takes True for 1
    ("rate", [1], "float"),
    ("count", "1.5", "int"),
    ("count", 1.0, "int"),  # even a whole one: it is a slip
    ("count", True, "int"),
    ("count", "", "int"),
    ("fast", "maybe", "bool"),
    ("fast", 2, "bool"),
    ("word", ["a"], "str"),  # str() would make "['a']" of it
    ("word", {"a": 1}, "str"),
    ("mode", "middle", "low or high"),
    ("mode", "LOW", "low or high"),
    ("level", "3", "1 or 2"),
    ("limit", "x", "float"),
    ("sizes", "1,x", "int"),
    ("sizes", 5, "tuple[int, ...]"),  # a TOML number where an array belongs
    ("sizes", [1.5], "int"),
]


@pytest.mark.parametrize(("name", "given", "expected"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_with_what_was_expected(name, given, expected):
    with pytest.raises(ConfigError) as caught:
        options.build(Sample, {name: given})
    bad = {"1,x": "x", (1.5,): 1.5}.get(tuple(given) if given == [1.5] else str(given), given)
    assert caught.value.message == f"sample.{name}: expected {expected}, got {bad!r}"  # of a tuple, the item


def test_describe_lists_options_in_the_order_of_their_declaration():
    described = options.describe(Sample)
    assert [option.name for option in described] == [
        "rate", "count", "fast", "word", "mode", "level", "limit", "old", "sizes", "marks", "names", "flag",
    ]  # fmt: skip
    assert described[0] == options.Option("rate", "float", 0.5, "how much")
    assert described[4].type == "low|high"
    assert described[6].type == "float | None"
    assert described[8][1:3] == ("tuple[int, ...]", (1, 2))
    assert described[9].default == ()  # from its factory


def test_annotations_may_be_text_and_inherited():
    assert options.build(Later, {"rate": "none", "mode": "y"}) == Later(None, "y")
    assert options.build(Derived, {"mode": "y", "extra": "2"}) == Derived(mode="y", extra=2)
    assert [option.type for option in options.describe(Derived)] == ["float | None", "x|y", "int"]


def test_fields_that_the_plugin_computes_are_no_options():
    assert [option.name for option in options.describe(Fussy)] == ["low", "high"]
    assert options.values(Fussy()) == {"low": 0.1, "high": 0.9}
    with pytest.raises(ConfigError, match="has no option 'span'"):
        options.build(Fussy, {"span": "1"})


def test_a_plugin_s_own_check_becomes_a_config_error():
    with pytest.raises(ConfigError, match=r"rule 'fussy': low 0\.95 is not below high 0\.9"):
        options.build(Fussy, {"low": "0.95"})


def test_values_are_the_options_in_force():
    plugin = options.build(Sample, {"count": "9", "sizes": "4"})
    assert options.values(plugin)["count"] == 9
    assert options.values(plugin)["rate"] == 0.5
    assert options.values(plugin)["sizes"] == (4,)


def test_a_plugin_without_options():
    assert options.describe(Bare) == []
    assert options.values(options.build(Bare, {})) == {}
    with pytest.raises(ConfigError) as caught:
        options.build(Bare, {"x": "1"})
    assert caught.value.hint == "it has: none"


UNKNOWN = [
    ("rat", "did you mean 'rate'?"),  # near enough
    ("zzz", "it has: count, fast, flag, level, limit, marks, mode, names, old, rate, sizes, word"),
]


@pytest.mark.parametrize(("name", "hint"), UNKNOWN)
def test_an_unknown_option_is_refused_with_a_hint(name, hint):
    with pytest.raises(ConfigError) as caught:
        options.build(Sample, {name: "1"})
    assert caught.value.message == f"rule 'sample' has no option {name!r}"
    assert caught.value.hint == hint


def test_parse_keeps_everything_after_the_first_equals_sign():
    pairs = ["ssd.threshold=0.4", "ssd.width=320", "r.word=a=b.c", "r.empty=", "ssd.threshold=0.5"]
    assert options.parse(pairs) == {
        "ssd": {"threshold": "0.5", "width": "320"},  # the later one wins
        "r": {"word": "a=b.c", "empty": ""},
    }
    assert options.parse([]) == {}


@pytest.mark.parametrize(
    "pair", ["", "ssd", "ssd.threshold", "threshold=1", ".x=1", "ssd.=1", "=1", "ssd=1.5"]
)
def test_parse_refuses_what_is_no_pair(pair):
    with pytest.raises(ConfigError) as caught:
        options.parse([pair])
    assert caught.value.message == f"-o {pair}: expected plugin.option=value"
    assert "-o ssd.threshold=0.4" in caught.value.hint


def test_merge_goes_option_by_option_and_leaves_its_arguments_alone():
    file = {"ssd": {"threshold": 0.3, "width": 320}, "presence": {"low": 0.4}}
    flags = {"ssd": {"threshold": "0.5"}, "yunet": {"overlap": "0.1"}}
    assert options.merge(file, flags) == {
        "ssd": {"threshold": "0.5", "width": 320},
        "presence": {"low": 0.4},
        "yunet": {"overlap": "0.1"},
    }
    assert file["ssd"] == {"threshold": 0.3, "width": 320}
    assert flags["ssd"] == {"threshold": "0.5"}


NOT_IN_USE = [
    ("sdd", "did you mean 'ssd'?"),
    ("qqq", "in use: presence, ssd"),
]


@pytest.mark.parametrize(("name", "hint"), NOT_IN_USE)
def test_options_for_a_plugin_that_takes_no_part_are_refused(name, hint):
    with pytest.raises(ConfigError) as caught:
        options.check_names({name: {"x": "1"}}, ["ssd", "presence"])
    assert f"plugin {name!r} is not in use" in caught.value.message
    assert caught.value.hint == hint


def test_options_for_plugins_that_take_part_pass():
    options.check_names({"ssd": {"x": "1"}}, ["presence", "ssd"])
    options.check_names({}, [])


def test_an_option_of_a_plugin_that_could_be_chosen_says_how():
    with pytest.raises(ConfigError) as caught:
        options.check_names({"haar": {"x": "1"}}, ["ssd", "shares"], {"haar": "detector"})  # not: shares
    assert str(caught.value) == (
        "-o haar.…: plugin 'haar' is not in use (add --detector haar, or leave this option out)"
    )
