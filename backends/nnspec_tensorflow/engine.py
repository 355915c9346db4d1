"""Engine: many updates in one call, with data and state on the device.

XLA compiles one update for each batch size. Around it runs a TensorFlow graph that gathers the rows of a batch and
calls the update, so that neither the length of an epoch nor the number of updates per call compiles anything anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays
from nnspec.errors import DataError, ShapeError, SpecError, did_you_mean
from nnspec.losses import Loss
from nnspec.metrics import Metric
from nnspec.optimizers import Clip, Optimizer
from nnspec.vocabulary import tag_of
from nnspec_tensorflow.arrays import as_targets, assign, check_class_ids, to_host
from nnspec_tensorflow.compilation import Compiled
from nnspec_tensorflow.losses import SpecLoss, reduced
from nnspec_tensorflow.metrics import SpecMetric
from nnspec_tensorflow.net import TensorFlowNet
from nnspec_tensorflow.optimizers import SpecOptimizer, global_norm
from nnspec_tensorflow.startup import tf

Tensor = Any
Tensors = dict[str, Any]


class TensorFlowEngine:
    """Trains one net; see :class:`nnspec.backends.Engine` for its methods.

    The updates work on the variables of ``net.native`` itself.
    """

    def __init__(
        self,
        net: TensorFlowNet,
        loss: Loss,
        optimizer: Optimizer,
        metrics: Sequence[Metric] = (),
        clip: Clip | None = None,
    ) -> None:
        if len(net.model.outputs) != 1:
            raise SpecError(f"training needs one output, the model has {', '.join(net.model.outputs)}", ("outputs",))
        self.net = net
        self._output = net.model.outputs[0]
        self._loss = SpecLoss(loss, net.dtype)
        self._metrics = {tag_of(type(metric)): SpecMetric(metric, net.dtype) for metric in metrics}
        if len(self._metrics) < len(metrics):
            raise SpecError("each metric is given once", ("metrics",))
        self._counted = ("loss", *self._metrics)
        params = net.model.params()
        with net.placed():
            self._optimizer = SpecOptimizer(optimizer, clip, [params[name].decay for name in net.parameters])
            self._optimizer.build(list(net.parameters.values()))
            # (total, count) of the loss, of each metric and of the gradients' norms: in float64, whatever the net's
            # dtype, so that sums over long epochs lose nothing.
            self._sums = tf.Variable(tf.zeros((len(self._counted) + 1, 2), tf.float64))
            self._scores = tf.Variable(tf.zeros((len(self._counted), 2), tf.float64))
            self._rate = tf.Variable(tf.zeros((), tf.float64))
        self._state = {"optimizer/step": self._optimizer.iterations}
        self._state["optimizer/learning_rate_scale"] = self._optimizer.learning_rate_scale
        for slot, variables in self._optimizer.slots.items():
            self._state |= {f"optimizer/{n}/{slot}": v for n, v in zip(net.parameters, variables, strict=True)}
        self._update = Compiled(self._trace_update)
        self._score = Compiled(self._trace_score)
        self._differentiate = Compiled(self._trace_gradients)
        self._splits: dict[str, Tensors] = {}
        self._loops: dict[tuple[str, int], Any] = {}
        self._order: tuple[Any, Any] = (None, None)

    # -- what is compiled ---------------------------------------------------------------------------------------------

    def _outcome(self, batch: Tensors, *, training: bool) -> list[tuple[Tensor, Tensor]]:
        """(total, count) of the loss and of each metric."""
        given = {name: batch[name] for name in self.net.model.inputs}
        output = self.net.outputs(given, training=training)[self._output]
        return [
            measure.sums(batch["targets"], output, batch.get("weights"))
            for measure in (self._loss, *self._metrics.values())
        ]

    def _gradients(self, batch: Tensors) -> tuple[Tensor, list[Tensor], list[tuple[Tensor, Tensor]]]:
        parameters = [variable.value for variable in self.net.parameters.values()]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            outcome = self._outcome(batch, training=True)
            value = reduced(self._loss.spec, *outcome[0])
        zero = tf.UnconnectedGradients.ZERO
        return value, tape.gradient(value, parameters, unconnected_gradients=zero), outcome

    def _trace_update(self, batch: Tensors) -> Tensor:
        _, gradients, outcome = self._gradients(batch)
        norm = global_norm(gradients)
        self._rate.assign(self._optimizer.learning_rate)
        self._optimizer.apply(gradients, list(self.net.parameters.values()))
        self._sums.assign_add(_table([*outcome, (norm, tf.ones_like(norm))]))
        return norm

    def _trace_score(self, batch: Tensors) -> Tensor:
        table = _table(self._outcome(batch, training=False))
        self._scores.assign_add(table)
        return table

    def _trace_gradients(self, batch: Tensors) -> tuple[Tensor, Tensors]:
        with self.net.unchanged():
            value, gradients, _ = self._gradients(batch)
        return value, dict(zip(self.net.parameters, gradients, strict=True))

    def _training_loop(self, batch_size: int) -> Any:
        data = self._split("train")

        def body(order: Tensor, k: Tensor) -> Tensor:
            self._update(_rows(data, order[k]))
            return k + 1

        return _loop(body, tf.TensorSpec((None, batch_size), tf.int32))

    def _evaluation_loop(self, split: str, batch_size: int) -> Any:
        data = self._split(split)

        def body(first: Tensor, k: Tensor) -> Tensor:
            self._score(_rows(data, first + k * batch_size))
            return k + 1

        return _loop(body, tf.TensorSpec((batch_size,), tf.int32))

    # -- the protocol -------------------------------------------------------------------------------------------------

    def load(self, split: str, data: Arrays) -> None:
        given = {name: x for name, x in data.items() if name not in ("targets", "weights")}
        others = {n: as_targets(n, np.asarray(x), self.net.dtype) for n, x in data.items() if n not in given}
        if "targets" not in others:
            raise SpecError(f"the split {split!r} has no targets")
        with self.net.placed():
            inputs = self.net.tensors(given)
            rows = next(iter(inputs.values())).shape[0]
            for name, x in others.items():
                if x.shape[:1] != (rows,):
                    raise ShapeError(f"the inputs have {rows} rows, got the shape {list(x.shape)}", (name,))
            classes = self.net.model.output_shapes()[self._output][-1]
            check_class_ids(self._loss.spec, others["targets"], classes)
            self._splits[split] = {**inputs, **{name: tf.constant(x) for name, x in others.items()}}
        self._loops = {key: loop for key, loop in self._loops.items() if key[0] != split}

    def train(self, order: NDArray[np.int32], start: int, stop: int) -> None:
        self._split("train")
        if self._order[0] is not order:
            self._check_rows(order, "train")
            with self.net.placed():
                self._order = (order, tf.constant(order.astype(np.int32)))
        if not 0 <= start <= stop <= len(order):
            raise SpecError(f"updates {start} to {stop} of an order of {len(order)}")
        key = ("train", order.shape[1])
        with self.net.placed():
            if key not in self._loops:
                self._loops[key] = self._training_loop(order.shape[1])
            self._loops[key](self._order[1], tf.constant(start), tf.constant(stop))
            self._rate.numpy()  # waits for the device

    def totals(self) -> dict[str, tuple[float, float]]:
        *sums, norm = self._sums.numpy().tolist()
        self._sums.assign(tf.zeros_like(self._sums))
        return {
            **_named(self._counted, sums),
            "grad_norm": tuple(norm),
            "learning_rate": (float(self._rate.numpy()), 1.0),
        }

    def evaluate(self, split: str, batch_size: int) -> dict[str, tuple[float, float]]:
        data = self._split(split)
        full, rest = divmod(data["targets"].shape[0], batch_size)
        key = (f"{split}", batch_size)
        with self.net.placed():
            self._scores.assign(tf.zeros_like(self._scores))
            if full:
                if key not in self._loops:
                    self._loops[key] = self._evaluation_loop(split, batch_size)
                self._loops[key](tf.range(batch_size), tf.constant(0), tf.constant(full))
            if rest:
                self._score(_rows(data, tf.range(full * batch_size, full * batch_size + rest)))
            return _named(self._counted, self._scores.numpy().tolist())

    def loss_gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[float, dict[str, Array]]:
        data = self._split(split)
        self._check_rows(rows, split)
        with self.net.placed():
            value, gradients = self._differentiate(_rows(data, tf.constant(rows.astype(np.int32))))
            return float(value), to_host(gradients)

    def variables(self) -> dict[str, Array]:
        return {**self.net.variables(), **to_host(self._state)}

    def assign(self, variables: Arrays) -> None:
        assign({**self.net.keras_variables, **self._state}, variables)

    @property
    def traces(self) -> int:
        """How many batch sizes an update was compiled for."""
        return self._update.traces

    def _split(self, name: str) -> Tensors:
        if name not in self._splits:
            raise SpecError(f"the split {name!r} is not loaded{did_you_mean(name, self._splits)}")
        return self._splits[name]

    def _check_rows(self, rows: Array, split: str) -> None:
        count = self._splits[split]["targets"].shape[0]
        if rows.size and not (rows.min() >= 0 and rows.max() < count):
            raise DataError(f"rows {rows.min()} to {rows.max()} of the split {split!r}, which has {count}")


def _rows(data: Tensors, rows: Tensor) -> Tensors:
    return {name: tf.gather(x, rows) for name, x in data.items()}


def _table(sums: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    return tf.stack([tf.stack([tf.cast(x, tf.float64) for x in pair]) for pair in sums])


def _named(names: Sequence[str], sums: Sequence[Sequence[float]]) -> dict[str, tuple[float, float]]:
    return {name: (total, count) for name, (total, count) in zip(names, sums, strict=True)}


def _loop(body: Callable[[Tensor, Tensor], Tensor], first: Any) -> Any:
    """A graph of (rows, start, stop) that calls ``body(rows, k)`` for every k from start up to stop, in order."""

    def run(rows: Tensor, start: Tensor, stop: Tensor) -> Tensor:
        return tf.while_loop(lambda k: k < stop, lambda k: (body(rows, k),), (start,), parallel_iterations=1)

    scalar = tf.TensorSpec((), tf.int32)
    return tf.function(run, input_signature=(first, scalar, scalar), autograph=False).get_concrete_function()
