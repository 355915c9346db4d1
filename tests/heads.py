"""A model of two heads on one trunk, rows for it, and its training by hand, for the tests of losses by output."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec as nn

RNG = np.random.default_rng(11)
ROWS = 13
X = RNG.normal(size=(ROWS, 4))
DIGIT, SIZE = RNG.integers(0, 3, ROWS), RNG.normal(size=(ROWS, 2))
DIGIT[:3] = 0, 1, 2
WEIGHTS = RNG.uniform(0.2, 2.0, ROWS)
W_DIGIT, W_SIZE = 1.5, 0.3


def heads(*, shape: bool = True) -> nn.Model:
    """Linear, so that its gradients are products of matrices."""
    x = nn.symbol([4] if shape else None, "x")
    trunk = nn.Dense(5, use_bias=False, name="trunk")(x)
    return nn.Model(inputs=x, outputs=[nn.Dense(3, name="digit")(trunk), nn.Dense(2, name="size")(trunk)])


def losses(**changes: Any) -> nn.Losses:
    """Cross entropy over all rows, and squares over the weights."""
    squares = nn.MeanSquaredError(reduction="weighted_mean")
    held = {"digit": nn.SoftmaxCrossEntropy(), "size": squares, **changes}
    return nn.Losses(held, weights={"digit": W_DIGIT, "size": W_SIZE})


def values(variables: dict[str, Any], x: Any, digit: Any, size: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
    """Both losses by their formulas, and the outputs."""
    trunk = x @ variables["trunk/kernel"]
    logits = trunk @ variables["digit/kernel"] + variables["digit/bias"]
    sizes = trunk @ variables["size/kernel"] + variables["size/bias"]
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    entropy = -(weights * np.log(p[np.arange(len(x)), digit])).sum() / len(x)
    squares = (weights[:, None] * (sizes - size) ** 2).sum() / (weights.sum() * 2)
    return entropy, squares, logits, sizes


def step(variables: dict[str, Any], rate: float, x: Any, digit: Any, size: Any, weights: Any) -> dict[str, Any]:
    """A step of gradient descent, with the gradients by the chain rule."""
    trunk = x @ variables["trunk/kernel"]
    _, _, logits, sizes = values(variables, x, digit, size, weights)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    of_logits = W_DIGIT * weights[:, None] * (p - np.eye(3)[digit]) / len(x)
    of_sizes = W_SIZE * weights[:, None] * 2 * (sizes - size) / (weights.sum() * 2)
    of_trunk = of_logits @ variables["digit/kernel"].T + of_sizes @ variables["size/kernel"].T
    gradients = {
        "trunk/kernel": x.T @ of_trunk,
        "digit/kernel": trunk.T @ of_logits,
        "digit/bias": of_logits.sum(0),
        "size/kernel": trunk.T @ of_sizes,
        "size/bias": of_sizes.sum(0),
    }
    return {name: variables[name] - rate * gradient for name, gradient in gradients.items()}
