"""Functions of JAX as graphs of the spec, run by the reference and compared with themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nnspec
from nnspec.porting.assembly import Assembled
from nnspec.reference.model import run
from nnspec_jax.porting import conversions
from nnspec_jax.porting.convert import Layout
from nnspec_jax.porting.graph import Graph
from nnspec_jax.porting.items import Item, Own

# Primes, as of models: no other axis has them.
_BATCHES = (127, 113)


@dataclass(frozen=True)
class Given:
    """An input of a function: its shape without the batch, and what its numbers are.

    Attributes:
        shape: of one example.
        high: of whole numbers, from 0 up to it; None of floats, 0 of booleans.
        positive: whether floats are.
    """

    shape: tuple[int, ...]
    high: int | None = None
    positive: bool = False

    def draw(self, rng: np.random.Generator, batch: int) -> Any:
        size = (batch, *self.shape)
        if self.high == 0:
            return rng.random(size) < 0.6
        if self.high is not None:
            return rng.integers(0, self.high, size).astype(np.int32)
        values = rng.normal(size=size)
        return np.abs(values) + 0.2 if self.positive else values

    @property
    def dtype(self) -> Any:
        return np.float64 if self.high is None else np.bool_ if self.high == 0 else np.int32


def f(*shape: int) -> Given:
    """Floats."""
    return Given(shape)


def p(*shape: int) -> Given:
    """Positive floats."""
    return Given(shape, positive=True)


def i(high: int, *shape: int) -> Given:
    """Whole numbers below ``high``."""
    return Given(shape, high)


def b(*shape: int) -> Given:
    """Booleans."""
    return Given(shape, 0)


@dataclass(frozen=True)
class Ported:
    """A function as a graph.

    Attributes:
        layouts: how JAX sees each output.
    """

    assembled: Assembled
    layouts: tuple[Layout, ...]

    @property
    def layers(self) -> list[str]:
        """The classes of its nodes, in order."""
        return [type(node.layer).__name__ for node in self.assembled.model.nodes]


def ported(
    function: Callable[..., Any], given: Sequence[Given], parameters: Sequence[np.ndarray[Any, Any]] = ()
) -> Ported:
    """The graph of a function of these inputs, and of parameters, which come first."""
    conversions.load()
    graph = Graph(_BATCHES)
    items: list[Item] = [Own(w, ("leaf", k), (f"w{k}",), True) for k, w in enumerate(parameters)]
    dtypes = {np.float64: "float", np.int32: "int32", np.bool_: "bool"}
    items += [graph.input(f"x{k}", (1, *x.shape), dtypes[x.dtype]) for k, x in enumerate(given)]
    with jax.enable_x64(True):
        weights = [jax.ShapeDtypeStruct(w.shape, w.dtype) for w in parameters]
        closed = [
            jax.make_jaxpr(lambda *args: jax.tree.leaves(function(*args)))(
                *weights, *(jax.ShapeDtypeStruct((n, *x.shape), x.dtype) for x in given)
            )
            for n in _BATCHES
        ]
        made = graph.run((closed[0].jaxpr, closed[1].jaxpr), (closed[0].consts, closed[1].consts), items)
    values = [graph.value(item) for item in made]
    layouts = tuple(graph.layouts.get(value, Layout()) for value in values)
    return Ported(graph.assembly.finish(values), layouts)


def check(
    function: Callable[..., Any],
    given: Sequence[Given],
    parameters: Sequence[np.ndarray[Any, Any]] = (),
    *,
    gradients: bool = False,
    tolerance: float = 1e-12,
) -> Ported:
    """Assert that the graph computes what the function does, for two sizes of the batch that it was not traced with."""
    made = ported(function, given, parameters)
    model = made.assembled.model
    rng = np.random.default_rng(5)
    arrays = [x.draw(rng, 5) for x in given]
    with jax.enable_x64(True):
        results = [np.asarray(y) for y in jax.tree.leaves(function(*map(jnp.asarray, (*parameters, *arrays))))]
    wanted = [seen(y, layout, 5) for y, layout in zip(results, made.layouts, strict=True)]
    for batch in (5, 2):  # examples know nothing of each other
        inputs = {f"x{k}": array[:batch] for k, array in enumerate(arrays)}
        with np.errstate(all="ignore"):
            outputs = run(model, made.assembled.variables, inputs).outputs
        for path, y in zip(model.outputs, wanted, strict=True):
            compare(outputs[path], y[:batch], tolerance, f"{path} for a batch of {batch}")
    if gradients:
        _compare_gradients(function, given, parameters, arrays, made)
    return made


def seen(y: np.ndarray[Any, Any], layout: Layout, batch: int) -> np.ndarray[Any, Any]:
    """An array of JAX's as the node has it."""
    if layout.axis is None:
        return np.broadcast_to(y, (batch, *y.shape))
    parts = (layout.before, batch, layout.after)
    apart = y.reshape(*y.shape[: layout.axis], *parts, *y.shape[layout.axis + 1 :])
    moved = np.moveaxis(apart, layout.axis + 1, 0)
    return moved.reshape(batch, *moved.shape[1 : layout.axis + 1], *layout.joined, *moved.shape[layout.axis + 3 :])


def compare(found: Any, wanted: Any, tolerance: float, what: str) -> None:
    """Assert that arrays are equal, floats within a tolerance relative to the largest."""
    found = np.asarray(found)
    assert found.shape == wanted.shape, f"{what}: {found.shape} in the place of {wanted.shape}"
    if wanted.dtype.kind in "biu":
        np.testing.assert_array_equal(found, wanted, err_msg=what)
        return
    infinite = ~np.isfinite(wanted)
    np.testing.assert_array_equal(found[infinite], wanted[infinite], err_msg=what)
    finite = wanted[~infinite]
    scale = np.abs(finite).max(initial=1e-300)
    assert np.abs(found[~infinite] - finite).max(initial=0) <= tolerance * scale, what


def _compare_gradients(
    function: Callable[..., Any],
    given: Sequence[Given],
    parameters: Sequence[np.ndarray[Any, Any]],
    arrays: Sequence[np.ndarray[Any, Any]],
    made: Ported,
) -> None:
    model = made.assembled.model
    rng = np.random.default_rng(1)
    batch = len(arrays[0])
    with jax.enable_x64(True):
        every = [jnp.asarray(x) for x in (*parameters, *arrays)]
        weights = [rng.normal(size=y.shape) for y in jax.tree.leaves(jax.eval_shape(function, *every))]
        moving = [k for k, x in enumerate(every) if x.dtype.kind == "f"]

        def total(*args: Any) -> Any:
            return sum(jnp.sum(y * w) for y, w in zip(jax.tree.leaves(function(*args)), weights, strict=True))

        found = jax.grad(total, argnums=tuple(moving))(*every)
        slopes = {k: np.asarray(slope) for k, slope in zip(moving, found, strict=True)}
    net = nnspec.backend("jax").build(model, made.assembled.variables, dtype="float64")
    inputs = {f"x{k}": array for k, array in enumerate(arrays)}
    cotangents = {
        path: seen(w, layout, batch) for path, layout, w in zip(model.outputs, made.layouts, weights, strict=True)
    }
    own = net.gradients(inputs, cotangents, compiled=False)
    many = len(parameters)
    for name, array in own.inputs.items():
        compare(array, slopes[many + int(name[1:])], 1e-9, f"gradient by {name}")
    # Gradients lie in variables as the parameters do.
    laid_out = ported(function, given, [slopes[k] for k in range(many)]).assembled.variables if many else {}
    for name, array in own.parameters.items():
        compare(array, laid_out[name], 1e-9, f"gradient by {name}")
