"""Model cards of the weights that ship: the template, filled with what the code and the weights say."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import string
from pathlib import Path

import pytest
from safetensors import safe_open

from fertool import Detector
from fertool.config import Settings
from fertool.host import registry
from fertool_plugins.detectors.centerface import CenterFace
from fertool_plugins.detectors.ssd import Ssd
from fertool_plugins.detectors.yunet import Yunet
from fertool_plugins.nets.trained import SHIPPED

TOOLS = Path(__file__).parents[2] / "plugins" / "tools"
TEMPLATE = (TOOLS / "model_card.md").read_text(encoding="utf-8")
CLASSIFIERS = {found.plugin.name: found.plugin for found in registry.load_plugins().of_kind("classifier")}
CONDITIONS = [
    *("as they come", "24 px", "32 px", "40 px", "H.264 at 300 kbit/s"),
    *("compressed", "dark", "backlit", "turned", "hand", "mask", "glasses"),
    *("darkest third", "middle third", "brightest third"),
]
"""As `fertool evaluate --robustness` has them."""


def filled(card: str) -> dict[str, str]:
    """What stands in each place of the template; a place that the template has twice holds the same twice."""
    pattern, known = "", set()
    for literal, name, _, _ in string.Formatter().parse(TEMPLATE):
        pattern += re.escape(literal)
        if name is not None:
            pattern += f"(?P={name})" if name in known else f"(?P<{name}>.*?)"
            known.add(name)
    found = re.fullmatch(pattern, card, re.DOTALL)
    assert found, "a sentence of the card is not that of the template"
    return found.groupdict()


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.safetensors")))
def test_a_card_says_what_the_classifier_and_its_weights_say(name: str) -> None:
    weights = SHIPPED / f"{name}.safetensors"
    said = filled(weights.with_suffix(".md").read_text(encoding="utf-8"))
    with safe_open(weights, "np") as stored:
        made = json.loads(stored.metadata()["made"])
    docstring = inspect.getdoc(CLASSIFIERS[name]) or ""
    assert said["name"] == name
    # One paragraph and one line per item; in the docstring they are folded.
    assert said["about"].split() == docstring.split()
    assert [line[:2] for line in said["about"].splitlines()[1:]] == ["- "] * docstring.count("\n- ")
    assert said["sha"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert said["size"] == f"{weights.stat().st_size / 1e6:.1f}"
    assert said["train_hash"] == made["data"]["train"][:16]
    assert said["selected_hash"] == made["data"]["selected_on"][:16]
    assert said["selected"] == made["selected_on"]
    assert said["learned"] == "28,561", "all of split `train`"
    assert said["seed"] == str(made["seed"])
    assert said["recipe"] in CLASSIFIERS[name].recipes
    # Places side by side: which of them holds what does not show.
    assert said["votes"] + said["teachers"] == (
        f"FER+ votes were used too. Teachers: {', '.join(made['teachers'])}."
    )
    assert (said["changed"] + said["start"]).endswith(
        f" It went on from weights with SHA-256 `{made['start'][:16]}`."
    )
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in said["rows"].splitlines()]
    faces = {row[0]: int(row[1]) for row in rows}
    assert list(faces) == [
        "public",
        "public, no near-duplicates",
        "public, `--tta`",
        "public, cut as `analyze` cuts",
    ]
    assert said["floor"] == f"{CLASSIFIERS[name].floor_px:g}"
    assert int(said["near"]) == faces["public"] - faces["public, no near-duplicates"]
    each = [row.strip("|").split("|") for row in said["classes"].splitlines()]
    assert sum(int(row[1]) for row in each) == faces["public"]
    # Recall, weighted by faces, is accuracy: the two tables are of one measurement.
    right = sum(int(row[1]) * float(row[3]) for row in each)
    assert right / faces["public"] == pytest.approx(float(rows[0][2].rstrip("%")) / 100, abs=6e-4)


MEASURED = [path.stem for path in SHIPPED.glob("*.md") if "| condition |" in path.read_text(encoding="utf-8")]


def test_the_default_is_measured_on_faces_as_lectures_show_them() -> None:
    assert Settings().classifier in MEASURED


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_a_card_has_faces_as_lectures_show_them(name: str) -> None:
    said = filled((SHIPPED / f"{name}.md").read_text(encoding="utf-8"))
    lines = [line for line in said["conditions"].splitlines() if line.startswith("|")][2:]
    under = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in under] == CONDITIONS
    assert [int(row[1]) for row in under] == [3589] * 12 + [1197, 1196, 1196]
    whole = float(under[0][2].rstrip("%"))
    thirds = sum(int(n) * float(accuracy.rstrip("%")) for _, n, accuracy, *_ in under[-3:]) / 3589
    assert thirds == pytest.approx(whole, abs=0.01), "thirds are of the faces as they come"
    first = said["rows"].splitlines()[0].split("|")[3].strip(" %")
    assert whole == pytest.approx(float(first), abs=0.1)


def test_the_floor_on_the_side_of_a_face_is_where_the_curve_of_compact_bends() -> None:
    card = (SHIPPED / "compact.md").read_text(encoding="utf-8")
    sides, _, figures = (
        row.strip("|").split("|") for row in filled(card)["floor_from"].splitlines() if "|" in row
    )
    at = {int(side): float(figure.strip(" %")) for side, figure in zip(sides[1:], figures[1:], strict=True)}
    (whole,) = re.findall(r"^\| public, cut as `analyze` cuts \| 3589 \| ([\d.]+)%", card, re.MULTILINE)
    assert at[48] == pytest.approx(float(whole), abs=0.051), "the pictures have 48 pixels: nothing is shrunk"
    assert list(at.values()) == sorted(at.values())
    floor = int(CLASSIFIERS["compact"].floor_px)
    assert at[48] - at[floor] < 3.5
    assert at[floor] - at[24] > 3.5


README = (TOOLS.parents[1] / "fertool" / "training" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.safetensors")))
def test_readme_compares_networks_with_the_figures_of_their_cards(name: str) -> None:
    ((size, *said),) = re.findall(
        rf"^\| `{name}` \| ([\d.]+) million \| ([^|]+) \| ([^|]+) \|", README, re.MULTILINE
    )
    parameters = sum(one.numel() for one in CLASSIFIERS[name]().network().parameters())
    assert size == f"{parameters / 1e6:.1f}"
    card = (SHIPPED / f"{name}.md").read_text(encoding="utf-8")
    for row, accuracy in zip(("public", "public, cut as `analyze` cuts"), said, strict=True):
        (figure,) = re.findall(rf"^\| {row} \| 3589 \| ([^|]+) \|", card, re.MULTILINE)
        assert float(accuracy.rstrip(" %")) == pytest.approx(float(figure.rstrip("%")), abs=0.051), row


PLUGINS = SHIPPED.parents[1]
DETECTORS = [
    (Yunet, PLUGINS / "detectors" / "yunet" / "weights" / "yunet_s.safetensors"),
    (CenterFace, PLUGINS / "detectors" / "centerface" / "weights" / "centerface.onnx"),
    (Ssd, PLUGINS / "faceapi" / "weights" / "ssd_mobilenetv1.safetensors"),
]


@pytest.mark.parametrize(("detector", "weights"), DETECTORS)
def test_a_card_says_what_the_detector_and_its_weights_say(detector: type[Detector], weights: Path) -> None:
    card = weights.with_suffix(".md").read_text(encoding="utf-8")
    assert card.startswith(f"# Model card: detector `{detector.name}`\n{inspect.getdoc(detector)}\n")
    sha = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert f"`{weights.name}`, {weights.stat().st_size / 1e6:.1f} MB, SHA-256 `{sha}`.\n" in card
    assert f"\n- License: {detector.license}. " in card
    assert [*weights.parent.glob("LICENSE-*.txt")]
    assert f"\n## Figures\n{detector.measured}\n" in card
    for script in [*re.findall(r"`(plugins/tools/\S+\.py)`", card), "tests/bench/detectors.py"]:
        assert script in card
        assert (TOOLS.parents[1] / script).is_file()


def test_the_cards_of_classifiers_name_the_detector_that_finds_their_faces() -> None:
    default = Settings().detector
    card = Path(inspect.getfile(Yunet)).parent / "weights" / "yunet_s.md"
    assert Yunet.name == default
    assert f"`{default}` finds the faces" in TEMPLATE
    assert card.relative_to(SHIPPED.parents[1]).as_posix() in TEMPLATE
    assert card.is_file()
