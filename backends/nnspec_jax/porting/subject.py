"""A Flax model that verification asks under nnspec's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import UnsupportedError
from nnspec.layers.dropout import GaussianNoise
from nnspec.porting.collecting import collect, size
from nnspec_jax.porting.evaluate import Evaluation
from nnspec_jax.porting.importer import Imported, alike, variables_of
from nnspec_jax.porting.original import Calling, Original
from nnspec_jax.porting.trace import Traced, trace


class FlaxSubject:
    """The original, run by Flax; its own layers drop nothing.

    Attributes:
        label: what runs.
        dtypes: what it can compute in; a model with layers of a fixed dtype computes in that.
    """

    def __init__(self, original: Original, calling: Calling, imported: Imported) -> None:
        self._original, self._calling, self._imported = original, calling, imported
        self._traced: dict[Any, Traced] = {}
        self._compiled: dict[Any, Any] = {}
        self._held: tuple[FloatType, list[Any]] | None = None
        noise = {path for path, node in imported.assembled.model.walk() if isinstance(node.layer, GaussianNoise)}
        self._silent = {seen.place for path, seen in imported.seen.items() if path in noise}
        self._kinds = {name: param.kind for name, param in imported.assembled.model.params().items()}
        self.label = f"Flax {flax.__version__} on JAX {jax.__version__}"
        self.dtypes: tuple[FloatType, ...] = ("float32",) if self._rounds() else ("float64", "float32")

    def close(self) -> None:
        """Let go of the arrays in a dtype; they are made again when they are asked."""
        held = 0 if self._held is None else size(self._held[1])
        self._held = None
        collect(held)

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        """Values of nodes by path."""
        with self._in(dtype):
            results, kept = self._run(inputs, dtype, training, range(len(self._imported.outputs)))
        found: dict[str, Array] = {}
        batch = self._batch(inputs)
        for path, seen in self._imported.seen.items():
            if seen.place in kept:
                found[path] = laid_out(np.asarray(kept[seen.place][seen.result]), seen.layout, batch)
        for path, layout, value in zip(self._imported.outputs, self._imported.layouts, results, strict=True):
            found[path] = laid_out(np.asarray(value), layout, batch)
        return found

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        """The statistics as one pass in training mode leaves them."""
        after: list[Any] = [leaf.array for leaf in self._original.leaves]
        changing = [i for i, leaf in enumerate(self._original.leaves) if leaf.kind == "statistic"]
        with self._in(dtype):
            results, _ = self._run(inputs, dtype, True, [len(self._imported.outputs) + i for i in changing])
        for i, value in zip(changing, results, strict=True):
            after[i] = np.asarray(value)
        named = self._named(after)
        return {name: array for name, array in named.items() if self._kinds[name] == "statistic"}

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        """Gradients of Σ outputs · cotangents, by float input and by parameter."""
        leaves, trained = self._original.leaves, self._trained()
        with self._in(dtype):
            arrays, given = self._arrays(dtype), self._given(inputs, dtype)
            floats = [i for i, x in enumerate(given) if jnp.issubdtype(x.dtype, jnp.floating)]
            traced = self._trace(inputs, dtype, training)
            weights = [
                jnp.asarray(_seen(np.asarray(cotangents[path]), layout), dtype) if path in cotangents else None
                for path, layout in zip(self._imported.outputs, self._imported.layouts, strict=True)
            ]

            def total(parameters: list[Any], free: list[Any], fixed: list[Any], others: list[Any]) -> Any:
                every, inputs_ = list(fixed), list(others)
                for i, x in zip(trained, parameters, strict=True):
                    every[i] = x
                for i, x in zip(floats, free, strict=True):
                    inputs_[i] = x
                results = Evaluation((), self._silent_in(traced)).run(
                    traced.closed.jaxpr, traced.closed.consts, [*every, *inputs_]
                )
                pairs = zip(results, weights, strict=False)
                return sum(((y * w).sum() for y, w in pairs if w is not None), jnp.zeros((), dtype))

            run = jax.jit(jax.grad(total, (0, 1)))
            by_parameter, by_input = run([arrays[i] for i in trained], [given[i] for i in floats], arrays, given)
        changed: list[Any] = [leaf.array for leaf in leaves]
        for i, gradient in zip(trained, by_parameter, strict=True):
            changed[i] = np.asarray(gradient)
        named = self._named(changed)
        names = list(self._imported.assembled.model.inputs)
        return Gradients(
            {names[i]: np.asarray(gradient) for i, gradient in zip(floats, by_input, strict=True)},
            {name: array for name, array in named.items() if self._kinds[name] == "parameter"},
        )

    def _trained(self) -> list[int]:
        """The leaves that gradients are found of."""
        return [i for i, leaf in enumerate(self._original.leaves) if leaf.kind == "parameter"]

    def _run(
        self, inputs: Arrays, dtype: FloatType, training: bool, wanted: Sequence[int]
    ) -> tuple[list[Any], dict[Any, list[Any]]]:
        """Some of the results, which are the model's outputs and its arrays afterwards, and the values of nodes."""
        traced = self._trace(inputs, dtype, training)
        key = (id(traced), tuple(wanted))
        if key not in self._compiled:
            places = [seen.place for seen in self._imported.seen.values()] if self._has_places(traced) else []
            evaluation = Evaluation(places, self._silent_in(traced))

            def run(given: Sequence[Any]) -> Any:
                evaluation.kept.clear()
                results = evaluation.run(traced.closed.jaxpr, traced.closed.consts, given)
                return [results[i] for i in wanted], dict(evaluation.kept)

            self._compiled[key] = jax.jit(run)
        results, kept = self._compiled[key]([*self._arrays(dtype), *self._given(inputs, dtype)])
        return results, kept

    def _has_places(self, traced: Traced) -> bool:
        """Whether the equations are those of the trace that the graph was made of."""
        return alike(traced.closed.jaxpr, self._imported.pair[0].closed.jaxpr)

    def _silent_in(self, traced: Traced) -> set[tuple[int, ...]]:
        """The equations that draw random numbers."""
        if self._silent and not self._has_places(traced):
            raise UnsupportedError(f"{self._original.name} draws random numbers, and where is not known in this mode")
        return self._silent

    def _trace(self, inputs: Arrays, dtype: FloatType, training: bool) -> Traced:
        if training and not self._imported.trains:
            raise UnsupportedError(f"{self._original.name} computes another graph in training mode")
        calling = self._calling_on(inputs)
        key = (self._batch(inputs), tuple(x.shape for x in calling.inputs.values()), dtype, training)
        if key not in self._traced:
            self._traced[key] = trace(
                self._original, calling, key[0], training=training, wide=dtype == "float64", statistics=True
            )
        return self._traced[key]

    def _calling_on(self, inputs: Arrays) -> Calling:
        names = zip(self._calling.inputs, self._imported.assembled.model.inputs, strict=True)
        return replace(self._calling, inputs={own: np.asarray(inputs[name]) for own, name in names})

    def _batch(self, inputs: Arrays) -> int:
        return len(next(iter(inputs.values())))

    def _arrays(self, dtype: FloatType) -> list[Any]:
        """The model's arrays in a dtype, of which it holds those of one at a time."""
        if self._held is None or self._held[0] != dtype:
            self.close()
            self._held = dtype, [_as_dtype(leaf.array, dtype) for leaf in self._original.leaves]
        return self._held[1]

    def _given(self, inputs: Arrays, dtype: FloatType) -> list[Any]:
        arrays = [_as_dtype(x, dtype) for x in self._calling_on(inputs).inputs.values()]
        return [*arrays, *self._calling.keys.values()]

    def _in(self, dtype: FloatType) -> Any:
        return jax.enable_x64(dtype == "float64")

    def _named(self, arrays: Sequence[Any]) -> Mapping[str, Array]:
        """A model's arrays by canonical name, in the canonical layout."""
        return variables_of(self._original, self._calling, self._imported, arrays)

    def _rounds(self) -> bool:
        """Whether something in the model computes in less than its inputs' dtype."""
        example = {name: np.zeros((2, *x.shape[1:]), x.dtype) for name, x in self._calling.inputs.items()}
        calling = replace(self._calling, inputs=example)
        traced = trace(self._original, calling, 2, training=False)
        return _has_narrow(traced.closed.jaxpr)


def _has_narrow(jaxpr: Any) -> bool:
    """Whether an equation rounds float64: a cast, or a layer of a dtype of its own."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("convert_element_type", "flax_layer"):
            given = {getattr(var.aval.dtype, "name", "") for var in equation.invars}
            made = {getattr(var.aval.dtype, "name", "") for var in equation.outvars}
            if "float64" in given and made & {"float32", "bfloat16", "float16"}:
                return True
        if any(_has_narrow(inner) for inner in subjaxprs(equation.params)):
            return True
    return False


def subjaxprs(params: Mapping[str, Any]) -> Iterator[Any]:
    """The jaxprs among an equation's parameters."""
    for value in params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if hasattr(one, "eqns"):
                yield getattr(one, "jaxpr", one)


def _is_number(array: Any) -> bool:
    return not jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key)


def _as_dtype(array: Any, dtype: FloatType) -> Any:
    if not _is_number(array):
        return array
    if jnp.issubdtype(array.dtype, jnp.floating):
        wide = dtype == "float64" or array.dtype == np.float64
        return jnp.asarray(array, jnp.dtype(dtype) if wide else array.dtype)
    return jnp.asarray(array)


def laid_out(array: Array, layout: Any, batch: int) -> Array:
    """A value as its node has it, the batch first."""
    if layout.axis is None:
        return np.broadcast_to(array, (batch, *array.shape))
    if not layout.joined:
        return np.moveaxis(array, layout.axis, 0)
    front, back = array.shape[: layout.axis], array.shape[layout.axis + 1 :]
    parts = array.reshape(*front, layout.before, batch, layout.after, *back)
    moved = np.moveaxis(parts, len(front) + 1, 0)
    return moved.reshape(batch, *front, *layout.joined, *back)


def _seen(array: Array, layout: Any) -> Array:
    """A value of a node as JAX sees it."""
    if layout.axis is None:
        total: Array = array.sum(0)
        return total
    if not layout.joined:
        return np.moveaxis(array, 0, layout.axis)
    n, count = layout.axis, len(layout.joined)
    batch, rest = array.shape[0], array.shape[1:]
    parts = array.reshape(batch, *rest[:n], layout.before, layout.after, *rest[n + count :])
    moved = np.moveaxis(parts, 0, n + 1)
    return moved.reshape(*rest[:n], -1, *rest[n + count :])
