"""From settings to plugins: which ones, with which options, on which device."""

import dataclasses
import hashlib
from textwrap import dedent

import pytest

from fertool import PluginError
from fertool.config import Settings
from fertool.errors import ConfigError
from fertool.host import toolbox
from fertool.host.toolbox import Plugged

OUT_OF_REACH = """
    from dataclasses import dataclass
    import fertool

    @dataclass
    class Mine(fertool.{kind}):
        name = "mine"
        version = "3"
        level: int = 1
        crop = fertool.Crop(8)
        same_person = 0.5

        def available(self):
            return "" if self.level else "it needs a level"

        def assess(self, seen, context): ...
        def detect(self, images): ...
        def encode(self, images, faces): ...
        def embed(self, crops): ...
        def classify(self, crops): ...

    @fertool.hookimpl
    def fertool_plugins():
        return [Mine]
"""


@pytest.fixture
def mine(tmp_path):
    """A file with a plugin `mine` of a kind; with `level=0` it cannot run here."""

    def write(kind):
        path = tmp_path / f"{kind.lower()}.py"
        path.write_text(dedent(OUT_OF_REACH.format(kind=kind)))
        return path

    return write


def chosen(pairs=(), files=(), **settings):
    return toolbox.toolbox(Settings(**settings), pairs, files)


def test_the_default_toolbox_can_run():
    tools = chosen()
    kinds = [p.plugin.kind for p in (tools.detector, tools.encoder, tools.classifier)]
    assert kinds == ["detector", "encoder", "classifier"]
    assert {rule.name for rule in tools.rules} >= {"presence", "shares"}


def test_the_policy_behaviour_has_no_classifier():
    assert chosen(policy="behaviour").classifier is None
    assert chosen(policy="behaviour", classifier="no-such-classifier").classifier is None  # nobody asks


def test_the_default_detector_is_one_name_on_every_machine():
    assert chosen().detector.plugin.name == "yunet"


def test_options_of_another_detector_are_a_slip():
    with pytest.raises(ConfigError, match="plugin 'ssd' is not in use"):
        chosen(["ssd.threshold=0.4"])


UNKNOWN = [
    ({"detector": "sdd"}, "unknown detector 'sdd'", "did you mean 'ssd'?"),
    ({"encoder": "facapi"}, "unknown encoder 'facapi'", "did you mean 'faceapi'?"),
    ({"classifier": "ssd"}, "unknown classifier 'ssd'", "known: "),  # that is a detector
    ({"detector": "auto"}, "unknown detector 'auto'", "known: "),
]


@pytest.mark.parametrize(("settings", "message", "hint"), UNKNOWN)
def test_an_unknown_name_is_a_plugin_error(settings, message, hint):
    with pytest.raises(PluginError) as caught:
        chosen(**settings)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("kind", ["Detector", "Encoder", "Classifier"])
def test_a_plugin_that_cannot_run_here_says_what_is_missing(mine, kind):
    name = kind.lower()
    with pytest.raises(PluginError) as caught:
        chosen(["mine.level=0"], [mine(kind)], **{name: "mine"})
    assert caught.value.message == f"{name} 'mine' cannot run: it needs a level"
    tools = chosen(["mine.level=2"], [mine(kind)], **{name: "mine"})
    assert getattr(tools, name).plugin.level == 2


def test_options_of_the_command_line_win_over_the_file():
    options = {"yunet": {"threshold": 0.3, "long_side": 640}, "presence": {"low": 0.25}}
    tools = chosen(["yunet.threshold=0.4"], options=options)
    assert (tools.detector.plugin.threshold, tools.detector.plugin.long_side) == (0.4, 640)
    assert next(rule for rule in tools.rules if rule.name == "presence").low == 0.25


def test_options_in_the_file_for_plugins_not_in_use_are_kept_for_another_day():
    assert chosen(options={"haar": {"scale": 1.2}, "not-installed": {"x": 1}})


BAD_OPTIONS = [
    (["yunet.treshold=0.4"], "detector 'yunet' has no option 'treshold'"),
    (["yunet.threshold=high"], "yunet.threshold: expected float, got 'high'"),
    (["haar.scale=1.2"], "plugin 'haar' is not in use"),
    (["presence.lo=0.4"], "rule 'presence' has no option 'lo'"),
    (["ssd"], "expected plugin.option=value"),
    (["faceapi.refin=no"], "has no option 'refin'"),  # neither has the encoder nor the classifier
]


@pytest.mark.parametrize(("pairs", "message"), BAD_OPTIONS)
def test_a_bad_option_is_a_config_error(pairs, message):
    with pytest.raises(ConfigError) as caught:
        chosen(pairs)
    assert message in caught.value.message


FORMER_OPTIONS = [
    # -o, fertool.toml -> refine and exact of the encoder `faceapi`, exact of `faceapi-expression`
    ([], {}, (True, False, False)),  # the defaults
    (["faceapi.exact=yes"], {}, (True, True, True)),  # as when both had the name
    (["faceapi.refine=no"], {}, (False, False, False)),  # which the classifier does not know
    ([], {"faceapi": {"exact": True}}, (True, True, True)),  # from fertool.toml
    (["faceapi.exact=yes", "faceapi-expression.exact=no"], {}, (True, True, False)),  # its own name decides
    (["faceapi-expression.exact=yes"], {}, (True, False, True)),
]


@pytest.mark.parametrize(("pairs", "table", "found"), FORMER_OPTIONS)
def test_options_under_the_former_name_of_a_classifier(pairs, table, found):
    """`faceapi` was the name of a classifier too, and still is where it is asked for so."""
    tools = chosen(pairs, classifier="faceapi", options=table)
    encoder, classifier = tools.encoder.plugin, tools.classifier.plugin
    assert classifier.name == "faceapi-expression"
    assert (encoder.refine, encoder.exact, classifier.exact) == found


def test_under_its_new_name_a_classifier_has_options_of_its_own():
    tools = chosen(["faceapi.exact=yes"], classifier="faceapi-expression")
    assert (tools.encoder.plugin.exact, tools.classifier.plugin.exact) == (True, False)


def test_embeddings_are_known_by_the_first_name():
    """A renamed encoder goes on recognizing people by the pictures they were enrolled with."""

    class Renamed(type(chosen().encoder.plugin)):
        name, formerly = "landmarks", ("faceapi", "face-api")

    encoder = chosen().encoder
    tools = dataclasses.replace(chosen(), encoder=Plugged(Renamed()))
    assert tools.encoder.describe()["name"] == "landmarks"
    assert tools.model == chosen().model
    assert (tools.encoder.first_name, encoder.first_name) == ("faceapi", "faceapi")


def test_what_describes_a_plugin_is_all_that_can_change_results(mine):
    path = mine("Detector")
    described = chosen(["mine.level=4"], [path], detector="mine").detector.describe()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert described == {
        "name": "mine", "version": "3", "options": {"level": 4}, "weights": {}, "file": digest,
    }  # fmt: skip
    shipped = chosen().encoder.describe()
    assert "file" not in shipped
    assert all(len(digest) == 64 for digest in shipped["weights"].values())
    assert len(shipped["weights"]) == 2


def test_files_of_the_settings_are_loaded_as_well(mine):
    tools = chosen(plugins=[str(mine("Rule"))])
    assert "mine" in {rule.name for rule in tools.rules}


def test_the_device():
    assert toolbox.device("cpu") == "cpu"
    assert toolbox.device("auto") in {"cpu", "cuda", "mps"}
    with pytest.raises(ConfigError) as caught:
        toolbox.device("tpu")
    assert caught.value.message == "device 'tpu' is not available to this PyTorch"
    assert "cpu" in caught.value.hint


def test_a_device_that_is_not_there_is_a_config_error(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # also where there is one
    with pytest.raises(ConfigError, match="device 'cuda' is not available"):
        toolbox.device("cuda")


DEVICES = [
    # a driver, what PyTorch says of cuda -> the best device
    (True, True, "cuda"),
    (True, False, "cpu"),  # a PyTorch that was built for processors
    (False, True, "cpu"),  # not even asked
]


@pytest.mark.parametrize(("driver", "cuda", "best"), DEVICES)
def test_the_best_device(monkeypatch, driver, cuda, best):
    monkeypatch.setattr(toolbox, "accelerator_driver", lambda: driver)
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert toolbox.device("auto") == best
    assert toolbox.device("cpu") == "cpu"


def test_a_driver_is_looked_up_by_its_library(monkeypatch):
    asked = []

    def missing(name):
        asked.append(name)
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(toolbox.Path, "exists", lambda path: False)  # no /dev/kfd
    assert not toolbox.accelerator_driver()
    monkeypatch.setattr("sys.platform", "linux")
    assert not toolbox.accelerator_driver()
    assert asked == ["nvcuda.dll", "libcuda.so.1"]
    monkeypatch.setattr("ctypes.CDLL", lambda name: None)
    assert toolbox.accelerator_driver()
    monkeypatch.setattr("sys.platform", "darwin")
    assert toolbox.accelerator_driver()
