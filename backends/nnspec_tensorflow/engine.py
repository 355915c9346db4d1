"""Engine: many updates in one call, with data and state on the device.

XLA compiles the loop over the updates together with its body. For the handbook's MLP (64-512-256-128-10, batch 128,
float32, two CPU cores) that takes 1.6 ms per update, and 3.1 ms where a TensorFlow graph calls a compiled update; with
784 inputs 4.6 ms and 5.2 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays, Net
from nnspec.errors import DataError, ShapeError, SpecError, did_you_mean
from nnspec.losses import Loss, Losses
from nnspec.metrics import Metrics, Sums
from nnspec.mixing import Mixing, check as check_mixing
from nnspec.optimizers import Clip, OptimizerBase, demand_names, slot_name
from nnspec.penalties import Constraint, Penalty
from nnspec.wrappers import SAM, sharpness
from nnspec_tensorflow.arrays import as_targets, assign, check_class_ids, to_host
from nnspec_tensorflow.compilation import Compiled, island, one_by_one
from nnspec_tensorflow.metrics import Books
from nnspec_tensorflow.mixing import mixed
from nnspec_tensorflow.net import TensorFlowNet
from nnspec_tensorflow.objective import Objective
from nnspec_tensorflow.optimizers import SpecOptimizer, global_norm
from nnspec_tensorflow.penalties import Constraints, Penalties
from nnspec_tensorflow.realize import working
from nnspec_tensorflow.stablehlo import differentiating
from nnspec_tensorflow.startup import tf
from nnspec_tensorflow.wrappers import perturbed

Tensor = Any
Tensors = dict[str, Any]
_PAIR: tuple[tuple[int, ...], ...] = ((), ())


class TensorFlowEngine:
    """Trains one net; see :class:`nnspec.backends.Engine` for its methods.

    The updates work on the variables of ``net.native`` itself.
    """

    def __init__(
        self,
        net: TensorFlowNet,
        loss: Loss | Losses,
        optimizer: OptimizerBase,
        metrics: Metrics = (),
        clip: Clip | None = None,
        penalties: Sequence[Penalty] = (),
        constraints: Sequence[Constraint] = (),
        mixing: Mixing | None = None,
    ) -> None:
        params = net.model.params()
        demand_names(optimizer, params)
        self.net: Net = net
        self._net = net
        self._objective = Objective(loss, metrics, net.model.outputs, net.dtype)
        self._penalties = Penalties(penalties, net.model) if penalties else None
        self._constraints = Constraints(constraints, net.model) if constraints else None
        outputs = net.model.output_shapes()
        specs, counted = self._objective.spec.metrics, self._objective.spec.shapes(outputs)
        counted |= {"penalty": _PAIR} if penalties else {}
        self._loss_spec: Any = loss
        self._mixing, self._classes = mixing, outputs[net.model.outputs[0]][-1] or 1
        if mixing is not None:
            check_mixing(mixing, net.model, loss, outputs[net.model.outputs[0]])
        # Of evaluations; and of updates, that of the gradients' norms and (learning rate, 1) too.
        self._scores = Books(counted, specs)
        self._books = Books({**counted, "grad_norm": _PAIR, "learning_rate": _PAIR}, specs)
        with net.placed():
            names = list(net.parameters)
            self._optimizer = SpecOptimizer(optimizer, clip, [params[name].decay for name in names], names=names)
            self._optimizer.build(list(net.parameters.values()))
            self._sums = tf.Variable(self._books.empty)
        self._state = {"optimizer/step": self._optimizer.iterations}
        self._state["optimizer/learning_rate_scale"] = self._optimizer.learning_rate_scale
        for slot, variables in self._optimizer.slots.items():
            held = {n: v for n, v in zip(net.parameters, variables, strict=True) if v is not None}
            self._state |= {slot_name(name, slot): variable for name, variable in held.items()}
        self._state |= {slot_name("", slot): variable for slot, variable in self._optimizer.shared.items()}
        self._updates = Compiled(
            self._trace_updates, idle=lambda data, order, start, stop: (data, order, start, start), xla=net.xla
        )
        self._evaluations: dict[int, Compiled] = {}
        self._differentiate = Compiled(self._trace_gradients, xla=net.xla)
        self._splits: dict[str, Tensors] = {}
        self._order: tuple[Any, Any] = (None, None)

    # -- what is compiled ---------------------------------------------------------------------------------------------

    def _outcome(self, batch: Tensors, *, training: bool) -> dict[str, Sums]:
        """What a batch adds to the sums of each loss, of the penalties and of each metric."""
        given = {name: batch[name] for name in self._net.model.inputs}
        nodes: Tensors | None = {} if self._penalties is not None and self._penalties.of_nodes else None
        outcome = self._objective.sums(self._net.outputs(given, training=training, nodes=nodes), batch)
        if self._penalties is not None:
            # Once for each example, or once for the batch: so that it comes to P beside the loss.
            share = 1 if self._objective.spec.summed else _count(given)
            penalty = self._penalties(self._net.parameters, nodes or {})
            outcome["penalty"] = (penalty * share, tf.constant(share, penalty.dtype))
        return outcome

    def _mixed(self, mixing: Mixing, batch: Tensors, seed: Tensor, step: Tensor) -> Tensors:
        wide = tf.as_dtype(working(self._net.dtype))
        return mixed(mixing, self._loss_spec, batch, self._classes, seed, step, wide)

    def _gradients(self, batch: Tensors) -> tuple[Tensor, list[Tensor], dict[str, Sums]]:
        parameters = [variable.value for variable in self._net.parameters.values()]
        if self._mixing is not None:
            native = self._net.native
            drawn = tf.identity(native.random_seed.value), tf.identity(native.random_step.value)
            batch = island(partial(self._mixed, self._mixing))(batch, *drawn)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            outcome = self._outcome(batch, training=True)
            value = self._objective.reduced(outcome)
            if self._penalties is not None:
                total, share = outcome["penalty"]
                value += tf.cast(total / share, value.dtype)
            scaled = self._optimizer.scale_loss(value)
        zero = tf.UnconnectedGradients.ZERO
        with differentiating():
            gradients = tape.gradient(scaled, parameters, unconnected_gradients=zero)
        one_by_one(gradients)
        return value, self._optimizer.unscaled(gradients), outcome

    def _sharp_gradients(self, spec: SAM, batch: Tensors) -> tuple[Tensor, list[Tensor], dict[str, Sums]]:
        """As :meth:`_gradients`, with the gradients at w + ε, of a second pass that leaves no other trace."""
        parameters = [variable.value for variable in self._net.parameters.values()]
        states = [variable.value for variable in self._net.native.non_trainable_variables]
        before = [tf.identity(x) for x in states]
        value, gradients, outcome = self._gradients(batch)
        after = [tf.identity(x) for x in (*parameters, *states)]
        moved = island(lambda *given: perturbed(spec, given[: len(parameters)], given[len(parameters) :]))
        _assign((*parameters, *states), (*moved(*after[: len(parameters)], *gradients), *before))
        _, gradients, _ = self._gradients(batch)
        _assign((*parameters, *states), after)
        return value, gradients, outcome

    def _apply(self, *given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Update the parameters; gives the gradients' norm before clipping, the learning rate, and 1.

        For an update that is left out 0 instead of the norm, and of 1.

        ``given``: the gradients, and the loss's value if the optimizer asks for it.
        """
        parameters = list(self._net.parameters.values())
        gradients, more = list(given[: len(parameters)]), given[len(parameters) :]
        norm, rate = global_norm(gradients), self._optimizer.learning_rate
        before = tf.identity(self._optimizer.iterations.value)
        self._optimizer.apply(gradients, parameters, *more)
        made = self._optimizer.iterations.value - before
        if self._constraints is not None:
            self._constraints.assign(self._net.parameters, made if self._optimizer.spec.leaves_out else None)
        return tf.where(made == 0, tf.zeros_like(norm), norm), tf.convert_to_tensor(rate), made

    def _trace_updates(self, data: Tensors, order: Tensor, start: Tensor, stop: Tensor) -> Tensor:
        sam = sharpness(self._optimizer.spec)
        find = self._gradients if sam is None else partial(self._sharp_gradients, sam)

        def update(k: Tensor) -> tuple[Tensor]:
            value, gradients, outcome = find(_rows(data, order[k]))
            more = [value] if self._optimizer.spec.needs_value else []
            norm, rate, made = island(self._apply)(*gradients, *more)
            kept = tf.concat([self._sums[:-2], tf.zeros(2, tf.float64)], axis=0)
            outcome |= {"grad_norm": (norm, made), "learning_rate": (rate, 1.0)}
            self._sums.assign(self._books.added(kept, outcome))
            return (k + 1,)

        return tf.while_loop(lambda k: k < stop, update, (start,), parallel_iterations=1)

    def _trace_evaluation(self, data: Tensors, batch_size: int) -> Tensor:
        full, rest = divmod(_count(data), batch_size)

        def score(sums: Tensor, first: Tensor, size: int) -> Tensor:
            return self._scores.added(sums, self._outcome(_rows(data, first + tf.range(size)), training=False))

        def add(k: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
            return k + 1, score(sums, k * batch_size, batch_size)

        sums = self._scores.empty
        if full:
            _, sums = tf.while_loop(lambda k, sums: k < full, add, (tf.constant(0), sums), parallel_iterations=1)
        return score(sums, tf.constant(full * batch_size), rest) if rest else sums

    def _trace_gradients(self, batch: Tensors) -> tuple[Tensor, Tensors]:
        with self._net.unchanged():
            value, gradients, _ = self._gradients(batch)
        return value, dict(zip(self._net.parameters, gradients, strict=True))

    # -- the protocol -------------------------------------------------------------------------------------------------

    def load(self, split: str, data: Arrays) -> None:
        spec, shapes = self._objective.spec, self._net.model.output_shapes()
        given, beside = spec.parted(data)
        spec.demand(split, beside)
        others = {n: as_targets(n, np.asarray(x), self._net.dtype) for n, x in beside.items()}
        with self._net.placed():
            inputs = self._net.tensors(given)
            rows = next(iter(inputs.values())).shape[0]
            for name, x in others.items():
                if x.shape[:1] != (rows,):
                    raise ShapeError(f"the inputs have {rows} rows, got the shape {list(x.shape)}", (name,))
            for term in spec.terms:
                check_class_ids(term.loss, others[spec.targets_name(term.output)], shapes[term.output][-1])
            self._splits[split] = {**inputs, **{name: tf.constant(x) for name, x in others.items()}}

    def train(self, order: NDArray[np.int32], start: int, stop: int) -> None:
        data = self._split("train")
        if self._order[0] is not order:
            self._check_rows(order, "train")
            # Room for a power of two of updates: epochs that differ a little in length share one compilation.
            padding = (1 << (len(order) - 1).bit_length()) - len(order)
            with self._net.placed():
                self._order = (order, tf.constant(np.pad(order.astype(np.int32), ((0, padding), (0, 0)))))
        if not 0 <= start <= stop <= len(order):
            raise SpecError(f"updates {start} to {stop} of an order of {len(order)}")
        with self._net.placed():
            self._updates(data, self._order[1], tf.constant(start), tf.constant(stop))
            self._sums.numpy()  # waits for the device

    def totals(self) -> dict[str, Sums]:
        found = self._books.named(self._sums.numpy())
        self._sums.assign(tf.zeros_like(self._sums))
        return found

    def evaluate(self, split: str, batch_size: int) -> dict[str, Sums]:
        data = self._split(split)
        run = self._evaluations.get(batch_size)
        if run is None:
            scores = partial(self._trace_evaluation, batch_size=batch_size)
            run = self._evaluations[batch_size] = Compiled(scores, xla=self._net.xla)
        with self._net.placed():
            return self._scores.named(run(data).numpy())

    def loss_gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[float, dict[str, Array]]:
        data = self._split(split)
        self._check_rows(rows, split)
        with self._net.placed():
            value, gradients = self._differentiate(_rows(data, tf.constant(rows.astype(np.int32))))
            return float(value), to_host(gradients)

    def variables(self) -> dict[str, Array]:
        return {**self.net.variables(), **to_host(self._state)}

    def assign(self, variables: Arrays) -> None:
        assign({**self._net.keras_variables, **self._state}, variables)

    @property
    def compile_seconds(self) -> float:
        """How long tracing and compiling took so far; for evaluations with what the first of each computed."""
        return sum(function.seconds for function in (self._updates, *self._evaluations.values()))

    @property
    def traces(self) -> int:
        """How often the loop of updates was compiled: once for each batch size, split and length of an epoch."""
        return self._updates.traces

    def _split(self, name: str) -> Tensors:
        if name not in self._splits:
            raise SpecError(f"the split {name!r} is not loaded{did_you_mean(name, self._splits)}")
        return self._splits[name]

    def _check_rows(self, rows: Array, split: str) -> None:
        count = _count(self._splits[split])
        if rows.size and not (rows.min() >= 0 and rows.max() < count):
            raise DataError(f"rows {rows.min()} to {rows.max()} of the split {split!r}, which has {count}")


def _count(data: Tensors) -> int:
    """How many examples a split has."""
    return int(next(iter(data.values())).shape[0])


def _assign(variables: Sequence[Any], values: Sequence[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _rows(data: Tensors, rows: Tensor) -> Tensors:
    return {name: tf.gather(x, rows) for name, x in data.items()}
