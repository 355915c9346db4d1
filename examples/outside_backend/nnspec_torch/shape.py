"""Layers that only rearrange."""

from __future__ import annotations

from nnspec.layers.shape import Flatten, Reshape
from nnspec_torch.realize import apply

apply.register(Flatten, lambda spec, scope, x: x.reshape(spec.output_shape(tuple(x.shape))))
apply.register(Reshape, lambda spec, scope, x: x.reshape(spec.output_shape(tuple(x.shape))))
