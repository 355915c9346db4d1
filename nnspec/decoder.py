"""Decoding: a net that computes a sequence piece by piece, and texts made so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ml_dtypes  # noqa: F401 - makes NumPy know the name "bfloat16"
import numpy as np
from numpy.typing import NDArray

from nnspec import random
from nnspec.backends import backend
from nnspec.errors import ShapeError, SpecError
from nnspec.piecewise import Decoding, decoding

if TYPE_CHECKING:
    from nnspec.backends import Array, Arrays, Net
    from nnspec.inference import Inference


class Decoder:
    """A net that takes a sequence piece by piece and gives what it gives for the whole.

    Call it with the next piece, of any number of positions: a prompt at once, then one position after the other. What
    was computed of the positions before stays on the device, in caches of a fixed length; a piece of one position
    costs the same wherever it stands. A program is compiled for each length of a piece when it is first met, or by
    :meth:`compile`.

    The variables are those that the net has when the decoder is made.

    Attributes:
        decoding: the model that computes, and what its names are.
        positions: how many positions each example has had so far.
        net: the net of that model.

    Args:
        net: of a model that :func:`nnspec.decoding` can take apart.
        length: how many positions the caches hold.
        batch_size: how many sequences are decoded at once.
        sequence: the input that comes in pieces; the first one if left out.
        device: where to compute; the backend's choice if left out.

    Raises:
        SpecError: something in the model looks ahead or joins positions otherwise.
    """

    def __init__(
        self, net: Net, length: int, batch_size: int = 1, *, sequence: str | None = None, device: str | None = None
    ) -> None:
        self.decoding: Decoding = decoding(net.model, length, sequence)
        variables = self.decoding.variables(net.variables())
        self.net: Net = backend(net.backend).build(self.decoding.model, variables, dtype=net.dtype, device=device)
        self.batch_size = batch_size
        self._programs: dict[Any, Inference] = {}
        self.reset()

    def reset(self) -> None:
        """Begin new sequences: the caches are empty."""
        self.positions: NDArray[np.int32] = np.zeros(self.batch_size, np.int32)
        shapes = {name: self.decoding.model.inputs[name].shape for name in self.decoding.caches}
        self._caches: dict[str, Any] = {
            name: np.zeros((self.batch_size, *shape), self.net.dtype) for name, shape in shapes.items()
        }

    def compile(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Compile now for pieces of these shapes by input, batch axis included: ``{"input": (1, 1)}``."""
        self._program({name: tuple(shape) for name, shape in shapes.items()})

    def __call__(self, inputs: Arrays, lengths: Sequence[int] | None = None) -> dict[str, Array]:
        """The outputs for the next piece, by the names that they have for the whole.

        Args:
            inputs: by name, the next piece of the sequence among them; other inputs whole, and the same for each piece.
            lengths: how many positions of the piece each example has; all of them if left out. What stands after them
                is padding: it is overwritten by the next piece, and its outputs mean nothing.

        Raises:
            SpecError: an unknown or a missing input.
            ShapeError: the caches are full, or a shape does not fit; nothing is changed then.
        """
        inner = self.decoding
        for name in inputs:
            if name == inner.position or name in inner.caches:
                raise SpecError(f"the decoder keeps {name!r} itself")
        if inner.sequence not in inputs:
            raise SpecError(f"the input {inner.sequence!r} is missing")
        shapes = {name: tuple(np.shape(x)) for name, x in inputs.items()}
        piece = shapes[inner.sequence]
        if len(piece) < 2 or piece[0] != self.batch_size:
            raise ShapeError(
                f"expected {self.batch_size} sequences of one position or more, got shape {list(piece)}",
                (inner.sequence,),
            )
        more = self._lengths(piece[1], lengths)
        full = int((self.positions + more).max())
        if full > inner.length:
            raise ShapeError(
                f"the caches hold {inner.length} positions: {full - int(more.max())} are taken, and {int(more.max())} "
                "more do not fit; make a decoder of more, or reset it",
                (inner.sequence,),
            )
        program = self._program(shapes)
        found = program.on_device({**inputs, inner.position: self.positions, **self._caches})
        self._caches = {name: found[kept] for name, kept in inner.caches.items()}
        self.positions = self.positions + more
        return program.to_host({name: found[here] for name, here in inner.outputs.items()})

    def _lengths(self, size: int, lengths: Sequence[int] | None) -> NDArray[np.int32]:
        """How many positions each example gets."""
        if lengths is None:
            return np.full(self.batch_size, size, np.int32)
        more = np.asarray(lengths)
        if more.shape != (self.batch_size,) or more.dtype.kind not in "iu" or more.min() < 0 or more.max() > size:
            raise ShapeError(f"expected {self.batch_size} lengths from 0 to {size}, got {list(lengths)}", ("lengths",))
        return more.astype(np.int32)

    def _program(self, shapes: Mapping[str, tuple[int, ...]]) -> Inference:
        key = tuple(sorted(shapes.items()))
        if key not in self._programs:
            kept = {name: np.shape(x) for name, x in self._caches.items()}
            self._programs[key] = self.net.compiled({**shapes, self.decoding.position: (self.batch_size,), **kept})
        return self._programs[key]


def generate(
    decoder: Decoder,
    prompt: Any,
    count: int,
    *,
    lengths: Sequence[int] | None = None,
    temperature: float = 0.0,
    top_k: int | None = None,
    seed: int = 0,
    inputs: Arrays | None = None,
) -> NDArray[np.int32]:
    """So many ids after a prompt, each drawn from what the model says of those before, (batch, count).

    At temperature 0 it is the id of the largest logit, the first of equals. Else it is drawn from
    softmax(logits / temperature), of the ``top_k`` largest alone where that is given, by inversion in float64: the
    first id whose cumulated probability exceeds a number of :func:`nnspec.random.uniforms`. Numbers depend on the seed,
    the example and the step alone, and are the same on every backend.

    Args:
        decoder: of a model with one output, logits (batch, positions, ids); it is reset.
        prompt: ids (batch, positions), padded at the end where ``lengths`` are given.
        count: how many ids each example gets.
        lengths: how many ids of the prompt each example has, 1 at least.
        temperature: of the softmax.
        top_k: how many of the largest logits are drawn from.
        seed: of the draws.
        inputs: further inputs of the model, by name.

    Raises:
        SpecError: the model has several outputs, or a number is out of range.
        ShapeError: the caches do not hold prompt and ids.
    """
    inner = decoder.decoding
    if len(inner.outputs) != 1:
        raise SpecError(f"one output of logits is needed, the model has {len(inner.outputs)}")
    for name, value, least in (("temperature", temperature, 0), ("count", count, 1), ("top_k", top_k or 1, 1)):
        if not value >= least:
            raise SpecError(f"expected a number from {least} up, got {value}", (name,))
    given = np.asarray(prompt)
    ends = np.full(len(given), given.shape[1]) if lengths is None else np.asarray(lengths)
    if ends.min() < 1:
        raise SpecError("each prompt has one id at least", ("lengths",))
    decoder.reset()
    (output,) = inner.outputs
    logits = decoder({**(inputs or {}), inner.sequence: given}, lengths)[output]
    logits = logits[np.arange(len(given)), ends - 1]
    found = np.empty((len(given), count), np.int32)
    stream = random.stream_of("generate", "sample")
    for step in range(count):
        uniforms = random.uniforms(seed, stream, step, len(given))
        found[:, step] = chosen(logits, uniforms, temperature, top_k)
        if step < count - 1:
            logits = decoder({**(inputs or {}), inner.sequence: found[:, step : step + 1]})[output][:, 0]
    return found


def chosen(logits: Array, uniforms: NDArray[np.float64], temperature: float, top_k: int | None) -> NDArray[np.int64]:
    """An id for each row of logits, by a number in (0, 1)."""
    scores = logits.astype(np.float64)
    if temperature == 0:
        return np.asarray(scores.argmax(-1))
    if top_k is not None and top_k < scores.shape[-1]:
        # The first of equals, as the largest is; a stable order from the end would take the last.
        order = np.argsort(-scores, axis=-1, kind="stable")
        np.put_along_axis(scores, order[:, top_k:], -np.inf, axis=-1)
    weights = np.exp((scores - scores.max(-1, keepdims=True)) / temperature)
    sums = np.cumsum(weights, axis=-1)
    return np.asarray((sums > uniforms[:, None] * sums[:, -1:]).argmax(-1))
