"""The graph as a ``torch.nn.Module``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nnspec.model import Model
from nnspec_torch import layers, metrics, schedules  # noqa: F401 - they register their classes
from nnspec_torch.realize import Pass, apply

Tensors = Mapping[str, Tensor]


class Graph(nn.Module):
    """A model as a module of PyTorch's, whose ``state_dict`` has the canonical names.

    ``graph(x, ...)`` returns the output, or several as a dict. In training mode it updates statistics and the step.
    """

    def __init__(self, model: Model, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        for name, param in model.params().items():
            value = torch.zeros(param.shape, dtype=dtype)
            if param.kind == "parameter":
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.register_buffer("random/seed", torch.zeros(2, dtype=torch.int64))
        self.register_buffer("random/step", torch.zeros((), dtype=torch.int64))

    def observe(self, inputs: Tensors, *, training: bool) -> tuple[dict[str, Tensor], Pass]:
        """The outputs by name and all that the pass leaves behind; the module is as it was."""
        run = Pass(self.state_dict(keep_vars=True), training)
        values = _evaluate(self.model, inputs, run)
        return {name: values[name] for name in self.model.outputs}, run

    @torch.no_grad()
    def commit(self, run: Pass) -> None:
        """Take over what a pass in training mode has updated."""
        for name, value in run.updates.items():
            run.variables[name].copy_(value)
        run.variables["random/step"].add_(1)

    def forward(self, *inputs: Tensor) -> Any:
        outputs, run = self.observe(dict(zip(self.model.inputs, inputs, strict=True)), training=self.training)
        if self.training:
            self.commit(run)
        return outputs if len(outputs) > 1 else outputs[self.model.outputs[0]]


def _evaluate(model: Model, inputs: Tensors, run: Pass, path: str = "", owner: str = "") -> dict[str, Tensor]:
    """The values of inputs and nodes by name. ``path`` leads to the nodes, ``owner`` to their variables."""
    values = dict(inputs)
    for node in model.nodes:
        given = [values[name] for name in node.inputs]
        here, mine = path + node.name, owner + node.owner
        if isinstance(node.layer, Model):
            nested = dict(zip(node.layer.inputs, given, strict=True))
            value = _evaluate(node.layer, nested, run, f"{here}/", f"{mine}/")[node.layer.outputs[0]]
        else:
            run.owner, run.path = mine, here
            value = apply(node.layer, run, *given)
            run.calls[mine] += 1
        run.nodes[here] = values[node.name] = value
    return values
