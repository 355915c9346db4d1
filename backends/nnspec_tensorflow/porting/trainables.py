"""How the parameters of a spec lie in the variables that a Keras optimizer trains.

Both only rearrange each other's elements, so that a place is a number for each element; slots lie as their parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays
from nnspec.errors import PortError
from nnspec_tensorflow.porting.export import graph
from nnspec_tensorflow.porting.origins import Origins


@dataclass(frozen=True)
class Trainables:
    """The variables of an optimizer, in its order, and what they hold.

    Attributes:
        variables: Keras's.
        numbers: canonical name -> which elements of all variables, flat, one after the other, a parameter consists of.
        frozen: parameters that are in none of them.
    """

    variables: list[Any]
    numbers: dict[str, NDArray[Any]]
    frozen: tuple[str, ...] = ()

    @classmethod
    def read(cls, variables: Sequence[Any], origins: Origins, parameters: Sequence[str]) -> Trainables:
        """Those of a model that was imported.

        Raises:
            PortError: a parameter is not made of whole elements of variables, or of both trained ones and others.
        """
        # The number of each element among those that are trained; −1 for others.
        known = {id(variable): start for variable, start in zip(variables, _starts(variables), strict=True)}
        kind = _kind(variables)
        shown = {
            number: _from(known[id(v)], v, kind) if id(v) in known else np.broadcast_to(kind(-1), v.shape)
            for number, v in origins.variables.items()
        }
        found = origins.canonical(shown, parameters)
        lacking = [name for name in parameters if name not in found]
        if lacking:
            raise PortError(f"{lacking[0]} is computed of variables of Keras, and is none of them: it has no slots")
        frozen = [name for name, numbers in found.items() if numbers.size and (numbers < 0).all()]
        for name, numbers in found.items():
            if name not in frozen and (numbers < 0).any():
                raise PortError(f"{name} is made of variables of which some are trained and others are not")
        return cls(list(variables), {n: x for n, x in found.items() if n not in frozen}, tuple(frozen))

    @classmethod
    def written(cls, made: graph.Native, model: Any, parameters: Sequence[str]) -> Trainables:
        """Those of a model that was exported."""
        variables = list(model.trainable_variables)
        known = {id(variable): start for variable, start in zip(variables, _starts(variables), strict=True)}
        numbers: dict[str, NDArray[Any]] = {}
        kind = _kind(variables)
        for name in parameters:
            place = made.places[name][0]
            variable = graph.weight(model, place)
            if id(variable) not in known:
                continue
            own = np.arange(_size(variable), dtype=np.float64).reshape(variable.shape)
            numbers[name] = (np.asarray(place.read(own)) + known[id(variable)]).astype(kind)
        return cls(variables, numbers, tuple(name for name in parameters if name not in numbers))

    def gather(self, arrays: Sequence[Any]) -> dict[str, Array]:
        """Arrays for the parameters, of arrays for the variables; None stands for one without."""
        filled = [
            np.full(v.shape, np.nan) if x is None else np.asarray(x)
            for x, v in zip(arrays, self.variables, strict=True)
        ]
        flat = np.concatenate([x.reshape(-1) for x in filled]) if filled else np.zeros(0)
        return {name: flat[numbers] for name, numbers in self.numbers.items()}

    def spread(self, arrays: Arrays) -> list[Array]:
        """Arrays for the variables, of arrays for some of the parameters; 0 elsewhere."""
        kinds = [np.asarray(x).dtype for x in arrays.values()]
        flat = np.zeros(sum(map(_size, self.variables)), np.result_type(*kinds) if kinds else np.float32)
        for name, value in arrays.items():
            flat[self.numbers[name]] = value
        parts = np.split(flat, np.cumsum([_size(v) for v in self.variables])[:-1])
        return [part.reshape(v.shape) for part, v in zip(parts, self.variables, strict=True)]

    def holders(self, name: str) -> list[int]:
        """The variables that a parameter lies in, by their places in the optimizer's order."""
        starts = _starts(self.variables)
        return sorted({int(i) for i in np.searchsorted(starts, self.numbers[name].reshape(-1), side="right") - 1})

    def alone(self, name: str) -> int | None:
        """The variable that is this parameter, element by element in the same order and shape; None if none is."""
        holders = self.holders(name)
        if len(holders) != 1:
            return None
        variable, start = self.variables[holders[0]], _starts(self.variables)[holders[0]]
        own = np.arange(_size(variable)).reshape(variable.shape) + start
        return holders[0] if np.array_equal(own, self.numbers[name]) else None

    def demand_tensors(self, what: str) -> None:
        """Refuse parameters that are parts of variables, or variables that are parts of parameters.

        Raises:
            PortError: an update depends on where a tensor ends.
        """
        for name, numbers in self.numbers.items():
            holders = self.holders(name)
            if len(holders) != 1 or numbers.size != _size(self.variables[holders[0]]):
                raise PortError(f"{what} looks at each tensor as a whole, and {name} is another one in Keras")


def _size(variable: Any) -> int:
    return int(np.prod(variable.shape))


def _kind(variables: Sequence[Any]) -> Any:
    """The dtype of numbers of elements: as small as holds them, since there is one for each."""
    return np.int32 if sum(map(_size, variables)) < 2**31 else np.int64


def _from(start: int, variable: Any, kind: Any) -> NDArray[Any]:
    """Numbers of a variable's elements, from a first one on."""
    return np.arange(start, start + _size(variable), dtype=kind).reshape(variable.shape)


def _starts(variables: Sequence[Any]) -> NDArray[Any]:
    return np.concatenate([[0], np.cumsum([_size(v) for v in variables])])[: len(variables)].astype(np.int64)


def by_parameter(slots: Mapping[str, Any], slot: str) -> dict[str, Any]:
    """One slot of all parameters that have it, of slots by canonical name."""
    end = f"/{slot}"
    return {
        name.removeprefix("optimizer/").removesuffix(end): value
        for name, value in slots.items()
        if name.startswith("optimizer/") and name.endswith(end) and len(name) > len("optimizer/") + len(end)
    }
