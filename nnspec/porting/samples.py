"""Random inputs for any model: of the dtypes it takes, in the ranges that its first layers are made for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.errors import NNSpecError, PortError, ShapeError
from nnspec.layers.base import Shape
from nnspec.model import Input, Model
from nnspec.porting.demands import Demand, Ids, Mask, Normal, OneOf, Padded, Uniform, demands
from nnspec.random import stream_of

# Rows of a batch, and how many where a row is large: images of 200 × 200, say.
ROWS, FEW = 4, 2
_LARGE = 50_000
# Sizes that are tried for axes of any length, one after the other.
_SIZES = (12, 16, 8, 24, 32, 48, 64, 80, 96, 128, 160, 224, 256, 299, 331, 384, 512, 6, 5, 4, 3, 2, 1)
# Further axes of any length are longer by this much first, so that an exchange of two axes shows.
_STEP = 4
# Whole numbers that nobody looks up.
_SMALL = 4


def samples(
    model: Model, variables: Arrays | None = None, *, rows: int | None = None, seed: int = 0
) -> dict[str, Array]:
    """Random inputs by name, as :func:`candidates` gives them first.

    Raises:
        PortError: the model does not say which inputs it takes, or nothing was found that fits together.
    """
    return next(candidates(model, variables, rows=rows, seed=seed))


def candidates(
    model: Model, variables: Arrays | None = None, *, rows: int | None = None, seed: int = 0
) -> Iterator[dict[str, Array]]:
    """Random inputs by name, of other sizes each time where the model has axes of any length.

    Floats are such that float32 holds them. Equal seeds give equal numbers.

    Args:
        variables: by canonical name: some say which range inputs are of.
        rows: the size of the batch; by default a few.

    Raises:
        PortError: the model does not say which inputs it takes, or nothing was found that fits together.
    """
    reason, found = "", False
    for shapes in _shapes(model):
        count = rows or (FEW if max(math.prod(shape) for shape in shapes) > _LARGE else ROWS)
        whole: list[Shape] = [(count, *shape) for shape in shapes]
        try:
            inferred = model.infer(*whole)
        except ShapeError as error:
            reason = str(error)
            continue
        found = True
        asked = demands(model, variables or {}, inferred)
        yield {
            name: _drawn(declared, shape, asked[name], _generator(seed, name))
            for (name, declared), shape in zip(model.inputs.items(), whole, strict=True)
        }
    if not found:
        raise PortError(f"no random inputs fit the model ({reason}): give examples of its inputs (inputs=, --inputs)")


def as_samples(model: Model, inputs: Arrays) -> dict[str, Array]:
    """Examples that a user gave, by name or by place ("0", "1"), as the model takes them: floats as float32 holds them.

    Raises:
        PortError: one is missing or unknown, or they do not fit the model or each other.
    """
    names = list(model.inputs)
    given: dict[str, Array] = {}
    for i, name in enumerate(names):
        key = name if name in inputs else str(i) if str(i) in inputs else None
        if key is None and len(names) == len(inputs) == 1:
            (key,) = inputs
        if key is None:
            raise PortError(f"examples of the input {name!r} are missing (given: {', '.join(inputs) or 'none'})")
        declared, array = model.inputs[name], np.asarray(inputs[key])
        given[name] = array.astype({"float": np.float32, "int32": np.int32, "bool": np.bool_}[declared.dtype])
    counts = {len(array) if array.ndim else None for array in given.values()}
    if len(counts) != 1 or counts & {None, 0}:
        raise PortError("examples of inputs have a batch axis, of one size for all and not empty")
    try:
        model.infer(*(array.shape for array in given.values()))
    except NNSpecError as error:
        raise PortError(f"the examples of inputs do not fit the model: {error}") from None
    return given


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, stream_of(name, "sample")]))


def _shapes(model: Model) -> Iterator[list[tuple[int, ...]]]:
    """Shapes of all inputs, without the batch axis."""
    declared: list[Sequence[int | None]] = []
    for name, given in model.inputs.items():
        if given.shape is None:
            raise PortError(f"the shape of the input {name!r} is not known: give examples of it (inputs=, --inputs)")
        declared.append(given.shape)
    free = max(sum(size is None for size in shape) for shape in declared)
    if not free:
        yield [tuple(size for size in shape if size is not None) for shape in declared]
        return
    for size in _SIZES:
        for step in (_STEP, 0) if free > 1 else (0,):
            yield [_filled(shape, size, step) for shape in declared]


def _filled(shape: Sequence[int | None], size: int, step: int) -> tuple[int, ...]:
    """A shape whose free axes have the given size, each further one more by ``step``."""
    made: list[int] = []
    free = 0
    for known in shape:
        made.append(size + step * free if known is None else known)
        free += known is None
    return tuple(made)


def _drawn(declared: Input, shape: Shape, asked: Sequence[Demand], rng: np.random.Generator) -> Array:
    """Values of a dtype, as they are asked for."""
    sizes = tuple(size for size in shape if size is not None)
    front = _front(sizes, rng)
    if declared.dtype == "bool":
        return front
    masks = any(isinstance(demand, Mask) for demand in asked)
    numbers = [demand for demand in asked if not isinstance(demand, Mask | Padded)]
    ids = [demand.count for demand in numbers if isinstance(demand, Ids)]
    if masks and not numbers:
        values = front.astype(np.float64)
    elif ids:
        values = rng.integers(0, min(ids), sizes).astype(np.float64)
    elif numbers:
        values = _numbers(numbers[0], sizes, rng)
    elif declared.dtype == "int32":
        values = rng.integers(0, _SMALL, sizes).astype(np.float64)
    else:
        values = rng.standard_normal(sizes)
    for demand in asked:
        if isinstance(demand, Padded) and len(sizes) > 1:
            values = _padded(values, demand.value, _front(sizes[:2], rng), ids)
    return np.rint(values).astype(np.int32) if declared.dtype == "int32" else values.astype(np.float32)


def _numbers(demand: Demand, sizes: tuple[int, ...], rng: np.random.Generator) -> Array:
    match demand:
        case OneOf(values):
            return np.asarray(rng.choice(np.array(values, np.float64), sizes))
        case Uniform(low, high):
            return np.asarray(rng.uniform(low, high, sizes))
        case Normal(mean, deviation):
            drawn: Array = np.empty(sizes)
            drawn[...] = mean + deviation * rng.standard_normal(sizes)
            return drawn
    raise AssertionError(demand)


def _front(sizes: tuple[int, ...], rng: np.random.Generator) -> Array:
    """True at the front of the last axis, nowhere in none of the rows; the first row is true throughout."""
    if len(sizes) == 1:
        return np.asarray(np.arange(sizes[0]) % 2 == 0)
    lengths = rng.integers(1, sizes[-1] + 1, sizes[0])
    lengths[0] = sizes[-1]
    shape = (sizes[0], *[1] * (len(sizes) - 2), sizes[-1])
    return np.broadcast_to((np.arange(sizes[-1]) < lengths[:, None]).reshape(shape), sizes).copy()


def _padded(values: Array, padding: float, kept: Array, ids: Sequence[int]) -> Array:
    """The padding's value at the end of rows, and where there are other ids, not among what is kept."""
    where = kept.reshape(*kept.shape, *[1] * (values.ndim - 2))
    if ids and min(ids) > 1:
        values = np.where(values == padding, (padding + 1) % min(ids), values)
    return np.where(where, values, padding)
