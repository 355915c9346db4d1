"""A model of another framework in nnspec's terms, and what can be asked of the original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.model import Model
from nnspec.optimizers import OptimizerBase


@runtime_checkable
class Subject(Protocol):
    """A model that its own framework runs, asked under nnspec's names and layouts.

    Verification compares one with a net, node by node. Inputs are named as the spec's; nodes by their paths
    (``encoder/dense``); parameters by canonical names, in the canonical layout.

    Random layers drop nothing and add nothing, in training mode too: the two frameworks draw other masks.

    Attributes:
        label: what runs: ``Keras 3.15.1 on TensorFlow 2.21.0``.
        dtypes: what it can compute in, the most exact first.
    """

    label: str
    dtypes: tuple[FloatType, ...]

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        """Values of nodes by path: of all that the framework shows, of the outputs in any case. No state changes."""

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        """The statistics by canonical name as one pass in training mode leaves them. No state changes."""

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        """Gradients of Σ outputs · cotangents, by float input and by parameter.

        Raises:
            UnsupportedError: this form of the model has no gradients, as an ONNX file has none.
        """


@dataclass(frozen=True)
class OptimizerState:
    """An optimizer with its state.

    Attributes:
        optimizer: its spec.
        variables: ``optimizer/<parameter>/<slot>``, ``optimizer/<slot>`` and ``optimizer/step``, as an engine has them.
    """

    optimizer: OptimizerBase
    variables: dict[str, Array]


@dataclass(frozen=True)
class Port:
    """A model of another framework in nnspec's terms.

    Attributes:
        model: its graph.
        variables: its parameters and statistics by canonical name, in the canonical layout and in its own dtype, bit
            for bit.
        origin: node path -> what it was called where it comes from: ``block1_conv1 (Conv2D)``.
        subject: the original, run by its own framework; None where that is not possible.
        optimizer: the optimizer's state, where the original holds one.
        notes: what its user should know, a sentence each: what has no meaning outside the original and was left out.
    """

    model: Model
    variables: dict[str, Array]
    origin: Mapping[str, str] = field(default_factory=dict)
    subject: Subject | None = None
    optimizer: OptimizerState | None = None
    notes: tuple[str, ...] = ()
