"""Operations as they run again: what a trace recorded of them may be more than Keras computes with.

In a trace the batch has the size ``EXAMPLES``, or None, and so it stands in the shapes and arrays that code made of it.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np

from nnspec_tensorflow.porting.tracked import EXAMPLES
from nnspec_tensorflow.startup import keras, tf

_NP, _NN, _CORE = keras.src.ops.numpy, keras.src.ops.nn, keras.src.ops.core
# Operations that have a shape, by the attribute that holds it.
_SHAPED = {_NP.BroadcastTo: "shape", _NP.Repeat: "repeats", _NP.Tile: "repeats", _CORE.Slice: "shape"}


def for_batch(x: Any, batch: int) -> Any:
    """A constant that code made for each example of a batch, for so many examples."""
    shape: Any = getattr(x, "shape", ())
    if isinstance(x, keras.Variable) or len(shape) == 0 or shape[0] != EXAMPLES:
        return x
    return tf.broadcast_to(x[:1], (batch, *shape[1:]))


def runnable(function: Any, args: Any, batch: int) -> Any:
    """What computes an operation on tensors of a batch of so many examples; anything else is given back as it is."""
    if isinstance(function, _NP.Reshape):
        return _with(function, "newshape", _reshaped(function.newshape, args[0], batch))
    name = _SHAPED.get(type(function))
    if name is not None:
        value = getattr(function, name)
        return _with(function, name, _sizes(value, batch) if isinstance(value, list | tuple) else _size(value, batch))
    if isinstance(function, _NN.DotProductAttention):
        return partial(_attention, function)
    if isinstance(function, _NN.Softmax | _NN.LogSoftmax) and isinstance(function.axis, list | tuple):
        # The operation takes one axis when it runs, the function several.
        of = keras.ops.softmax if isinstance(function, _NN.Softmax) else keras.ops.log_softmax
        return partial(of, axis=tuple(function.axis))
    return function


def _attention(function: Any, query: Any, *args: Any, scale: Any = None, **kwargs: Any) -> Any:
    """With a scale that is not rounded to float32 on its way."""
    exact = query.shape[-1] ** -0.5 if scale is None else scale
    return function(query, *args, scale=np.float64(exact), **kwargs)


def _with(function: Any, name: str, value: Any) -> Any:
    made = copy.copy(function)
    setattr(made, name, value)
    return made


def _size(size: Any, batch: int) -> Any:
    if size is None:
        return batch
    return size // EXAMPLES * batch if isinstance(size, int) and size > 0 and size % EXAMPLES == 0 else size


def _sizes(shape: Any, batch: int) -> list[Any]:
    return [_size(size, batch) for size in shape]


def _reshaped(shape: Any, x: Any, batch: int) -> Any:
    """A new shape without None: the batch, what is left where all else is known, or an axis that stays as it was."""
    if not isinstance(shape, list | tuple):
        return shape
    if None in shape and -1 not in shape and list(shape).count(None) == 1:
        return [-1 if size is None else _size(size, batch) for size in shape]
    kept = [x.shape[i] if size is None and 0 < i < len(x.shape) else size for i, size in enumerate(shape)]
    return _sizes(kept, batch)
