"""`fertool plugins check`: what the kit says to an author, in words that say what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

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
        "raised FileNotFound",
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
    body = RULE.format("0") + "    def available(self): return 'a licence is missing'\n"
    Path("mine.py").write_text(HEAD + body + TAIL)
    done = fertool("plugins", "check", "mine.py")
    assert done.code == 0
    assert "it cannot run here: a licence is missing" in done.out


def test_the_examples_keep_their_contracts(fertool) -> None:
    examples = Path(__file__).parents[2] / "examples"
    files = [f for f in sorted(examples.glob("*.py")) if "@hookimpl" in f.read_text()]
    done = fertool("plugins", "check", *files)
    assert done.code == 0, done.err
    assert done.out.count("keeps its contract") == len(files)
