"""Flax models, read into the spec and written from it."""
