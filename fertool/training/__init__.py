"""Training: data sets to weights and figures."""
