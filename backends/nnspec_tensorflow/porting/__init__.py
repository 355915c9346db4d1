"""Keras models and SavedModels, read into the spec and written from it."""
