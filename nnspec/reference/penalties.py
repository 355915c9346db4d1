"""Penalties and constraints of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.model import Model
from nnspec.penalties import Constraint, Penalty
from nnspec.reference.base import Array, floats
from nnspec.reference.losses.regression import unit


def value(penalties: Sequence[Penalty], model: Model, parameters: Mapping[str, Any], nodes: Mapping[str, Any]) -> float:
    """Σ P, of parameters by canonical name and nodes' values by path, each in its dtype (in float32 at least)."""
    total = 0.0
    for spec in penalties:
        total += sum(_size(spec, floats(parameters[name])) for name in spec.names(model))
        if spec.node is not None:
            a = floats(nodes[spec.node])
            total += _size(spec, a) / len(a)
    return total


def _size(spec: Penalty, x: Array) -> float:
    """P of a tensor, of all examples; what has the factor 0 is not asked for."""
    total = 0.0
    if spec.l1:
        total += float(spec.l1 * np.abs(x).sum())
    if spec.l2:
        total += float(spec.l2 * (x * x).sum())
    if spec.orthogonal:
        total += float(spec.orthogonal * _cosines(x if spec.vectors == "rows" else x.T))
    if spec.kl:
        mean, log_variance = np.split(x, 2, axis=-1)
        total += float(spec.kl * (mean * mean + np.expm1(log_variance) - log_variance).sum() / 2)
    return total


def _cosines(vectors: Array) -> Array:
    """The mean |cosine| of all pairs of vectors; 0 of a single one."""
    directions = unit(vectors, 1e-7)
    pairs = np.abs(directions @ directions.T)[np.triu_indices(len(vectors), 1)]
    return np.asarray(pairs.mean() if pairs.size else 0.0)


def constrained(constraints: Sequence[Constraint], model: Model, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """The parameters after the constraints, one after the other, each computed in float32 at least and rounded."""
    found = dict(parameters)
    for spec in constraints:
        for name in spec.names(model):
            found[name] = _held(spec, floats(found[name])).astype(found[name].dtype)
    return found


def _held(spec: Constraint, w: Array) -> Array:
    w = np.maximum(w, 0) if spec.non_negative else w
    if not spec.bounds_norms:
        return w
    norm = np.sqrt((w * w).sum(spec.norm_axes(w.ndim), keepdims=True))
    wanted = np.clip(norm, spec.min_norm, spec.max_norm)
    wanted = spec.rate * wanted + (1 - spec.rate) * norm if spec.rate < 1 else wanted
    return np.asarray(w * np.where(norm == 0, 1, wanted / np.where(norm == 0, 1, norm + spec.epsilon)), w.dtype)
