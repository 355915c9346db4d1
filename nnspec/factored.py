"""Optimizers that treat a tensor's axes apart: second moments of rows and columns, and steps of orthogonal matrices.

As in :mod:`nnspec.optimizers` g is the (clipped) gradient, t = 1, 2, … the number of the update, η = schedule(t − 1),
and w ← w − η · (u + weight_decay · w) unless a docstring says otherwise.
"""

from __future__ import annotations

import math
import re
from typing import Literal

from nnspec.optimizers import Optimizer, Slot
from nnspec.spec import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Rate, demand_pattern, spec

Sizes = tuple[int, ...]


@spec
class SM3(Optimizer):
    """AdaGrad whose sums are kept per row and per column: for each axis the largest of its slices.

    s = min over the axes i of accumulator_i[index on i] + g²,  d = g / √(s + epsilon), and 0 where s = 0
    accumulator_i ← the largest s over all other axes,  m ← momentum·m + (1 − momentum)·d,  u = m

    A vector has one accumulator, as long as itself; a number has one number.
    Source: Anil et al. 2019, arXiv:1901.11150, SM3-II, which has no epsilon; Optax.
    """

    momentum: Fraction = 0.9
    epsilon: NonNegativeFloat = 1e-8

    def slots(self) -> dict[str, float]:
        return {"m": 0.0}

    def slots_of(self, name: str, shape: Sizes) -> dict[str, Slot]:
        sums = {f"accumulator_{axis}": Slot((size,)) for axis, size in enumerate(shape)} or {"accumulator_0": Slot(())}
        return {**super().slots_of(name, shape), **sums}


@spec
class Adafactor(Optimizer):
    """Second moments as products of a row's and a column's, and steps in the unit of the tensor.

    β = 1 − t^(−decay_rate),  ρ = η, and with ``relative_step`` min(η, 1/√t)
    row ← β·row + (1 − β)·mean of g² + epsilon over the columns, column ← likewise over the rows
    v = row · column / (mean of row over the rows),  d = g / √v,  d̂ = d / max(1, RMS(d)/clip_threshold)
    w ← w − ρ · max(RMS(w), epsilon_scale) · d̂ − η · weight_decay · w

    d is 0 where the mean or the column is infinite, as in float16 those of squares are that are beyond its range.
    RMS(x) = √(mean of x²) of the whole tensor; without ``scale_parameter`` the step is ρ · d̂. Rows and columns are the
    last two axes, or with ``axes: largest`` the two largest (Optax), if the smaller of them is at least
    ``min_size_to_factor`` (Optax: 128). All other tensors have the slot v ← β·v + (1 − β)·(g² + epsilon).

    Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 to 6. Keras and PyTorch have ``relative_step``, Optax
    has none.
    """

    decay_rate: PositiveFloat = 0.8
    epsilon: PositiveFloat = 1e-30
    epsilon_scale: PositiveFloat = 1e-3
    clip_threshold: PositiveFloat | None = 1.0
    relative_step: bool = True
    scale_parameter: bool = True
    axes: Literal["last", "largest"] = "last"
    min_size_to_factor: PositiveInt = 1

    def factored(self, shape: Sizes) -> tuple[int, int] | None:
        """The axis along which rows are counted, and that of columns; None for a tensor that is not factored."""
        if len(shape) < 2:
            return None
        order = list(range(len(shape)))
        if self.axes == "largest":
            order.sort(key=lambda axis: shape[axis])
        smaller, larger = order[-2:]
        return None if min(shape[smaller], shape[larger]) < self.min_size_to_factor else (smaller, larger)

    def slots_of(self, name: str, shape: Sizes) -> dict[str, Slot]:
        found = self.factored(shape)
        if found is None:
            return {"v": Slot(shape)}
        rows, columns = found
        return {
            "row": Slot(tuple(size for axis, size in enumerate(shape) if axis != columns)),
            "column": Slot(tuple(size for axis, size in enumerate(shape) if axis != rows)),
        }


@spec
class Muon(Optimizer):
    """Momentum made orthogonal for matrices; Adam for all else.

    Matrices: m ← momentum·m + g,  d = momentum·m + g (``nesterov``) or m,  u = scale · O(d) with
    O(d): X = d / (‖d‖ + epsilon), then ``iterations`` times X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ, (a, b, c) =
    ``coefficients``. Of a matrix with more rows than columns the transpose is taken, before and after.
    scale is √max(1, columns/rows) (``scaling: shape``), rms·√max(rows, columns) (``scaling: rms``; Keras), or 1.

    All else, and matrices in whose names one of the patterns ``exclude`` is found (regular expressions): u is
    adam_ratio times that of Adam with b1, b2, epsilon = adam_epsilon, and epsilon_mode.

    A kernel is (in, features), its rows are inputs. Slots: m; with Adam v, too.
    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; "rms": Liu et al. 2025, arXiv:2502.16982.
    """

    learning_rate: Rate = 0.02
    momentum: Fraction = 0.95
    nesterov: bool = True
    iterations: PositiveInt = 5
    coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315)
    epsilon: PositiveFloat = 1e-7
    scaling: Literal["shape", "rms", "none"] = "shape"
    rms: PositiveFloat = 0.2
    exclude: tuple[str, ...] = ()
    adam_ratio: PositiveFloat = 1.0
    b1: Fraction = 0.9
    b2: Fraction = 0.999
    adam_epsilon: PositiveFloat = 1e-8
    epsilon_mode: Literal["paper", "hat"] = "paper"

    def __post_init__(self) -> None:
        for i, pattern in enumerate(self.exclude):
            demand_pattern(pattern, "exclude", i)

    def scale(self, rows: int, columns: int) -> float:
        """What an orthogonal matrix of that size is multiplied by."""
        match self.scaling:
            case "shape":
                return math.sqrt(max(1.0, columns / rows))
            case "rms":
                return self.rms * math.sqrt(max(rows, columns))
        return 1.0

    def slots_of(self, name: str, shape: Sizes) -> dict[str, Slot]:
        matrix = len(shape) == 2 and not any(re.search(pattern, name) for pattern in self.exclude)
        return {"m": Slot(shape)} if matrix else {"m": Slot(shape), "v": Slot(shape)}
