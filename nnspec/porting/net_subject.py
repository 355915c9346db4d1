"""A net of nnspec as a subject: what was read is compared with it, and what nnspec itself wrote is run by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from nnspec.backends import Array, Arrays, Backend, FloatType, Gradients, Net
from nnspec.model import Model
from nnspec.porting.chance import without_chance
from nnspec.porting.collecting import collect, size
from nnspec.rounding import epsilon, float_type

# So many numbers are moved at a time: of each there are some copies in float64.
_PIECE = 1 << 16


class NetSubject:
    """A model with its variables on a backend. See :class:`nnspec.porting.port.Subject` for its methods.

    It holds one net at a time, of the dtype that was asked for last.
    """

    dtypes: tuple[FloatType, ...] = ("float64", "float32")

    def __init__(self, model: Model, variables: Arrays, backend: Backend, *, device: str | None = None) -> None:
        """A subject.

        Args:
            model: its inputs' shapes are declared.
            variables: by canonical name, in any float type.

        Raises:
            UnsupportedError: the backend lacks something.
        """
        from nnspec.lacking import demand

        versions = ", ".join(f"{name} {version}" for name, version in backend.versions().items())
        self.label = f"nnspec on {backend.name} ({versions})"
        self.backend, self.device = backend, device
        self.model = without_chance(model)
        demand(backend, self.model)
        self.kinds = {name: param.kind for name, param in self.model.params().items()}
        self.variables = {name: variables[name] for name in self.kinds}
        self._net: Net | None = None

    def net(self, dtype: FloatType) -> Net:
        """The net in this dtype."""
        if self._net is None or self._net.dtype != dtype:
            self.close()  # the other one first
            self._net = self.backend.build(self.model, self.variables, dtype=dtype, device=self.device)
        return self._net

    def close(self) -> None:
        """Let go of the net."""
        self._net = None
        collect(size(self.variables.values()))  # it refers to itself

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        found = self.net(dtype).nodes(inputs, training=training)
        for name in self.model.outputs:
            if name in inputs:  # an output may be an input
                found[name] = np.asarray(inputs[name])
        return found

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        net = self.net(dtype)
        statistics = [name for name, kind in self.kinds.items() if kind == "statistic"]
        before = net.variables([*statistics, "random/step"])
        net.forward(inputs, training=True)
        after = net.variables(statistics)
        net.assign(before)
        return after

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        return self.net(dtype).gradients(inputs, cotangents, training=training)

    @contextmanager
    def moved(self, dtype: FloatType, seed: int) -> Iterator[None]:
        """Within, every variable is another by up to one unit in the last place of the dtype, at random.

        Whole numbers stay: masks, positions and the like are exact in every dtype, and 1 less a unit is the integer 0.
        """
        net, rng = self.net(dtype), np.random.Generator(np.random.Philox(key=[seed, 0x6D6F7665]))
        try:
            for name, value in self.variables.items():
                if not np.array_equal(value, np.rint(value)):
                    net.assign({name: moved(value, dtype, rng)})
            yield
        finally:
            for name, value in self.variables.items():
                net.assign({name: np.asarray(value)})


def moved(value: Array, dtype: str, rng: np.random.Generator) -> Array:
    """An array of floats, each moved up or down by one unit of rounding of the dtype, or left alone."""
    made = np.array(value, float_type(dtype), order="C")
    flat = made.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE].astype(np.float64)
        shift = rng.integers(-1, 2, piece.shape, np.int8) * epsilon(dtype)
        flat[start : start + _PIECE] = (piece * (1.0 + shift)).astype(made.dtype)
    return made
