"""fertool turns recorded lecture videos into engagement reports, offline.

This is all a plugin may import. Values, contracts and the hook marker are light; the helper modules
(`boxes`, `crops`, `devices`, `head_level`, `judging`, `light`, `packed`, `pose`) load what they need when
they are first used. `Floats` and `Image` exist for type checkers only.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

from fertool.contracts import Classifier, Detector, Encoder, Model, Plugin, Rule, Section, Trainable
from fertool.errors import FertoolError, PluginError
from fertool.hookspecs import hookimpl
from fertool.recipes import Augment, Recipe
from fertool.sections import Chart, Given, Part, Prose, Table
from fertool.sqlrule import SqlRule
from fertool.types import EMOTIONS, Assessment, Context, Course, Crop, Faces, Message, Segment

if TYPE_CHECKING:
    from fertool import boxes, crops, devices, head_level, judging, light, models, packed, pose
    from fertool.types import Floats, Image

__version__ = "0.1.0"
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
    "Floats",
    "Given",
    "Image",
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
    "boxes",
    "crops",
    "devices",
    "head_level",
    "hookimpl",
    "judging",
    "light",
    "models",
    "packed",
    "pose",
]


def __getattr__(name: str) -> ModuleType:
    """`from fertool import crops` costs nothing until `crops` is used: numpy and OpenCV come in then."""
    if name not in {"boxes", "crops", "devices", "head_level", "judging", "light", "packed", "pose"}:
        raise AttributeError(f"module 'fertool' has no attribute {name!r}")
    full = f"fertool.{name}"
    if full not in sys.modules:
        spec = find_spec(full)
        assert spec is not None
        assert spec.loader is not None
        loader = LazyLoader(spec.loader)
        module = sys.modules[full] = module_from_spec(spec)
        loader.exec_module(module)
    return sys.modules[full]
