"""Contrastive losses: each example against the others of its batch."""

from __future__ import annotations

from typing import ClassVar

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape, show
from nnspec.losses.base import Loss
from nnspec.spec import PositiveFloat, spec


@spec
class InfoNCE(Loss):
    """Cross-entropy of finding an example's own target among the targets of the whole batch.

    lᵢ = −ln softmax(sᵢ)ᵢ,  sᵢⱼ = cᵢⱼ / temperature

    with the cosine cᵢⱼ of output i and target j as in :class:`CosineDistance`, ε = ``epsilon``. With ``symmetric`` it
    is the mean of this and of finding the output among all outputs: −ln softmax over i of sᵢⱼ at i = j, as in CLIP.

    A value depends on the batch that its example is in: the loss of an epoch is one of batches of this size.

    Shapes: outputs and targets (batch, features), l (batch,). Source: van den Oord et al. 2018, arXiv:1807.03748;
    Radford et al. 2021, arXiv:2103.00020.

    Raises:
        ShapeError: outputs of other ranks.
    """

    alone: ClassVar[str] = "of one output has no gradient: give it vectors of two features at least"
    temperature: PositiveFloat = 0.1
    symmetric: bool = False
    epsilon: PositiveFloat = 1e-8

    def positions(self, outputs: Shape) -> Shape:
        if len(outputs) != 2:
            raise ShapeError(f"InfoNCE takes one vector per example, got outputs {show(outputs)}")
        return outputs[:1]
