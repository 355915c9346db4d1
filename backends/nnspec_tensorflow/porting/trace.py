"""Tracing: a Keras model as a graph of converted layers and operations.

A call on ``keras.KerasTensor`` records itself as a node, with the tensors it was called on. A functional model is such
a graph already; of any other layer that has no conversion ``call`` is run on stand-ins for its inputs, and gives one.

Keras hides masks in tensors and hands them to layers when they run. What it would hand over is found here by the same
rules (``keras.layers.Layer.__call__``), and is an argument of the call.

Within a trace a tensor is a :class:`Slot`: the inputs of a layer that is descended into are the slots of what it is
called on, so that nothing is left of its borders but names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from nnspec.errors import PortError, SpecError
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import modes
from nnspec_tensorflow.porting.calling import OPEN, TRAINING, arguments, open_mode, same, traceable
from nnspec_tensorflow.porting.convert import Context, NoConversionError
from nnspec_tensorflow.porting.frame import Frame, calls_before, conversion, own_graph
from nnspec_tensorflow.porting.grouped import for_layer
from nnspec_tensorflow.porting.masks import forgotten, given_masks, masks_after, padding_mask
from nnspec_tensorflow.porting.operations.operand import Known
from nnspec_tensorflow.porting.program import Slot, Step
from nnspec_tensorflow.porting.steps import Steps
from nnspec_tensorflow.porting.symbols import UnreadError, Weight, symbolic_variables
from nnspec_tensorflow.porting.tensors import Tensors
from nnspec_tensorflow.porting.tracked import tracked
from nnspec_tensorflow.startup import keras

flatten, map_structure = keras.tree.flatten, keras.tree.map_structure


class Trace(Tensors):
    """Collects the nodes of one model."""

    def follow(self, tensors: Sequence[Any], frame: Frame) -> list[Slot]:
        """The slots of Keras tensors, after all calls that lead to them.

        Raises:
            PortError: one of these calls cannot be converted.
        """
        for node in calls_before(tensors, frame):
            self._call(node, frame)
        for tensor in tensors:
            if id(tensor) not in frame.slots and not isinstance(tensor, keras.KerasTensor):
                self._constant(tensor, frame)
            if id(tensor) not in frame.slots:
                raise PortError(
                    f"{frame.place}: gives {tensor}, which is not computed from its inputs: a port's outputs are"
                )
        return [frame.slots[id(tensor)] for tensor in tensors]

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Any, frame: Frame) -> None:
        operation = node.operation

        def known(x: Any) -> Any:
            if isinstance(x, Weight):
                return x.variable
            return frame.slots[id(x)] if isinstance(x, keras.KerasTensor) else x

        args, kwargs = (map_structure(known, part) for part in (node.arguments.args, node.arguments.kwargs))
        if isinstance(operation, keras.Layer):
            slots: list[Slot] | None = self._layer(operation, args, kwargs, node.outputs, frame)
        else:
            slots = self._converted(operation, args, kwargs, node.outputs, frame)
        if slots is None:
            raise PortError(
                f"{frame.place}: keras.ops' {type(operation).__name__} has no counterpart in nnspec; compute the same "
                "by other operations"
            )
        for tensor, slot in zip(node.outputs, slots, strict=True):
            self._bind(tensor, slot, frame)

    def _layer(self, layer: Any, args: Any, kwargs: Any, outputs: Any, frame: Frame) -> list[Slot]:
        """The slots of a layer's results, converted or descended into."""
        signature = inspect.signature(layer.call)
        positional, named = arguments(signature, args, kwargs)
        training = named.pop("training", None)
        if training is OPEN or training is None or (frame.of_graph and _may_be_default(signature, training)):
            training = frame.training
        first = positional[0] if positional else None
        masks = given_masks(signature, {next(iter(signature.parameters), ""): first, **named}, self._masks)
        named = {name: value for name, value in named.items() if value is not None} | masks
        before = named.get("mask", map_structure(lambda x: self._masks.get(x) if isinstance(x, Slot) else None, first))
        if training is not None and "training" in signature.parameters:
            named["training"] = training
        slots = self._converted(layer, positional, named, outputs, frame)
        if slots is None:
            slots = self.body(layer, positional, named, self._within(layer, positional, named, training, frame))
        for slot in forgotten(layer, {next(iter(signature.parameters), ""): first, **named}):
            self._masks.pop(slot, None)
        if layer.supports_masking:
            self._mask(layer, first, before, slots, outputs[0], frame)
        return slots

    def _converted(self, operation: Any, args: Any, kwargs: Any, outputs: Any, frame: Frame) -> list[Slot] | None:
        """The slots of a call's results; None if its class has no conversion."""
        function, is_layer = conversion(operation), isinstance(operation, keras.Layer)
        if function is None:
            return None
        context = self._context(operation, frame)
        if is_layer and operation.quantization_mode is not None:
            raise context.error(f"is quantized ({operation.quantization_mode}): port the model as it was before")
        if getattr(operation, "lora_enabled", False):
            context.note("has its LoRA matrices multiplied into its kernel.")
        if is_layer:
            for name in ("training", "mask"):
                if name in kwargs and name not in inspect.signature(function).parameters:
                    what = f"training={kwargs[name]} in this call" if name == "training" else "a mask"
                    raise context.error(f"is given {what}, for which its counterpart in nnspec has no option")
        values, named = self._values(args), self._values(kwargs)
        if is_layer:
            context, values, named = for_layer(context, values, named)
        try:
            made = flatten(function(operation, context, *values, **named))
        except NoConversionError:
            return None
        except SpecError as error:
            raise context.error(str(error)) from error
        if len(outputs) != len(made):
            raise context.error(f"gives {len(outputs)} tensors, of which {len(made)} are converted")
        slots = [self._slot(tensor, frame) for tensor in outputs]
        self.values.update(zip(slots, made, strict=True))
        if not any(isinstance(x, Slot) and self.values[x] not in self._bare for x in flatten((args, kwargs))):
            views = tracked(self.assembly).views  # what was made of variables for each example is theirs
            self._bare.update(x for x in made if x not in views or views[x].axis is None)
        modal = is_layer and "training" in inspect.signature(operation.call).parameters
        self._record(frame, Step(operation, tuple(args), kwargs, tuple(slots), modal))
        return slots

    def _record(self, frame: Frame, step: Step) -> None:
        if frame.recorded:
            self.program.steps.append(step)

    def _context(self, operation: Any, frame: Frame) -> Context:
        name = frame.name(operation)
        return Context(
            assembly=self.assembly if frame.steps is None else frame.steps,
            scope=frame.scope,
            invocations=frame.invocations,
            name=name,
            origin=frame.origin(operation),
            shapes=self._shapes if frame.shapes is None else frame.shapes,
            dtypes=self._dtypes,
            owner=id(operation) if isinstance(operation, keras.Layer) else None,
            reference=frame.reference,
            bare=self._bare,
            apply=lambda function, *values, steps=False: self._applied(function, values, frame, name, steps),
            notes=self.notes,
            apart=self.apart if frame.training is None else [],
        )

    def _applied(
        self, function: Callable[..., Any], values: Sequence[Value], frame: Frame, name: str, steps: bool
    ) -> Value:
        """What a function of Keras tensors, an activation or a layer, makes of values, or of each step of them."""
        shapes = self._shapes if frame.shapes is None else frame.shapes
        inner = replace(frame, path=(*frame.path, name), prefix=name, layer=None, slots={}, recorded=False)
        if steps:
            inner = replace(inner, steps=Steps(self.assembly if frame.steps is None else frame.steps), shapes={})
        given = []
        for value in values:
            shape = shapes[value] if not steps else (shapes[value][0], *shapes[value][2:])
            if inner.shapes is not None:
                inner.shapes[value] = shape
            dtype = self._dtypes[value]
            given.append(keras.KerasTensor(shape, "float32" if dtype == "float" else dtype))
            self.values[self._slot(given[-1], inner)] = value
        with traceable(inner.place):
            if isinstance(function, keras.Layer):
                with open_mode(function, frame.training) as mode:
                    result = function(*given, **mode)
            else:
                result = function(*given)
        made = self.value(self.follow([result], inner)[0])
        if inner.shapes is not None and steps:
            time = shapes[values[0]][1]
            shapes.update({value: (shape[0], time, *shape[1:]) for value, shape in inner.shapes.items()})
        return made

    # -- layers within ------------------------------------------------------------------------------------------------

    def body(self, layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any], inner: Frame) -> list[Slot]:
        """The slots of a layer's results, from its own graph or from what its ``call`` does.

        Args:
            layer: a layer or model.
            args: its inputs, with slots in the place of tensors.
            kwargs: likewise.
            inner: the frame of what is within.

        Raises:
            PortError: it cannot be traced, or something in it cannot be converted.
        """
        graph, given = own_graph(layer), flatten(args)
        if graph is not None and graph.takes(args[0], [self._tensors.get(x) for x in given]):
            for tensor, slot in zip(graph.inputs, given, strict=True):
                self._bind(tensor, slot, inner)
            return self.follow(graph.outputs, replace(inner, of_graph=True))
        args, kwargs = (
            map_structure(lambda x: self._stand_in(x, inner) if isinstance(x, Slot) else x, part)
            for part in (args, kwargs)
        )
        within = False
        try:
            result = _run(layer, args, kwargs, inner)
        except PortError as error:
            if not isinstance(error.__cause__, UnreadError):
                raise
            within = True
            result = _run(layer, args, kwargs, inner, within=True)
        if inner.training is None and modes.asks(layer):
            train = partial(_run, layer, args, kwargs, inner, within=within, left=TRAINING)
            what = modes.difference(result, train, inner)
            if what:
                self.notes.append(f"{inner.place} ({type(layer).__name__}): {what}.")
                self.apart.append(self.notes[-1])
        return self.follow([tensor for tensor in flatten(result) if tensor is not None], inner)

    def _constant(self, tensor: Any, frame: Frame) -> None:
        """What code gives that it computed ahead of time, of shapes alone: positions, say."""
        given = keras.ops.convert_to_tensor(tensor)
        slot = self._slot(tensor, frame)
        self._tensors[slot] = keras.KerasTensor(given.shape, keras.backend.standardize_dtype(given.dtype))
        known: Any = Known(np.asarray(given))  # for operations, which take it as a value
        self.values[slot] = known
        self._bare.add(known)
        self._record(frame, Step(same, (given,), {}, (slot,)))

    def _within(self, layer: Any, args: Any, kwargs: Any, training: bool | None, frame: Frame) -> Frame:
        """The frame of a layer that is descended into."""
        of_batch = [self.values[x] for x in flatten((args, kwargs)) if isinstance(x, Slot) and x in self.values]
        reference = next((value for value in of_batch if value not in self._bare), frame.reference)
        return frame.within(layer, training, reference)

    # -- masks --------------------------------------------------------------------------------------------------------

    def _mask(self, layer: Any, inputs: Any, before: Any, slots: list[Slot], output: Any, frame: Frame) -> None:
        """Give a layer's results the masks that Keras gives them; they become nodes where something asks for them."""
        if all(slot in self._masks for slot in slots):
            return
        spec = padding_mask(layer)
        if spec is not None:
            recorded = getattr(output, "_keras_mask", None)
            shape = spec.output_shape(tuple(self._tensors[inputs].shape))
            mask = self._slot(keras.KerasTensor(shape, "bool"), frame)

            def find() -> None:
                self.values[mask] = self._context(layer, frame).call(spec, self.value(inputs), part="mask")
                self._record(frame, Step(layer.compute_mask, (inputs,), {}, (mask,)))

            self._pending[mask] = find
            if recorded is not None:  # Keras hands it to layers, and records that of some of them
                self._bind(recorded, mask, frame)
            found: list[Any] = [mask]
        else:
            with traceable(frame.origin(layer)):
                found = masks_after(layer, inputs, before, lambda slot: self._stand_in(slot, frame), len(slots))
        for slot, mask in zip(slots, found, strict=False):
            if mask is not None:
                self._masks.setdefault(slot, mask if isinstance(mask, Slot) else self._later(mask, frame))

    def _later(self, tensor: Any, frame: Frame) -> Slot:
        """The slot of a Keras tensor whose calls are followed when something asks for it."""
        if id(tensor) in frame.slots:
            return frame.slots[id(tensor)]
        made = Slot(len(self._tensors))
        self._tensors[made] = tensor
        self.program.keep.append(tensor)

        def find() -> None:
            (found,) = self.follow([tensor], frame)
            self.values[made] = self.value(found)
            self._record(frame, Step(same, (found,), {}, (made,)))

        self._pending[made] = find
        return made


def _run(layer: Any, args: Any, kwargs: Any, frame: Frame, *, within: bool = False, left: Any = OPEN) -> Any:
    """What a layer's ``call`` gives for symbolic tensors."""
    with (
        symbolic_variables(layer, conversion, within=within),
        traceable(frame.place, layer),
        open_mode(layer, frame.training, left) as mode,
    ):
        return layer.call(*args, **{**kwargs, **mode})


def _may_be_default(signature: inspect.Signature, training: bool) -> bool:
    """Whether a mode that was recorded for a functional model says nothing.

    Keras fills in the default, and exchanges False for the mode that the model is called with in any case.
    """
    parameter = signature.parameters.get("training")
    return not training or (parameter is not None and parameter.default is training)
