"""Transposed convolution: each place in the window in turn puts its products where it belongs."""

from __future__ import annotations

from itertools import product

import numpy as np

from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.window import extent
from nnspec.reference.base import Array, Scope, apply


@apply.register(ConvTranspose)
def conv_transpose(spec: ConvTranspose, scope: Scope, x: Array) -> Array:
    batch, *sizes, _ = x.shape
    kernel = scope["kernel"]
    reached = [
        (n - 1) * s + e for n, s, e in zip(sizes, spec.stride, extent(spec.kernel_size, spec.dilations), strict=True)
    ]
    places = zip(sizes, spec.stride, spec.before, spec.beyond, strict=True)
    ends = [before + n * stride + more for n, stride, before, more in places]
    z = np.zeros((batch, *map(max, reached, ends), spec.features), x.dtype)
    parts = zip(np.split(x, spec.groups, -1), np.split(kernel, spec.groups, -1), strict=True)
    for (given, weights), into in zip(parts, np.split(z, spec.groups, -1), strict=True):  # views of z
        for place in product(*map(range, spec.kernel_size)):
            axes = zip(place, sizes, spec.stride, spec.dilations, strict=True)
            here = [slice(q * d, q * d + (n - 1) * s + 1, s) for q, n, s, d in axes]
            into[(slice(None), *here)] += given @ weights[place]
    y = z[(slice(None), *map(slice, spec.before, ends))]
    if spec.use_bias:
        y = y + scope["bias"]
    return y if spec.activation is None else apply(spec.activation, scope, y)
