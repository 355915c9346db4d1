"""What a trace knows of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec.errors import PortError
from nnspec.layers.activation import Identity
from nnspec.layers.base import DType, Shape
from nnspec.porting.assembly import Assembly, Value
from nnspec_tensorflow.porting.calling import kind
from nnspec_tensorflow.porting.frame import Frame
from nnspec_tensorflow.porting.program import Program, Slot
from nnspec_tensorflow.porting.tracked import EXAMPLES, View, tracked
from nnspec_tensorflow.startup import keras


class Tensors:
    """What a trace knows of tensors: which slot each is in, and what it is in the graph.

    Attributes:
        assembly: the graph.
        program: what was called, for Keras to run again.
        values: what each tensor is in the graph.
        notes: what a user should know.
        apart: those of the notes that say where training is another thing than what is ported.
    """

    def __init__(self) -> None:
        self.assembly = Assembly()
        self.program = Program()
        self.values: dict[Slot, Value] = {}
        self._tensors: dict[Slot, Any] = {}
        self._masks: dict[Slot, Slot] = {}
        # How to convert what nothing has asked for yet: masks, mostly.
        self._pending: dict[Slot, Callable[[], None]] = {}
        self._shapes: dict[Value, Shape] = {}
        self._dtypes: dict[Value, DType] = {}
        self._bare: set[Value] = set()
        self.notes: list[str] = []
        self.apart: list[str] = []

    def input(self, name: str, tensor: Any, frame: Frame, *, whole: bool = False) -> Slot:
        """An input of the model, for a Keras tensor, of whole numbers in any case if ``whole``."""
        if tensor.sparse or tensor.ragged:
            raise PortError(f"{name}: sparse and ragged inputs have no counterpart in nnspec: make them dense")
        made, shape, dtype = self._slot(tensor, frame), (None, *tensor.shape[1:]), kind(tensor.dtype)
        dtype = "int32" if whole else dtype
        value = self.assembly.input(name, shape[1:], dtype)
        self.values[made], self._shapes[value], self._dtypes[value] = value, shape, dtype
        self.program.inputs.append(made)
        self.program.taken.append(tensor.dtype)
        return made

    def value(self, slot: Slot) -> Value:
        """What a tensor is in the graph."""
        if slot not in self.values:
            self._pending.pop(slot)()
        return self.values[slot]

    def _slot(self, tensor: Any, frame: Frame) -> Slot:
        made = Slot(len(self._tensors))
        self._tensors[made] = tensor
        self._bind(tensor, made, frame)
        return made

    def _bind(self, tensor: Any, slot: Slot, frame: Frame) -> None:
        frame.slots[id(tensor)] = slot
        self.program.keep.append(tensor)

    def _stand_in(self, slot: Slot, frame: Frame) -> Any:
        like = self._tensors[slot]
        made = keras.KerasTensor((EXAMPLES, *like.shape[1:]) if like.shape[:1] == (None,) else like.shape, like.dtype)
        self._bind(made, slot, frame)
        return made

    def _values(self, structure: Any) -> Any:
        return keras.tree.map_structure(lambda x: self.value(x) if isinstance(x, Slot) else x, structure)

    def output(self, slot: Slot, place: str) -> Value:
        """What an output of the model is in the graph.

        Raises:
            PortError: it has no batch, or not in front and by itself.
        """
        value = self.value(slot)
        if self.views.get(value, View()) != View():
            shape = list(self._tensors[slot].shape)
            raise PortError(
                f"{place}: gives {shape}, in which examples do not stand along the first axis by themselves"
            )
        return value

    def again(self, value: Value) -> Value:
        """A value as another output, which has a name of its own."""
        if self._dtypes.get(value) != "float":
            return value
        return self.assembly.call(Identity(), value, name="output", origin="the same output again")

    @property
    def views(self) -> dict[Value, View]:
        """How values lie, where it is not as Keras has them."""
        found = dict.fromkeys(self._bare, View(None)) | tracked(self.assembly).views
        return {value: view for value, view in found.items() if view != View()}
