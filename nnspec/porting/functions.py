"""Functions that are models: what ports of them begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from nnspec.backends import Array, Arrays, Gradients


@dataclass(frozen=True)
class Function:
    """A function of a framework's arrays, given as a model.

    Attributes:
        framework: whose function it is.
        call: the function.
        inputs: what it takes, by place: an example of each input, or its shape and dtype as the framework says them.
        variables: of JAX: a tree of arrays, the function's first argument; None for a function of inputs alone.
    """

    framework: Literal["jax", "tensorflow"]
    call: Callable[..., Any]
    inputs: tuple[Any, ...] = ()
    variables: Any = None


@dataclass(frozen=True)
class Variable:
    """A variable of a compiled function.

    Attributes:
        path: its name's parts.
        array: the numbers.
        trainable: whether it is a parameter.
    """

    path: tuple[str, ...]
    array: Array
    trainable: bool = True


class Program(Protocol):
    """A function that its own framework runs, and compiles to StableHLO for batches of any size.

    Attributes:
        name: what messages call it.
        label: what runs it: ``TensorFlow 2.21.0``.
        variables: the program's first or last arguments, as :meth:`lower` says.
        inputs: an example of each input by name, the batch first.
        outputs: the names of its outputs.
        operations: what kind of operation each place is that the compiled module mentions: names of operations of the
            framework, by place.
    """

    name: str
    label: str
    variables: Sequence[Variable]
    inputs: Mapping[str, Array]
    outputs: Sequence[str]
    operations: Mapping[str, str]

    def lower(self, sizes: Mapping[str, tuple[int, ...]]) -> str | bytes:
        """The module for inputs of these shapes; its main function takes the inputs, then the variables.

        Raises:
            PortError: it cannot be compiled, or not for this size of the batch.
        """

    def run(self, inputs: Arrays) -> list[Array]:
        """What the framework itself computes, in the function's own dtypes, by output."""

    def gradients(self, inputs: Arrays, cotangents: Sequence[Array | None]) -> Gradients:
        """Gradients of Σ outputs · cotangents as the framework itself finds them, parameters by joined path.

        Raises:
            UnsupportedError: it finds none.
        """
