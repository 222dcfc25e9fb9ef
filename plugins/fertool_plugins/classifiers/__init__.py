"""Classifiers of expressions."""
