"""A model of another framework in nnspec's terms, and what can be asked of the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.model import Model
from nnspec.optimizers import Clip, OptimizerBase


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


class OptimizerSubject(Protocol):
    """An optimizer with its state that its own framework runs, asked under nnspec's names and layouts.

    Attributes:
        label: what runs: ``Adam of Keras 3.15.1``.
        rounds: which constant the framework rounds to float32 even here, a sentence; "" where it computes in float64.
    """

    label: str
    rounds: str

    def update(self, parameters: Arrays, gradients: Sequence[Arrays]) -> dict[str, Array]:
        """Parameters and slots by canonical name after updates with these gradients, in float64.

        It goes on from the state that it has, which stays as it is.
        """

    def rates(self, steps: Sequence[int]) -> Array:
        """Learning rates after so many updates."""


@dataclass(frozen=True)
class OptimizerState:
    """An optimizer with its state.

    Attributes:
        optimizer: its spec.
        variables: ``optimizer/<parameter>/<slot>``, ``optimizer/<slot>`` and ``optimizer/step``, as an engine has them.
        clip: what happens to gradients before it sees them.
        subject: the original, run by its own framework; None where that is not possible.
    """

    optimizer: OptimizerBase
    variables: dict[str, Array]
    clip: Clip | None = None
    subject: OptimizerSubject | None = field(default=None, compare=False, repr=False)


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
