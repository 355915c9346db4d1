"""Layers: one file per family. Import them from :mod:`nnspec`."""
