"""Data sets: formats, folders, division into splits."""
