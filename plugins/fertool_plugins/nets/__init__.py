"""No plugin: what the trainable classifiers share. `trained` is light; the other modules import torch."""
