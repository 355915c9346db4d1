"""Losses of sequences that are aligned with others."""

from __future__ import annotations

from typing import Any, ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss
from nnspec.spec import NonNegativeInt, spec


@spec
class CTC(Loss):
    """Connectionist temporal classification: minus the log-probability of a sequence of classes, however it is aligned.

    l = −ln Σ_π Πₜ softmax(xₜ)_πₜ

    over all alignments π, one class for each step t, that become the target's sequence when first repetitions are
    merged and then blanks left out; ``blank`` is the blank's id. The sum is made by the forward recursion, of
    logarithms.

    Targets: rows of class ids, any number of columns: up to the first blank, which pads. With ``step_counts`` the first
    column tells how many of an example's steps count, from the first on: at least 0; more than there are is all.

    Where no alignment exists, because the sequence and the blanks between its repetitions are longer than the steps,
    l = ∞ with gradient 0, or with ``zero_infinity`` l = 0. Neither the length of the sequence nor the number of steps
    divides l (PyTorch's mean divides by the former).

    Shapes: outputs (batch, time, classes), targets (batch, labels) of integers, l (batch,).
    Source: Graves et al. 2006.

    Raises:
        ShapeError: outputs of other ranks; a blank that is no class.
    """

    targets: ClassVar[str] = "sequences"
    axes: ClassVar[int] = 2
    alone: ClassVar[str] = "needs a class beside the blank"
    blank: NonNegativeInt = 0
    step_counts: bool = False
    zero_infinity: bool = False

    def positions(self, outputs: Shape) -> Shape:
        if len(outputs) != 3:
            raise ShapeError(f"CTC takes outputs (batch, time, classes), got {show(outputs)}")
        if outputs[-1] is not None and self.blank >= outputs[-1]:
            raise ShapeError(f"the blank {self.blank} is not one of {outputs[-1]} classes (0 to {outputs[-1] - 1})")
        return outputs[:1]

    def target_shape(self, outputs: Shape) -> Shape:
        return (*outputs[:-2], None)

    def class_ids(self, targets: Any) -> Any:
        return targets[:, int(self.step_counts) :] if len(targets.shape) == 2 else None
