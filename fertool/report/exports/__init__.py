"""Exports: a report in other forms than pages."""
