"""The hook that plugins implement, and its marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from fertool.contracts import Plugin, Section

hookspec = pluggy.HookspecMarker("fertool")
hookimpl = pluggy.HookimplMarker("fertool")


@hookspec
def fertool_plugins() -> list[type[Plugin]]:
    """Classes that implement Detector, Encoder, Classifier or Rule; the kind is the base class."""
    return []


@hookspec
def fertool_report_sections() -> list[type[Section]]:
    """Classes that implement Section: what a plugin adds to pages of the report."""
    return []
