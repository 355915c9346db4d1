"""Keras's operations in the spec's words, in files named as their families. Importing it registers them."""

from __future__ import annotations

from nnspec_tensorflow.porting.operations import (
    arrangement as arrangement,
    attention as attention,
    contraction as contraction,
    copying as copying,
    elementwise as elementwise,
    fourier as fourier,
    functions as functions,
    indexing as indexing,
    joining as joining,
    logic as logic,
    reductions as reductions,
    windows as windows,
)
