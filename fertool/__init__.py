"""fertool turns recorded lecture videos into engagement reports, offline.

This is all a plugin may import. Values, contracts and the hook marker are light; the helper modules
(`boxes`, `crops`, `pose`, `models`) load numpy and OpenCV when they are first touched.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fertool.contracts import Classifier, Detector, Encoder, Plugin, Rule
from fertool.errors import FertoolError, PluginError
from fertool.hookspecs import hookimpl
from fertool.models import Model
from fertool.types import EMOTIONS, Assessment, Context, Crop, Faces, Segment

if TYPE_CHECKING:
    from fertool import boxes, crops, models, pose

__version__ = "0.1.0"
__all__ = [
    "EMOTIONS",
    "Assessment",
    "Classifier",
    "Context",
    "Crop",
    "Detector",
    "Encoder",
    "Faces",
    "FertoolError",
    "Model",
    "Plugin",
    "PluginError",
    "Rule",
    "Segment",
    "boxes",
    "crops",
    "hookimpl",
    "models",
    "pose",
]


def __getattr__(name: str) -> Any:
    if name in {"boxes", "crops", "pose"}:
        return import_module(f"fertool.{name}")
    raise AttributeError(f"module 'fertool' has no attribute {name!r}")
