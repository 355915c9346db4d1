"""The TensorFlow backend: specs realized by Keras layers, compiled by XLA."""

# Nothing here keeps compiled programs between runs: TensorFlow's own way to (``TF_XLA_FLAGS``) writes errors of parsing
# into the terminal whenever it reads one.
from __future__ import annotations

REQUIRES = ("tensorflow", "keras")
