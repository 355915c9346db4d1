"""Fourier transforms along the last axes, of known length: products with the matrices of their cosines and sines."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.contraction import contracted
from nnspec_tensorflow.porting.operations.elementwise import binary, unary
from nnspec_tensorflow.porting.operations.operand import Known, array, is_fixed, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import read
from nnspec_tensorflow.startup import keras

_MATH = keras.src.ops.math


@operation(_MATH.FFT, _MATH.FFT2)
def transform(op: Any, context: Context, x: Any) -> tuple[Value, Value]:
    """The real and the imaginary part of a transform of both."""
    real, imaginary = x
    nothing = (is_fixed(imaginary) and not array(imaginary).any()) or _is_zeros(context, imaginary)
    axes = (-1,) if isinstance(op, _MATH.FFT) else (-1, -2)
    parts: tuple[Any, Any] = (real, None if nothing else imaginary)
    for axis in axes:
        last = axis == axes[-1]
        parts = _along(context, parts, read(context, real).axis(axis), "" if last else f"axis_{axis % 10}_")
    return parts


def _is_zeros(context: Context, x: Any) -> bool:
    """Whether it is what ``zeros_like`` gave."""
    made = context.assembly.made(x) if isinstance(x, Value) else None
    while made is not None and isinstance(made.layer, nnspec.Identity | nnspec.AsType):
        made = context.assembly.made(made.inputs[0])
    return made is not None and isinstance(made.layer, nnspec.Parameter) and not made.variables["value"].any()


def _along(context: Context, parts: tuple[Any, Any], axis: int, name: str) -> tuple[Any, Any]:
    """A transform along one axis: with angles a, the sum of (r + i s)(cos a - i sin a)."""
    operand = read(context, parts[0])
    size = operand.shape[axis]
    if size is None or axis == operand.view.axis:
        raise refusal(context, "a Fourier transform along an axis of any length, or along the batch", "give its length")
    # Whole numbers, which are exact in any dtype: the cosines are as exact as the net that computes them.
    turns = Known((np.outer(np.arange(size), np.arange(size)) % size).astype(np.float32))
    angles = unary(context, nnspec.Rescaling(2 * np.pi / size), turns, part=f"{name}angles")
    cosines = unary(context, nnspec.Cos(), angles, part=f"{name}cosines")
    sines = unary(context, nnspec.Sin(), angles, part=f"{name}sines")
    real, imaginary = parts

    def times(x: Any, matrix: Value, part: str) -> Value:
        letters = ascii_lowercase[: operand.rank]
        equation = [letters, f"z{letters[axis]}"], letters.replace(letters[axis], "z")
        return contracted(context, *equation, [x, matrix], part=f"{name}{part}")

    def combined(layer: Layer, one: Value, other: Value, part: str) -> Value:
        return binary(context, layer, one, other, part=f"{name}{part}")

    if imaginary is None:
        turned = unary(context, nnspec.Negative(), times(real, sines, "sine"), part=f"{name}imaginary")
        return times(real, cosines, "real"), turned
    of_real = times(real, cosines, "real_cosine"), times(real, sines, "real_sine")
    of_imaginary = times(imaginary, cosines, "imaginary_cosine"), times(imaginary, sines, "imaginary_sine")
    return (
        combined(nnspec.Add(), of_real[0], of_imaginary[1], "real"),
        combined(nnspec.Subtract(), of_imaginary[0], of_real[1], "imaginary"),
    )
