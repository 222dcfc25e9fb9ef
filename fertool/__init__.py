"""fertool turns recorded lecture videos into engagement reports, offline.

For scripts and notebooks: `analyze`, `assess`, `report`, `open`. For plugins: everything else, and nothing
beside it. Values, contracts and the hook marker are light; the four functions and the helper modules
(`boxes`, `crops`, `devices`, `head_level`, `head_pose`, `lighting`, `networks`, `quantized`, `statistics`,
`weights`) load what they need when they are first used. `Floats` and `Image` exist for type checkers only.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fertool.assessment.sqlrule import SqlRule
from fertool.contracts import Classifier, Detector, Encoder, Model, Plugin, Rule, Section, Trainable
from fertool.errors import FertoolError, PluginError
from fertool.hookspecs import hookimpl
from fertool.recipes import Augment, Recipe
from fertool.sections import Chart, Given, Part, Prose, Table
from fertool.types import EMOTIONS, Assessment, Context, Course, Crop, Faces, Message, Segment

if TYPE_CHECKING:
    from fertool.assessment import head_level, statistics
    from fertool.host import networks, quantized, weights
    from fertool.types import Floats as Floats  # exported to type checkers, so not in __all__
    from fertool.types import Image as Image
    from fertool.vision import boxes, crops, devices, head_pose, lighting
    from fertool.workflows.api import analyze, assess, open, report

__version__ = "0.2.0"
__all__ = [
    "EMOTIONS",
    "Assessment",
    "Augment",
    "Chart",
    "Classifier",
    "Context",
    "Course",
    "Crop",
    "Detector",
    "Encoder",
    "Faces",
    "FertoolError",
    "Given",
    "Message",
    "Model",
    "Part",
    "Plugin",
    "PluginError",
    "Prose",
    "Recipe",
    "Rule",
    "Section",
    "Segment",
    "SqlRule",
    "Table",
    "Trainable",
    "analyze",
    "assess",
    "boxes",
    "crops",
    "devices",
    "head_level",
    "head_pose",
    "hookimpl",
    "lighting",
    "networks",
    "open",
    "quantized",
    "report",
    "statistics",
    "weights",
]


_HELPERS = {
    "boxes": "vision.boxes",
    "crops": "vision.crops",
    "devices": "vision.devices",
    "head_level": "assessment.head_level",
    "head_pose": "vision.head_pose",
    "lighting": "vision.lighting",
    "networks": "host.networks",
    "quantized": "host.quantized",
    "statistics": "assessment.statistics",
    "weights": "host.weights",
}
_RENAMED = {
    "judging": "statistics",
    "light": "lighting",
    "models": "weights",
    "packed": "quantized",
    "pose": "head_pose",
}
"""Names of helper modules before 0.2, kept for one release."""


_FUNCTIONS = ("analyze", "assess", "open", "report")


class _Late(ModuleType):
    """A helper module before its first use. Unlike `importlib.util.LazyLoader` in Python 3.11, it may be used
    first by several threads at once."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)

    def __dir__(self) -> list[str]:
        return dir(import_module(self.__name__))


def __getattr__(name: str) -> Any:
    """`from fertool import crops` costs nothing until `crops` is used: numpy and OpenCV come in then."""
    if name in _FUNCTIONS:
        from fertool.workflows import api

        return getattr(api, name)
    helper = _HELPERS.get(_RENAMED.get(name, name))
    if helper is None:
        raise AttributeError(f"module 'fertool' has no attribute {name!r}")
    full = f"fertool.{helper}"
    return import_module(full) if full in sys.modules else _Late(full)


class _Facade(ModuleType):
    """A module of which `report` is the function, also after the package `fertool.report` was imported."""

    @property
    def report(self) -> Any:
        return __getattr__("report")

    @report.setter
    def report(self, package: ModuleType) -> None:
        """Python binds a package here when it is imported; `from fertool.report import ...` does without."""


sys.modules[__name__].__class__ = _Facade
