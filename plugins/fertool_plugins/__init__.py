"""Plugins that ship with fertool, registered like those of anybody else: by entry points."""
