"""Two models side by side, whatever each of them comes from: where they part, and in which options and variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnspec import backends
from nnspec.backends import Array, Arrays, FloatType
from nnspec.calls import Call, Opened, opened
from nnspec.errors import BackendError, PortError
from nnspec.model import Model
from nnspec.porting.align import aligned
from nnspec.porting.net_subject import NetSubject
from nnspec.porting.port import Port
from nnspec.porting.samples import as_samples, candidates
from nnspec.porting.verification import FORWARD
from nnspec.rounding import relative, same_bits
from nnspec.spec import dump
from nnspec.vocabulary import tag_of

# Fields that say how variables are drawn before training mean nothing for a model that has its own.
_DRAWING = ("_init", "init")


@dataclass(frozen=True)
class Pair:
    """Two nodes that stand for each other.

    Attributes:
        a, b: their paths.
        what: their class.
        difference: of their values on equal inputs, relative to the second's; None where shapes differ.
        options: fields in which the layers differ, each with both values.
        variables: by the layer's own names, how far each is apart, relative to the second's; inf for another shape.
    """

    a: str
    b: str
    what: str
    difference: float | None
    options: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    variables: Mapping[str, float] = field(default_factory=dict)

    @property
    def parts(self) -> bool:
        """Whether their values differ by more than rounding."""
        return self.difference is None or self.difference > FORWARD


@dataclass(frozen=True)
class Difference:
    """What :func:`diff` found.

    Attributes:
        net: what ran both.
        dtype: in which arithmetic.
        pairs: nodes that stand for each other, in the order of the first model.
        only_a, only_b: nodes that have no counterpart.
        outputs: by the first model's outputs, how far they are apart, relative; inf for another shape.
        notes: a sentence each.
    """

    net: str
    dtype: FloatType
    pairs: tuple[Pair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    outputs: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Pair | None:
        """The first pair whose values part."""
        return next((pair for pair in self.pairs if pair.parts), None)

    @property
    def equal(self) -> bool:
        """Whether both compute the same outputs, up to rounding."""
        return all(apart <= FORWARD for apart in self.outputs.values())

    def message(self) -> str:
        """One or two sentences: whether they compute the same, and where they part first."""
        first, worst = self.first, max(self.outputs.values(), default=0.0)
        if self.equal:
            extra = "" if first is None else f", though {first.a} does not give what {first.b} does"
            return f"they compute the same outputs in {self.dtype}, within {worst:.2g} of their scale{extra}"
        lead = f"outputs differ by {worst:.2g} of their scale in {self.dtype}"
        if first is None:
            return f"{lead}; every node that has a counterpart agrees with it"
        how = "has another shape" if first.difference is None else f"differs by {first.difference:.2g} of its scale"
        why = [f"{name}: {a} and {b}" for name, (a, b) in first.options.items()]
        why += [f"{name} differs by {apart:.2g}" for name, apart in first.variables.items() if apart]
        whole = f"{first.a} ({first.what})" if first.a == first.b else f"{first.a} ({first.what}), here {first.b},"
        return f"{lead}; first {whole} {how}" + (f" ({'; '.join(why)})" if why else "")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "equal": self.equal,
            "message": self.message(),
            "net": self.net,
            "dtype": self.dtype,
            "outputs": dict(self.outputs),
            "first": None if self.first is None else _plain(self.first),
            "pairs": [_plain(pair) for pair in self.pairs],
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
            "notes": list(self.notes),
        }


def _plain(pair: Pair) -> dict[str, Any]:
    options = {name: list(values) for name, values in pair.options.items()}
    return {**dataclasses.asdict(pair), "options": options, "variables": dict(pair.variables), "parts": pair.parts}


def diff(
    a: Port,
    b: Port,
    *,
    inputs: Arrays | None = None,
    backend: str | None = None,
    dtype: FloatType = "float64",
    seed: int = 0,
    progress: Callable[[str], None] = lambda doing: None,
) -> Difference:
    """Compare two models node by node, on equal inputs.

    Nodes of equal names, classes and shapes stand for each other; of the others those that stand in the same order,
    with equal classes and shapes.

    Args:
        a, b: the models; both are run by nnspec.
        inputs: examples by name or by place; by default random ones.
        backend: what runs both; by default the first installed one that has all layers.
        dtype: in which arithmetic.
        seed: of random inputs.
        progress: told what is done now.

    Raises:
        PortError: they take different inputs.
    """
    names = _paired_inputs(a.model, b.model)
    given = as_samples(a.model, inputs) if inputs is not None else _fitting(a, b.model, names, seed)
    models = (
        a.model.with_inputs(*(value.shape[1:] for value in given.values())),
        b.model.with_inputs(*(given[names[name]].shape[1:] for name in b.model.inputs)),
    )
    graphs = opened(models[0]), opened(models[1])
    label, values = "", []
    for model, held, fed in (
        (models[0], a, given),
        (models[1], b, {name: given[names[name]] for name in b.model.inputs}),
    ):
        subject = _subject(model, held.variables, backend)
        label = subject.label
        progress(f"running {label}")
        values.append(subject.nodes(fed, dtype=dtype))
        subject.close()
    pairs, only_a, only_b = aligned(graphs[0].calls, graphs[1].calls)
    found = tuple(_pair(one, other, values, a.variables, b.variables) for one, other in pairs)
    outputs = _outputs(models, graphs, values, given)
    return Difference(label, dtype, found, only_a, only_b, outputs, (*a.notes, *b.notes))


def _subject(model: Model, variables: Arrays, backend: str | None) -> NetSubject:
    lacking: BackendError | None = None
    for name in [backend] if backend is not None else backends.installed():
        try:
            return NetSubject(model, variables, backends.backend(name))
        except BackendError as error:
            lacking = lacking or error
    raise lacking or BackendError(f"no backend is installed: {' or '.join(backends.INSTALL.values())}")


def _paired_inputs(a: Model, b: Model) -> dict[str, str]:
    """For each input of the second model the first's: of the same name, or else at the same place."""
    if len(a.inputs) != len(b.inputs):
        raise PortError(f"the first model takes {len(a.inputs)} inputs, the second {len(b.inputs)}")
    named = list(b.inputs) if set(a.inputs) == set(b.inputs) else list(a.inputs)
    paired = dict(zip(b.inputs, named, strict=True))
    for theirs, ours in paired.items():
        one, other = a.inputs[ours], b.inputs[theirs]
        fits = one.shape is None or other.shape is None or len(one.shape) == len(other.shape)
        fits = fits and all(None in (m, n) or m == n for m, n in zip(one.shape or (), other.shape or (), strict=False))
        if one.dtype != other.dtype or not fits:
            raise PortError(
                f"the input {ours!r} of the first model is {one.dtype} {list(one.shape or ())}, {theirs!r} of the "
                f"second {other.dtype} {list(other.shape or ())}"
            )
    return paired


def _fitting(a: Port, other: Model, names: Mapping[str, str], seed: int) -> dict[str, Array]:
    """Random inputs that both take."""
    reason = ""
    for sample in candidates(a.model, a.variables, seed=seed):
        try:
            other.infer(*(sample[names[name]].shape for name in other.inputs))
        except PortError:
            raise
        except ValueError as error:  # a ShapeError
            reason = str(error)
        else:
            return sample
    raise PortError(f"no random inputs fit both models ({reason}): give examples of the inputs (inputs=, --inputs)")


def _pair(one: Call, other: Call, values: Sequence[Arrays], ours: Arrays, theirs: Arrays) -> Pair:
    x, y = values[0][one.path], values[1][other.path]
    apart = relative(x, y) if np.shape(x) == np.shape(y) else None
    variables = {name: _apart(ours, theirs, f"{one.owner}/{name}", f"{other.owner}/{name}") for name in one.params}
    variables |= {name: float("inf") for name in other.params if name not in one.params}
    return Pair(one.path, other.path, tag_of(type(one.layer)), apart, _options(one.layer, other.layer), variables)


def _apart(ours: Arrays, theirs: Arrays, name: str, other: str) -> float:
    x, y = ours.get(name), theirs.get(other)
    if x is None or y is None or np.shape(x) != np.shape(y):
        return float("inf")
    return 0.0 if same_bits(np.asarray(x), np.asarray(y)) else relative(x, y)


def _options(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """The fields in which two layers differ, as files write them."""
    found = {}
    for each in dataclasses.fields(one):
        if each.name.endswith(_DRAWING) or each.name == "name" or not hasattr(other, each.name):
            continue
        x, y = getattr(one, each.name), getattr(other, each.name)
        if x != y:
            found[each.name] = (dump(x), dump(y))
    return found


def _outputs(
    models: tuple[Model, Model], graphs: tuple[Opened, Opened], values: Sequence[Arrays], given: Arrays
) -> dict[str, float]:
    """How far outputs at equal places are apart; of another number of outputs, the ones that are there."""
    found: dict[str, float] = {}
    for i, name in enumerate(models[0].outputs):
        if i >= len(models[1].outputs):
            found[name] = float("inf")
            continue
        x = _value(graphs[0].values[name], values[0], given)
        y = _value(graphs[1].values[models[1].outputs[i]], values[1], given)
        found[name] = relative(x, y) if np.shape(x) == np.shape(y) else float("inf")
    return found


def _value(path: str, values: Arrays, given: Arrays) -> Array:
    return np.asarray(values[path] if path in values else given[path])
