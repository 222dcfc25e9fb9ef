"""The loader, against real distributions: folders with METADATA and entry_points.txt on sys.path."""

import hashlib
import sys
from importlib.metadata import entry_points
from itertools import count
from textwrap import dedent

import pytest

import fertool as fertool_facade
from fertool import PluginError
from fertool.host.registry import KINDS, _installed, load_plugins, misspelt_attribute, of

RULE = """
    from fertool import Rule, hookimpl

    class Mine(Rule):
        name = "{name}"
        version = "1"

        def assess(self, seen, context):
            return None

    @hookimpl
    def fertool_plugins():
        return [Mine]
"""
NUMBER = count()


class World:
    """A folder on sys.path into which distributions are installed."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, name, code, *, entry="", version="1.2", metadata=True, target="{module}"):
        """A distribution of one module with one entry point; returns the module's name."""
        module = f"fertool_test_{next(NUMBER)}"
        (self.folder / f"{module}.py").write_text(dedent(code))
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        line = f"{entry or name} = {target.format(module=module)}"
        (info / "entry_points.txt").write_text(f"[fertool]\n{line}\n")
        return module

    def load(self, *files):
        _installed.cache_clear()
        return load_plugins(files)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield World(tmp_path)
    _installed.cache_clear()  # later tests must not see these distributions


def reasons(registry):
    return {broken.name: broken.reason for broken in registry.broken}


def test_first_party_plugins_all_load():
    registry = load_plugins()
    assert registry.broken == []
    names = {entry.name for entry in entry_points(group="fertool") if entry.dist.name == "fertool"}
    assert len(names) == len([f for f in registry.found.values() if f.source.startswith("fertool ")])
    assert [kind for kind in KINDS if not registry.of_kind(kind)] == []


def test_a_plugin_of_another_distribution_is_found(world):
    world.install("class-energy", RULE.format(name="energy"))
    found = world.load().get("rule", "energy")
    assert (found.plugin.name, found.source, found.digest) == ("energy", "class-energy 1.2", "")


def test_a_new_registry_is_independent_of_the_last(world):
    world.load().found.clear()
    assert load_plugins().get("detector", "ssd")


BROKEN_MODULES = [
    # what stands in the module -> what the reason says
    ("import fertool_no_such_module", "ModuleNotFoundError: No module named 'fertool_no_such_module'"),
    ("def broken(:", "SyntaxError: invalid syntax"),
    ("raise RuntimeError('two\\nlines')", "RuntimeError: two"),  # one line is enough for a list
    ("raise RuntimeError", "RuntimeError: no message"),
    ("raise SystemExit('bye')", "SystemExit: bye"),  # must not end every command
    ("x = 1", "it has no hook"),
    ("def fertool_plugins(): return []", "it has no hook"),  # the marker is missing
    (
        "from fertool import hookimpl\n@hookimpl\ndef fertool_plugin(): return []",
        ".py:2] (did you mean 'fertool_plugins'?)",  # the line of its decorator
    ),
    ("from fertool import hookimpl\n@hookimpl\ndef fertool_plugins(): return None", "it has no hook"),
    ("from fertool import hookimpl\n@hookimpl\ndef fertool_plugins(): 1 / 0", "ZeroDivisionError"),
    ("from fertool import hookimpl\n@hookimpl\ndef fertool_plugins(): exit('no')", "SystemExit: no"),
    (
        "from fertool import Rule, hookimpl\n@hookimpl\ndef fertool_plugins(): return Rule",
        "fertool_plugins() returned the class Rule, expected a list of classes (return [MyPlugin])",
    ),
    (
        "from fertool import hookimpl\n@hookimpl\ndef fertool_plugins():\n    yield from [1 / 0]",
        "ZeroDivisionError",  # a generator fails late
    ),
]


@pytest.mark.parametrize(("code", "reason"), BROKEN_MODULES)
def test_a_broken_module_is_listed_and_raised_only_when_asked_for(world, code, reason):
    world.install("broken-thing", code)
    world.install("good-thing", RULE.format(name="good"))
    registry = world.load()
    (broken,) = registry.broken
    assert (broken.name, broken.source) == ("broken-thing", "broken-thing 1.2")
    assert reason in broken.reason
    assert "\n" not in broken.reason
    assert registry.get("rule", "good")
    assert registry.get("detector", "ssd")
    with pytest.raises(PluginError) as caught:
        registry.get("rule", "broken-thing")
    assert caught.value.message.startswith("rule 'broken-thing' is broken: ")
    assert caught.value.hint == "it comes from broken-thing 1.2"


def test_an_entry_point_to_nothing_is_listed(world):
    world.install("lost", "x = 1", target="{module}:nothing")
    assert "has no attribute 'nothing'" in reasons(world.load())["lost"]


def test_an_entry_point_named_with_its_kind_is_found_by_the_plain_name(world):
    world.install("energy", "raise ImportError('needs scikit-learn')", entry="energy-rule")
    with pytest.raises(PluginError, match="rule 'energy' is broken: ImportError: needs scikit-learn"):
        world.load().get("rule", "energy")


A_NAMED = "class X(A): name = 'x'; version = '1'; "
C_NAMED = "class X(C): name = 'x'; version = '1'; "
MISFITS = [
    # what stands in the class -> the reason
    ("class X: name = 'x'", "expected a class made from Detector, Encoder, Classifier, Rule or Section"),
    ("class X(fertool.Plugin): name = 'x'; version = '1'", "expected a class made from Detector, Encoder,"),
    (
        "class X(A): kind = 'judge'; name = 'x'; version = '1'",
        "expected a class made from Detector, Encoder,",
    ),
    (
        "X = 'x'",
        "expected a class made from Detector, Encoder, Classifier, Rule or Section, got an instance of str",
    ),
    ("X = type('Y', (A,), {'name': 'x', 'version': '1'})()", "expected a class made from"),  # an instance
    ("class X(fertool.Rule): name = 'x'; version = '1'", "X does not define assess()"),
    ("class X(fertool.Encoder): name = 'x'; version = '1'", "X does not define embed, encode()"),
    ("class X(A): version = '1'", "X has no `name`"),
    ("class X(A): name = 'x'", "X has no `version`"),
    ("class X(A): name = 3; version = '1'", "name 3: expected lower case letters"),
    (
        "class X(A): name = 'My Rule'; version = '1'",
        "name 'My Rule': expected lower case letters, digits and '-'",
    ),
    ("class X(A): name = 'x\\n'; version = '1'", "expected lower case letters"),  # $ would let it pass
    ("class X(A): name = ''; version = '1'", "expected lower case letters"),
    ("class X(A): name = 'x'; version = 1", "version 1: expected text"),
    (
        "class X(A):\n    name = 'x'; version = '1'; low: float = 0.5",
        "X has options (low) but is no @dataclass",
    ),
    (
        "class X(A): name = 'x'; version = '1'; signals = {'expresion'}",
        "signals 'expresion': expected presence",
    ),
    (
        "class X(A): name = 'x'; version = '1'; scope = 'segments'",
        "scope 'segments': expected segment, lecture",
    ),
    (A_NAMED + "subject = 'group'", "subject 'group': expected student, class"),
    (A_NAMED + "signals = None", "signals None: expected presence, pose, expression"),  # no word at all
    ("class X(C): name = 'x'; version = '1'", "X has no `crop`"),
    (
        "class X(C): name = 'x'; version = '1'; crop = 1; labels = ('a', 'a')",
        "expected at least two, each once",
    ),
    (C_NAMED + "crop = 1; labels = ('a',)", "expected at least two, each once"),
    (C_NAMED + "crop = 1; labels = ('happy', 'Contempt')", "label 'Contempt': expected lower case letters"),
    (C_NAMED + "crop = 1; labels = ('happy', 'time_s')", "label 'time_s': expected"),  # a column already
    (C_NAMED + "crop = 1; labels = ('happy', 7)", "label 7: expected"),
    ("class X(E): name = 'x'; version = '1'; same_person = 0.5", "X has no `crop`"),
    ("class X(E): name = 'x'; version = '1'; crop = 1", "X has no `same_person`"),
]
BASES = """
import fertool

class A(fertool.Rule):
    def assess(self, seen, context): ...

class C(fertool.Classifier):
    def classify(self, crops): ...

class E(fertool.Encoder):
    def encode(self, images, faces): ...
    def embed(self, crops): ...

{code}

@fertool.hookimpl
def fertool_plugins():
    return [X]
"""


@pytest.mark.parametrize(("code", "reason"), MISFITS)
def test_a_class_that_cannot_be_a_plugin_is_listed(world, code, reason):
    world.install("misfit", BASES.format(code=code))
    registry = world.load()
    (broken,) = registry.broken
    assert reason in broken.reason
    assert broken.source == "misfit 1.2"
    with pytest.raises(PluginError):  # whatever its name is, looking another one up still works
        registry.get("rule", "no-such-rule")
    assert registry.get("detector", "ssd")


FITS = [
    "class X(A): name = 'x-2'; version = '1'",
    "class X(A):\n    name = 'x-2'; version = '1'; low: 'ClassVar[float]' = 0.5",  # a constant, no option
    "class X(A):\n    name: str = 'x-2'; version: str = '1'",  # the contract's own attributes, annotated
    "class X(A): name = 'x-2'; version = '1'; signals = {'pose'}",
    "class X(A): name = 'x-2'; version = '1'; signals = frozenset()",
]


@pytest.mark.parametrize("code", FITS)
def test_a_class_that_can_be_a_plugin_is_registered(world, code):
    world.install("fits", BASES.format(code=code))
    registry = world.load()
    assert registry.broken == []
    assert registry.get("rule", "x-2").plugin.version == "1"


def test_a_first_party_name_cannot_be_taken(world):
    world.install("aaa", RULE.format(name="presence"))  # sorts before "fertool"
    registry = world.load()
    assert registry.get("rule", "presence").source.startswith("fertool ")
    assert reasons(registry)["presence"].startswith("the name is taken by fertool ")


def test_of_two_strangers_with_one_name_the_first_by_name_is_kept(world):
    world.install("zeta", RULE.format(name="energy"))
    world.install("beta", RULE.format(name="energy"))
    registry = world.load()
    assert registry.get("rule", "energy").source == "beta 1.2"
    assert reasons(registry) == {"energy": "the name is taken by beta 1.2"}


def test_one_name_stands_for_one_plugin_whatever_its_kind(world):
    world.install("twice", RULE.format(name="ssd"))
    registry = world.load()
    taken = f"the name is taken by {registry.get('detector', 'ssd').source}, for its detector"
    assert reasons(registry) == {"ssd": taken}
    assert registry.named("ssd").plugin.kind == "detector"
    with pytest.raises(PluginError, match="rule 'ssd' is broken: the name is taken by fertool "):
        registry.get("rule", "ssd")


FORMER = 'class Mine(Rule):\n        formerly = ("older", "oldest")'


def test_a_former_name_is_accepted_with_a_warning(world, caplog):
    world.install("renamed", RULE.format(name="newest").replace("class Mine(Rule):", FORMER))
    registry = world.load()
    for name in ("newest", "older", "oldest", "oldest"):
        assert registry.get("rule", name).plugin.name == "newest"
    assert [record.getMessage() for record in caplog.records] == [  # each once
        f"rule {name!r} is called 'newest' now; the old name works in this release"
        for name in ("older", "oldest")
    ]
    assert registry.named("older") is None, "nobody has it"
    with pytest.raises(PluginError, match="unknown detector 'older'"):
        registry.get("detector", "older")  # it was a rule's


def test_a_name_comes_before_a_former_one(world, caplog):
    world.install("newer", RULE.format(name="energy"))
    former = FORMER.replace("older", "energy")
    world.install("renamed", RULE.format(name="power").replace("class Mine(Rule):", former))
    assert world.load().get("rule", "energy").source == "newer 1.2"
    assert not caplog.records


@pytest.mark.parametrize("second", ["same-thing", "Same_Thing"])  # one name in PyPI's eyes
def test_a_distribution_seen_twice_counts_once(world, second):
    world.install("same-thing", RULE.format(name="energy"), version="1.2")
    world.install(second, RULE.format(name="energy"), version="1.3")
    registry = world.load()
    assert registry.broken == []
    assert registry.get("rule", "energy").source in {"same-thing 1.2", "same-thing 1.3"}


def test_a_distribution_without_metadata_ends_nothing(world):
    world.install("nameless", RULE.format(name="energy"), metadata=False)
    assert world.load().get("detector", "ssd")


UNKNOWN = [
    ("rule", "presense", "did you mean 'presence'?"),
    ("detector", "sdd", "did you mean 'ssd'?"),
    ("detector", "presence", "known: "),  # a rule's name is no help to who wants a detector
    ("judge", "x", "known: none"),
]


@pytest.mark.parametrize(("kind", "name", "hint"), UNKNOWN)
def test_an_unknown_name_is_answered_with_the_nearest(kind, name, hint):
    with pytest.raises(PluginError) as caught:
        load_plugins().get(kind, name)
    assert caught.value.message == f"unknown {kind} {name!r}"
    assert caught.value.hint.startswith(hint)


# --- files given with --plugin --------------------------------------------------------------------


@pytest.fixture
def rule_file(tmp_path):
    path = tmp_path / "energy.py"
    path.write_text(dedent(RULE.format(name="energy")))
    return path


def test_a_file_is_a_plugin(rule_file):
    found = load_plugins([rule_file]).get("rule", "energy")
    assert found.source == str(rule_file)
    assert found.digest == hashlib.sha256(rule_file.read_bytes()).hexdigest()
    with pytest.raises(PluginError):
        load_plugins().get("rule", "energy")  # for that one call only


def test_an_edited_file_is_read_again(rule_file, monkeypatch):
    """Also within the same second, with the same length; and nothing appears beside it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = load_plugins([rule_file]).get("rule", "energy")
    rule_file.write_text(rule_file.read_text().replace('version = "1"', 'version = "2"'))
    after = load_plugins([rule_file]).get("rule", "energy")
    assert (before.plugin.version, after.plugin.version) == ("1", "2")
    assert before.digest != after.digest
    assert list(rule_file.parent.iterdir()) == [rule_file]


def test_a_file_may_postpone_its_annotations(tmp_path):
    path = tmp_path / "later.py"
    code = RULE.format(name="later").replace("class Mine", "@dataclass\n    class Mine")
    code = code.replace('version = "1"', 'version = "1"\n        low: float = 0.5')
    path.write_text("from __future__ import annotations\nfrom dataclasses import dataclass\n" + dedent(code))
    plugin = load_plugins([path]).get("rule", "later").plugin
    assert plugin(low=0.7).low == 0.7  # dataclasses looked the module up in sys.modules


def test_the_same_file_twice_is_one_plugin(rule_file, monkeypatch):
    monkeypatch.chdir(rule_file.parent)
    registry = load_plugins([rule_file, rule_file.relative_to(rule_file.parent)])
    assert registry.get("rule", "energy")
    assert registry.broken == []


def test_only_a_bad_file_raises_for_what_is_wrong_with_it(world, rule_file):
    world.install("broken-thing", "1 / 0")
    assert world.load(rule_file).get("rule", "energy")


BAD_FILES = [
    ("no.py", None, "no such file"),
    ("rule.txt", "x = 1", "not a Python file"),
    ("bad.py", "def broken(:", "SyntaxError: invalid syntax"),
    ("bye.py", "raise SystemExit(3)", "SystemExit: 3"),
    ("empty.py", "", "it has no hook"),
    ("taken.py", RULE.format(name="presence"), "the name is taken by fertool "),
    (
        "misfit.py",
        BASES.format(code="class X(A): name = 'X'; version = '1'"),
        "name 'X': expected lower case",
    ),
]


@pytest.mark.parametrize(("name", "code", "reason"), BAD_FILES)
def test_a_bad_file_raises_because_it_was_asked_for(tmp_path, name, code, reason):
    path = tmp_path / name
    if code is not None:
        path.write_text(dedent(code))
    with pytest.raises(PluginError) as caught:
        load_plugins([path])
    assert caught.value.message.startswith(f"--plugin {path}: ")
    assert reason in caught.value.message


def test_a_folder_is_no_plugin_file(tmp_path):
    with pytest.raises(PluginError, match="no such file"):
        load_plugins([tmp_path])


def test_installed_modules_are_imported_once(world):
    code = RULE.format(name="energy") + "\n    import sys; sys.fertool_count += 1"
    module = world.install("counted", code)
    sys.fertool_count = 0
    world.load()
    load_plugins()
    assert sys.fertool_count == 1
    assert module in sys.modules


WORDS = [
    # an attribute of a rule -> why the rule is refused; empty: it is not
    ("needs = ('happy', 'contempt')", ""),  # a further label may come from a classifier of somebody else
    ("needs = ('hapy',)", "did you mean 'happy'?"),
    ("needs = ('Happy!',)", "needs 'Happy!': expected angry, disgust"),  # no label can be named so
    ("needs = 'happy'", "needs 'happy': expected a tuple"),  # else it would be five labels of a letter
    ("signals = 'pose'", "signals 'pose': expected a set, {'pose'}"),  # would be read letter by letter
    ("signals = frozenset({'pose', 'poze'})", "signals 'poze': expected presence, pose, expression"),
    ("scope = 3", "scope 3: expected segment, lecture, course, all"),  # not text at all
    ("scope = 'lectur'", "scope 'lectur': expected segment, lecture, course, all"),
    ("subject = 'students'", "subject 'students': expected student, class"),
    ("feeds = 'lost moments'", ""),
    ("feeds, advises = None, None", ""),  # as without them
    ("feeds = 'lost-moments'", "feeds 'lost-moments': expected lost moments, good moments"),  # a rule's name
    ("advises = 'sleepy'", "advises 'sleepy': expected difficult, negative, lowered, unseen, index"),
]


@pytest.mark.parametrize(("line", "reason"), WORDS)
def test_a_word_that_no_run_knows_is_refused_with_those_it_knows(tmp_path, line, reason):
    file = tmp_path / "mine.py"
    file.write_text(dedent(RULE.format(name="mine")).replace('version = "1"', f'version = "1"\n    {line}'))
    if not reason:
        assert load_plugins([file]).get("rule", "mine")
        return
    with pytest.raises(PluginError) as caught:
        load_plugins([file])
    assert reason in caught.value.message
    assert caught.value.message.endswith(f" [{file}:4]")  # where the class begins


ATTRIBUTES = [
    # an attribute of a rule -> the attribute that it resembles; empty: it is the author's own
    ("subjct = 'class'", "subject"),
    ("signal = {'pose'}", "signals"),
    ("def weigths(self): return {}", "weights"),
    ("weight = 0.9", ""),  # a number is no misspelt method
    ("_subjct = 'class'", ""),  # private
    ("threshold = 2", ""),  # like nothing
    ("subject = 'class'", ""),
]


@pytest.mark.parametrize(("line", "meant"), ATTRIBUTES)
def test_an_attribute_that_nothing_reads_is_found_by_its_likeness(tmp_path, line, meant):
    file = tmp_path / "mine.py"
    file.write_text(dedent(RULE.format(name="mine")).replace('version = "1"', f'version = "1"\n    {line}'))
    reason = misspelt_attribute(load_plugins([file]).get("rule", "mine").plugin)
    assert bool(reason) == bool(meant)
    assert f"did you mean `{meant}`?" in reason or not meant


def test_no_plugin_that_ships_has_a_misspelt_attribute():
    assert [reason for f in load_plugins().found.values() if (reason := misspelt_attribute(f.plugin))] == []


def test_a_package_is_known_by_its_distribution_and_by_its_module(world):
    module = world.install("class-energy", RULE.format(name="energy"))
    world.install("broken-thing", "x = 1")
    world.load()
    for name in ("class-energy", "Class_Energy", module):
        found, broken = of(name)
        assert ([f.plugin.name for f in found], broken) == (["energy"], [])
    found, broken = of("broken-thing")
    assert (found, [b.reason.split(" (")[0] for b in broken]) == ([], ["it has no hook"])
    with pytest.raises(PluginError, match="neither a Python file nor an installed package") as caught:
        of("class-energi")
    assert "class-energy" in caught.value.hint


def test_everything_that_the_facade_promises_is_there():
    given = {}
    exec("from fertool import *", given)  # fails at the first name that is missing
    assert set(fertool_facade.__all__) <= set(given)
