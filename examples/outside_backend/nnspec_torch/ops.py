"""Operations that join branches of a graph."""

from __future__ import annotations

from functools import reduce

import torch

from nnspec import ops as specs
from nnspec_torch.realize import apply

apply.register(specs.Add, lambda spec, scope, *inputs: reduce(torch.add, inputs))
apply.register(specs.Subtract, lambda spec, scope, a, b: a - b)
apply.register(specs.Multiply, lambda spec, scope, *inputs: reduce(torch.mul, inputs))
apply.register(specs.Divide, lambda spec, scope, a, b: a / b)
apply.register(specs.Maximum, lambda spec, scope, a, b: torch.maximum(a, b))  # halves the gradient of a tie
apply.register(specs.Minimum, lambda spec, scope, a, b: torch.minimum(a, b))
apply.register(specs.Concat, lambda spec, scope, *inputs: torch.cat(inputs, spec.axis))
