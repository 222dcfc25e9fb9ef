"""Ensembles: what they compute, what they are known by, and what does not go together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertool import Classifier, Crop, PluginError
from fertool.config import Settings
from fertool.errors import ConfigError
from fertool.host import guard, toolbox, validate
from fertool.host.ensemble import Ensemble
from fertool.types import EMOTIONS


@dataclass
class First(Classifier):
    """Says a with .8."""

    name, version, crop, labels = "first", "1", Crop(4), ("a", "b", "c")
    floor_px: ClassVar[float] = 20.0
    concurrent: ClassVar[bool] = True
    row: tuple[float, ...] = (0.8, 0.2, 0.0)
    loaded: str = ""

    def load(self, device):
        self.loaded = device

    def classify(self, crops):
        return np.tile(np.array(self.row, np.float32), (len(crops), 1))


class Second(First):
    """Other order of labels, other floor, one call at a time."""

    name, labels = "second", ("c", "a", "b")
    floor_px, concurrent = 32.0, False


class Larger(First):
    name, crop = "larger", Crop(8)


class Further(First):
    name, labels = "further", ("a", "b", "d")


FACES = np.zeros((3, 4, 4, 3), np.uint8)


def joined(*members: Classifier, file: str = "") -> Ensemble:
    ensemble = Ensemble(file=file)
    ensemble.join(members)
    return ensemble


def test_probabilities_are_averaged_by_label() -> None:
    # a: (.8 + .1) / 2, b: (.2 + .3) / 2, c: (0 + .6) / 2
    ensemble = joined(First(), Second((0.6, 0.1, 0.3)))
    rows = validate.classify(ensemble, FACES)
    np.testing.assert_allclose(rows, [[0.45, 0.25, 0.3]] * 3, rtol=1e-6)
    assert (ensemble.name, ensemble.labels, ensemble.crop) == ("first+second", ("a", "b", "c"), Crop(4))
    assert ensemble.floor_px == 32, "a face that one member may not read is not read"
    assert not ensemble.concurrent
    assert (Ensemble.name, Ensemble.labels) == ("ensemble", EMOTIONS), "the class is as it was"


def test_weights_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "both.json"
    file.write_text(json.dumps({"second": 0.75, "first": 0.25}))
    ensemble = joined(First(), Second((0.6, 0.1, 0.3)), file=str(file))
    # a: .25 * .8 + .75 * .1, b: .25 * .2 + .75 * .3, c: .75 * .6
    np.testing.assert_allclose(ensemble.classify(FACES), [[0.275, 0.275, 0.45]] * 3, rtol=1e-6)
    assert list(ensemble.weights()) == ["both.json"]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2).filter(lambda shares: sum(shares) > 0))
def test_any_weights_give_probabilities_between_those_of_the_members(shares: list[float]) -> None:
    ensemble = joined(First(), Second((0.6, 0.1, 0.3)))
    ensemble.shares = [share / sum(shares) for share in shares]
    (row,) = validate.classify(ensemble, FACES[:1])
    low, high = np.minimum((0.8, 0.2, 0), (0.1, 0.3, 0.6)), np.maximum((0.8, 0.2, 0), (0.1, 0.3, 0.6))
    assert ((low - 1e-6 <= row) & (row <= high + 1e-6)).all()


def test_every_member_is_loaded_and_named_in_its_faults() -> None:
    members = First(), Second((0.9, 0.9, 0.9))
    ensemble = joined(*members)
    guard.load(ensemble, "cpu")
    assert [member.loaded for member in members] == ["cpu", "cpu"]
    with pytest.raises(PluginError, match=r"classifier 'second': classify\(\) broke its contract"):
        ensemble.classify(FACES)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ((First(), First()), r"classifier 'first\+first': expected each member once"),
        ((First(), Larger()), "'first' and 'larger' want faces cut in different ways"),
        ((First(), Further()), "'first' and 'further' have different labels"),
    ],
)
def test_what_does_not_go_together(members: tuple[Classifier, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        joined(*members)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (None, "expected weights of an ensemble: .*No such file"),
        ("{", "expected weights of an ensemble"),
        ("[1, 2]", "expected weights of first, second, found list"),
        ('{"first": 1}', "expected weights of first, second, found first"),
        ('{"first": 1, "second": -1}', r"expected weights of 0 to 1, not all 0, found \[1, -1\]"),
        ('{"first": 0, "second": 0}', r"expected weights of 0 to 1, not all 0, found \[0, 0\]"),
        ('{"first": "1", "second": 0}', "expected weights of 0 to 1"),
        ('{"first": NaN, "second": 0}', "expected weights of 0 to 1"),
    ],
)
def test_a_bad_file_of_weights(tmp_path: Path, stored: str | None, message: str) -> None:
    file = tmp_path / "both.json"
    if stored is not None:
        file.write_text(stored)
    with pytest.raises(ConfigError, match=message):
        joined(First(), Second(), file=str(file))


# --- chosen by name -------------------------------------------------------------------------------


def tools(name: str, *pairs: str, files: tuple[Path, ...] = ()) -> toolbox.Toolbox:
    return toolbox.toolbox(Settings(classifier=name), pairs, files)


def test_an_ensemble_is_known_by_everything_of_its_members() -> None:
    plugged = tools("compact+hafnet2025").classifier
    assert plugged is not None
    about = plugged.describe()
    assert (about["name"], plugged.first_name) == ("compact+hafnet2025",) * 2
    alone = [tools(name).classifier for name in ("compact", "hafnet2025")]
    assert about["members"] == [one.describe() for one in alone if one]
    assert "compact+hafnet2025 1" in tools("compact+hafnet2025").describe()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("hafnet2025+compact", ()),  # another name
        ("compact+hafnet2025+khalid2025", ()),
        ("compact+hafnet2025", ("compact.lighting=dct",)),  # an option of a member
    ],
)
def test_another_ensemble_is_another_configuration(name: str, pairs: tuple[str, ...]) -> None:
    assert tools(name, *pairs).describe() != tools("compact+hafnet2025").describe()


def test_weights_of_an_ensemble_are_part_of_its_identity(tmp_path: Path) -> None:
    file, seen = tmp_path / "both.json", set()
    for share in (0.25, 0.5):
        file.write_text(json.dumps({"compact": share, "hafnet2025": 1 - share}))
        seen.add(tools("compact+hafnet2025", f"compact+hafnet2025.file={file}").describe())
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("name", "pairs", "error", "message"),
    [
        ("compact+hafnet", (), PluginError, "unknown classifier 'hafnet'"),
        ("compact+", (), PluginError, "unknown classifier ''"),
        ("compact+compact", (), ConfigError, "expected each member once"),
        ("compact+faceapi-expression", (), ConfigError, "want faces cut in different ways"),
        ("compact+hafnet2025", ("aly2023.stem=paper",), ConfigError, "'aly2023' is not in use"),
        ("compact+hafnet2025", ("compact+hafnet2025.deep=1",), ConfigError, "has no option 'deep'"),
        ("compact+tuyakov2022", ("tuyakov2022.file=gone",), PluginError, "'tuyakov2022' cannot run"),
    ],
)
def test_names_that_are_no_ensemble(name: str, pairs: tuple[str, ...], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        tools(name, *pairs)


def test_a_member_may_come_from_a_file_and_bear_a_former_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        dedent("""
        from dataclasses import dataclass
        import numpy as np
        from fertool import Classifier, hookimpl
        from fertool_plugins.nets.trained import FER2013_FRAME

        @dataclass
        class Mine(Classifier):
            name, formerly, version, crop = "mine", ("my-old",), "1", FER2013_FRAME
            level: int = 1

            def classify(self, crops):
                return np.full((len(crops), 7), 1 / 7, np.float32)

        @hookimpl
        def fertool_plugins():
            return [Mine]
        """)
    )
    plugged = tools("compact+my-old", "my-old.level=3", files=(file,)).classifier
    assert plugged is not None
    assert plugged.plugin.name == "compact+mine"
    assert plugged.members[1].plugin.level == 3
    assert plugged.describe()["members"][1]["file"] == plugged.members[1].digest != ""
