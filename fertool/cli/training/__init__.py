"""Commands about networks: train, evaluate, export, pull."""
