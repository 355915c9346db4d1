"""A model as the text of a Python module, and where its variables lie in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# The families are imported because they register their classes.
import nnspec_jax.porting.export.activation
import nnspec_jax.porting.export.attention
import nnspec_jax.porting.export.convolution
import nnspec_jax.porting.export.dropout
import nnspec_jax.porting.export.embedding
import nnspec_jax.porting.export.linear
import nnspec_jax.porting.export.normalization
import nnspec_jax.porting.export.operations
import nnspec_jax.porting.export.pooling
import nnspec_jax.porting.export.rearrangement
import nnspec_jax.porting.export.recurrent
import nnspec_jax.porting.export.scaling  # noqa: F401
from nnspec.layers.base import show
from nnspec.model import Model
from nnspec.porting.blocks import Block, result
from nnspec.porting.formatting import docstring, laid_out
from nnspec_jax.porting.export.bodies import Body, write_body
from nnspec_jax.porting.export.classes import Class, Classes, check
from nnspec_jax.porting.export.naming import LETTERS, attribute, class_name
from nnspec_jax.porting.export.needed import sources
from nnspec_jax.porting.export.written import Layout, Written

MODULE, WEIGHTS, CHECKPOINT = "model.py", "model.safetensors", "checkpoint"
WeightsFormat = Literal["safetensors", "orbax"]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Variable:
    """Where a variable lies in the module.

    Attributes:
        path: the names of attributes and places in lists.
        layout: how it lies there.
    """

    path: Path
    layout: Layout

    @property
    def name(self) -> str:
        """Its name in the file of weights."""
        return ".".join(map(str, self.path))


@dataclass(frozen=True)
class Call:
    """A call of a module whose result is a node's value.

    Attributes:
        node: the node's path.
        module: the module's path.
    """

    node: str
    module: Path


class Source:
    """A model's source.

    Attributes:
        name: the class that is the model.
        inputs: the names of its inputs, in order.
        outputs: the names of its outputs, where it returns several of them as a dict.
        variables: where each variable lies, by canonical name.
        calls: whose modules' results are nodes' values, in the order in which they are called.
        random: whether it holds streams of random numbers.
    """

    def __init__(self, model: Model, *, weights_format: WeightsFormat = "safetensors") -> None:
        check(model)
        self.model = model
        self._orbax = weights_format == "orbax"
        self._classes = Classes(model, class_name(model.name or "model"))
        self.name = self._classes.top.name
        self.outputs = model.outputs if len(model.outputs) > 1 else None
        self._bodies: dict[str, Body] = {}
        for cls in self._classes.order:
            outputs = self.outputs if cls is self._classes.top else None
            self._bodies[cls.name] = write_body(cls, self._inputs(cls), outputs)
        self.inputs = self._bodies[self.name].inputs
        self.variables: dict[str, Variable] = {}
        for path, place, line in self._modules(self._classes.top, self._classes.root, ()):
            for name, layout in line.layouts.items():
                self.variables[f"{path}/{name}"] = Variable((*place, *layout.path), layout)
        self.calls = tuple(self._called(self._classes.top, self._classes.root, "", ()))
        self.random = any(line.made is not None and _draws(line) for line in self._classes.nodes.values())

    # -- where everything is ------------------------------------------------------------------------------------------

    def _modules(self, cls: Class, block: Block, place: Path) -> Iterator[tuple[str, Path, Written]]:
        """The nodes that have a module: their paths, the module's, and what is written for them."""
        paths = self._bodies[cls.name].paths
        for i, part in enumerate(block.parts):
            if i not in paths:
                continue
            here = (*place, *paths[i])
            if isinstance(part, Block):
                yield from self._modules(self._classes.class_of(part), part, here)
            else:
                yield block.path + part.name, here, self._classes.nodes[block.path + part.name]

    def _called(self, cls: Class, block: Block, prefix: str, place: Path) -> Iterator[Call]:
        """Calls in order; ``prefix`` leads to the nodes, which in a shared model is not the block's own path."""
        paths = self._bodies[cls.name].paths
        names = {part.name: i for i, part in enumerate(block.parts)}
        for i, part in enumerate(block.parts):
            node = part.node if isinstance(part, Block) else part
            owner = i if node is None or node.shares is None else names[node.shares]
            if owner not in paths:
                continue
            here = (*place, *paths[owner])
            if isinstance(part, Block):
                whole = block.parts[owner]
                assert isinstance(whole, Block)
                inner = prefix if part.node is None else f"{prefix}{part.name}/"
                yield from self._called(self._classes.class_of(whole), whole, inner, here)
                if part.node is not None or result(part) not in names:
                    yield Call(prefix + result(part), here)
            elif _is_call(self._classes.nodes[block.path + part.name].call):
                yield Call(prefix + part.name, here)

    def _inputs(self, cls: Class) -> tuple[str, ...]:
        """What the inputs of a class are called."""
        block = cls.blocks[0]
        if len(block.takes) == 1:
            whole = block is self._classes.root and self.model.inputs[block.takes[0]].dtype == "int32"
            return ("ids" if whole else "x",)
        names: list[str] = []
        letters = iter(LETTERS)
        for name in block.takes:
            own = block.node is not None or block is self._classes.root or name in self.model.inputs
            word = attribute(name, names) if own else next((c for c in letters if c not in names), name)
            names.append("x" if word in ("input", "input_1") and "x" not in names else word)
        return tuple(names)

    # -- the text -----------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The module's source."""
        needed = {name for line in self._classes.nodes.values() for name in line.snippets}
        parts = [*sources(needed), *map(self._class, self._classes.order), self._load()]
        code = "\n\n\n".join(parts) + "\n"
        return "\n".join([*self._head(), "", *_imports(code), "", self._weights(), "", "", code])

    def _shapes(self) -> str:
        """What the model takes and returns."""
        shapes = self.model.output_shapes()
        given = [
            f"{name} {show((None, *(declared.shape or ())))}{_of(declared.dtype)}"
            for name, declared in zip(self.inputs, self.model.inputs.values(), strict=True)
        ]
        results = (
            show(shapes[self.model.outputs[0]])
            if self.outputs is None
            else "a dict of " + ", ".join(f"{name} {show(shape)}" for name, shape in shapes.items())
        )
        return f"Takes {', '.join(given)}; returns {results}."

    def _head(self) -> list[str]:
        title = re.sub(r"_+", " ", self.model.name or "A model").strip()
        return [
            f'"""{title[:1].upper()}{title[1:]}, ported to Flax NNX.',
            "",
            "``load`` gives the model with the weights of the file beside this one.",
            '"""',
        ]

    def _class(self, cls: Class) -> str:
        body = self._bodies[cls.name]
        top = cls is self._classes.top
        lines = [f"class {cls.name}(nnx.Module):", *docstring(self._describe(cls), 4), ""]
        if cls.holds or top:
            parameters = [f"{p.name}: {p.hint}" for p in cls.parameters]
            signature = ", ".join(["self", *parameters, "*", "rngs: nnx.Rngs"])
            lines += laid_out(f"def __init__({signature}) -> None:", 4)
            lines += [*(body.made or ['        """There are no variables."""']), ""]
        if top:
            lines.append('    @jax.default_matmul_precision("highest")')
        results = "jax.Array" if not top or self.outputs is None else "dict[str, jax.Array]"
        arrays = ", ".join(["self", *(f"{name}: jax.Array" for name in body.inputs)])
        lines += laid_out(f"def __call__({arrays}) -> {results}:", 4)
        return "\n".join([*lines, *body.called])

    def _describe(self, cls: Class) -> str:
        if cls is self._classes.top:
            return self._shapes()
        names = [block.path.rstrip("/") if block.node else block.path + block.name for block in cls.blocks]
        if len(names) > 3:
            return f"{names[0]}, {names[1]} and {len(names) - 2} more like them."
        return f"{', '.join(names)}."

    def _weights(self) -> str:
        return f'WEIGHTS = Path(__file__).with_name("{CHECKPOINT if self._orbax else WEIGHTS}")'

    def _load(self) -> str:
        reseeded = ["    nnx.reseed(model, default=0)"] if self.random else []
        read = ["    weights = load_file(path)"]
        if self._orbax:
            read = [
                "    with ocp.PyTreeCheckpointer() as checkpointer:",
                "        weights = checkpointer.restore(Path(path).absolute())",
            ]
        assigned = (
            [
                *read,
                "    state = nnx.state(model, (nnx.Param, nnx.BatchStat))",
                "    for place, variable in nnx.to_flat_state(state):",
                '        variable.set_value(weights[".".join(map(str, place))])',
                "    nnx.update(model, state)",
            ]
            if self.variables
            else []
        )
        return "\n".join(
            [
                *laid_out(f"def load(path: str | Path = WEIGHTS) -> {self.name}:"),
                '    """The model with the weights of a file, in inference mode."""',
                *laid_out(f"model = nnx.eval_shape(lambda: {self.name}(rngs=nnx.Rngs(0)))", 4),
                *assigned,
                *reseeded,
                "    model.eval()",
                "    return model",
            ]
        )


def _of(dtype: str) -> str:
    return "" if dtype == "float" else f" of {dtype}"


def _draws(line: Written) -> bool:
    made = line.made
    assert made is not None
    if made.kind in ("nnx.Dropout", "AlphaDropout", "GaussianNoise", "GaussianDropout", "GaussianSample"):
        return True
    rates = ("dropout_rate", "recurrent_dropout_rate")
    return any(argument.name in rates and argument.value for argument in made.arguments)


def _is_call(call: str) -> bool:
    """Whether an expression is a module's call and nothing around it."""
    if not call.startswith("{self}("):
        return False
    depth = 0
    for i, char in enumerate(call):
        depth += (char == "(") - (char == ")")
        if depth == 0 and char == ")":
            return i == len(call) - 1
    return False


def _imports(code: str) -> list[str]:
    """The imports that a text needs, sorted as isort does."""
    standard: list[str] = []
    types = [name for name in ("Callable", "Sequence") if re.search(rf"\b{name}\[", code)]
    if re.search(r"\bmath\.", code):
        standard.append("import math")
    if types:
        standard.append(f"from collections.abc import {', '.join(types)}")
    if re.search(r"\bpartial\(", code):
        standard.append("from functools import partial")
    standard.append("from pathlib import Path")
    if re.search(r"\bAny\b", code):
        standard.append("from typing import Any")
    others = ["import jax"]
    if re.search(r"\bjnp\.", code):
        others.append("import jax.numpy as jnp")
    if re.search(r"\bnp\.", code):
        others.append("import numpy as np")
    others.append("from flax import nnx")
    if "ocp." in code:
        others.insert(-1, "import orbax.checkpoint as ocp")
    if "load_file(" in code:
        others.append("from safetensors.flax import load_file")
    return [*standard, "", *others]
