"""Engine: training of one net, with data and state on its device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import nnspec
from nnspec.backends import Array, Arrays
from nnspec.vocabulary import tag_of
from nnspec_torch.arrays import assign, to_host, to_tensor
from nnspec_torch.losses import sums
from nnspec_torch.net import TorchNet
from nnspec_torch.optimizers import SpecOptimizer, global_norm
from nnspec_torch.realize import Pass


class TorchEngine:
    """Trains one net; see :class:`nnspec.backends.Engine`. A call makes its updates one after the other, eagerly."""

    def __init__(self, net: TorchNet, loss: Any, optimizer: Any, metrics: Any, clip: Any) -> None:
        if len(net.model.outputs) != 1:
            raise nnspec.SpecError(f"training needs one output, the model has {', '.join(net.model.outputs)}")
        self.net: Any = net
        self._measures = {"loss": loss, **{tag_of(type(metric)): metric for metric in metrics}}
        decayed = frozenset(name for name, param in net.model.params().items() if param.decay)
        self._optimizer = SpecOptimizer(net.parameters, optimizer, clip, decayed)
        self._splits: dict[str, dict[str, Tensor]] = {}
        #: (total, count) of the loss, of each metric and of the gradients' norms, and (learning rate, 1).
        self._names = (*self._measures, "grad_norm", "learning_rate")
        self._totals = np.zeros((len(self._names), 2))

    def load(self, split: str, data: Arrays) -> None:
        inputs = self.net.inputs({name: x for name, x in data.items() if name not in ("targets", "weights")})
        others = {n: to_tensor(x, self.net.dtype, self.net.device) for n, x in data.items() if n not in inputs}
        self._splits[split] = {**inputs, **others}

    def train(self, order: NDArray[np.int32], start: int, stop: int) -> None:
        for rows in order[start:stop]:
            gradients, table, run = self._gradients("train", rows)
            self._totals[:-1] += [*table, (float(global_norm(gradients)), 1)]
            self._totals[-1] = self._optimizer.learning_rate, 1
            for name, g in gradients.items():
                self.net.parameters[name].grad = g
            self._optimizer.step()
            self.net.native.commit(run)

    def totals(self) -> dict[str, tuple[float, float]]:
        found, self._totals = self._totals, np.zeros_like(self._totals)
        return {name: (total, count) for name, (total, count) in zip(self._names, found.tolist(), strict=True)}

    @torch.no_grad()
    def evaluate(self, split: str, batch_size: int) -> dict[str, tuple[float, float]]:
        data = self._splits[split]
        batches = zip(*(torch.split(x, batch_size) for x in data.values()), strict=True)
        table = np.sum([self._measure(dict(zip(data, batch, strict=True)), False)[1] for batch in batches], axis=0)
        return {name: (total, count) for name, (total, count) in zip(self._measures, table.tolist(), strict=True)}

    def loss_gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[float, dict[str, Array]]:
        gradients, table, _ = self._gradients(split, rows)
        return self._measures["loss"].result(*table[0]), to_host(gradients)

    def variables(self) -> dict[str, Array]:
        return {**self.net.variables(), **to_host(self._optimizer.variables)}

    def assign(self, variables: Arrays) -> None:
        assign({**self.net.tensors, **self._optimizer.variables}, variables)

    def _measure(self, batch: dict[str, Tensor], training: bool) -> tuple[Tensor, list[list[float]], Pass]:
        """The reduced loss, (total, count) of it and of each metric, and the pass that gave them."""
        outputs, run = self.net.native.observe({n: batch[n] for n in self.net.model.inputs}, training=training)
        given = outputs[self.net.model.outputs[0]], batch["targets"], batch.get("weights")
        found = [sums(spec, *given) for spec in self._measures.values()]
        return self._measures["loss"].result(*found[0]), [[x.item() for x in pair] for pair in found], run

    def _gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[dict[str, Tensor], list[list[float]], Pass]:
        """The gradients of the training-mode loss of a batch, and what ``_measure`` gives; nothing is changed."""
        chosen = torch.tensor(rows, dtype=torch.int64, device=self.net.device)
        batch = {name: x[chosen] for name, x in self._splits[split].items()}
        value, table, run = self._measure(batch, True)
        found = torch.autograd.grad(value, list(self.net.parameters.values()), materialize_grads=True)
        return dict(zip(self.net.parameters, found, strict=True)), table, run
