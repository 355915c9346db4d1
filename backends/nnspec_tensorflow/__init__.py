"""The TensorFlow backend: specs realized by Keras layers, compiled by XLA."""

from __future__ import annotations

# There is no cache_environment: TensorFlow's own way to keep compiled programs (``TF_XLA_FLAGS``) writes errors of
# parsing into the terminal whenever it reads one.
REQUIRES = ("tensorflow", "keras")
