"""Attributes of MLIR as Python has them."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.stablehlo.module import Type, numpy_dtype

# Fields of dimension numbers; text has those alone that are not empty, or not 0.
_NUMBERS = {
    "dot": ("lhs_batching_dimensions", "rhs_batching_dimensions", "lhs_contracting_dimensions",
            "rhs_contracting_dimensions"),
    "gather": ("offset_dims", "collapsed_slice_dims", "operand_batching_dims", "start_indices_batching_dims",
               "start_index_map", "index_vector_dim"),
    "scatter": ("update_window_dims", "inserted_window_dims", "input_batching_dims",
                "scatter_indices_batching_dims", "scattered_dims_to_operand_dims", "index_vector_dim"),
}  # fmt: skip
_TYPE = re.compile(r"tensor<((?:\d{1,10}x)*)([a-z]\w*(?:<\w+>)?)>")
# A text in quotes; without alternatives that a long one would be matched by character by character.
QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_MARKS = re.compile(QUOTED + r"|->|[\[\]<>(){},]", re.DOTALL)
# What is larger than any model is refused before memory is taken for it, and so are more axes than NumPy has.
LARGEST, MOST_AXES = 2**31, 64


@functools.lru_cache(maxsize=4096)
def type_of(text: str) -> Type:
    """``tensor<2x3xf32>`` as a type.

    Raises:
        SpecError: it is none, or one whose shape is open.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise SpecError(f"expected a tensor of fixed shape, got the type {text.strip()[:80]}")
    shape = tuple(int(size) for size in match[1].split("x")[:-1])
    if math.prod(shape) > LARGEST or len(shape) > MOST_AXES:
        raise SpecError(f"a tensor of more than {LARGEST} elements or {MOST_AXES} axes: {text.strip()[:80]}")
    numpy_dtype(match[2])
    return Type(shape, match[2])


def plain(text: str) -> Any:
    """An attribute's value: numbers, texts, tuples, arrays, dimension numbers as a dictionary; else its text.

    Raises:
        SpecError: it is no attribute that MLIR writes.
    """
    try:
        return _plain(text.strip())
    except (ValueError, OverflowError) as error:  # numbers of thousands of digits, axes that are not there
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{text.strip()[:80]} means nothing: {error}") from None


def _plain(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text == "unit":
        return True
    for pattern, made in _SIMPLE:
        match = re.fullmatch(pattern, text, re.DOTALL)
        if match:
            return made(match)
    if text.startswith("dense<"):
        return _dense(text)
    if text.startswith("[") and text.endswith("]"):
        return tuple(plain(part) for part in split(text[1:-1]))
    if text.startswith("{") and text.endswith("}"):
        return {name: plain(value) for name, value in named(text[1:-1]).items()}
    return text


def _numbers(match: re.Match[str]) -> dict[str, Any]:
    given = {name: plain(value) for name, value in named(match[2]).items()}
    if match[1] == "scatter":
        given["scattered_dims_to_operand_dims"] = given.pop("scatter_dims_to_operand_dims", ())
    return {name: given.get(name, 0 if name == "index_vector_dim" else ()) for name in _NUMBERS[match[1]]}


def _convolution(match: re.Match[str]) -> dict[str, Any]:
    """``[b, 0, f]x[0, i, o]->[b, 0, f]``: what each axis of the input, the kernel and the output is."""
    found: dict[str, Any] = {}
    for i, (role, letters) in enumerate((("input", "bf"), ("kernel", "io"), ("output", "bf")), 1):
        axes = [axis.strip() for axis in match[i].split(",")]
        names = ("batch", "feature") if role != "kernel" else ("input_feature", "output_feature")
        for letter, name in zip(letters, names, strict=True):
            found[f"{role}_{name}_dimension"] = axes.index(letter)
        found[f"{role}_spatial_dimensions"] = tuple(axes.index(str(k)) for k in range(len(axes) - 2))
    return found


_SIMPLE: tuple[tuple[str, Any], ...] = (
    (r"(-?\d+)(?: : \w+)?", lambda m: int(m[1])),
    (r"(-?\d+\.\d*(?:[eE][+-]?\d+)?)(?: : \w+)?", lambda m: float(m[1])),
    (QUOTED, lambda m: m[0][1:-1]),
    (r"@([\w.$-]+)", lambda m: m[1]),
    (f"@{QUOTED}", lambda m: m[0][2:-1]),
    (r"array<\w+(?:: ([^<>]*))?>", lambda m: tuple(plain(part) for part in split(m[1] or ""))),
    (r"#(?:stablehlo|chlo)<\w+ (\w+)>", lambda m: m[1]),
    (r"#stablehlo\.(dot|gather|scatter)<(.*)>", _numbers),
    (r"#stablehlo\.conv<\[([^\]]*)\]x\[([^\]]*)\]->\[([^\]]*)\]>", _convolution),
)


def split(text: str) -> list[str]:
    """What commas part, those within brackets and quotes left out."""
    parts, depth, begin = [], 0, 0
    for mark in _MARKS.finditer(text):
        if mark[0] in "<[({":
            depth += 1
        elif mark[0] in ">])}":
            depth -= 1
        elif mark[0] == "," and depth == 0:
            parts.append(text[begin : mark.start()].strip())
            begin = mark.end()
    last = text[begin:].strip()
    return [*parts, last] if last else parts


def named(text: str) -> dict[str, str]:
    """``name = value`` by name; a name alone is true."""
    found = {}
    for part in split(text):
        name, given, value = part.partition("=")
        found[name.strip().strip('"')] = value.strip() if given else "unit"
    return found


def _dense(text: str) -> np.ndarray[Any, Any]:
    match = re.fullmatch(r"dense<(.*)> : (tensor<.*>)", text, re.DOTALL)
    if match is None:
        raise SpecError(f"expected dense<…> : tensor<…>, got {text[:80]}")
    of = type_of(match[2])
    dtype, body = numpy_dtype(of.dtype), match[1].strip()
    if body.startswith('"'):
        return _from_bytes(body.strip('"'), of, dtype)
    try:
        found = [_number(word, dtype) for word in re.findall(r"\([^()]*\)|[^\[\],\s]+", body)]
        array = np.array(found, dtype)
    except (ValueError, OverflowError) as error:
        raise SpecError(f"a constant of {of} has an element that is none: {error}") from None
    if body and not body.startswith("["):
        if len(found) != 1:
            raise SpecError(f"a constant of {of} has {len(found)} numbers without brackets")
        return np.broadcast_to(array[0], of.shape)
    if array.size != int(np.prod(of.shape)):
        raise SpecError(f"a constant of {of} has {array.size} elements")
    return array.reshape(of.shape)


def _number(word: str, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "c":
        real, imaginary = word.strip("()").split(",")
        part = np.dtype(f"float{dtype.itemsize * 4}")
        return complex(float(_number(real.strip(), part)), float(_number(imaginary.strip(), part)))
    if dtype.kind == "b":
        return {"true": True, "false": False}[word] if word in ("true", "false") else bool(int(word))
    bits = word.lower().startswith("0x")
    if dtype.kind in "iu" and not bits:
        return int(word)
    if bits:
        return np.array(int(word, 16), f"uint{dtype.itemsize * 8}").view(dtype)
    return float(word)


def _from_bytes(text: str, of: Type, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise SpecError(f"a constant of {of} has no bytes in hexadecimal digits") from None
    count = int(np.prod(of.shape))
    if dtype.kind == "b" and len(data) * 8 >= count and len(data) != count:  # a bit each
        return (
            np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little").astype(bool).reshape(of.shape)
        )
    if len(data) == dtype.itemsize and count != 1:
        return np.broadcast_to(np.frombuffer(data, dtype)[0], of.shape)
    if len(data) != count * dtype.itemsize:
        raise SpecError(f"a constant of {of} has {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(of.shape)
