"""What makes a function a builder: its arguments are validated as the fields of a spec are, and as strictly."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec

from pydantic import Field, ValidationError, validate_call

from nnspec.errors import SpecError
from nnspec.explain import explain_call
from nnspec.initializers import VarianceScaling
from nnspec.model import Model
from nnspec.spec import CONFIG, PositiveInt, _optional_reader, _tuples, written

_P = ParamSpec("_P")

# An input's shape without the batch axis; None where the data or the model around tell it.
InputShape = tuple[PositiveInt | None, ...] | None
# The sizes of several layers, one after the other.
Sizes = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
# A normalization, or none.
AnyNorm = Annotated[Any, _optional_reader("layer"), written("layer", optional=True)]

# As the papers on convolutional networks draw their kernels; ``he_normal`` cuts the distribution at its ends.
HE_NORMAL = VarianceScaling(2.0, "fan_in", "normal")


def builder(function: Callable[_P, Model]) -> Callable[_P, Model]:
    """The function with its arguments validated; what is wrong with them is a SpecError that names the argument."""
    validated = validate_call(config=CONFIG)(function)

    @functools.wraps(function)
    def build(*args: _P.args, **kwargs: _P.kwargs) -> Model:
        values: Any = map(_tuples, args)
        named: Any = {name: _tuples(value) for name, value in kwargs.items()}
        try:
            return validated(*values, **named)
        except ValidationError as error:
            raise explain_call(function.__name__, inspect.signature(function).parameters.values(), error) from None

    return build


def fresh(layer: Any) -> Any:
    """A layer of its own: where one object stands twice, its variables are shared."""
    return dataclasses.replace(layer, name=None)


def check_images(input: tuple[int | None, ...] | None, least: int = 1, remedy: str = "") -> None:
    """Images have rows, columns and channels, and ``least`` of the first two.

    Raises:
        SpecError: they do not.
    """
    if input is None:
        return
    if len(input) != 3:
        raise refuse("input", f"expected the shape of images, [rows, columns, channels], got {list(input)}")
    if any(size is not None and size < least for size in input[:2]):
        raise refuse("input", f"images of {least}×{least} at least are needed, got {list(input)}{remedy}")


def refuse(argument: str, reason: str) -> SpecError:
    """The error about an argument that does not fit."""
    return SpecError(reason, (argument,))
