"""What a trace recorded, as a program that Keras runs again: each call of a converted layer or operation, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nnspec_tensorflow.startup import keras, tf


def _augments(function: Any) -> bool:
    """Whether a layer changes images at random in training, which a subject leaves out."""
    return "image_preprocessing" in type(function).__module__


@dataclass(frozen=True)
class Slot:
    """A tensor of the trace, by number."""

    index: int


@dataclass(frozen=True)
class Step:
    """One call.

    Attributes:
        function: the layer, the operation, or another function of tensors.
        args: its arguments, with slots in the place of tensors.
        kwargs: likewise; ``training`` is among them where the model fixes it.
        outputs: where its results go.
        modal: whether it takes ``training``.
    """

    function: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Slot, ...]
    modal: bool = False


@dataclass
class Program:
    """The calls of a model.

    Attributes:
        inputs: the model's inputs, flat.
        taken: the dtypes that Keras takes them in.
        steps: the calls in an order in which each follows what it needs.
        outputs: the model's outputs, flat.
        keep: tensors of the trace, so that what identifies them stays theirs.
    """

    inputs: list[Slot] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    outputs: list[Slot] = field(default_factory=list)
    keep: list[Any] = field(default_factory=list)

    def run(self, inputs: Sequence[Any], *, training: bool, dtype: str) -> dict[Slot, Any]:
        """All tensors of a pass.

        Args:
            inputs: a tensor for each input, in the dtype that Keras takes it in.
            training: for calls whose mode the model leaves open.
            dtype: that of constants which Keras recorded in its own float type.
        """
        tensors: dict[Slot, Any] = dict(zip(self.inputs, inputs, strict=True))

        def fill(x: Any) -> Any:
            if isinstance(x, Slot):
                return tensors[x]
            if tf.is_tensor(x) and not isinstance(x, keras.Variable) and x.dtype.is_floating:
                x = tf.cast(x, dtype)
            return for_batch(x, len(inputs[0]))

        from nnspec_tensorflow.porting.computing import exact
        from nnspec_tensorflow.porting.operations.running import for_batch, runnable

        for step in self.steps:
            args, kwargs = (keras.tree.map_structure(fill, part) for part in (step.args, dict(step.kwargs)))
            if step.modal:
                kwargs.setdefault("training", training and not _augments(step.function))
            function = exact(step.function) if dtype == "float64" else step.function
            if isinstance(function, partial):  # what stands for a layer takes its input alone
                kwargs = {}
            function = runnable(function, args, len(inputs[0]))
            results = keras.tree.flatten(function(*args, **kwargs))
            tensors.update(zip(step.outputs, results, strict=True))
        return tensors
