"""Programs that are no graph of the vocabulary, as one opaque node: what computes them is kept as StableHLO."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import PortError, SpecError, UnsupportedError
from nnspec.layers.stablehlo import VARIABLE, StableHLO
from nnspec.porting.assembly import Assembly, label
from nnspec.porting.port import Port
from nnspec.stablehlo.module import FLOATS, Block, Module, Operation
from nnspec.stablehlo.operations import check
from nnspec.stablehlo.parser import parsed
from nnspec.stablehlo.writing import written

# Examples on which it is tried whether those of a batch are independent of one another.
_TRIED = 3
# How far the same numbers may part if they are computed for other sizes of the batch, of the largest.
_APART: dict[FloatType, float] = {"float64": 1e-12, "float32": 1e-5}


@dataclass(frozen=True)
class Source:
    """A program to become a node.

    Attributes:
        name: what messages call it.
        label: what runs it.
        inputs: examples by name, the batch first.
        outputs: names of its outputs.
        variables: what main takes behind the inputs, by name.
        modules: the program for one example, as generic text, in the forms that there are.
        run: what the framework itself computes.
        dtypes: in which.
    """

    name: str
    label: str
    inputs: Mapping[str, Array]
    outputs: Sequence[str]
    variables: Sequence[tuple[str, Array]]
    modules: Callable[[], Sequence[str]]
    run: Callable[[Arrays, FloatType], list[Array]]
    dtypes: tuple[FloatType, ...] = ("float64", "float32")


def opaque(find: Callable[[], Source], why: PortError) -> Port:
    """The program as a port of one node for each output.

    Args:
        find: gives the program.
        why: what of it has no counterpart.

    Raises:
        PortError: it has no counterpart, and cannot be such a node either.
    """
    try:
        source = find()
        texts = source.modules()
    except PortError:
        raise why from None  # it is no program at all
    try:
        module, variables = _program(source, texts)
        port = _assembled(_independent(source), module, variables)
    except (SpecError, PortError) as error:
        raise PortError(f"{why}; nor can it be a StableHLO node: {error}") from why
    note = (
        f"{why}. So all of {source.name} is kept as a StableHLO node, which every backend runs as it is, for "
        "inference; as Keras, Flax or ONNX it cannot be written."
    )
    return replace(port, notes=(note,))


def _program(source: Source, texts: Sequence[str]) -> tuple[Module, dict[str, Array]]:
    """The program of one example with variables of floats as its arguments; others are constants of it."""
    first: SpecError | None = None
    for text in texts:
        try:
            module = _opened(parsed(text))
            check(module)
        except SpecError as error:
            first = first or error
            continue
        return _with_constants(module, len(source.inputs), source.variables)
    assert first is not None
    raise first


def _opened(module: Module) -> Module:
    """The program with composites as calls of what they are made of."""

    def of(block: Block) -> Block:
        return replace(block, operations=tuple(map(operation, block.operations)))

    def operation(one: Operation) -> Operation:
        if one.name == "composite":
            name = one.attributes["decomposition"]
            return replace(one, name="func.call", attributes={"callee": name}, written={"callee": f"@{name}"})
        return replace(one, blocks=tuple(map(of, one.blocks)))

    return Module({name: of(block) for name, block in module.functions.items()})


def _with_constants(module: Module, inputs: int, given: Sequence[tuple[str, Array]]) -> tuple[Module, dict[str, Array]]:
    main = module.main
    if len(main.arguments) != inputs + len(given):
        raise PortError(f"it is a function of {len(main.arguments)} arguments, for {inputs + len(given)} arrays")
    kept, constants = list(range(inputs)), []
    variables: dict[str, Array] = {}
    for i, (name, array) in enumerate(given, inputs):
        of = main.types[i]
        if of.dtype in FLOATS:
            kept.append(i)
            variables[_free(name, variables)] = np.asarray(array)
        else:
            value = {"value": np.asarray(array)}
            constants.append(Operation("constant", (), (main.arguments[i],), (of,), value, (), ""))
    block = Block(
        tuple(main.arguments[i] for i in kept),
        tuple(main.types[i] for i in kept),
        (*constants, *main.operations),
        main.returned,
    )
    return Module({**module.functions, "main": block}), variables


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """A name that a node's variable can have."""
    word = re.sub(r"[^a-z0-9_]", "_", name.lower())
    word = word if re.match(VARIABLE, word) else f"variable_{word.strip('_')}".rstrip("_")
    count, found = 1, word
    while found in taken:
        count += 1
        found = f"{word}_{count}"
    return found


def _independent(source: Source) -> Source:
    """The source in the dtypes in which what one example comes to does not depend on the others of its batch.

    Loops that end when all examples are good enough go on for some of them, which float64 shows.

    Raises:
        PortError: it does depend on them.
    """
    rng = np.random.default_rng(0)
    rows = {}
    for name, x in source.inputs.items():
        taken = np.resize(np.asarray(x), (_TRIED, *np.shape(x)[1:]))
        if taken.dtype.kind == "f":
            spread = np.abs(taken).max(initial=0.0) / 8 or 1.0
            taken = (taken + rng.standard_normal(taken.shape) * spread).astype(taken.dtype)
        rows[name] = taken
    for i, dtype in enumerate(source.dtypes):
        parting = _parting(source, rows, dtype)
        if parting is None:
            return replace(source, dtypes=source.dtypes[i:])
    raise PortError(f"in its output {parting!r} examples of a batch depend on one another")


def _parting(source: Source, rows: Arrays, dtype: FloatType) -> str | None:
    """The first output that is another for an example alone; None if there is none."""
    together = source.run(rows, dtype)
    alone = [source.run({name: x[i : i + 1] for name, x in rows.items()}, dtype) for i in range(_TRIED)]
    for k, value in enumerate(together):
        parts = [one[k] for one in alone]
        if np.shape(value)[:1] != (_TRIED,) or any(np.shape(part)[:1] != (1,) for part in parts):
            raise PortError(f"its output {source.outputs[k]!r} has no axis for the batch")
        stacked = np.concatenate(parts)
        scale = np.max(np.abs(stacked), initial=0.0, where=np.isfinite(stacked)) if stacked.dtype.kind == "f" else 0.0
        if not np.allclose(value, stacked, rtol=0, atol=_APART[dtype] * scale, equal_nan=True):
            return source.outputs[k]
    return None


def _assembled(source: Source, module: Module, variables: dict[str, Array]) -> Port:
    assembly = Assembly()
    program = written(module)
    given = [
        assembly.input(
            name, np.shape(x)[1:], "bool" if x.dtype == bool else "int32" if x.dtype.kind in "iu" else "float"
        )
        for name, x in ((name, np.asarray(x)) for name, x in source.inputs.items())
    ]
    results = [
        assembly.call(
            StableHLO(program, len(given), tuple(variables), k),
            *given,
            # A function without a name is "<lambda>".
            name=label(name if len(source.outputs) > 1 else source.name).strip("_") or "program",
            owner="program",
            variables=variables if k == 0 else {},
            origin=f"{source.name} (StableHLO)",
        )
        for k, name in enumerate(source.outputs)
    ]
    made = assembly.finish(results)
    paths = [made.paths[value] for value in results]
    return Port(
        made.model, made.variables, made.origin, OpaqueSubject(source, tuple(made.model.inputs), paths, made.variables)
    )


class OpaqueSubject:
    """The program, run by its own framework as it was."""

    def __init__(self, source: Source, inputs: Sequence[str], paths: Sequence[str], variables: Arrays) -> None:
        self.label, self.dtypes = source.label, source.dtypes
        self._source, self._inputs, self._paths, self._variables = source, inputs, paths, variables

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        """Values of the outputs; nothing of it has a mode."""
        names = zip(self._source.inputs, self._inputs, strict=True)
        made = self._source.run({own: np.asarray(inputs[name]) for own, name in names}, dtype)
        return dict(zip(self._paths, made, strict=True))

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        """The variables, which nothing changes."""
        return {name: np.asarray(x).astype(dtype) for name, x in self._variables.items()}

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        raise UnsupportedError("a StableHLO node has no derivative")
