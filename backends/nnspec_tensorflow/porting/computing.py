"""How a Keras model is made to compute in another float type, dropping nothing, with no state changed.

The layers themselves run, in a ``keras.StatelessScope`` that gives their variables' values in the other type, under a
dtype policy of that type; both are taken back at the end. Python floats that TensorFlow would round to float32 on their
way into a float64 computation are exchanged for float64 constants where that is possible; where it is not, or where
TensorFlow has no kernel, :func:`is_exact` denies float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from nnspec_tensorflow.porting.program import Program
from nnspec_tensorflow.startup import keras, tf

_of = keras.layers
# What is a probability or a strength of what layers do at random.
_RATES = ("rate", "stddev", "drop_path_rate", "dropout", "recurrent_dropout", "_dropout")
# What a layer notes of its calls.
NOTED = ("_called", "_parent_path")
# TensorFlow computes these in float32, rounds their constants to it, or has no float64 kernel on CPUs.
_INEXACT = (
    *(_of.Resizing, _of.MaxPooling3D, _of.AveragePooling3D, _of.MelSpectrogram, _of.STFTSpectrogram),
    _of.ContrastLimitedAdaptiveHistogramEqualization,
)


def is_exact(model: Any, program: Program) -> bool:
    """Whether a model computes in float64 to float64's precision."""
    for step in program.steps:
        function = step.function
        if isinstance(function, _INEXACT):
            return False
        if isinstance(function, _of.UpSampling2D) and function.interpolation != "nearest":
            return False
    return all(layer.compute_dtype in ("float64", "float32") for layer in _floating(model))


class Values:
    """What variables are within."""

    def __init__(self, scope: Any) -> None:
        self._scope = scope

    def __call__(self, variable: Any) -> Any:
        """A variable's current value."""
        return self._scope.get_current_value(variable)


def variables_of(model: Any) -> list[Any]:
    """All float variables of a model, each once."""
    found = {id(v): v for layer in model._flatten_layers() for v in layer.variables}
    return [v for v in found.values() if "float" in v.dtype]


def _floating(model: Any) -> list[Any]:
    return [layer for layer in model._flatten_layers() if "float" in layer.compute_dtype]


def made_in_calls(model: Any, program: Program) -> tuple[Any, ...]:
    """The layers that a model's code makes whenever it is called, which it does not know for its own."""
    known = set(map(id, model._flatten_layers()))
    called = [step.function for step in program.steps]
    return tuple(each for each in called if isinstance(each, keras.Layer) and id(each) not in known)


@contextmanager
def computing(model: Any, dtype: str, training: bool, more: Iterable[Any] = ()) -> Iterator[Values]:
    """Within, the layers of a model, and more, compute in a dtype, drop nothing in training, and change no variable."""
    before: list[tuple[dict[str, Any], str, Any]] = []

    def change(thing: Any, name: str, value: Any) -> None:
        attributes = vars(thing)
        before.append((attributes, name, attributes[name]))
        attributes[name] = value

    scope = keras.StatelessScope()
    variables = variables_of(model)
    scope.state_mapping.update({id(v): tf.cast(tf.convert_to_tensor(v.value), dtype) for v in variables})
    try:
        for variable in variables:
            if variable.dtype != dtype:
                change(variable, "_dtype", dtype)
        for layer in (*_floating(model), *(each for each in more if "float" in each.compute_dtype)):
            if layer.compute_dtype != dtype or layer.variable_dtype != dtype:
                change(layer, "_dtype_policy", keras.DTypePolicy(dtype))
        for layer in (*model._flatten_layers(), *more):
            before += [(vars(layer), name, vars(layer)[name]) for name in NOTED if name in vars(layer)]
            if training:
                for name in _RATES:
                    if isinstance(vars(layer).get(name), int | float) and vars(layer)[name]:
                        change(layer, name, 0.0)
            if dtype == "float64":
                for name, value in _constants(layer):
                    change(layer, name, value)
        if dtype == "float64":  # what layers call within functions of their own
            change(keras.src.backend.nn, "gelu", _gelu_as_keras_has_it)
            change(keras.src.backend.nn, "leaky_relu", _leaky_relu)
        with scope:
            yield Values(scope)
    finally:
        for attributes, name, value in reversed(before):
            attributes[name] = value


def _constants(layer: Any) -> Iterator[tuple[str, Any]]:
    """Attributes of a layer that would be rounded to float32, with what is not."""
    own = vars(layer)
    for name in ("activation", "recurrent_activation"):
        exact = _EXACT.get(own.get(name)) if callable(own.get(name)) else None
        if exact is not None:
            yield name, exact
    if isinstance(layer, _of.Normalization):
        yield from ((name, tf.cast(own[name], "float64")) for name in ("mean", "variance") if own.get(name) is not None)
    for name in ("_inverse_sqrt_key_dim", "_inverse_sqrt_head_dim"):
        if name in own:
            yield name, np.float64(own[name])


def _gelu(x: Any, approximate: bool = False) -> Any:
    half, one = tf.constant(0.5, x.dtype), tf.constant(1.0, x.dtype)
    if approximate:
        inner = x + tf.constant(0.044715, x.dtype) * x * x * x
        return half * x * (one + tf.tanh(tf.constant(np.sqrt(2 / np.pi), x.dtype) * inner))
    return half * x * (one + tf.math.erf(x * tf.constant(np.sqrt(0.5), x.dtype)))


def _gelu_as_keras_has_it(x: Any, approximate: bool = True) -> Any:
    return _gelu(tf.convert_to_tensor(x), approximate)


def _leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    return tf.where(x > 0, x, tf.constant(negative_slope, x.dtype) * x)


_EXACT: dict[Any, Callable[..., Any]] = {
    keras.activations.gelu: _gelu,
    keras.activations.leaky_relu: _leaky_relu,
    tf.nn.gelu: _gelu,
    tf.nn.leaky_relu: _leaky_relu,
}


def _rescaling(layer: Any, x: Any) -> Any:
    scale, offset = (tf.constant(np.asarray(value, np.float64), x.dtype) for value in (layer.scale, layer.offset))
    return x * scale + offset


def _relu(layer: Any, x: Any) -> Any:
    threshold = tf.constant(layer.threshold, x.dtype)
    y = tf.where(x > threshold, x, tf.constant(layer.negative_slope, x.dtype) * (x - threshold))
    return y if layer.max_value is None else tf.minimum(y, tf.constant(layer.max_value, x.dtype))


def exact(function: Any) -> Any:
    """What computes a step in float64 in the place of its own function, where that rounds constants to float32."""
    if type(function) is _of.Rescaling:
        return partial(_rescaling, function)
    if type(function) is _of.LeakyReLU:
        return partial(_leaky_relu, negative_slope=function.negative_slope)
    if type(function) is _of.ReLU and (function.negative_slope or function.threshold):
        return partial(_relu, function)
    if type(function).__name__ == "Gelu" and not isinstance(function, keras.Layer):
        return partial(_gelu, approximate=function.approximate)
    if type(function).__name__ == "LeakyRelu" and not isinstance(function, keras.Layer):
        return partial(_leaky_relu, negative_slope=function.negative_slope)
    dtype = None if isinstance(function, keras.Layer) else getattr(function, "dtype", None)
    if isinstance(dtype, str) and dtype in ("float32", "float16", "bfloat16"):  # a cast to Keras's own type
        made = object.__new__(type(function))
        vars(made).update(vars(function), dtype="float64")
        return made
    return function
