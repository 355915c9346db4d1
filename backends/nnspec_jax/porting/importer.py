"""Reads models of Flax: modules of NNX, and linen modules with their variables; and functions of JAX."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec.backends import Array
from nnspec.errors import FileError, PortError, SpecError
from nnspec.layers.dropout import Dropout
from nnspec.layers.normalization import BatchNorm
from nnspec.porting.assembly import Assembled, Value
from nnspec.porting.formats import Reading
from nnspec.porting.functions import Function
from nnspec.porting.port import Port
from nnspec_jax.porting.ties import candidates, tied


@dataclass(frozen=True)
class Seen:
    """Where a node's value is in the traced model.

    Attributes:
        place: of the equation.
        result: the number of its result.
        layout: how JAX sees it.
    """

    place: tuple[int, ...]
    result: int
    layout: Any


@dataclass(frozen=True)
class Imported:
    """A model as a graph, and how its equations and the graph's nodes belong together.

    Attributes:
        assembled: the graph with its variables.
        outputs: the node paths of the model's outputs, in the order of what the original gives.
        layouts: how JAX sees the outputs.
        seen: where each node's value is, of those that stand for an equation.
        form: the graph without names.
        pair: the traces that it was made of.
        trains: whether training computes the same graph.
        notes: what the model's user should know.
        whole: the parameters, by number, that are used in several ways.
    """

    assembled: Assembled
    outputs: tuple[str, ...]
    layouts: tuple[Any, ...]
    seen: dict[str, Seen]
    form: Any
    pair: Any
    trains: bool = True
    notes: tuple[str, ...] = ()
    whole: frozenset[int] = frozenset()


class FlaxImporter:
    """Reads NNX modules, linen modules with variables, and functions of JAX with theirs."""

    name: ClassVar[str] = "flax"

    def reads(self, path: Path) -> bool:
        """Files hold a model's variables at most: a model is a module."""
        return False

    def knows(self, model: Any) -> bool:
        if isinstance(model, Function):
            return model.framework == "jax"
        if isinstance(model, tuple) and len(model) == 2:
            model = model[0]
        flax = sys.modules.get("flax")
        if flax is None:
            return False
        from flax import linen, nnx

        return isinstance(model, nnx.Module | linen.Module)

    def from_file(self, path: Path, how: Reading) -> Port:
        raise FileError(
            f"{path} holds variables, not what is computed with them: give the module, and this file as its weights"
        )

    def from_object(self, model: Any, how: Reading) -> Port:
        from nnspec_jax.porting import conversions
        from nnspec_jax.porting.original import calling, made_of
        from nnspec_jax.porting.subject import FlaxSubject

        conversions.load()
        variables = None
        if isinstance(model, Function) and how.weights is not None:
            raise PortError("a function has the variables that it is given with: port it without a file of weights")
        if how.weights is not None:
            from nnspec_jax.porting.checkpoint import with_weights

            model, variables = with_weights(model, how.weights)
        original = made_of(model, how.method, variables)
        called = calling(original, how.inputs)
        # A function has modes only if one of its arguments says which.
        quiet = isinstance(model, Function) and not called.mode
        try:
            imported = (inference_from if quiet else imported_from)(original, called)
        except PortError as error:
            if not quiet:
                raise
            from nnspec_jax.porting.opaque import opaque
            from nnspec_jax.porting.programs import of_function

            return opaque(partial(of_function, original, called), error)
        assembled = imported.assembled
        subject = FlaxSubject(original, called, imported)
        if isinstance(model, Function):
            import jax

            subject.label = f"JAX {jax.__version__}"
        state = None
        if not isinstance(how.optimizer, bool):
            from nnspec_jax.porting.optax_state import read

            whole = model if variables is None or isinstance(model, tuple) else (model, variables)
            state = read(original, called, imported, whole, how.optimizer)
        return Port(assembled.model, assembled.variables, assembled.origin, subject, state, imported.notes)


def alike(one: Any, other: Any) -> bool:
    """Whether two jaxprs have the same equations."""
    names = [[equation.primitive.name for equation in jaxpr.eqns] for jaxpr in (one, other)]
    return names[0] == names[1]


def variables_of(original: Any, called: Any, imported: Imported, arrays: Sequence[Any]) -> dict[str, Array]:
    """Other arrays of a model, an update's or a gradient's, by canonical name in the canonical layout."""
    return _imported(original, called, imported.pair, arrays, imported.whole).assembled.variables


def imported_from(original: Any, called: Any) -> Imported:
    """The graph of a model that may train, traced in inference mode and in training mode.

    Where both compute the same graph but for what layers do at random and whose statistics they take, it is that of
    training mode, which says how much dropout drops and how statistics move. Else it is that of inference mode,
    ``trains`` is False, and a note says why: the model cannot be called in training mode, or what it computes there has
    no counterpart or is another graph. A parameter that is used in several ways is one variable; where that cannot be,
    each use has its own, and a note names the parameter.

    Args:
        original: the model; its arrays are read, and stay as they are.
        called: how it is called. Two traces with batches of other sizes tell which axes are the batch's.

    Raises:
        PortError: it cannot be called in inference mode, or computes something there that nnspec cannot express.
    """
    from nnspec_jax.porting.trace import traces

    modes: dict[bool, Any] = {}
    for training in (True, False):
        try:
            modes[training] = traces(original, called, training=training)
        except PortError:
            if not training:
                raise
    quiet = _tied(original, called, _imported(original, called, modes[False]))
    if True not in modes:
        note = "It cannot be called in training mode, so that nothing is known of what it computes there."
        return replace(quiet, trains=False, notes=(*quiet.notes, note))
    try:
        trained = _imported(original, called, modes[True], whole=quiet.whole)
    except PortError as error:
        note = f"What it computes in training mode has no counterpart: {error}"
        return replace(quiet, trains=False, notes=(*quiet.notes, note))
    if trained.form == quiet.form:
        return trained
    note = "In training mode it computes another graph: this is the one of inference."
    return replace(quiet, trains=False, notes=(*quiet.notes, note))


def inference_from(original: Any, called: Any) -> Imported:
    """The graph of a function that has one mode, since no argument says whether it trains.

    It is traced as it is called, and taken for inference: ``trains`` is False, and no note says so. Its parameters are
    not looked through for those that are used in several ways: each use has a variable of its own.

    Args:
        original: the function; its arrays are read, and stay as they are.
        called: how it is called. Two traces with batches of other sizes tell which axes are the batch's.

    Raises:
        PortError: it cannot be called so, or computes something that nnspec cannot express.
    """
    from nnspec_jax.porting.trace import traces

    pair = traces(original, called, training=False)
    return replace(_imported(original, called, pair), trains=False)


def _form(assembly: Any, outputs: Sequence[Value]) -> Any:
    """A graph without names, random layers, which inference may leave out, and what is done with statistics."""
    rows: list[Any] = []
    known: dict[int, Any] = {}

    def place(value: Value) -> Any:
        if value.index not in known:
            call = assembly.made(value)
            if call is None:
                known[value.index] = ("input", value.index)
            else:
                sources = tuple(place(source) for source in call.inputs)
                layer = call.layer
                if isinstance(layer, Dropout):
                    known[value.index] = sources[0]
                    return sources[0]
                if isinstance(layer, BatchNorm):
                    layer = replace(layer, use_running_average=False)
                if getattr(layer, "dropout_rate", 0.0):
                    layer = replace(layer, dropout_rate=0.0)
                rows.append((layer, sources, call.owner))
                known[value.index] = len(rows) - 1
        return known[value.index]

    return [place(value) for value in outputs], rows


def _tied(original: Any, called: Any, found: Imported) -> Imported:
    """The graph with one variable for each parameter that is used in several ways."""
    among = candidates(list(found.assembled.owners))
    if not among:
        return found
    whole = frozenset(tied(original.leaves, among, lambda arrays: variables_of(original, called, found, arrays)))
    if not whole:
        return found
    try:
        return _imported(original, called, found.pair, whole=whole)
    except PortError:
        names = ", ".join(original.leaves[i].path for i in sorted(whole))
        note = f"{names}: used in several ways, which have variables of their own here."
        return replace(found, notes=(*found.notes, note))


def _imported(
    original: Any,
    called: Any,
    pair: Any,
    arrays: Sequence[Any] | None = None,
    whole: frozenset[int] = frozenset(),
) -> Imported:
    import jax

    from nnspec_jax.porting.convert import Layout
    from nnspec_jax.porting.graph import Graph
    from nnspec_jax.porting.items import Constant, Item, Own

    one, two = pair
    graph = getattr(original, "graph", Graph)((one.batch, two.batch), initial=arrays is None)
    given: list[Item] = []
    for i, leaf in enumerate(original.leaves):
        array = leaf.array if arrays is None else arrays[i]
        if leaf.kind in ("parameter", "statistic"):
            path = tuple(part for part in leaf.path.replace("/", ".").split(".") if part)
            given.append(Own(np.asarray(array), ("leaf", i), path, leaf.kind == "parameter", whole=i in whole))
        else:
            given.append(Constant(leaf.array, leaf.array, leaf.kind == "key"))
    for name, example in called.inputs.items():
        given.append(graph.input(name, example.shape, _dtype(name, example)))
    given += [Constant(key, key, True) for key in called.keys.values()]
    a, b = one.closed, two.closed
    with jax.enable_x64(True), _deep():
        made = graph.run((a.jaxpr, b.jaxpr), (a.consts, b.consts), given)
        outputs = [graph.output(item, i) for i, item in enumerate(made)]
        graph.settle(outputs)
        form = _form(graph.assembly, outputs)
    try:
        assembled = graph.assembly.finish(outputs, name=None)
    except SpecError as error:
        raise PortError(f"{original.name} does not make a graph: {error}") from error
    paths = {value.index: path for value, path in assembled.paths.items()}
    seen = {paths[i]: Seen(*found) for i, found in graph.places.items() if i in paths}
    layouts = tuple(graph.layouts.get(value, Layout()) for value in outputs)
    names = tuple(paths[value.index] for value in outputs)
    return Imported(assembled, names, layouts, seen, form, pair, notes=tuple(graph.notes), whole=whole)


@contextmanager
def _deep() -> Iterator[None]:
    """Room for graphs as deep as a long recurrence that is written out."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _dtype(name: str, example: Array) -> Any:
    if example.dtype.kind == "b":
        return "bool"
    if example.dtype.kind in "iu":
        return "int32"
    if example.dtype.kind == "f" or example.dtype.name == "bfloat16":
        return "float"
    raise PortError(f"input {name!r} has the dtype {example.dtype}; a model of nnspec takes floats, int32 and booleans")
