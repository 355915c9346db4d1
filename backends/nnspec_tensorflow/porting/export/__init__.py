"""Layers of the spec as stock Keras: one function for each class, in files named as the families."""
