"""Plugins: found, loaded, configured, run and validated."""
