"""TensorFlow's functions in files of tf.keras: what ``x * 2`` between layers became there, ``TFOpLambda``.

Each is named (``math.multiply``) and called with plain arguments; what has an operation in keras.ops is that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec.errors import PortError
from nnspec_tensorflow.startup import keras

ops = keras.ops


def _matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    return ops.matmul(a, ops.swapaxes(b, -1, -2) if transpose_b else b)


def _sliced(tensor: Any, slice_spec: Any) -> Any:
    return tensor[tuple(slice_spec) if isinstance(slice_spec, list | tuple) else slice_spec]


def _split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis)
    ends, end = [], 0
    for size in num_or_size_splits[:-1]:
        end += size
        ends.append(end)
    return ops.split(value, ends, axis)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": ops.add, "subtract": ops.subtract, "sub": ops.subtract, "multiply": ops.multiply, "mul": ops.multiply,
    "divide": ops.divide, "truediv": ops.true_divide, "floordiv": ops.floor_divide, "mod": ops.mod, "pow": ops.power,
    "maximum": ops.maximum, "minimum": ops.minimum, "greater": ops.greater, "greater_equal": ops.greater_equal,
    "less": ops.less, "less_equal": ops.less_equal, "equal": ops.equal, "not_equal": ops.not_equal,
    "logical_and": ops.logical_and, "logical_or": ops.logical_or, "squared_difference": lambda x, y: ops.square(x - y),
}  # fmt: skip
_UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": ops.abs, "negative": ops.negative, "neg": ops.negative, "sqrt": ops.sqrt, "rsqrt": ops.rsqrt,
    "square": ops.square, "exp": ops.exp, "log": ops.log, "log1p": ops.log1p, "sin": ops.sin, "cos": ops.cos,
    "tanh": ops.tanh, "sigmoid": ops.sigmoid, "relu": ops.relu, "relu6": ops.relu6, "elu": ops.elu, "selu": ops.selu,
    "swish": ops.silu, "silu": ops.silu, "softplus": ops.softplus, "softsign": ops.softsign, "sign": ops.sign,
    "round": ops.round, "floor": ops.floor, "ceil": ops.ceil, "logical_not": ops.logical_not, "erf": ops.erf,
    "reciprocal": lambda x: 1 / x, "stop_gradient": ops.stop_gradient, "identity": lambda x: x,
}  # fmt: skip
_REDUCTIONS = {"sum": ops.sum, "mean": ops.mean, "max": ops.max, "min": ops.min, "prod": ops.prod, "all": ops.all}


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda x, y: function(x, y)


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda input_tensor, axis=None, keepdims=False: function(input_tensor, axis=axis, keepdims=keepdims)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: _binary(f) for name, f in _BINARY.items()},
    **_UNARY,
    **{f"reduce_{name}": _reduction(f) for name, f in _REDUCTIONS.items()},
    "argmax": lambda input, axis=0: ops.argmax(input, axis=axis),
    "cast": lambda x, dtype: ops.cast(x, dtype),
    "clip_by_value": lambda t, clip_value_min, clip_value_max: ops.clip(t, clip_value_min, clip_value_max),
    "concat": lambda values, axis: ops.concatenate(values, axis=axis),
    "expand_dims": lambda input, axis: ops.expand_dims(input, axis),
    "gelu": lambda features, approximate=False: ops.gelu(features, approximate=approximate),
    "getitem": _sliced,
    "leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(features, negative_slope=alpha),
    "log_softmax": lambda logits, axis=-1: ops.log_softmax(logits, axis=-1 if axis is None else axis),
    "matmul": _matmul,
    "reshape": lambda tensor, shape: ops.reshape(tensor, shape),
    "softmax": lambda logits, axis=-1: ops.softmax(logits, axis=-1 if axis is None else axis),
    "split": _split,
    "squeeze": lambda input, axis=None: ops.squeeze(input, axis=axis),
    "stack": lambda values, axis=0: ops.stack(values, axis=axis),
    "transpose": lambda a, perm=None: ops.transpose(a, axes=perm),
}
_MODULES = frozenset({"", "math", "nn", "__operators__", "linalg", "compat.v1", "compat.v1.nn", "compat.v1.math"})
_IGNORED = ("name", "conjugate")


class TensorFlowFunction:
    """A function of TensorFlow's by its name, on symbolic tensors.

    Args:
        where: the layer, for errors.
        function: ``math.multiply``.
        name: the layer's.

    Raises:
        PortError: keras.ops has none for it here.
    """

    def __init__(self, where: str, function: Any, name: str) -> None:
        module, _, word = str(function).rpartition(".")
        if module not in _MODULES or word not in _FUNCTIONS:
            raise PortError(
                f"{where}: TensorFlow's function {str(function)[:80]!r} has no counterpart here: write it as a layer"
            )
        self.name = name
        self._function = _FUNCTIONS[word]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **{k: v for k, v in kwargs.items() if v is not None and k not in _IGNORED})
