"""For authors of plugins: the conformance kit and simulated timelines."""

from __future__ import annotations

from fertool.demo.large_course import store_course
from fertool.demo.timelines import store_lecture, timeline
from fertool.testing.conformance import (
    check_classifier,
    check_detector,
    check_encoder,
    check_plugin,
    check_rule,
    check_section,
    context,
)

__all__ = [
    "check_classifier",
    "check_detector",
    "check_encoder",
    "check_plugin",
    "check_rule",
    "check_section",
    "context",
    "store_course",
    "store_lecture",
    "timeline",
]
