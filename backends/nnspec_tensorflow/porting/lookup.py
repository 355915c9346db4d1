"""Ids of numbers, and their encodings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.porting.embedding import whole
from nnspec_tensorflow.startup import keras

_of = keras.layers


def _encoded(context: Context, ids: Value, mode: str, depth: int | None, sparse: bool) -> Value:
    """Ids as Keras's ``output_mode`` has them; the node that gives them is the layer's own."""
    if sparse:
        raise context.error("sparse=True gives a sparse tensor, which a port does not: set it to False")
    if depth is None or mode not in ("one_hot", "multi_hot", "count"):
        raise context.error(f"output_mode={mode!r} has no counterpart in the spec")
    shape = context.shapes[ids]
    if mode == "one_hot":
        if len(shape) > 1 and shape[-1] == 1:
            ids = context.call(nnspec.Squeeze(-1), ids, part="of_one")
        return context.call(nnspec.OneHot(depth), ids)
    if len(shape) == 1:
        ids = context.call(nnspec.ExpandDims(1), ids, part="of_one")
    elif len(shape) > 2:
        raise context.error(f"output_mode={mode!r} is ported for one id or one list of ids of each example")
    places = context.call(nnspec.OneHot(depth), ids, part="places")
    return context.call(nnspec.Max(1) if mode == "multi_hot" else nnspec.Sum(1), places)


def _looked_up(
    spec: Any, context: Context, inputs: Sequence[Value], mode: str, depth: int | None, sparse: bool
) -> Value:
    if mode == "int":
        return context.call(spec, *inputs)
    return _encoded(context, context.call(spec, *inputs, part="ids"), mode, depth, sparse)


@convert.register(_of.CategoryEncoding)
def category_encoding(layer: Any, context: Context, inputs: Value, count_weights: Value | None = None) -> Value:
    if count_weights is not None:
        raise context.error("count_weights has no counterpart in the spec: multiply a one-hot encoding by them")
    return _encoded(context, whole(context, inputs), layer.output_mode, layer.num_tokens, layer.sparse)


@convert.register(_of.Discretization)
def discretization(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.bin_boundaries is None:
        raise context.error("has no bin_boundaries yet: adapt it to data first")
    boundaries = tuple(map(float, layer.bin_boundaries))
    depth = len(boundaries) + 1
    return _looked_up(nnspec.Discretization(boundaries), context, [inputs], layer.output_mode, depth, layer.sparse)


@convert.register(_of.Hashing)
def hashing(layer: Any, context: Context, inputs: Value) -> Value:
    salt: Any = None if layer.salt is None else tuple(map(int, layer.salt))
    if layer.mask_value is not None and not isinstance(layer.mask_value, int):
        raise context.error(f"mask_value={layer.mask_value!r} is no whole number: texts are not ported")
    spec = nnspec.Hashing(layer.num_bins, layer.mask_value, salt)
    ids = [whole(context, inputs)]
    return _looked_up(spec, context, ids, layer.output_mode, layer.num_bins, layer.sparse)


@convert.register(_of.HashedCrossing)
def hashed_crossing(layer: Any, context: Context, inputs: Sequence[Value]) -> Value:
    ids = [whole(context, x) for x in inputs]
    spec = nnspec.HashedCrossing(layer.num_bins)
    return _looked_up(spec, context, ids, layer.output_mode, layer.num_bins, layer.sparse)


@convert.register(_of.IntegerLookup)
def integer_lookup(layer: Any, context: Context, inputs: Value) -> Value:
    if layer.output_mode == "tf_idf":
        raise context.error("output_mode='tf_idf' has no counterpart in the spec")
    words = layer.get_vocabulary(include_special_tokens=False)
    methods: dict[str, Any] = {"floormod": "remainder", "farmhash": "hash"}
    method = layer.oov_method if isinstance(getattr(layer, "oov_method", None), str) else "floormod"
    if method not in methods:
        raise context.error(f"oov_method={method!r} has no counterpart in the spec")
    salt = getattr(layer, "salt", None)
    key: Any = None if salt is None else tuple(int(x) for x in np.ravel(salt))
    spec = nnspec.IntegerLookup(
        tuple(int(word) for word in words),
        layer.num_oov_indices,
        None if layer.mask_token is None else int(layer.mask_token),
        int(layer.oov_token),
        layer.invert,
        methods[method],
        key,
    )
    depth = layer.vocabulary_size() if not layer.pad_to_max_tokens else layer.max_tokens
    return _looked_up(spec, context, [whole(context, inputs)], layer.output_mode, depth, layer.sparse)
