"""Engine: training of one net, with data and state on its device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nnspec.backends import Array, Arrays
from nnspec.errors import SpecError
from nnspec.losses import Loss
from nnspec.metrics import Metric
from nnspec.optimizers import Clip, Optimizer
from nnspec.vocabulary import tag_of
from nnspec_torch.arrays import assign, to_host, to_inputs, to_tensor
from nnspec_torch.losses import reduced, sums, weighted
from nnspec_torch.metrics import metric
from nnspec_torch.model import Pass
from nnspec_torch.net import TorchNet
from nnspec_torch.optimizers import SpecOptimizer, global_norm

Tensors = dict[str, Tensor]
Sums = dict[str, tuple[Tensor, Tensor]]


class TorchEngine:
    """Trains one net; see :class:`nnspec.backends.Engine`. A call makes its updates one after the other, eagerly."""

    def __init__(
        self, net: TorchNet, loss: Loss, optimizer: Optimizer, metrics: Sequence[Metric], clip: Clip | None
    ) -> None:
        if len(net.model.outputs) != 1:
            raise SpecError(f"training needs one output, the model has {', '.join(net.model.outputs)}", ("outputs",))
        self.net = net
        self._loss, self._metrics = loss, {tag_of(type(spec)): spec for spec in metrics}
        decayed = frozenset(name for name, param in net.model.params().items() if param.decay)
        self._optimizer = SpecOptimizer(net.parameters, optimizer, clip, decayed)
        self._splits: dict[str, Tensors] = {}
        self._totals = self._zeros()

    def load(self, split: str, data: Arrays) -> None:
        like = self.net.tensors["random/seed"]
        inputs = {name: x for name, x in data.items() if name not in ("targets", "weights")}
        others = {name: to_tensor(x, self.net.dtype, like) for name, x in data.items() if name not in inputs}
        self._splits[split] = {**to_inputs(self.net.model, inputs, self.net.dtype, like), **others}

    def train(self, order: NDArray[np.int32], start: int, stop: int) -> None:
        for rows in order[start:stop]:
            _, gradients, found, run = self._differentiate("train", rows)
            found["grad_norm"] = global_norm(gradients), torch.ones(())
            for name, pair in found.items():
                self._totals[name] += torch.stack([x.detach().double().cpu() for x in pair])
            self._totals["learning_rate"] = torch.tensor([self._optimizer.learning_rate, 1.0], dtype=torch.float64)
            self._optimizer.update(gradients)
            self.net.native.commit(run)

    def totals(self) -> dict[str, tuple[float, float]]:
        found, self._totals = self._totals, self._zeros()
        return {name: (float(total), float(count)) for name, (total, count) in found.items()}

    @torch.no_grad()
    def evaluate(self, split: str, batch_size: int) -> dict[str, tuple[float, float]]:
        data, found = self._splits[split], {}
        for batch in zip(*(x.split(batch_size) for x in data.values()), strict=True):
            for name, pair in self._sums(dict(zip(data, batch, strict=True)), training=False)[0].items():
                total, count = found.get(name, (0.0, 0.0))
                found[name] = total + float(pair[0]), count + float(pair[1])
        return found

    def loss_gradients(self, split: str, rows: NDArray[np.int32]) -> tuple[float, dict[str, Array]]:
        value, gradients, _, _ = self._differentiate(split, rows)
        return value.item(), to_host(gradients)

    def variables(self) -> dict[str, Array]:
        return {**self.net.variables(), **to_host(self._optimizer.variables)}

    def assign(self, variables: Arrays) -> None:
        assign({**self.net.tensors, **self._optimizer.variables}, variables)

    def _zeros(self) -> Tensors:
        names = ("loss", *self._metrics, "grad_norm", "learning_rate")
        return {name: torch.zeros(2, dtype=torch.float64) for name in names}

    def _sums(self, batch: Tensors, *, training: bool) -> tuple[Sums, Pass]:
        """(total, count) of the loss and of each metric on a batch, and the pass that gave them."""
        inputs = {name: batch[name] for name in self.net.model.inputs}
        outputs, run = self.net.native.observe(inputs, training=training)
        (x,), targets, weights = outputs.values(), batch["targets"], batch.get("weights")
        found = {"loss": sums(self._loss, x, targets, weights)}
        for name, spec in self._metrics.items():
            found[name] = weighted(metric(spec, x.detach(), targets).to(x.dtype), weights)
        return found, run

    def _differentiate(self, split: str, rows: NDArray[np.int32]) -> tuple[Tensor, Tensors, Sums, Pass]:
        """The training-mode loss of a batch and its gradients; nothing is changed."""
        data, chosen = self._splits[split], torch.tensor(np.asarray(rows, np.int64))
        found, run = self._sums({name: x[chosen.to(x.device)] for name, x in data.items()}, training=True)
        value, parameters = reduced(self._loss, *found["loss"]), self.net.parameters
        gradients = torch.autograd.grad(value, list(parameters.values()), materialize_grads=True)
        return value, dict(zip(parameters, gradients, strict=True)), found, run
