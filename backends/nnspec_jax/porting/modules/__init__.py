"""Conversions of Flax's modules, in files named as the families."""
