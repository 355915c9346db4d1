"""Net: a model with its variables, computing on NumPy arrays under canonical names."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.inference import BatchShape, Inference
from nnspec.model import Model
from nnspec_torch.arrays import assign, check_names, to_host, to_tensor
from nnspec_torch.model import Graph


class TorchNet:
    """A model in PyTorch, computing eagerly: ``compiled`` changes nothing. See :class:`nnspec.backends.Net`."""

    backend = "torch"

    def __init__(self, model: Model, variables: Arrays, dtype: FloatType, device: str) -> None:
        self.model, self.dtype, self.device = model, dtype, device
        self.native = Graph(model, getattr(torch, dtype)).to(device).eval()
        #: All state by canonical name, as the module's own tensors, and what gradients train of it.
        self.tensors: dict[str, Tensor] = self.native.state_dict(keep_vars=True)
        self.parameters: dict[str, Tensor] = dict(self.native.named_parameters())
        check_names("no value is given for", self.tensors, variables)
        assign(self.tensors, variables)

    def variables(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        return to_host(self.tensors if names is None else {name: self.tensors[name] for name in names})

    def assign(self, variables: Arrays) -> None:
        assign(self.tensors, variables)

    def inputs(self, inputs: Arrays) -> dict[str, Tensor]:
        """The inputs as tensors, in the model's order; names and shapes that do not fit are errors of the spec."""
        check_names("the model has no input", inputs, self.model.inputs)
        check_names("nothing is given for the input", self.model.inputs, inputs)
        found = {name: to_tensor(inputs[name], self.dtype, self.device) for name in self.model.inputs}
        self.model.infer(*((None, *x.shape[1:]) for x in found.values()))
        return found

    @torch.no_grad()
    def forward(self, inputs: Arrays, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        outputs, run = self.native.observe(self.inputs(inputs), training=training)
        if training:
            self.native.commit(run)
        return to_host(outputs)

    def compiled(self, shape: BatchShape) -> Inference:
        return Inference(self, shape)

    def nodes(self, inputs: Arrays, *, training: bool = False) -> dict[str, Array]:
        return to_host(self.native.observe(self.inputs(inputs), training=training)[1].nodes)

    def masks(self, inputs: Arrays) -> dict[str, Array]:
        return to_host(self.native.observe(self.inputs(inputs), training=True)[1].masks)

    def gradients(
        self, inputs: Arrays, cotangents: Arrays, *, training: bool = False, compiled: bool = True
    ) -> Gradients:
        given = self.inputs(inputs)
        floats = {name: x.requires_grad_() for name, x in given.items() if x.is_floating_point()}
        outputs = {n: y for n, y in self.native.observe(given, training=training)[0].items() if y.is_floating_point()}
        check_names("the model has no output", cotangents, outputs)
        check_names("no cotangent is given for", outputs, cotangents)
        upstream = [to_tensor(cotangents[name], self.dtype, self.device) for name in outputs]
        by = {**floats, **self.parameters}
        found = torch.autograd.grad(list(outputs.values()), list(by.values()), upstream, materialize_grads=True)
        hosted = to_host(dict(zip(by, found, strict=True)))
        return Gradients({name: hosted[name] for name in floats}, {name: hosted[name] for name in self.parameters})
