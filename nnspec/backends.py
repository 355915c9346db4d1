"""The protocol a backend fulfils, and how backends are found.

A backend is a class registered under the entry-point group ``nnspec.backends``. Everything crosses its border as NumPy
arrays under canonical names in the canonical layout, so that the trainer, the conformance suite and the command line
need no word of any framework.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nnspec import outside
from nnspec.errors import BackendError, did_you_mean

if TYPE_CHECKING:
    from nnspec.inference import BatchShape, Inference
    from nnspec.losses import Loss, Losses
    from nnspec.metrics import Metric, Metrics, Sums
    from nnspec.mixing import Mixing
    from nnspec.model import Model
    from nnspec.optimizers import Clip, OptimizerBase
    from nnspec.penalties import Constraint, Penalty
    from nnspec.schedules import Schedule

Array = NDArray[Any]
Arrays = Mapping[str, Array]
FloatType = Literal["float64", "float32", "bfloat16", "float16"]
DTYPES: tuple[FloatType, ...] = get_args(FloatType)
GROUP = "nnspec.backends"
INSTALL = {"jax": "pip install 'nnspec[jax]'", "tensorflow": "pip install 'nnspec[tensorflow]'"}


@dataclass(frozen=True)
class Gradients:
    """Gradients of Σ outputs · cotangents (or of a loss): by input name and by parameter name."""

    inputs: dict[str, Array]
    parameters: dict[str, Array]


@runtime_checkable
class Net(Protocol):
    """A model realized on a backend, with its variables.

    Every method enters whatever context its dtype needs (JAX: x64 for float64), in any thread, and leaves none behind.
    """

    backend: str
    model: Model
    dtype: FloatType

    @property
    def native(self) -> Any:
        """The framework's own object, holding the current variables: an ``nnx.Module`` or a ``keras.Model``."""

    def variables(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        """State by canonical name, in arrays of its own.

        The model's variables, ``random/seed`` (uint32, (2,)) and ``random/step`` (uint32, ()).

        Args:
            names: of what; by default of all.
        """

    def assign(self, variables: Arrays) -> None:
        """Set the named variables; those not named stay.

        Raises:
            SpecError: an unknown name, or a shape that does not fit; nothing is changed then.
        """

    def forward(self, inputs: Arrays, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        """The outputs by node name.

        In training mode statistics are updated, and ``random/step`` grows by one afterwards.

        Any number of rows will do; where a backend compiles, each new shape is compiled when it is first met.
        """

    def compiled(self, shape: BatchShape) -> Inference:
        """The forward pass in inference mode, compiled now for batches of this shape: what a server calls.

        ``net.compiled(32)`` takes up to 32 rows a call and never compiles again. It computes with the variables that
        the net has at the time of the call. A backend that computes eagerly returns ``Inference(self, shape)``.

        Args:
            shape: the number of rows; where an input has axes of any size, the whole shape, ``(32, 128)``, or the
                whole shapes by input, ``{"x": (32, 128), "ids": (32, 16)}``. See :class:`nnspec.inference.Inference`.
        """

    def nodes(self, inputs: Arrays, *, training: bool = False) -> dict[str, Array]:
        """The value of every node by path (``encoder/dense``), without changing any state."""

    def masks(self, inputs: Arrays) -> dict[str, Array]:
        """The boolean keep-masks by node path that a training pass on such inputs would use at the current step."""

    def gradients(
        self, inputs: Arrays, cotangents: Arrays, *, training: bool = False, compiled: bool = True
    ) -> Gradients:
        """Gradients of Σ outputs · cotangents, without changing any state."""


@runtime_checkable
class Engine(Protocol):
    """Compiled training of one net. Data and state stay on the device between calls.

    Variables are those of the net and ``optimizer/<parameter>/<slot>``, ``optimizer/<slot>`` for a slot that all
    parameters share, ``optimizer/step`` (int64 scalar, updates made), ``optimizer/learning_rate_scale`` (float64
    scalar, 1 unless a plateau reduced it).

    One that compiles may have an attribute ``compile_seconds``, the time that took so far: the trainer reports it.
    """

    @property
    def net(self) -> Net:
        """The net that is trained."""

    def load(self, split: str, data: Arrays) -> None:
        """Put a split ("train", "validation", …) on the device.

        Args:
            data: inputs by name, ``targets`` and, if there are, ``weights``; with ``Losses``, ``targets/<output>`` for
                each output with losses, ``weights`` of all of them and ``weights/<output>`` of one instead.
        """

    def train(self, order: NDArray[np.int32], start: int, stop: int) -> None:
        """Updates ``start`` to ``stop`` of an epoch, as one compiled call; blocks until they are done.

        Args:
            order: (steps, batch) rows of the split "train"; row k is the batch of update k. The same array may be
                given again and again with other bounds: no transfer and no compilation then.
        """

    def totals(self) -> Mapping[str, Sums]:
        """Sums since the last call, then reset: ``loss`` as (total, count), each metric's by its tag, ``grad_norm`` as
        (sum of the global norms before clipping, updates), ``learning_rate`` as (rate of the last update, 1). With
        ``Losses`` each loss by its own name, ``<output>/loss``, and each metric as ``<output>/<tag>``. An update that
        is left out (:class:`nnspec.wrappers.LossScale`) has no norm and counts as none.

        Where there are penalties, ``penalty`` is beside ``loss``, which is without them: (Σ n·P, Σ n) over batches of n
        examples, where all losses have the reduction "sum" (Σ P, batches).

        A metric's sums are its accumulators in their order, for means (total, count): numbers, and arrays of float64.
        Batches are added by its ``increments``. Positions that the loss ignores count in no metric.
        """

    def evaluate(self, split: str, batch_size: int) -> Mapping[str, Sums]:
        """Losses, metrics and ``penalty`` over a split in inference mode, without gradients; no state changes."""

    def loss_gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[float, dict[str, Array]]:
        """The training-mode loss of a batch, penalties in it, and its gradients by parameter name before clipping.

        No state changes.
        """

    def variables(self) -> dict[str, Array]:
        """All state by canonical name, as host arrays."""

    def assign(self, variables: Arrays) -> None:
        """Set the named variables; those not named stay."""


@runtime_checkable
class Backend(Protocol):
    """One framework's realization of the vocabulary."""

    name: ClassVar[str]

    def versions(self) -> dict[str, str]:
        """Versions of the packages that compute."""

    def devices(self) -> list[str]:
        """Devices in the notation of the ``device`` arguments: ``cpu:0``, ``gpu:0``."""

    def lacks(self, cls: type[Any]) -> bool:
        """Whether this backend has no realization of a class of the vocabulary."""

    def realize(self, spec: Any, *, dtype: FloatType = "float32") -> Any:
        """The framework's own object for a loss, metric, schedule or optimizer."""

    def build(
        self,
        model: Model,
        variables: Arrays | None = None,
        *,
        dtype: FloatType = "float32",
        seed: int = 0,
        device: str | None = None,
    ) -> Net:
        """The model as a net of this backend; without ``variables`` the initial ones of ``seed`` are drawn.

        Raises:
            BackendError: a class is not realized here, or there is no such device.
            ShapeError: the model's input shapes are not known or do not fit.
        """

    def engine(
        self,
        net: Net,
        *,
        loss: Loss | Losses,
        optimizer: OptimizerBase,
        metrics: Metrics = (),
        clip: Clip | None = None,
        penalties: Sequence[Penalty] = (),
        constraints: Sequence[Constraint] = (),
        mixing: Mixing | None = None,
    ) -> Engine:
        """Compiled training of a net of this backend, with a loss of its only output or ``Losses`` of all.

        :meth:`nnspec.objective.Objective.of` says of both what is summed up, and by which names. A backend that knows
        no ``Losses`` lacks that class, and trains nets with one output. Penalties, constraints and ``mixing`` are given
        where there are any, and no backend that ``lacks`` them gets them: one of another package may do without these
        parameters. With ``mixing`` the batches of updates, and of ``loss_gradients``, are mixed by the words of the
        net's seed and step.

        Args:
            metrics: a list, or with ``Losses`` lists by output.
        """

    def loss(
        self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[Array, Array]:
        """The reduced loss (scalar) and its gradient with respect to the outputs, compiled."""

    def metric(
        self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> Sums:
        """A batch's sums, (total, count) for means, compiled."""

    def schedule(self, spec: Schedule, steps: NDArray[np.int64], *, dtype: FloatType) -> Array:
        """Learning rates at these update steps, compiled, in float64 for float64 and float32 otherwise."""

    def optimize(
        self,
        spec: OptimizerBase,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Clip | None = None,
        decayed: frozenset[str] | None = None,
        dtype: FloatType,
    ) -> dict[str, Array]:
        """A trajectory of updates with given gradients, compiled.

        Args:
            parameters: start values by name.
            gradients: (updates, *shape) by parameter name.
            decayed: the names that weight decay applies to when ``spec.decay`` is "kernels".

        Returns:
            (updates, ...) by name, after each update: parameters, ``optimizer/<name>/<slot>``, and
            ``optimizer/<slot>`` for a slot that all of them share.
        """

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        """Random words computed by the framework, compiled, as :func:`nnspec.random.words`."""


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def registered() -> list[str]:
    """Names of all registered backends, whether their frameworks are installed or not."""
    return sorted(_entry_points())


def installed() -> list[str]:
    """Names of the backends whose frameworks are installed, found without importing any of them."""
    return [name for name in registered() if not missing_packages(name)]


def package(name: str) -> ModuleType:
    """A registered backend's top-level package, which imports no framework."""
    return importlib.import_module(_entry_points()[name].module.split(".")[0])


def required_packages(name: str) -> tuple[str, ...]:
    """Packages a registered backend needs."""
    return requirements(package(name))


def missing_packages(name: str) -> list[str]:
    """Packages a registered backend needs and that are not installed, found without importing them."""
    return not_installed(package(name))


def requirements(module: ModuleType) -> tuple[str, ...]:
    """Packages that a top-level package of realizations or ports needs: its ``REQUIRES``."""
    return tuple(getattr(module, "REQUIRES", ()))


def not_installed(module: ModuleType) -> list[str]:
    """Packages that it needs and that are not installed, found without importing them."""
    return [name for name in requirements(module) if importlib.util.find_spec(name) is None]


def backend(name: str | None = None) -> Backend:
    """The backend of that name; without one, ``$NNSPEC_BACKEND``, or the only one installed.

    Raises:
        BackendError: unknown, not installed, or not to be chosen without a name.
    """
    name = name or os.environ.get("NNSPEC_BACKEND") or None
    if name is None:
        found = installed()
        if len(found) != 1:
            hints = " or ".join(INSTALL.values())
            which = f"choose a backend: {', '.join(found)}" if found else f"no backend is installed: {hints}"
            raise BackendError(f"{which}{' (--backend, backend=, or NNSPEC_BACKEND)' if found else ''}")
        name = found[0]
    if name not in _entry_points():
        hint = did_you_mean(name, registered())
        raise BackendError(f"unknown backend {name!r}{hint} (registered: {', '.join(registered()) or 'none'})")
    missing = missing_packages(name)
    if missing:
        how = INSTALL.get(name, f"install {', '.join(missing)}")
        raise BackendError(f"the {name} backend needs {', '.join(missing)}, which is not installed: {how}")
    return _made(name)


@cache
def _made(name: str) -> Backend:
    """One object per backend and process: frameworks are imported once, compiled functions are kept."""
    try:
        made: Backend = _entry_points()[name].load()()
    except ImportError as error:
        raise BackendError(f"the {name} backend cannot be imported: {error}") from error
    outside.load_backend(name)
    return made
