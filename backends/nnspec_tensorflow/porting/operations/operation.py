"""How functions are registered for Keras's operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from nnspec.errors import SpecError
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.porting.operations.operand import Known, Turned, array, is_fixed, is_variable
from nnspec_tensorflow.startup import keras

Conversion = Callable[..., Any]


def operation(*classes: Any) -> Callable[[Conversion], Conversion]:
    """Register a function for operations of these classes.

    What is computed of constants alone is computed at once. A layer of the spec that does not take what it is given is
    an error that names the operation.
    """

    def register(function: Conversion) -> Conversion:
        @wraps(function)
        def converted(op: Any, context: Context, *args: Any, **kwargs: Any) -> Any:
            given = keras.tree.flatten((args, kwargs))
            if not any(isinstance(x, Value | Turned) or is_variable(x) for x in given):
                return folded(op, args, kwargs)
            try:
                return function(op, context, *args, **kwargs)
            except SpecError as error:
                raise context.error(str(error)) from error

        for each in classes:
            convert.register(each, converted)
        return converted

    return register


def folded(op: Any, args: Any, kwargs: Any) -> Any:
    """What an operation makes of constants."""

    def known(x: Any) -> Any:
        return array(x) if isinstance(x, Known | keras.Variable) and is_fixed(x) else x

    args, kwargs = keras.tree.map_structure(known, (args, kwargs))
    return keras.tree.map_structure(lambda y: Known(array(y)), op.call(*args, **kwargs))
