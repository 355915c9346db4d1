"""Layers called on tensors whose batch axis is not what the graph has in front.

Keras takes the first axis of whatever a layer is called on for examples: windows of an image after a reshape to
(-1, ...), steps after a transpose, rows of a variable. In the graph each of them belongs to an example of the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import nnspec
from nnspec.elementwise import _Binary, _Unary
from nnspec.layers.base import Activation, Layer, Shape
from nnspec.logic import _Broadcasting
from nnspec.ops import _Elementwise
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.arrangement import each_example
from nnspec_tensorflow.porting.operations.operand import BATCH, Known, Operand, Turned, refusal, view_of
from nnspec_tensorflow.porting.operations.variables import read
from nnspec_tensorflow.porting.tracked import View, tracked
from nnspec_tensorflow.startup import keras

# What computes each element by itself, or each vector along the last axis, whatever stands before it.
_ANYWHERE = (
    *(_Unary, _Binary, _Elementwise, _Broadcasting, nnspec.AsType, nnspec.Dense, nnspec.Embedding, nnspec.Unembedding),
    *(nnspec.GaussianDropout, nnspec.GaussianNoise, nnspec.Rescaling),
)


@dataclass(frozen=True)
class Grouped(Context):
    """The context of a layer which takes for examples what the graph has within one.

    Attributes:
        outer: the operation's context, with the shapes that values have in the graph.
    """

    outer: Context = field(kw_only=True)

    def call(
        self, layer: Layer, *inputs: Value, variables: Any = None, owner: Any = None, part: str | None = None
    ) -> Value:
        """A node for each of the elements that are taken for examples."""
        views = {view_of(self.outer, x) for x in inputs}
        if len(views) > 1:
            raise refusal(self, "it joins tensors of which some have elements of an example along the batch axis")
        view = views.pop()
        if not _anywhere(layer):
            if view.axis not in (0, None):
                raise refusal(self, "its input has another axis than the batch in front", "transpose it before")
            if view != BATCH:
                layer = nnspec.TimeDistributed(layer)
                variables = {f"layer/{name}": value for name, value in (variables or {}).items()}
        value = self.outer.call(layer, *inputs, variables=variables, owner=owner, part=part)
        tracked(self.assembly).views[value] = view
        self.shapes[value], self.dtypes[value] = _presented(self.outer, value, view), self.outer.dtypes[value]
        return value


def _anywhere(layer: Layer) -> bool:
    """Whether it makes no difference to a layer how many axes stand in front of the last one."""
    if isinstance(layer, Activation):
        return getattr(layer, "axis", -1) == -1
    if isinstance(layer, nnspec.Dropout):
        return not layer.broadcast_dims
    if isinstance(layer, nnspec.LayerNorm | nnspec.RMSNorm | nnspec.UnitNorm):
        return layer.axes in (-1, (-1,))
    return isinstance(layer, _ANYWHERE)


def _presented(context: Context, value: Value, view: View) -> Shape:
    """A tensor's shape as a layer sees it, its first axis being that of examples."""
    shape = Operand(context, value, view).shape
    return (None, *shape[1:])


def _for_each(context: Context, x: Any) -> Any:
    """What is the same for all examples, for each of them, beside what is of each."""
    if not isinstance(x, Value) or view_of(context, x).axis is not None:
        return x
    return each_example(context, x, 0) if read(context, x).shape[:1] == (1,) else x


def for_layer(context: Context, args: Any, kwargs: Any) -> tuple[Context, Any, Any]:
    """The context of a layer, and its arguments with values in the place of variables and constants of operations."""

    def settled(x: Any) -> Any:
        return read(context, x).value if isinstance(x, Known | Turned | keras.Variable) else x

    args, kwargs = keras.tree.map_structure(settled, (args, kwargs))
    values = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Value)]
    if any(view_of(context, x) == BATCH for x in values):
        args, kwargs = keras.tree.map_structure(lambda x: _for_each(context, x), (args, kwargs))
        values = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Value)]
    if all(view_of(context, x) == BATCH for x in values):
        return context, args, kwargs
    shapes = dict(context.shapes)
    shapes.update({x: _presented(context, x, view_of(context, x)) for x in values})
    given = {each.name: getattr(context, each.name) for each in fields(Context)}
    return Grouped(**{**given, "shapes": shapes}, outer=context), args, kwargs
