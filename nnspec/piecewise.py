"""Models of sequences turned into models of pieces: what was computed of the positions before comes in and goes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nnspec.elementwise import _Unary
from nnspec.errors import SpecError, did_you_mean
from nnspec.graph import Input, Node, free_name
from nnspec.indexing import UpdateSlice
from nnspec.layers.activation import PReLU
from nnspec.layers.attending import _Attention
from nnspec.layers.attention import MultiHeadAttention
from nnspec.layers.base import Activation, Shape
from nnspec.layers.dropout import AlphaDropout, Dropout, GaussianDropout, GaussianNoise, StochasticDepth
from nnspec.layers.embedding import Embedding, Unembedding
from nnspec.layers.linear import Dense
from nnspec.layers.normalization import BatchNorm, LayerNorm, RMSNorm, UnitNorm
from nnspec.layers.parameter import Parameter
from nnspec.layers.positions import LearnedPositions, RotaryPositions, SinusoidalPositions, _PairBias
from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec.layers.time_distributed import TimeDistributed
from nnspec.model import Inferred, Model
from nnspec.ops import Concat, Slice, _Elementwise

# What computes each element by itself, and each position, unless its axis is that of the positions.
_BY_ELEMENT = (Activation, Embedding, _Unary, _Elementwise)
_BY_POSITION = (
    *_BY_ELEMENT,
    *(Dense, PReLU, TimeDistributed, Unembedding, BatchNorm, LayerNorm, RMSNorm, UnitNorm),
    *(LayerScale, Normalization, Rescaling, AlphaDropout, Dropout, GaussianDropout, GaussianNoise, StochasticDepth),
    *(Concat, Slice),
)
_TIME = 1


@dataclasses.dataclass(frozen=True)
class Decoding:
    """A model that computes a sequence piece by piece, as :func:`decoding` makes it.

    Beside the inputs of the whole sequence's model it takes ``position``, int32 (batch,), where the piece starts in
    each example, and the caches, which begin as zeros. It gives what the other gives for these positions, and the
    caches for the next piece.

    Attributes:
        model: the graph; nested models are no longer nested.
        length: how many positions the caches hold.
        sequence: the name of the input that comes in pieces.
        position: the name of the input that says where a piece starts.
        caches: the name of the output that becomes it, by the name of each cache's input.
        outputs: the names of the outputs, by those of the model of the whole sequence.
        names: the names of variables, by those of the model of the whole sequence.
    """

    model: Model
    length: int
    sequence: str
    position: str
    caches: Mapping[str, str]
    outputs: Mapping[str, str]
    names: Mapping[str, str]

    def variables(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Variables of the model of the whole sequence under the names they have here."""
        return {self.names.get(name, name): value for name, value in variables.items()}


def decoding(model: Model, length: int, sequence: str | None = None) -> Decoding:
    """The model of pieces of a sequence that gives what a model gives for the whole.

    Causal MultiHeadAttention keeps keys and values of the positions so far in caches of a fixed length, so that a
    piece costs the same wherever it stands. Positions (LearnedPositions, SinusoidalPositions, RotaryPositions, ALiBi,
    RelativePositionBias) count from the piece's. What computes each position by itself stays as it is, and so does
    what does not depend on the sequence at all: an encoder's memory, and attention to it.

    Args:
        model: takes sequences of any length, or of one that is declared.
        length: how many positions the caches hold.
        sequence: the input that comes in pieces; the first one if left out.

    Raises:
        SpecError: the model has no such input, or something in it looks ahead or joins positions in another way.
    """
    if length < 1:
        raise SpecError(f"expected a length from 1 up, got {length}")
    name = next(iter(model.inputs)) if sequence is None else sequence
    if name not in model.inputs:
        raise SpecError(f"the model has no input {name!r}{did_you_mean(name, model.inputs)}")
    flat = _Flat(model)
    return _Pieces(flat, length, name).decoding()


class _Flat:
    """A model without nested ones.

    Attributes:
        model: the graph.
        names: its names of variables, by those of the model that it is made of.
        paths: the paths that nodes had, by name.
        outputs: its names of outputs, by those of the model that it is made of.
    """

    def __init__(self, model: Model) -> None:
        self.paths: dict[str, str] = {}
        self._nodes: list[Node] = []
        self._labels: dict[str, str] = {}
        self._taken = dict.fromkeys([*model.inputs, *(node.name for node in model.nodes)], 1)
        values = self._expand(model, tuple(model.inputs), "", "")
        self.outputs = {name: values[name] for name in model.outputs}
        self.model = Model(dict(model.inputs), tuple(self._nodes), tuple(self.outputs.values()))
        variables = model.params()
        self.names = {
            name: f"{label}/{name.removeprefix(path + '/')}"
            for path, label in self._labels.items()
            for name in variables
            if name.startswith(f"{path}/")
        }

    def _expand(self, model: Model, inputs: tuple[str, ...], path: str, owner: str) -> dict[str, str]:
        """The names of values by those within a model; ``path`` leads to its nodes, ``owner`` to their variables."""
        values = dict(zip(model.inputs, inputs, strict=True))
        for node in model.nodes:
            given = tuple(values[name] for name in node.inputs)
            here, mine = path + node.name, owner + node.owner
            if isinstance(node.layer, Model):
                inner = self._expand(node.layer, given, f"{here}/", f"{mine}/")
                values[node.name] = inner[node.layer.outputs[0]]
                continue
            label = free_name(here.replace("/", "_"), self._taken) if path else node.name
            self._labels[here], self.paths[label] = label, here
            self._nodes.append(Node(label, node.layer, given, None if here == mine else self._labels[mine]))
            values[node.name] = label
        return values


class _Pieces:
    """The graph of pieces, made node by node."""

    def __init__(self, flat: _Flat, length: int, sequence: str) -> None:
        self.flat, self.length, self.sequence = flat, length, sequence
        self.inferred = flat.model.infer()
        taken = dict.fromkeys([*flat.model.inputs, *(node.name for node in flat.model.nodes)], 1)
        self.taken = taken
        self.position = free_name("position", taken)
        self.nodes: list[Node] = []
        # What each value of the whole's graph is here, and which of them are sequences.
        self.values = {name: name for name in flat.model.inputs}
        self.moving = {sequence}
        # Biases of attention that count positions, which are no sequences themselves.
        self.biases: set[str] = set()
        declared = flat.model.inputs[sequence]
        if declared.shape is None or not declared.shape:
            raise SpecError("a sequence has an axis of positions: declare its shape", (sequence,))
        self.inputs = dict(flat.model.inputs)
        self.inputs[sequence] = dataclasses.replace(declared, shape=(None, *declared.shape[1:]))
        self.inputs[self.position] = Input((), "int32")
        self.caches: dict[str, str] = {}
        # The cache of each attention: they are inputs, which biases before it may ask for their length.
        self.cache_of = {
            node.name: free_name(f"{node.name}_cache", taken)
            for node in flat.model.nodes
            if isinstance(node.layer, MultiHeadAttention)
        }

    def decoding(self) -> Decoding:
        for node in self.flat.model.nodes:
            try:
                self._add(node)
            except SpecError as error:
                raise error.under(*self.flat.paths[node.name].split("/")) from None
        if not self.caches:
            raise SpecError("no MultiHeadAttention attends to the sequence: nothing is to be kept")
        outputs = {name: self.values[kept] for name, kept in self.flat.outputs.items()}
        model = Model(self.inputs, tuple(self.nodes), tuple(dict.fromkeys([*outputs.values(), *self.caches.values()])))
        model.infer()
        return Decoding(model, self.length, self.sequence, self.position, self.caches, outputs, dict(self.flat.names))

    def _add(self, node: Node) -> None:
        layer, given = node.layer, [self.values[name] for name in node.inputs]
        moving = [name in self.moving and not isinstance(layer, Parameter) for name in node.inputs]
        self.values[node.name] = node.name
        if not any(moving):
            if any(name in self.biases for name in node.inputs):
                raise SpecError("a bias of positions goes to the attention of the sequence to itself alone")
            self.nodes.append(dataclasses.replace(node, inputs=tuple(given)))
            return
        self.moving.add(node.name)
        if isinstance(layer, _Attention):
            self._attend(node, layer, given)
        elif isinstance(layer, _PairBias):
            self._bias(node, layer, given, moving)
        elif isinstance(layer, LearnedPositions | SinusoidalPositions | RotaryPositions):
            self._place(node, layer, given)
        elif isinstance(layer, _BY_POSITION) and not self._joins(node):
            self.nodes.append(dataclasses.replace(node, inputs=tuple(given)))
        else:
            raise SpecError(
                f"{type(layer).__name__} joins positions of the sequence, which cannot be decoded in pieces"
            )

    def _attend(self, node: Node, layer: Any, given: list[str]) -> None:
        count = len(given) - layer.mask - layer.attention_bias
        own = [name in self.moving for name in node.inputs[:count]]
        what = type(layer).__name__
        if not any(own[1:]) and count > 1:
            if layer.causal or layer.window is not None or any(name in self.moving for name in node.inputs[count:]):
                raise SpecError(f"{what} to another sequence depends on where a query stands in its own")
            self.nodes.append(dataclasses.replace(node, inputs=tuple(given)))
            return
        if not isinstance(layer, MultiHeadAttention) or len(set(given[:count])) > 1:
            raise SpecError(f"{what} to the sequence is decoded where it is MultiHeadAttention of one to itself")
        if not layer.causal:
            raise SpecError(f"{what} looks at what comes later: set causal", ("causal",))
        if layer.mask:
            raise SpecError("a mask of the sequence is not kept: give the lengths of what is padded", ("mask",))
        if layer.decode:
            raise SpecError("it is decoded already", ("decode",))
        bias = given[count:]
        if any(name not in self.biases for name in node.inputs[count:]):
            raise SpecError("its bias is none of ALiBi or RelativePositionBias", ("attention_bias",))
        self._keep(node, layer, given[0], bias)

    def _keep(self, node: Node, layer: MultiHeadAttention, x: str, bias: list[str]) -> None:
        """Keys and values into the cache, and attention to it."""
        quiet = dataclasses.replace(layer, decode=True, dropout_rate=0.0, broadcast_dropout=False)
        keys_values = dataclasses.replace(quiet, returns="keys_values", attention_bias=False)
        size = keys_values.output_shape(self.inferred[node.name].inputs[0], (None,))[2:]
        cache, kept, out = self.cache_of[node.name], self._free(node, "kept"), self._free(node, "output")
        self._declare(cache, size)
        self.caches[cache] = kept
        self.nodes += [
            Node(node.name, keys_values, (x, self.position), node.shares),
            Node(kept, UpdateSlice(), (cache, node.name, self.position)),
            Node(out, quiet, (x, kept, *bias, self.position), node.owner),
        ]
        self.values[node.name] = out

    def _declare(self, cache: str, size: Shape) -> None:
        self.inputs[cache] = Input((self.length, *size))

    def _free(self, node: Node, what: str) -> str:
        return free_name(f"{node.name}_{what}", self.taken)

    def _bias(self, node: Node, layer: Any, given: list[str], moving: list[bool]) -> None:
        """A bias of pairs: queries of the piece, and keys as many as a cache holds."""
        if not all(moving) or layer.offset:
            raise SpecError(f"{type(layer).__name__} is one of the sequence and another, or has an offset")
        reader = next(
            (n.name for n in self.flat.model.nodes if node.name in n.inputs and n.name in self.cache_of), None
        )
        if reader is None:
            raise SpecError("a bias of positions goes to the attention of the sequence to itself alone")
        self.moving.discard(node.name)
        self.biases.add(node.name)
        cache = self.cache_of[reader]
        self.nodes.append(
            Node(node.name, dataclasses.replace(layer, offset=True), (given[0], cache, self.position), node.shares)
        )

    def _place(self, node: Node, layer: Any, given: list[str]) -> None:
        if layer.offset:
            raise SpecError("it has an offset already", ("offset",))
        if isinstance(layer, LearnedPositions) and layer.max_length < self.length:
            raise SpecError(f"{self.length} positions need as many vectors, there are {layer.max_length}")
        self.nodes.append(
            Node(node.name, dataclasses.replace(layer, offset=True), (given[0], self.position), node.shares)
        )

    def _joins(self, node: Node) -> bool:
        """Whether a layer that computes by itself what stands at each place has places of several positions."""
        found: Inferred = self.inferred[node.name]
        axes = getattr(node.layer, "axis", getattr(node.layer, "axes", None))
        rank = len(found.output)
        if axes is not None and any(a % rank == _TIME for a in (axes if isinstance(axes, tuple) else (axes,))):
            return True
        if len(found.inputs[0]) == 2 and not isinstance(node.layer, _BY_ELEMENT):
            return True  # the last axis is that of the positions
        if len(found.inputs) == 1:
            return False
        # What is no sequence is the same for all positions.
        fixed = [s for s, name in zip(found.inputs, node.inputs, strict=True) if name not in self.moving]
        return any(len(shape) != rank for shape in found.inputs) or any(shape[_TIME] != 1 for shape in fixed)
