"""`fertool plugins check`: what the kit says to an author, in words that say what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from fertool.host.registry import _installed

HEAD = "import random\nfrom fertool import Assessment, Classifier, Crop, Rule, hookimpl\n"
RULE = """class Mine(Rule):
    name, version = "mine", "1"
    def assess(self, seen, context):
        return {}
"""
CLASSIFIER = """class Mine(Classifier):
    name, version, labels, crop = "mine", "1", ("a", "b"), Crop(8)
    def classify(self, crops):
        import numpy as np
        return {}
"""
TAIL = "@hookimpl\ndef fertool_plugins(): return [Mine]\n"

FAULTS = [
    (RULE.format("None"), ""),
    (RULE.format("Assessment(float(seen['present'].sum()))"), ""),
    (RULE.format("Assessment(len(seen) / seen['present'].sum())"), "ZeroDivisionError"),
    (RULE.format("Assessment(random.random())"), "the same table, another answer: assess() may use no clock"),
    (RULE.format("Assessment(float(seen['happy'].sum()))"), "depends on expression, which its `signals`"),
    (RULE.format("Assessment(float(seen['yaw_deg'].sum()))"), "depends on pose, which its `signals`"),
    (RULE.format("0.5"), "expected an Assessment, a list of them, or None; got float 0.5"),
    (RULE.format("Assessment(seen['nothing'].sum())"), "mine.py:6]"),
    (RULE.format("None").replace("assess", "asses"), "Mine does not define assess()"),
    (RULE.format("None").replace('"mine"', '"My Own"'), "expected lower case letters"),
    (RULE.format("None").replace("def assess", "signals = {'face'}\n    def assess"), "signals 'face'"),
    (CLASSIFIER.format("np.full((len(crops), 2), 0.5, np.float32)"), ""),
    (CLASSIFIER.format("np.full((len(crops), 2), 0.4, np.float32)"), "rows >= 0 that sum to 1; got sums 0.8"),
    (CLASSIFIER.format("np.full((1, 2), 0.5, np.float32)"), "of shape (17, 2), floating point; got an array"),
    (
        CLASSIFIER.format("0") + "    def load(self, device): self.net = open('none.pt')\n",
        "raised in load(): FileNotFound",
    ),
    ("Mine = 3\n", "expected a class made from Detector, Encoder, Classifier, Rule or Section"),
    ("import not_there\n", "ModuleNotFoundError"),
    ("def oops(:\n", "SyntaxError"),
]


@pytest.mark.parametrize(("body", "reason"), FAULTS)
def test_the_reason_is_given(fertool, body: str, reason: str) -> None:
    Path("mine.py").write_text(HEAD + body + TAIL)
    done = fertool("plugins", "check", "mine.py")
    assert done.code == (2 if reason else 0)
    assert reason in done.err
    assert ("keeps its contract" in done.out) == (not reason)
    assert "Traceback" not in done.err


def test_each_file_is_told_of_and_one_bad_one_is_enough(fertool) -> None:
    for name, body in (("good", RULE.format("None")), ("bad", RULE.format("0"))):
        Path(f"{name}.py").write_text(HEAD + body + TAIL)
    done = fertool("plugins", "check", "none.py", "bad.py", "good.py")
    assert done.code == 2
    assert "none.py: no such file" in done.err
    assert "good.py: rule mine: keeps its contract" in done.out


def test_one_that_lacks_something_here_is_checked_as_a_class(fertool) -> None:
    body = RULE.format("0") + "    def available(self): return 'a license is missing'\n"
    Path("mine.py").write_text(HEAD + body + TAIL)
    done = fertool("plugins", "check", "mine.py")
    assert done.code == 0
    assert "it cannot run here: a license is missing" in done.out


@pytest.mark.parametrize("name", ["mine.py", "./mine.py", ".//mine.py"])
def test_a_file_may_be_named_in_several_ways(fertool, name: str) -> None:
    Path("mine.py").write_text(HEAD + RULE.format("0 / 0") + TAIL)
    done = fertool("plugins", "check", name)
    assert done.code == 2
    assert "ZeroDivisionError" in done.err


def test_a_folder_named_as_a_package_does_not_hide_it(fertool) -> None:
    Path("fertool").mkdir()
    done = fertool("plugins", "check", "fertool_plugins")
    assert "no such file" not in done.err
    assert "fertool_plugins: rule presence: keeps its contract" in done.out


def test_the_examples_keep_their_contracts(fertool) -> None:
    examples = Path(__file__).parents[2] / "examples"
    files = [f for f in sorted(examples.glob("*.py")) if "@hookimpl" in f.read_text()]
    done = fertool("plugins", "check", *files)
    assert done.code == 0, done.err
    assert done.out.count("keeps its contract") == len(files)


def test_a_misspelt_attribute_is_a_line_with_file_and_line(fertool) -> None:
    Path("mine.py").write_text(
        HEAD + RULE.format("None").replace("    def", "    subjct = 'class'\n    def") + TAIL
    )
    done = fertool("plugins", "check", "mine.py")
    place = f"{Path('mine.py').resolve()}:3"
    said = (
        "Mine has `subjct`, which nothing reads: did you mean `subject`? A name of your own may begin with _"
    )
    assert (done.code, done.out, done.err) == (2, "", f"mine.py: rule mine: {said} [{place}]\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a distribution of one module: a folder on sys.path with entry_points.txt."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install(name: str, code: str) -> Path:
        info = tmp_path / "site" / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[fertool]\n{name} = {name}\n")
        file = info.parent / f"{name}.py"
        file.write_text(code)
        _installed.cache_clear()
        return file

    yield install
    _installed.cache_clear()  # later tests must not see these distributions


def test_all_plugins_of_an_installed_package_are_checked(fertool, package) -> None:
    other = RULE.format("0.5").replace("Mine", "Other").replace("mine", "other")
    package("checkedpkg", HEAD + RULE.format("None") + other + TAIL.replace("[Mine]", "[Mine, Other]"))
    done = fertool("plugins", "check", "checkedpkg")
    assert (done.code, done.out) == (2, "checkedpkg: rule mine: keeps its contract\n")
    assert done.err.startswith("checkedpkg: rule other: ")
    assert "got float 0.5" in done.err
    assert done.err.count("\n") == 1


def test_a_broken_package_is_listed_with_its_place_and_the_code_is_2(fertool, package) -> None:
    file = package(
        "brokenpkg", "from fertool import hookimpl\n@hookimpl\ndef fertool_plugins():\n    1 / 0\n"
    )
    reason = f"ZeroDivisionError: division by zero [{file}:4]"
    done = fertool("plugins", "check", "brokenpkg")
    assert (done.code, done.out, done.err) == (2, "", f"brokenpkg: brokenpkg: {reason}\n")
    for flags in ([], ["--json"]):
        listed = fertool("plugins", *flags)
        assert listed.code == 2
        assert "ZeroDivisionError" in listed.out
        assert "ssd" in listed.out  # everything else is listed all the same


def test_a_name_that_is_no_package_is_a_line(fertool) -> None:
    done = fertool("plugins", "check", "no-such-package")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "fertool: no-such-package: neither a Python file nor an installed package with"
    )
