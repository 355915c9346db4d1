"""Calls: their arguments by name, and what their code may not do while it is traced."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nnspec.errors import PortError
from nnspec.layers.base import DType


class _Open:
    """The mode of a call, where the model leaves it to its caller."""

    def __init__(self, mode: bool) -> None:
        self._mode = mode

    def __bool__(self) -> bool:
        return self._mode


# False where code asks for it, as in inference; and what it is to see what code does otherwise in training.
OPEN, TRAINING = _Open(False), _Open(True)


@contextmanager
def open_mode(layer: Any, training: bool | None, left: _Open = OPEN) -> Iterator[dict[str, Any]]:
    """Within, layers that are called without a mode have this one, and Keras records it; gives it as an argument.

    Args:
        layer: what is called.
        training: the mode, None where the model leaves it open.
        left: what code sees of an open mode.
    """
    mode = left if training is None else training
    layer._get_call_context().set_value("training", mode)
    try:
        yield {"training": mode} if "training" in inspect.signature(layer.call).parameters else {}
    finally:
        layer._maybe_reset_call_context()


def kind(dtype: str) -> DType:
    """The spec's dtype for one of Keras's."""
    if dtype == "bool":
        return "bool"
    if dtype in ("string", "complex64", "complex128"):
        raise PortError(f"tensors of {dtype} have no counterpart in nnspec: give the model numbers")
    return "int32" if "int" in dtype else "float"


def same(x: Any) -> Any:
    """A tensor itself, as a step of a program."""
    return x


def arguments(
    signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The first argument of a call in a list, or all where there may be any number, and the others by name."""
    kinds = {parameter.kind: name for name, parameter in signature.parameters.items()}
    named = {k: v for k, v in kwargs.items() if k in signature.parameters or k not in ("training", "mask")}
    training = {"training": kwargs["training"]} if "training" in kwargs else {}
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return list(args), {**named, **training}
    bound = dict(signature.bind(*args, **named).arguments)
    bound |= bound.pop(kinds.get(inspect.Parameter.VAR_KEYWORD, ""), {})
    first = next(iter(signature.parameters))
    return [bound.pop(first)] if first in bound else [], {**bound, **training}


@contextmanager
def traceable(place: str, layer: Any = None) -> Iterator[None]:
    """What code within cannot do with symbolic tensors is an error that names the place, and the remedy.

    Args:
        place: what to name.
        layer: whose code it is: Keras's own has another remedy than the user's.
    """
    try:
        yield
    except PortError as error:
        raise PortError(f"{place}: {error}") from error
    except Exception as error:
        if layer is not None and type(layer).__module__.startswith("keras.src.layers."):
            raise PortError(
                f"{place}: {type(layer).__name__} has no counterpart in nnspec with these options and inputs: leave it "
                "out of the model, or compute the same by other layers"
            ) from error
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise PortError(
            f"{place}: its code cannot be traced ({reason}); it can where it computes by keras.ops alone, on tensors "
            "of known shape, and decides nothing by their values"
        ) from error
