"""Two backends side by side: the same experiment, the same bits, and how far the numbers part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array, Backend, Engine, FloatType
from nnspec.errors import NNSpecError
from nnspec.experiment import Experiment, without_effect
from nnspec.random import stream_of
from nnspec.reference.model import initial_variables
from nnspec.rounding import GRADIENT_FLOOR, ROUNDING_UNITS, epsilon, relative, same_bits
from nnspec.training.comparison import Comparison, Step, checkpoints
from nnspec.training.data import Dataset
from nnspec.training.engines import engine_of
from nnspec.training.order import epoch_order
from nnspec.training.trainer import bind

# Two nodes computed from equal variables and equal inputs part by rounding alone up to this many units.
NODE_UNITS = 2**12


def compare(
    experiment: Experiment,
    dataset: Dataset,
    backends: Sequence[Backend],
    *,
    steps: int = 100,
    dtype: FloatType = "float32",
    device: str | None = None,
    progress: Callable[[int, int], None] = lambda done, steps: None,
) -> Comparison:
    """Train an experiment on two backends from the same variables, on the same batches, and compare as they go.

    Args:
        experiment: what to train; its early stopping and number of epochs play no part.
        dataset: its data, prepared in ``dtype``.
        backends: two backends.
        steps: the number of updates.
        dtype: the arithmetic of both.
        device: the device of both.
        progress: called with the number of updates done.

    Raises:
        NNSpecError: not two backends, or no steps to make.
    """
    if len(backends) != 2 or backends[0].name == backends[1].name:
        raise NNSpecError(f"compare needs two different backends, got {', '.join(b.name for b in backends) or 'none'}")
    if steps < 1:
        raise NNSpecError(f"compare needs at least one step, got {steps}")
    experiment = bind_experiment(experiment, dataset)
    pair = _Pair(experiment, dataset, backends, dtype, device)
    done = 0
    for target in checkpoints(steps):
        pair.gradients(target - 1, advance_from=done)
        pair.advance(target - 1, target)
        pair.states(target)
        done = target
        progress(done, steps)
    return Comparison(
        (backends[0].name, backends[1].name),
        dtype,
        pair.records(),
        pair.bit_equal,
        pair.idle(),
        pair.first_difference(),
        {b.name: b.versions() for b in backends},
    )


def bind_experiment(experiment: Experiment, dataset: Dataset) -> Experiment:
    """The experiment with its model's input shapes filled in from the data."""
    return dataclasses.replace(experiment, model=bind(experiment.model, dataset))


class _Pair:
    """The two engines, in step."""

    def __init__(
        self,
        experiment: Experiment,
        dataset: Dataset,
        backends: Sequence[Backend],
        dtype: FloatType,
        device: str | None,
    ) -> None:
        self.experiment, self.dataset, self.backends, self.dtype = experiment, dataset, backends, dtype
        self.rows = dataset.rows("train")
        self.batch = int(min(experiment.training.batch_size, self.rows))
        self.seed = experiment.training.seed
        self.device = device
        params = experiment.model.params()
        self.parameters = {name for name, param in params.items() if param.kind == "parameter"}
        self.statistics = {name for name, param in params.items() if param.kind == "statistic"}
        self.reasons: dict[str, str] = without_effect(experiment.model, experiment.penalties)
        self.engines: list[Engine] = []
        for backend in backends:
            # Each backend draws its own initial variables: that they are equal is a result, not an assumption.
            net = backend.build(experiment.model, dtype=dtype, seed=self.seed, device=device)
            engine = engine_of(experiment, backend, net)
            engine.load("train", dataset.splits["train"])
            self.engines.append(engine)
        expected = initial_variables(experiment.model, self.seed, dtype)
        drawn = [engine.net.variables() for engine in self.engines]
        self.bit_equal = {
            "initial_parameters": all(same_bits(d[name], expected[name]) for d in drawn for name in expected),
            "masks": True,
            "batches": all(self._order_is_drawn(backend) for backend in backends),
        }
        self.orders: dict[int, list[Array]] = {}
        self.gradient_sizes: dict[str, list[float]] = {}
        self.differences: list[dict[str, dict[str, float]]] = []
        self.updates: list[tuple[int, float]] = []

    def _order_is_drawn(self, backend: Backend) -> bool:
        """Whether the backend's own random words sort the rows of the first epochs as the trainer does."""
        for epoch in range(2):
            stream = stream_of("data", "shuffle")
            pairs = backend.words(self.seed, stream, epoch, 2 * self.rows).astype(np.uint64).reshape(-1, 2)
            order = np.argsort((pairs[:, 1] << np.uint64(32)) | pairs[:, 0], kind="stable")
            full, rest = epoch_order(self.seed, epoch, self.rows, self.batch, True)
            if not np.array_equal(order, np.concatenate([full.reshape(-1), rest])):
                return False
        return True

    def _place(self, update: int) -> tuple[int, int]:
        """Epoch and position in the epoch of an update (both from 0)."""
        full, rest = divmod(self.rows, self.batch)
        training = self.experiment.training
        return divmod(update, full + bool(rest and not training.drop_remainder))

    def _order(self, epoch: int) -> list[Array]:
        """The epoch's full batches as one array, and its remainder as another if it is trained on."""
        if epoch not in self.orders:
            full, rest = epoch_order(self.seed, epoch, self.rows, self.batch, self.experiment.training.shuffle)
            keeps = len(rest) and not self.experiment.training.drop_remainder
            self.orders = {epoch: [full, rest[None]] if keeps else [full]}
        return self.orders[epoch]

    def advance(self, start: int, stop: int) -> None:
        """Updates ``start`` to ``stop`` on both engines."""
        while start < stop:
            epoch, position = self._place(start)
            full, *rest = self._order(epoch)
            if position >= len(full):
                for engine in self.engines:
                    engine.train(rest[0], 0, 1)
                start += 1
                continue
            count = min(stop - start, len(full) - position)
            for engine in self.engines:
                engine.train(full, position, position + count)
            start += count

    def gradients(self, update: int, advance_from: int) -> None:
        """Compare loss, gradients and masks at an update about to be made."""
        self.advance(advance_from, update)
        epoch, position = self._place(update)
        full, *rest = self._order(epoch)
        rows = full[position] if position < len(full) else rest[0][0]
        (loss, ours), (their_loss, theirs) = (e.loss_gradients("train", rows) for e in self.engines)
        sizes = {name: float(np.abs(np.asarray(g, np.float64)).max(initial=0)) for name, g in theirs.items()}
        largest = max(sizes.values(), default=0.0)
        for name, size in sizes.items():
            self.gradient_sizes.setdefault(name, []).append(size / largest if largest else 0.0)
        self.differences.append(
            {
                "loss": {"loss": relative(np.array(loss), np.array(their_loss))},
                "gradients": {n: relative(ours[n], theirs[n], GRADIENT_FLOOR * largest) for n in theirs},
            }
        )
        self._compare_masks(rows)

    def _inputs(self, rows: Array) -> dict[str, Array]:
        split = self.dataset.splits["train"]
        return {name: split[name][rows] for name in self.experiment.model.inputs}

    def _synchronize(self) -> None:
        for engine in self.engines:
            engine.net.assign(_net_part(engine.variables()))

    def _compare_masks(self, rows: Array) -> None:
        self._synchronize()
        ours, theirs = (engine.net.masks(self._inputs(rows)) for engine in self.engines)
        if ours.keys() != theirs.keys() or not all(same_bits(ours[name], theirs[name]) for name in ours):
            self.bit_equal["masks"] = False

    def states(self, update: int) -> None:
        """Compare parameters, statistics and slots after an update."""
        ours, theirs = (engine.variables() for engine in self.engines)
        slots = {name for name in theirs if name.startswith("optimizer/") and name.count("/") > 1}
        kinds = {"parameters": self.parameters, "statistics": self.statistics, "optimizer": slots}
        for kind, names in kinds.items():
            self.differences[-1][kind] = {name: relative(ours[name], theirs[name]) for name in names}
        names = set().union(*kinds.values())
        equal = sum(int((ours[name] == theirs[name]).sum()) for name in names)
        self.updates.append((update, equal / max(sum(ours[name].size for name in names), 1)))

    def records(self) -> list[Step]:
        """What was compared, without what has no effect: that is known when all updates are made."""
        bound = ROUNDING_UNITS * epsilon(self.dtype)
        for name, sizes in self.gradient_sizes.items():
            if 0 < max(sizes) < bound:
                self.reasons.setdefault(name, "its gradient is zero but for rounding")
        made = []
        for (update, equal), differences in zip(self.updates, self.differences, strict=True):
            kept = {kind: {n: d for n, d in of.items() if not self._is_idle(n)} for kind, of in differences.items()}
            worst = {kind: max(of, key=lambda n: of[n]) for kind, of in kept.items() if of and kind != "loss"}
            figures = {kind: max(of.values(), default=0.0) for kind, of in kept.items()}
            made.append(Step(update, **figures, bit_equal=equal, worst=worst))
        return made

    def _is_idle(self, name: str) -> bool:
        return self._idle_reason(name) is not None

    def _idle_reason(self, name: str) -> str | None:
        """Why a variable is without effect: by itself, or as an idle parameter's slot."""
        if name in self.reasons:
            return self.reasons[name]
        if name.startswith("optimizer/"):
            return self.reasons.get(name.removeprefix("optimizer/").rsplit("/", 1)[0])
        return None

    def idle(self) -> dict[str, dict[str, Any]]:
        ours, theirs = (engine.variables() for engine in self.engines)
        return {
            name: {"relative_difference": relative(ours[name], theirs[name]), "reason": self._idle_reason(name)}
            for name in sorted(theirs)
            if self._is_idle(name)
        }

    def first_difference(self) -> dict[str, Any] | None:
        """The first node that parts by more than rounding when both compute from the first backend's variables."""
        variables = _net_part(self.engines[0].variables())
        rows = np.arange(self.batch, dtype=np.int32)
        nets = [
            backend.build(self.experiment.model, variables, dtype=self.dtype, device=self.device)
            for backend in self.backends
        ]
        ours, theirs = (net.nodes(self._inputs(rows), training=True) for net in nets)
        for path in theirs:
            difference = relative(ours[path], theirs[path])
            if difference > NODE_UNITS * epsilon(self.dtype):
                return {"node": path, "relative_difference": difference}
        return None


def _net_part(variables: Mapping[str, Array]) -> dict[str, Array]:
    return {name: value for name, value in variables.items() if not name.startswith("optimizer/")}
