"""For tests, of fertool and of plugins: the conformance kit, synthetic timelines, a gallery of people."""

from __future__ import annotations

from fertool.testing.conformance import (
    check_classifier,
    check_detector,
    check_encoder,
    check_plugin,
    check_rule,
    check_section,
    context,
)
from fertool.testing.courses import store_course
from fertool.testing.timelines import store_lecture, timeline

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
