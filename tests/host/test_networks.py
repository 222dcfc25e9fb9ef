"""Networks on a processor: exported once, kept, and equal to PyTorch's, whatever became of the file."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch
from torch import nn

from fertool.host import networks, registry
from fertool.host.networks import Source

SIDE = 8
SHAPE = (SIDE, SIDE, 3)
AXES = {networks.PICTURES: {0: "n"}, "means": {0: "n"}}


class Mean(nn.Module):
    """The mean of a picture, times a weight: worked out by hand."""

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.weight * pictures.float().mean((1, 2, 3))[:, None]


class Both(nn.Module):
    """Two outputs, rows as many as the picture is wide in the second."""

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = pictures.float().mean((1, 3))
        return rows.sum(1, keepdim=True), rows


class Counted(nn.Module):
    """Knows how many pictures there are: tracing makes a constant of it."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return len(pictures) * pictures.float().mean((1, 2, 3))[:, None]


class Unknown(nn.Module):
    """Computes what ONNX has no operator for."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.special.i1e(pictures.float().mean((1, 2, 3)))[:, None]


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    """What a process says once may have been said in another test."""
    networks._cannot_keep.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FERTOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def source(name: str = "mean", **changes: object) -> Source:
    return dataclasses.replace(Source(name, {"weights": "abc"}, [Path(__file__)], SHAPE), **changes)


def pictures(count: int, seed: int = 1, size: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), np.uint8)


def built(times: list[int], network: type[nn.Module] = Mean):
    """A way to make the network that counts how often it is asked."""

    def build() -> nn.Module:
        times.append(1)
        return network().eval()

    return build


# --- what is computed -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, networks.AT_ONCE, networks.AT_ONCE + 1])
def test_any_number_of_pictures(cache: Path, count: int) -> None:
    run = networks.on_processor(source(), built([]))
    (found,) = run(pictures(count))
    np.testing.assert_allclose(found[:, 0], 2 * pictures(count).mean((1, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (8, 20), (3, 5)])
def test_any_size_where_it_is_asked_for(cache: Path, size: tuple[int, int]) -> None:
    run = networks.on_processor(source("both", any_size=True), built([], Both))
    total, rows = run(pictures(2, size=size))
    expected = pictures(2, size=size).mean((1, 3))
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    np.testing.assert_allclose(total[:, 0], expected.sum(1), rtol=1e-6)


def test_several_threads_at_once(cache: Path) -> None:
    run = networks.on_processor(source(), built([]))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: run(pictures(3, seed))[0], range(40)))
    for seed, rows in enumerate(found):
        np.testing.assert_array_equal(rows, run(pictures(3, seed))[0])


@pytest.mark.parametrize("network", [Counted, Unknown])
def test_what_cannot_be_exported_runs_in_pytorch(
    cache: Path, caplog: pytest.LogCaptureFixture, network: type[nn.Module]
) -> None:
    """Also where the export went well and computes something else."""
    times: list[int] = []
    with caplog.at_level(logging.WARNING):
        run = networks.on_processor(source("odd"), built(times, network))
    assert "odd: cannot be exported to ONNX, so PyTorch runs it: " in caplog.text
    for count in (1, 3):
        expected = network()(torch.from_numpy(pictures(count))).numpy()
        np.testing.assert_allclose(run(pictures(count))[0], expected)
    assert times == [1]
    assert not list(cache.glob("*"))


def test_an_export_takes_one_thread_of_pytorch(cache: Path) -> None:
    """And gives back those that its caller has, also where it fails."""
    before, during = torch.get_num_threads(), []
    torch.set_num_threads(2)
    for network in (Mean, Unknown):

        def build(network: type[nn.Module] = network) -> nn.Module:
            during.append(torch.get_num_threads())
            return network().eval()

        networks.on_processor(source(network.__name__), build)
        during.append(torch.get_num_threads())
    torch.set_num_threads(before)
    assert during == [1, 2, 1, 2]


def test_what_build_raises_comes_out(cache: Path) -> None:
    def build() -> nn.Module:
        raise FileNotFoundError("no weights")

    with pytest.raises(FileNotFoundError, match="no weights"):
        networks.on_processor(source(), build)


def test_one_thread_that_does_not_spin(cache: Path) -> None:
    """Others wait for the decoder, and would burn its time."""
    model = networks.kept(source(), lambda: networks.to_onnx(Mean(), torch.from_numpy(pictures(2)), AXES))
    options = networks.session(model).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_networks_of_one_process_share_their_memory(cache: Path) -> None:
    """Ten copies of a network that needs 50 MB for a pass need it once: they run one after the other."""
    script = """
        import resource, numpy as np, torch
        from torch import nn
        from fertool.host import networks
        wide = nn.Sequential(nn.Conv2d(3, 64, 1), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 1, 1)).eval()
        model = networks.to_onnx(wide, torch.zeros(1, 3, 320, 320), {"pictures": {0: "n"}, "out": {0: "n"}})
        one = np.zeros((1, 3, 320, 320), np.float32)
        kept, peaks = [], []
        for _ in range(11):
            kept.append(networks.session(model))
            kept[-1].run(None, {"pictures": one})
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(peaks[-1] - peaks[0])
    """
    done = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100  # MB; 10 times 50 with memory of their own


# --- what is kept ---------------------------------------------------------------------------------


def test_the_second_start_builds_nothing(cache: Path) -> None:
    times: list[int] = []
    first = networks.on_processor(source(), built(times))
    second = networks.on_processor(source(), built(times))
    assert times == [1]
    assert [path.name for path in cache.iterdir()] == [f"mean-{source().key}.onnx"]
    np.testing.assert_array_equal(first(pictures(5))[0], second(pictures(5))[0])


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",  # the disk was full
        lambda content: content[:20],
        lambda content: content[:-1],  # truncated
        lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],  # one bit
        lambda content: content[networks.DIGEST :],  # an ONNX file as others write it
    ],
)
def test_a_damaged_file_is_made_once_more(cache: Path, damage) -> None:
    times: list[int] = []
    whole = networks.on_processor(source(), built(times))
    (path,) = cache.iterdir()
    content = path.read_bytes()
    path.write_bytes(damage(content))
    again = networks.on_processor(source(), built(times))
    assert times == [1, 1]
    assert path.read_bytes() == content
    np.testing.assert_array_equal(whole(pictures(5))[0], again(pictures(5))[0])


CHANGES = [
    {"decides": {"weights": "abd"}},
    {"decides": {"weights": "abc", "options": {"heads": 4}}},
    {"code": [Path(networks.__file__)]},
    {"code": [Path(__file__), Path(networks.__file__)]},
    {"shape": (SIDE, SIDE, 1)},
    {"any_size": True},
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_is_part_of_the_key(change: dict[str, object]) -> None:
    assert source(**change).key != source().key


def test_a_file_of_another_version_is_left_alone(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks.on_processor(source(), built([]))
    (old,) = cache.iterdir()
    before = old.read_bytes()
    monkeypatch.setattr(networks, "FORMAT", networks.FORMAT + 1)
    times: list[int] = []
    networks.on_processor(source(), built(times))
    assert times == [1]
    assert len(list(cache.iterdir())) == 2
    assert old.read_bytes() == before


def test_the_order_of_code_and_options_does_not_matter() -> None:
    code = [Path(__file__), Path(networks.__file__)]
    other = source(code=code[::-1], decides={"b": 2, "a": 1})
    assert source(code=code, decides={"a": 1, "b": 2}).key == other.key


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FERTOOL_CACHE", str(tmp_path / "file" / "cache"))
    times: list[int] = []
    with caplog.at_level(logging.WARNING):
        first = networks.on_processor(source(), built(times))
        second = networks.on_processor(source(), built(times))
    assert times == [1, 1]
    assert caplog.text.count("networks are prepared at every start, for they cannot be kept: ") == 1
    assert "FERTOOL_CACHE" in caplog.text
    np.testing.assert_array_equal(first(pictures(5))[0], second(pictures(5))[0])


def test_a_folder_that_can_only_be_read(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A kept network is used, without a warning."""
    networks.on_processor(source(), built([]))
    cache.chmod(0o500)
    times: list[int] = []
    with caplog.at_level(logging.WARNING):
        networks.on_processor(source(), built(times))
    cache.chmod(0o700)
    assert (times, caplog.text) == ([], "")


def test_no_home_folder(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("FERTOOL_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where the user has no entry either
    assert networks.cache_dir() is None
    with caplog.at_level(logging.WARNING):
        run = networks.on_processor(source(), built([]))
    assert "there is no home folder" in caplog.text
    assert run(pictures(1))[0].shape == (1, 1)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FERTOOL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = networks.cache_dir()
    assert folder is not None
    assert folder.is_relative_to(tmp_path)
    assert folder.name == "fertool"


def test_two_processes_at_once(cache: Path, tmp_path: Path) -> None:
    script = dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import test_networks as t
        run = t.networks.on_processor(t.source(), t.built([]))
        print(*run(t.pictures(3))[0][:, 0])
    """)
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said[0] == said[1] != ""
    assert len(list(cache.iterdir())) == 1  # no drafts either
    networks.on_processor(source(), built(times := []))
    assert times == []


# --- whose code it is -----------------------------------------------------------------------------


def test_code_is_that_of_the_class_and_its_bases() -> None:
    from fertool_plugins.classifiers.compact import Compact

    found = {"/".join(path.parts[-2:]) for path in networks.code(Compact)}
    assert {"compact/__init__.py", "compact/net.py", "nets/trained.py", "nets/resnet.py"} <= found
    assert not any("contracts" in name or "hafnet2025" in name for name in found)


def test_code_of_a_plugin_file_is_that_file(tmp_path: Path) -> None:
    """Its folder may be anything, a home folder too."""
    (tmp_path / "other.py").touch()
    mine = tmp_path / "mine.py"
    mine.write_text(
        dedent("""
        from dataclasses import dataclass
        import fertool

        @dataclass
        class Mine(fertool.Classifier):
            name, version, crop = "mine", "1", fertool.Crop(8)

            def classify(self, crops): ...

        @fertool.hookimpl
        def fertool_plugins():
            return [Mine]
        """)
    )
    found = registry.load_plugins([mine]).get("classifier", "mine").plugin
    assert networks.code(found) == [mine]
