"""Many recordings on many workers: on this machine, or on a Ray cluster."""
