"""Layers, operations that join branches, and activations."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import gelu, logsigmoid

import nnspec
from nnspec_torch.realize import Pass, apply


@apply.register(nnspec.Dense)
def _dense(spec: nnspec.Dense, run: Pass, x: Tensor) -> Tensor:
    y = x @ run["kernel"] + run["bias"] if spec.use_bias else x @ run["kernel"]
    return y if spec.activation is None else apply(spec.activation, run, y)


@apply.register(nnspec.Dropout)
def _dropout(spec: nnspec.Dropout, run: Pass, x: Tensor) -> Tensor:
    drops = run.training and spec.rate > 0
    return torch.where(run.keep_mask(spec.rate, x), x / (1 - spec.rate), 0) if drops else x


def _scaled(spec: nnspec.BatchNorm | nnspec.LayerNorm, run: Pass, centered: Tensor, var: Tensor) -> Tensor:
    y = centered / torch.sqrt(var + spec.epsilon)
    y = y * run["scale"] if spec.use_scale else y
    return y + run["bias"] if spec.use_bias else y


@apply.register(nnspec.BatchNorm)  # torch.nn's keeps an unbiased running variance and turns the momentum around
def _batch_norm(spec: nnspec.BatchNorm, run: Pass, x: Tensor) -> Tensor:
    if not run.training:
        return _scaled(spec, run, x - run["mean"], run["var"])
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    var = (x - mean).square().mean(axes)
    for name, batch in (("mean", mean), ("var", var)):
        run.update(name, spec.momentum * run[name] + (1 - spec.momentum) * batch)
    return _scaled(spec, run, x - mean, var)


@apply.register(nnspec.LayerNorm)
def _layer_norm(spec: nnspec.LayerNorm, run: Pass, x: Tensor) -> Tensor:
    centered = x - x.mean(-1, keepdim=True)
    return _scaled(spec, run, centered, centered.square().mean(-1, keepdim=True))


apply.register(nnspec.Flatten, lambda spec, run, x: x.reshape(spec.output_shape(tuple(x.shape))))
apply.register(nnspec.Reshape, lambda spec, run, x: x.reshape(spec.output_shape(tuple(x.shape))))
apply.register(nnspec.Add, lambda spec, run, *inputs: reduce(torch.add, inputs))
apply.register(nnspec.Subtract, lambda spec, run, a, b: a - b)
apply.register(nnspec.Multiply, lambda spec, run, *inputs: reduce(torch.mul, inputs))
apply.register(nnspec.Divide, lambda spec, run, a, b: a / b)
apply.register(nnspec.Maximum, lambda spec, run, a, b: torch.maximum(a, b))  # halves the gradient of a tie
apply.register(nnspec.Minimum, lambda spec, run, a, b: torch.minimum(a, b))
apply.register(nnspec.Concat, lambda spec, run, *inputs: torch.cat(inputs, spec.axis))


# Activations: at a kink the piece is taken whose derivative the spec gives.
def softplus(x: Tensor) -> Tensor:
    """ln(1 + eˣ); that of ``torch.nn.functional`` is x from 20 on, which is off by 2e-9."""
    return -logsigmoid(-x)


@apply.register(nnspec.GELU)
def _gelu(spec: nnspec.GELU, run: Pass, x: Tensor) -> Tensor:
    if not spec.approximate:
        return gelu(x)
    near = x.clamp(-20, 20)  # beyond, the factor is 0 or 1, and x³ would overflow
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (near + 0.044715 * near**3))


@apply.register(nnspec.ReLU)
def _relu(spec: nnspec.ReLU, run: Pass, x: Tensor) -> Tensor:
    y = torch.where(x > spec.threshold, x, spec.negative_slope * (x - spec.threshold))
    return y if spec.max_value is None else torch.where(y >= spec.max_value, spec.max_value, y)


apply.register(nnspec.Identity, lambda s, run, x: x)
apply.register(nnspec.LeakyReLU, lambda s, run, x: torch.where(x > 0, x, s.negative_slope * x))
apply.register(nnspec.LogSoftmax, lambda s, run, x: torch.log_softmax(x, s.axis))
apply.register(nnspec.Sigmoid, lambda s, run, x: torch.sigmoid(x))
apply.register(nnspec.Silu, lambda s, run, x: x * torch.sigmoid(x))
apply.register(nnspec.Softmax, lambda s, run, x: torch.softmax(x, s.axis))
apply.register(nnspec.Softplus, lambda s, run, x: softplus(x))
apply.register(nnspec.Tanh, lambda s, run, x: torch.tanh(x))
