"""Stored tables to a static HTML site that works from a USB stick. See README.md in this folder."""

from __future__ import annotations

from fertool.report.render import ReportOptions, render

__all__ = ["ReportOptions", "render"]
