"""Encoders: landmarks, head pose and embedding of faces."""
