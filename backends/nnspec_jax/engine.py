"""Compiled training: many updates in one call, with data resident and state donated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays, Net
from nnspec.errors import DataError, ShapeError, SpecError, did_you_mean
from nnspec.losses import Loss, Losses
from nnspec.metrics import Metrics, Sums
from nnspec.mixing import Mixing, check as check_mixing
from nnspec.optimizers import Clip, OptimizerBase, demand_names, slot_name
from nnspec.penalties import Constraint, Penalty
from nnspec.wrappers import sharpness
from nnspec_jax.arrays import as_inputs, as_targets, as_variables, to_host
from nnspec_jax.compilation import Stopwatch, compiler_options, loops_well, timed
from nnspec_jax.losses import check_class_ids
from nnspec_jax.metrics import Running, added, started, totals
from nnspec_jax.mixing import mixed
from nnspec_jax.model import Pass
from nnspec_jax.net import DeviceArrays, JaxNet, in_own_precision
from nnspec_jax.objective import Objective
from nnspec_jax.optimizers import global_norm
from nnspec_jax.penalties import Constraints, Penalties
from nnspec_jax.realize import at_least_float32, build
from nnspec_jax.slots import get_slots, set_slots, updates_made
from nnspec_jax.wrappers import all_finite, factor_of_loss, perturbed

# Running sums of each loss, of penalties, of each metric, of the gradients' norms and of the learning rate, by name.
Books = dict[str, Running]
_PAIR: tuple[tuple[int, ...], ...] = ((), ())
_SCALE, _STEP = "optimizer/learning_rate_scale", "optimizer/step"


class JaxEngine:
    """Trains one net. See :class:`nnspec.backends.Engine` for its methods.

    The net's variables are donated to each call: their old buffers are reused for the new values.
    """

    def __init__(
        self,
        net: JaxNet,
        loss: Loss | Losses,
        optimizer: OptimizerBase,
        metrics: Metrics = (),
        clip: Clip | None = None,
        penalties: Sequence[Penalty] = (),
        constraints: Sequence[Constraint] = (),
        mixing: Mixing | None = None,
    ) -> None:
        demand_names(optimizer, net.model.params())
        self.net: Net = net
        self._net, self.dtype = net, net.dtype
        self.compiling = Stopwatch()
        self._wide = at_least_float32(jnp.dtype(net.dtype))
        self._loss_spec: Any = loss
        self._optimizer_spec = optimizer
        self._objective = Objective(loss, metrics, net.model.outputs)
        self._penalties = Penalties(penalties, net.model) if penalties else None
        self._constraints = Constraints(constraints, net.model) if constraints else None
        penalty, outputs = (("penalty",) if penalties else ()), net.model.output_shapes()
        self._counted = (*self._objective.spec.names, *penalty, "grad_norm", "learning_rate")
        self._shapes = dict.fromkeys(self._counted, _PAIR) | self._objective.spec.shapes(outputs)
        self._mixing, self._classes = mixing, outputs[net.model.outputs[0]][-1] or 1
        if mixing is not None:
            check_mixing(mixing, net.model, loss, outputs[net.model.outputs[0]])
        self._clip = optax.identity() if clip is None else build(clip)
        self._optimizer = build(optimizer, jnp.dtype(net.dtype), net.decayed)
        self._sharpness = sharpness(optimizer)
        self._rate = build(optimizer.learning_rate, self._wide)
        self._splits: dict[str, DeviceArrays] = {}
        self._order: tuple[Array | None, Any] = (None, None)
        self._scale = 1.0
        self._looped = loops_well(net.model, net.platform)
        compiled = partial(jax.jit, compiler_options=compiler_options(net.model, net.platform))
        self._train = compiled(self._updates if self._looped else self._next, donate_argnums=0)
        self._evaluate = compiled(self._evaluation if self._looped else self._score, static_argnames="batch_size")
        self._differentiate = compiled(
            lambda variables, state, data, rows: self._gradients(variables, state, _rows(data, rows))[:2]
        )
        self._start()

    @in_own_precision
    def _start(self) -> None:
        self._state = self._placed(jax.jit(self._optimizer.init)(self._parameters(self._net.arrays())))
        self._declared = {
            slot_name(name, slot): jax.ShapeDtypeStruct(x.shape, x.dtype)
            for slot, values in get_slots(self._optimizer_spec, self._state).items()
            for name, x in values.items()
        }
        self._declared |= {_STEP: jax.ShapeDtypeStruct((), np.int64), _SCALE: jax.ShapeDtypeStruct((), np.float64)}
        self._sums = self._placed(self._zero(self._counted))

    def _parameters(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {name: variables[name] for name in self._net.parameters}

    def _placed(self, tree: Any) -> Any:
        """Arrays bound to the net's device, if it has been given one, as its variables are: a function is compiled
        again for arguments that are bound otherwise."""
        return tree if self._net.device is None else jax.device_put(tree, self._net.device)

    # -- pure functions -----------------------------------------------------------------------------------------------

    def _zero(self, names: Sequence[str]) -> Books:
        return {name: started(self._shapes[name], self._wide) for name in names}

    def _outcome(
        self, outputs: DeviceArrays, run: Pass, variables: DeviceArrays, batch: DeviceArrays
    ) -> dict[str, Sums]:
        """What a batch adds to the sums of each loss, of the penalties and of each metric."""
        outcome = self._objective.sums(outputs, batch)
        if self._penalties is not None:
            # Once for each example, or once for the batch: so that it comes to P beside the loss.
            share = 1.0 if self._objective.spec.summed else float(_count(batch))
            outcome["penalty"] = (self._penalties(variables, run.nodes) * share, share)
        return outcome

    def _added(self, sums: Books, outcome: Mapping[str, Sums]) -> Books:
        metrics = self._objective.spec.metrics
        return {name: added(metrics.get(name), sums[name], batch) for name, batch in outcome.items()}

    def _gradients(
        self, variables: DeviceArrays, state: Any, batch: DeviceArrays
    ) -> tuple[jax.Array, DeviceArrays, Any]:
        """The loss of a batch in training mode, its gradients, and (what the pass changed, loss and metrics)."""
        factor = factor_of_loss(self._optimizer_spec, state)
        if self._mixing is not None:
            batch = mixed(self._mixing, self._loss_spec, batch, self._classes, variables, self._wide)

        def loss(parameters: DeviceArrays) -> tuple[jax.Array, Any]:
            outputs, changed, run = self._net.apply({**variables, **parameters}, batch, training=True)
            outcome = self._outcome(outputs, run, parameters, batch)
            value = self._objective.reduced(outcome)
            if self._penalties is not None:
                total, share = outcome["penalty"]
                value = value + total / share
            return value if factor is None else value * factor, (value, (changed, outcome))

        (_, (value, aux)), gradients = jax.value_and_grad(loss, has_aux=True)(self._parameters(variables))
        if factor is not None:
            gradients = jax.tree.map(lambda g: g.astype(self._wide) / factor, gradients)
        return value, gradients, aux

    def _update(self, scale: jax.Array, batch: DeviceArrays, carry: tuple[DeviceArrays, Any, Books]) -> Any:
        variables, state, sums = carry
        value, gradients, (changed, outcome) = self._gradients(variables, state, batch)
        if self._sharpness is not None:
            moved = perturbed(self._sharpness, self._parameters(variables), gradients)
            _, gradients, _ = self._gradients({**variables, **moved}, state, batch)
        count = self._optimizer_spec.counted(updates_made(state))
        norm = global_norm(gradients)
        clipped, _ = self._clip.update(gradients, self._clip.init(gradients))
        parameters = self._parameters(variables)
        extra = {"value": value} if self._optimizer_spec.needs_value else {}
        if self._optimizer_spec.leaves_out:
            extra["made"] = all_finite(gradients)
        updates, after = self._optimizer.update(clipped, state, parameters, learning_rate_scale=scale, **extra)
        made = updates_made(after) - updates_made(state)  # 0 where it was left out
        outcome["grad_norm"] = (jnp.where(made == 0, 0.0, norm), made)
        sums = self._added(sums, outcome)
        sums["learning_rate"] = added(None, started(_PAIR, self._wide), (self._rate(count, scale), 1.0))
        updated = self._held(parameters, optax.apply_updates(parameters, updates), made)
        return {**variables, **changed, **updated}, after, sums

    def _held(self, before: DeviceArrays, updated: DeviceArrays, made: jax.Array) -> DeviceArrays:
        """The parameters brought back to what they are held to, after an update that was made."""
        if self._constraints is None:
            return updated
        held = self._constraints(updated)
        if not self._optimizer_spec.leaves_out:
            return held
        return {name: jnp.where(made == 0, before[name], x) for name, x in held.items()}

    def _updates(
        self, carry: tuple[DeviceArrays, Any, Books], scale: Any, data: DeviceArrays, order: Any, start: Any, stop: Any
    ) -> tuple[DeviceArrays, Any, Books]:
        """Updates ``start`` to ``stop``; the bounds are traced, so any number of updates is one compilation."""
        return jax.lax.fori_loop(start, stop, lambda k, c: self._update(scale, _rows(data, order[k]), c), carry)

    def _next(
        self, carry: tuple[DeviceArrays, Any, Books], scale: Any, data: DeviceArrays, order: Any, k: Any
    ) -> tuple[DeviceArrays, Any, Books]:
        """Update ``k`` alone."""
        updated: tuple[DeviceArrays, Any, Books] = self._update(scale, _rows(data, order[k]), carry)
        return updated

    def _score(self, variables: DeviceArrays, data: DeviceArrays, sums: Books, start: Any, *, batch_size: int) -> Books:
        """The sums with those of the batch from row ``start`` on."""
        batch = {name: jax.lax.dynamic_slice_in_dim(x, start, batch_size) for name, x in data.items()}
        outputs, _, run = self._net.apply(variables, batch, training=False)
        return self._added(sums, self._outcome(outputs, run, variables, batch))

    def _evaluation(self, variables: DeviceArrays, data: DeviceArrays, *, batch_size: int) -> Books:
        rows = _count(data)
        full, rest = divmod(rows, batch_size)
        sums = self._zero(self._counted[:-2])

        def add(k: Any, sums: Books) -> Books:
            return self._score(variables, data, sums, k * batch_size, batch_size=batch_size)

        if full:
            sums = jax.lax.fori_loop(0, full, add, sums)
        return self._score(variables, data, sums, rows - rest, batch_size=rest) if rest else sums

    # -- the protocol -------------------------------------------------------------------------------------------------

    @in_own_precision
    def load(self, split: str, data: Arrays) -> None:
        spec, model = self._objective.spec, self._net.model
        given, beside = spec.parted(data)
        inputs = as_inputs(model, given, jnp.dtype(self.dtype))
        spec.demand(split, beside)
        others = {n: as_targets(n, np.asarray(x), self._wide) for n, x in beside.items()}
        rows = len(next(iter(inputs.values())))
        for name, x in others.items():
            if x.shape[:1] != (rows,):
                raise ShapeError(f"the inputs have {rows} rows, got the shape {list(x.shape)}", (name,))
        for term in spec.terms:
            targets = others[spec.targets_name(term.output)]
            check_class_ids(term.loss, targets, model.output_shapes()[term.output][-1])
        self._splits[split] = self._net.put({**inputs, **others})

    @property
    def compile_seconds(self) -> float:
        """How long tracing and compiling of updates and evaluations has taken so far."""
        return self.compiling.seconds

    @in_own_precision
    @timed
    def train(self, order: NDArray[np.int32], start: int, stop: int) -> None:
        data = self._split("train")
        if self._order[0] is not order:
            self._check_rows(order, "train")
            self._order = (order, self._net.put({"order": order.astype(np.int32)})["order"])
        if not 0 <= start <= stop <= len(order):
            raise SpecError(f"updates {start} to {stop} of an order of {len(order)}")
        scale = np.asarray(self._scale, self._wide)
        carry = (self._net.arrays(), self._state, self._sums)
        if self._looped:
            carry = self._train(carry, scale, data, self._order[1], np.int32(start), np.int32(stop))
        else:
            for k in range(start, stop):  # each is on its way before the one before is done
                carry = self._train(carry, scale, data, self._order[1], np.int32(k))
        variables, self._state, self._sums = carry
        self._net.replace(variables)
        jax.block_until_ready(self._sums)

    @in_own_precision
    def totals(self) -> dict[str, Sums]:
        found = totals(self._sums, self._counted)
        self._sums = self._placed(self._zero(self._counted))
        return found

    @in_own_precision
    @timed
    def evaluate(self, split: str, batch_size: int) -> dict[str, Sums]:
        variables, data = self._net.arrays(), self._split(split)
        if self._looped:
            return totals(self._evaluate(variables, data, batch_size=batch_size), self._counted[:-2])
        sums, rows = self._placed(self._zero(self._counted[:-2])), _count(data)
        for first in range(0, rows, batch_size):
            size = min(batch_size, rows - first)
            sums = self._evaluate(variables, data, sums, np.int32(first), batch_size=size)
        return totals(sums, self._counted[:-2])

    @in_own_precision
    def loss_gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[float, dict[str, Array]]:
        data = self._split(split)
        self._check_rows(rows, split)
        loss, gradients = self._differentiate(self._net.arrays(), self._state, data, rows.astype(np.int32))
        return float(loss), to_host(self._parameters(gradients))

    @in_own_precision
    def variables(self) -> dict[str, Array]:
        slots = get_slots(self._optimizer_spec, self._state)
        names = ["", *self._net.parameters]
        found = {slot_name(n, slot): slots[slot][n] for n in names for slot in slots if n in slots[slot]}
        step = np.array(updates_made(self._state), np.int64)
        return {**self.net.variables(), **to_host(found), _STEP: step, _SCALE: np.array(self._scale, np.float64)}

    @in_own_precision
    def assign(self, variables: Arrays) -> None:
        own = as_variables({n: x for n, x in variables.items() if n.startswith("optimizer/")}, self._declared)
        self.net.assign({name: x for name, x in variables.items() if name not in own})
        slots: dict[str, dict[str, Any]] = {}
        for name, value in self._net.put({n: x for n, x in own.items() if n not in (_STEP, _SCALE)}).items():
            parameter, _, slot = name.removeprefix("optimizer/").rpartition("/")
            slots.setdefault(slot, {})[parameter] = value
        step = self._net.put({_STEP: own[_STEP].astype(np.int32)})[_STEP] if _STEP in own else None
        # Copied, since an optimizer and its schedule count on their own, and one buffer cannot be donated for both.
        self._state = jax.tree.map(jnp.copy, set_slots(self._state, slots, step))
        self._scale = float(own.get(_SCALE, self._scale))

    def _split(self, name: str) -> DeviceArrays:
        if name not in self._splits:
            raise SpecError(f"the split {name!r} is not loaded{did_you_mean(name, self._splits)}")
        return self._splits[name]

    def _check_rows(self, rows: Array, split: str) -> None:
        count = _count(self._splits[split])
        if rows.size and not (rows.min() >= 0 and rows.max() < count):
            raise DataError(f"rows {rows.min()} to {rows.max()} of the split {split!r}, which has {count}")


def _count(data: DeviceArrays) -> int:
    """How many examples a split has."""
    return int(next(iter(data.values())).shape[0])


def _rows(data: DeviceArrays, rows: jax.Array) -> DeviceArrays:
    return {name: jnp.take(x, rows, axis=0, mode="clip") for name, x in data.items()}
