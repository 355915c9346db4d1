"""What every layer of the reference is given, and the function that the families register their layers with."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes  # noqa: F401 - makes NumPy know the name "bfloat16"
import numpy as np
from numpy.typing import DTypeLike, NDArray

from nnspec import outside, random
from nnspec.errors import BackendError

Array = NDArray[Any]


@functools.singledispatch
def apply(spec: Any, scope: Scope, *inputs: Array) -> Array:
    """The output of a layer, activation or operation for these inputs.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


def missing(spec: Any) -> BackendError:
    """The error for a class that the reference does not know."""
    why = outside.lacking(type(spec), "reference")
    return BackendError(f"the reference has no realization of {type(spec).__name__}{why}")


def computing(dtype: DTypeLike) -> np.dtype[Any]:
    """The dtype in which values of a float type are computed: itself, or float32 for bfloat16 and float16."""
    given = np.dtype(dtype)
    return np.dtype(np.float32) if given.itemsize < 4 else given


def floats(x: Any) -> Array:
    """An array in the dtype it is computed in; numbers that are not floats become float64."""
    array = np.asarray(x)
    # bfloat16 is of kind "V" for NumPy.
    return array.astype(np.float64 if array.dtype.kind in "biu" else computing(array.dtype), copy=False)


def rounded(x: Any, dtype: DTypeLike) -> Array:
    """``x`` in another float type; what is too large for it becomes infinite, without a warning."""
    array = np.asarray(x)
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        return array.astype(dtype)


@dataclass
class State:
    """What one run of a model reads and collects.

    Attributes:
        variables: by canonical name.
        dtype: the float type of variables and of values between layers.
        updates: new values of statistics, by canonical name; they hold from the next call of a shared layer on.
        nodes: the value of every node, by path.
        masks: the keep-masks that were used, by path.
        calls: how often the layer at a path has been called.
        constants: what derivatives take for constants, by path; None unless differences are made.
        disturbed: what becomes of the value of each node, given its path.
    """

    variables: Mapping[str, Array]
    dtype: np.dtype[Any]
    training: bool
    seed: int
    step: int
    updates: dict[str, Array] = field(default_factory=dict)
    nodes: dict[str, Array] = field(default_factory=dict)
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    constants: dict[str, Any] | None = None
    disturbed: Callable[[str, Array], Array] | None = None


@dataclass(frozen=True)
class Scope:
    """What one call of a layer may need.

    Attributes:
        state: of the run.
        owner: the path of the node that holds the layer's variables and names its random streams.
        path: the path of the node that is computed; another one than ``owner`` where a layer is shared.
        call: how often the layer has been called before in this run.
    """

    state: State
    owner: str
    path: str
    call: int = 0

    @property
    def training(self) -> bool:
        """Whether the model runs in training mode."""
        return self.state.training

    def __getitem__(self, name: str) -> Array:
        """The node's variable of that name, in the dtype that is computed in."""
        full = f"{self.owner}/{name}"
        value = self.state.updates.get(full)
        return floats(rounded(self.state.variables[full] if value is None else value, self.state.dtype))

    def get(self, name: str, default: Any = None) -> Any:
        """The node's variable of that name, or ``default`` if the layer has none."""
        return self[name] if f"{self.owner}/{name}" in self.state.variables else default

    def update(self, name: str, value: Array) -> None:
        """Give a statistic its new value, rounded to its dtype."""
        self.state.updates[f"{self.owner}/{name}"] = rounded(value, self.state.dtype)

    def constant(self, value: Any) -> Any:
        """A value that derivatives take for a constant: in runs that make differences that of the first of them."""
        constants = self.state.constants
        return value if constants is None else constants.setdefault(self.path, value)

    def keep_mask(self, rate: float, shape: tuple[int, ...], purpose: str = "dropout") -> NDArray[np.bool_]:
        """The keep-mask of this call, for this seed and step; it is recorded under the node's path."""
        stream = self._stream(purpose)
        mask = _keep_mask(rate, shape, self.state.seed, stream, self.state.step)
        self.state.masks[self.path] = mask
        return mask

    def normals(self, shape: tuple[int, ...]) -> Array:
        """The standard normal numbers of this call, for this seed and step, in float64."""
        from scipy.special import ndtri

        z: Array = ndtri(random.coarse(self.words("noise", shape)))
        return z

    def words(self, purpose: str, shape: tuple[int, ...]) -> NDArray[np.uint32]:
        """The first words of this call's stream for a purpose, in row-major order."""
        count = int(np.prod(shape, dtype=np.int64))
        return random.words(self.state.seed, self._stream(purpose), self.state.step, count).reshape(shape)

    def _stream(self, purpose: str) -> int:
        return random.stream_of(self.owner, purpose, self.call)


@functools.lru_cache(maxsize=128)
def _keep_mask(rate: float, shape: tuple[int, ...], seed: int, stream: int, step: int) -> NDArray[np.bool_]:
    """A mask that nobody can change: differences ask for the same ones again and again."""
    mask = random.keep_mask(rate, shape, seed, stream, step)
    mask.flags.writeable = False
    return mask
