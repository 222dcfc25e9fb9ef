"""A course whose truth is known, to try fertool with."""
