"""Networks on a processor: PyTorch's exported to ONNX once, kept in the user's cache, run by ONNX Runtime.

ONNX Runtime takes a fifth to two thirds less time than PyTorch there, whose import takes seconds. A kept
network is found by the hash of all that decides what it computes. The same graph runs whether it was kept
or exported just now, so results are the same to the bit. What cannot be exported runs in PyTorch, with a
warning.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from fertool import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import onnxruntime
    import torch

    from fertool.types import Floats, Image

    Run = Callable[[Image], list[Floats]]
    """(n, h, w, c) uint8 pictures, n >= 1 -> the outputs of a network, float32, n rows each."""

log = logging.getLogger(__name__)

FORMAT = 1
"""Of what is kept: higher when the same network is exported in another way."""
PICTURES = "pictures"
"""The name of the input."""
TRIED = 2
"""Random pictures on which an export is compared with its original."""
AGREE = 2e-5
"""Largest difference from the original, as a share of the largest output, or of 1 if all are smaller: for
boxes in a frame of 1080p, 0.04 pixels. More means that the export is wrong."""
AT_ONCE = 16
"""Pictures per pass of an exported network: more at once are no quicker, and need more memory."""
DIGEST = hashlib.sha256().digest_size
"""A kept file begins with so many bytes: the SHA-256 of the rest."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a network comes from, and all that decides what it computes."""

    name: str
    """Of its file in the cache: letters, digits, `-` and `_`."""
    decides: Mapping[str, object]
    """Hashes of weights, options, version: anything that JSON can hold."""
    code: Sequence[Path]
    """The files with its Python code."""
    shape: tuple[int, int, int] = (0, 0, 0)
    """(h, w, c) of a picture."""
    any_size: bool = field(default=False, kw_only=True)
    """Whether h and w may differ from those of `shape` from call to call."""

    @property
    def key(self) -> str:
        """SHA-256 of what decides about the network and of its code, in hexadecimal, cut to 24 digits."""
        code = [(path.name, files.sha256(path)) for path in sorted(self.code)]
        about = [FORMAT, dict(self.decides), code, self.shape, self.any_size]
        return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:24]


def code(kind: type) -> list[Path]:
    """The Python files that define a class and its bases, with all others in the folders of their packages;
    without those of fertool itself and of Python."""
    found: set[Path] = set()
    for base in kind.__mro__:
        module = sys.modules.get(base.__module__)
        file = getattr(module, "__file__", None)
        if file is None or base.__module__.partition(".")[0] in {"fertool", *sys.stdlib_module_names}:
            continue
        path = Path(file)
        found |= {*path.parent.glob("*.py")} if getattr(module, "__package__", "") else {path}
    return sorted(path for path in found if path.is_file())


def on_processor(source: Source, build: Callable[[], torch.nn.Module]) -> Run:
    """A function that runs the network on the calling thread; it may be called from several threads.

    `build` makes the network where it is not kept: in evaluation mode, on the processor, (n, h, w, c) uint8
    -> one tensor, or several, with n rows. What `build` raises comes out here.
    """
    original: list[torch.nn.Module] = []

    def export() -> bytes:
        with one_thread():
            original[:] = [build()]
            return _exported(source, original[0])

    try:
        ready = session(kept(source, export))
    except _NotExportedError as error:
        log.warning("%s: cannot be exported to ONNX, so PyTorch runs it: %s", source.name, error)
        return in_pytorch(original[0])

    def run(pictures: Image) -> list[Floats]:
        import numpy as np

        parts = [pictures[i : i + AT_ONCE] for i in range(0, len(pictures), AT_ONCE) or (0,)]
        found = [ready.run(None, {PICTURES: part}) for part in parts]
        return [np.concatenate(rows) for rows in zip(*found, strict=True)]

    return run


def in_pytorch(network: torch.nn.Module, device: str = "cpu") -> Run:
    """A function that runs a network of pictures, which is on `device`, in PyTorch."""

    def run(pictures: Image) -> list[Floats]:
        import numpy as np
        import torch

        with torch.inference_mode():
            found = network(torch.from_numpy(np.require(pictures, requirements="W")).to(device))
        return [one.cpu().numpy() for one in (found if isinstance(found, tuple) else (found,))]

    return run


def to_onnx(network: torch.nn.Module, example: torch.Tensor, axes: Mapping[str, dict[int, str]]) -> bytes:
    """The ONNX model of a network with one input. `axes`: name of the input, then of each output -> number
    and name of every axis whose length is free."""
    import warnings

    import torch

    stream = BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter would need a further package; this one is said to go some day.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            stream,  # type: ignore[arg-type]  # torch does write to streams
            input_names=[*axes][:1],
            output_names=[*axes][1:],
            dynamic_axes=axes,
            dynamo=False,
        )
    return stream.getvalue()


def session(model: bytes) -> onnxruntime.InferenceSession:
    """An ONNX model that computes on the calling thread alone; `run` may be called from several threads.

    The host already looks at one picture per core. More threads would wait for one another in loops that
    burn the time of the decoder.
    """
    import onnxruntime

    _share_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3  # errors only
    ready = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    ready._model_bytes = None  # kept for other providers to fall back from, of which there are none
    return ready


@cache
def _share_memory() -> None:
    """One arena for all networks of the process, which grows by what is asked for: else each has its own,
    and each doubles when it grows (peak of an analysis: 550 MB instead of 650)."""
    import onnxruntime

    about = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    no_limit, as_asked, default = 0, 1, -1
    onnxruntime.create_and_register_allocator(
        about, onnxruntime.OrtArenaCfg(no_limit, as_asked, default, default)
    )


def kept(source: Source, make: Callable[[], bytes]) -> bytes:
    """The ONNX model of `source`: from the cache, or else made and put there.

    A damaged file is made once more. Where the folder cannot be written, the model is made at every start,
    with one warning for all networks. Several processes may do all this at once.
    """
    folder = cache_dir()
    path = folder / f"{source.name}-{source.key}.onnx" if folder else None
    if path and (model := _read(path)) is not None:
        return model
    model = make()
    if path is None:
        _cannot_keep("there is no home folder")
        return model
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.swapped(path) as draft:
            draft.write_bytes(hashlib.sha256(model).digest() + model)
    except OSError as error:
        _cannot_keep(f"{path.parent}: {error.strerror}")
    return model


def cache_dir() -> Path | None:
    """`FERTOOL_CACHE`, or `fertool` in the user's cache folder (XDG_CACHE_HOME); it need not exist. None
    without a home folder."""
    from platformdirs import user_cache_path

    if chosen := os.environ.get("FERTOOL_CACHE"):
        return Path(chosen).expanduser()
    try:
        return user_cache_path("fertool", appauthor=False)
    except RuntimeError:
        return None


class _NotExportedError(Exception):
    """A network that ONNX has no words for, or an export that computes something else."""


def _read(path: Path) -> bytes | None:
    """A kept model; None if it is not there, or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    model = content[DIGEST:]
    return model if hashlib.sha256(model).digest() == content[:DIGEST] else None


@cache
def _cannot_keep(why: str) -> None:
    """Said once: it is true of every network."""
    log.warning("networks are prepared at every start, for they cannot be kept: %s; see FERTOOL_CACHE", why)


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on the calling thread alone. Batches are small here: on a busy machine, several threads take
    four times as long, for they wait for one another and burn what they wait."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _exported(source: Source, network: torch.nn.Module) -> bytes:
    import numpy as np
    import torch

    pictures = np.random.default_rng(0).integers(0, 256, (TRIED, *source.shape), np.uint8)
    original = in_pytorch(network)
    free = {0: "n", 1: "h", 2: "w"} if source.any_size else {0: "n"}
    axes = {PICTURES: free}
    try:
        for i in range(len(original(pictures))):
            axes[f"output_{i}"] = {0: "n", 1: f"rows_{i}"} if source.any_size else {0: "n"}
        model = to_onnx(network, torch.from_numpy(pictures), axes)
        ready = session(model)
        for some in (pictures, pictures[:1]):  # a graph with a fixed n would fail here
            for one, other in zip(ready.run(None, {PICTURES: some}), original(some), strict=True):
                np.testing.assert_allclose(one, other, rtol=0, atol=AGREE * max(1, abs(other).max()))
    except Exception as error:  # PyTorch, ONNX and ONNX Runtime have dozens of kinds
        raise _NotExportedError(str(error).strip().partition("\n")[0]) from error
    return model
