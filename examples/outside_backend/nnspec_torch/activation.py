"""Activations that take a line or two.

Conditions are written so that at a kink the piece is taken whose derivative the spec gives. Python numbers take the
dtype of the tensor they meet.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from nnspec.layers import activation as specs
from nnspec_torch.realize import clipped, elementwise


def softplus(x: Tensor) -> Tensor:
    """ln(1 + eˣ); ``functional.softplus`` is x from 20 on, which is off by 2e-9."""
    return -functional.logsigmoid(-x)


def _expm1_below(x: Tensor) -> Tensor:
    """eˣ − 1 below 0; elsewhere 0, so that the piece that is not taken cannot overflow."""
    return torch.expm1(torch.where(x > 0, 0, x))


def _gelu(spec: specs.GELU, x: Tensor) -> Tensor:
    if not spec.approximate:
        return functional.gelu(x)
    near = x.clamp(-20, 20)  # beyond, the factor is 0 or 1, and x³ would overflow
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (near + 0.044715 * near**3))


def _relu(spec: specs.ReLU, x: Tensor) -> Tensor:
    y = torch.where(x > spec.threshold, x, spec.negative_slope * (x - spec.threshold))
    return y if spec.max_value is None else torch.where(y >= spec.max_value, spec.max_value, y)


elementwise(
    {
        specs.CELU: lambda s, x: torch.where(x > 0, x, s.alpha * _expm1_below(x / s.alpha)),
        specs.ELU: lambda s, x: torch.where(x > 0, x, s.alpha * _expm1_below(x)),
        specs.Exponential: lambda s, x: torch.exp(x),
        specs.GELU: _gelu,
        specs.HardShrink: lambda s, x: torch.where(x.abs() <= s.threshold, 0, x),
        specs.HardTanh: lambda s, x: clipped(x, -1, 1),
        specs.Identity: lambda s, x: x,
        specs.LeakyReLU: lambda s, x: torch.where(x > 0, x, s.negative_slope * x),
        specs.LogSigmoid: lambda s, x: functional.logsigmoid(x),
        specs.LogSoftmax: lambda s, x: torch.log_softmax(x, s.axis),
        specs.Mish: lambda s, x: x * torch.tanh(softplus(x)),
        specs.ReLU: _relu,
        specs.ReLU6: lambda s, x: clipped(x, 0, 6),
        specs.SELU: lambda s, x: 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * _expm1_below(x)),
        specs.Sigmoid: lambda s, x: torch.sigmoid(x),
        specs.Silu: lambda s, x: x * torch.sigmoid(x),
        specs.Softmax: lambda s, x: torch.softmax(x, s.axis),
        specs.Softplus: lambda s, x: softplus(x),
        specs.Tanh: lambda s, x: torch.tanh(x),
        specs.TanhShrink: lambda s, x: x - torch.tanh(x),
        specs.Threshold: lambda s, x: torch.where(x <= s.threshold, s.value, x),
    }
)
