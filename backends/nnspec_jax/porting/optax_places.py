"""How the parameters of a spec lie in those of a Flax model, whose optimizer has its slots in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays
from nnspec.errors import PortError
from nnspec.porting.optimizer import trained
from nnspec_jax.porting.importer import Imported, variables_of


@dataclasses.dataclass(frozen=True)
class Places:
    """How the parameters of a port lie in the parameters of a Flax model.

    Attributes:
        names: Flax's, in order.
        shapes: theirs.
        numbers: canonical name -> which elements of all of them, flat, one after the other, a parameter consists of.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    numbers: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, original: Any, called: Any, imported: Imported) -> Places:
        """Find them: the model is imported once more with the numbers of its elements in their place.

        Raises:
            PortError: a parameter is computed of several, and is none of them.
        """
        arrays, names, shapes, start = [], [], [], 0
        for leaf in original.leaves:
            if leaf.kind != "parameter":
                arrays.append(leaf.array)
                continue
            shape = tuple(np.shape(leaf.array))
            size = int(np.prod(shape))
            arrays.append(np.arange(start, start + size, dtype=np.float64).reshape(shape))
            names.append(_plain(leaf.path))
            shapes.append(shape)
            start += size
        found = variables_of(original, called, imported, arrays)
        flat = np.concatenate(
            [np.asarray(leaf.array, np.float64).reshape(-1) for leaf in original.leaves if leaf.kind == "parameter"]
            or [np.zeros(0)]
        )
        numbers: dict[str, NDArray[Any]] = {}
        for name in trained(imported.assembled.model.params()):
            at = found[name].astype(np.int64)
            own = np.asarray(imported.assembled.variables[name], np.float64)
            fits = at.size == 0 or (at.min() >= 0 and at.max() < start)
            if not (fits and np.array_equal(found[name], at) and np.array_equal(flat[at], own)):
                raise PortError(f"{name} is computed of parameters of Flax, and is none of them: it has no slots")
            numbers[name] = at
        return cls(tuple(names), tuple(shapes), numbers)

    def gather(self, arrays: Mapping[str, Any]) -> dict[str, Array]:
        """Arrays for the port's parameters, of arrays for Flax's; without those that are made of missing ones."""
        kinds = [np.asarray(x).dtype for x in arrays.values()]
        dtype = np.result_type(*kinds) if kinds else np.float32
        parts = [
            (np.asarray(arrays[n]) if n in arrays else np.zeros(shape, dtype)).reshape(-1)
            for n, shape in zip(self.names, self.shapes, strict=True)
        ]
        there = [np.full(p.shape, n in arrays) for p, n in zip(parts, self.names, strict=True)]
        flat, known = np.concatenate(parts), np.concatenate(there)
        return {name: flat[at] for name, at in self.numbers.items() if known[at].all()}

    def spread(self, arrays: Arrays) -> dict[str, Array]:
        """Arrays for Flax's parameters, of arrays for the port's; 0 elsewhere."""
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        flat = np.zeros(sum(sizes))
        for name, value in arrays.items():
            flat[self.numbers[name]] = value
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return {n: p.reshape(shape) for n, p, shape in zip(self.names, parts, self.shapes, strict=True)}

    def demand_tensors(self, *, in_order: bool = False) -> None:
        """Refuse parameters that are parts of Flax's, for optimizers that look at tensors as a whole.

        Args:
            in_order: whether those in another order are refused, too: for optimizers of rows and columns.
        """
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        ends = np.cumsum(sizes)
        for name, at in self.numbers.items():
            holders = np.unique(np.searchsorted(ends, at.reshape(-1), side="right"))
            if len(holders) != 1 or sizes[holders[0]] != at.size:
                raise PortError(f"the optimizer looks at tensors as a whole, and {name} is another one in Flax")
            same = at.shape == self.shapes[holders[0]] and bool((np.diff(at.reshape(-1)) == 1).all())
            if in_order and not same:
                raise PortError(f"the optimizer looks at rows and columns, and {name} has others in Flax")

    def tensor(self, name: str) -> str:
        """Flax's name for a parameter that is one of its own, see :meth:`demand_tensors`."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        first = int(self.numbers[name].reshape(-1)[0])
        return self.names[int(np.searchsorted(ends, first, side="right"))]


def _plain(path: str) -> str:
    return path.replace("/", ".").strip(".").removeprefix("params.")


def named(tree: Any) -> dict[str, Any]:
    """The leaves of a tree like that of the parameters, by name."""
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        keys = (getattr(key, "key", getattr(key, "idx", None)) for key in path)
        found[_plain(".".join(str(key) for key in keys if key is not None))] = leaf
    return found
