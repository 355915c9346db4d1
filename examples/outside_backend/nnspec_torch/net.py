"""Net: a model with its variables, computing on NumPy arrays under canonical names."""

from __future__ import annotations

import torch
from torch import Tensor

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import ShapeError
from nnspec.model import Model
from nnspec_torch.arrays import assign, check_names, to_host, to_inputs, to_tensor
from nnspec_torch.model import Graph


class TorchNet:
    """A model realized in PyTorch; see :class:`nnspec.backends.Net`.

    PyTorch computes eagerly: ``compiled`` changes nothing, and says so here.
    """

    backend = "torch"

    def __init__(self, model: Model, variables: Arrays, dtype: FloatType, device: str) -> None:
        self.model, self.dtype = model, dtype
        self.native = Graph(model, getattr(torch, dtype)).to(device).eval()
        #: All state by canonical name, as the module's own tensors, and those of it that gradients train.
        self.tensors: dict[str, Tensor] = self.native.state_dict(keep_vars=True)
        self.parameters = {name: self.tensors[name] for name in self.native.trained}
        check_names("given value of the variable", self.tensors, variables)
        assign(self.tensors, variables)

    def variables(self) -> dict[str, Array]:
        return to_host(self.tensors)

    def assign(self, variables: Arrays) -> None:
        assign(self.tensors, variables)

    def inputs(self, inputs: Arrays) -> dict[str, Tensor]:
        """The inputs as tensors of this net's dtype, on its device."""
        return to_inputs(self.model, inputs, self.dtype, self.tensors["random/seed"])

    @torch.no_grad()
    def forward(self, inputs: Arrays, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        outputs, run = self.native.observe(self.inputs(inputs), training=training)
        if training:
            self.native.commit(run)
        return to_host(outputs)

    @torch.no_grad()
    def nodes(self, inputs: Arrays, *, training: bool = False) -> dict[str, Array]:
        return to_host(self.native.observe(self.inputs(inputs), training=training)[1].nodes)

    @torch.no_grad()
    def masks(self, inputs: Arrays) -> dict[str, Array]:
        return to_host(self.native.observe(self.inputs(inputs), training=True)[1].masks)

    def gradients(
        self, inputs: Arrays, cotangents: Arrays, *, training: bool = False, compiled: bool = True
    ) -> Gradients:
        given = self.inputs(inputs)
        floats = {name: x.requires_grad_() for name, x in given.items() if x.is_floating_point()}
        outputs, _ = self.native.observe(given, training=training)
        wanted = {name: y for name, y in outputs.items() if y.is_floating_point()}
        check_names("output", cotangents, wanted)
        check_names("cotangent of the output", wanted, cotangents)
        upstream = [to_tensor(cotangents[name], self.dtype, y) for name, y in wanted.items()]
        for (name, y), cotangent in zip(wanted.items(), upstream, strict=True):
            if y.shape != cotangent.shape:
                raise ShapeError(f"shape {list(y.shape)}, its cotangent {list(cotangent.shape)}", (name,))
        by = {**floats, **self.parameters}
        found = torch.autograd.grad(list(wanted.values()), list(by.values()), upstream, materialize_grads=True)
        hosted = to_host(dict(zip(by, found, strict=True)))
        return Gradients({n: hosted[n] for n in floats}, {n: hosted[n] for n in self.parameters})
