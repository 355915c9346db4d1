"""A Keras model as Python source: functions for what repeats, one for each nested model, and ``build``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nnspec.graph import Node, free_name
from nnspec.porting.blocks import Block, inputs_of, result
from nnspec.porting.formatting import docstring, laid_out
from nnspec_tensorflow.model import single
from nnspec_tensorflow.porting.export.outline import TAKEN, Function, Outline, references
from nnspec_tensorflow.porting.export.written import Call, Reference, Slot, index, literal


@dataclass(frozen=True)
class _Statement:
    """A line that gives a value, or several."""

    keys: tuple[int, ...]
    name: str
    uses: tuple[int, ...]
    write: Callable[[Callable[[int], str]], tuple[list[str], str]]


class Writer(Outline):
    """Writes one model: ``text()`` is the module's functions, ``constants`` the arrays that they name."""

    def text(self) -> str:
        """The functions, ``build`` the last of them."""
        parts = [self._definition(function) for function in self._functions]
        return "\n\n\n".join("\n".join(lines) for lines in (*parts, self._build())) + "\n"

    def _definition(self, function: Function) -> list[str]:
        block = function.block
        parameters = list(dict.fromkeys(function.parameters.values()))
        if function.nested:
            word = f"``{block.name}``" + (", and others like it." if len(function.sites) > 1 else ".")
        else:
            word = f"What ``{block.name}`` and others like it consist of."
        inputs = [] if function.nested else [_word(name) for name in block.given]
        statements = self._statements(block, function.parameters, block.prefix if not function.nested else "")
        names = self._allocated(statements, self._starting(block, inputs, statements), block)
        arguments = [f"{name}: {_kind(function, name)}" for name in parameters]
        starred = [f"*, {', '.join(arguments)}"] if arguments else []
        if function.nested:
            made = self._model(block, statements, names, function.parameters, "name")
            signature = ", ".join(["name: str", *starred])
            return [f"def {function.name}({signature}) -> keras.Model:", *docstring(word, 4), *made]
        given = [f"{names[self._keys[block.path][name]]}: Any" for name in block.given]
        signature = ", ".join([*given, "name: str", *starred])
        lines = laid_out(f"def {function.name}({signature}) -> Any:") + docstring(word, 4)
        for line in _written(statements, names):
            lines += laid_out(line, 4)
        return [*lines, f"    return {names[self._keys[block.path][block.outputs[0]]]}"]

    def _build(self) -> list[str]:
        statements = self._statements(self.root, {}, "")
        names = self._allocated(statements, self._starting(self.root, [], statements), self.root)
        lines = [
            "def build() -> keras.Model:",
            *docstring("The model, with weights that are not trained yet.", 4),
        ]
        return lines + self._model(self.root, statements, names, {}, None)

    def _model(
        self, block: Block, statements: list[_Statement], names: dict[int, str], slots: dict[int, str], name: str | None
    ) -> list[str]:
        """Inputs, statements and the model of them."""
        native, keys = self._natives[block.path], self._keys[block.path]
        spec: Any = block.node.layer if block.node is not None else self.spec
        lines: list[str] = []
        for symbol, pair in zip(native.model.inputs, self._inputs[block.path], strict=True):
            own = symbol._keras_history.operation.name
            shape, kind = (self._literal(slot, slots, "") for slot in pair)
            dtype = "" if kind == '"float32"' else f", dtype={kind}"
            lines += laid_out(f'{names[keys[own]]} = keras.Input({shape}, name="{own}"{dtype})', 4)
        for line in _written(statements, names):
            lines += laid_out(line, 4)
        inputs, outputs = ({n: names[keys[n]] for n in own} for own in (spec.inputs, spec.outputs))
        taken = f"[{', '.join(inputs.values())}]" if block.path and len(inputs) > 1 else _mapping(single(inputs))
        given = f"{taken}, {_mapping(single(outputs))}"
        named = name or literal(native.model.name, self._constant)
        return lines + laid_out(f"return keras.Model({given}, name={named})", 4)

    def _starting(self, block: Block, inputs: list[str], statements: list[_Statement]) -> dict[int, str]:
        """Names of what is there when a body begins."""
        keys, outputs = self._keys[block.path], {self._keys[block.path][name] for name in block.outputs}
        spec: Any = block.node.layer if block.node is not None else self.spec
        flat = bool(inputs)
        values = [keys[name] for name in (block.given if flat else spec.inputs)]
        words = inputs or [_word(name) for name in spec.inputs]
        later = {key for statement in statements[1:] for key in statement.uses} | outputs
        if flat and len(values) == 1:
            return {values[0]: "inputs" if values[0] in later else "x"}
        return dict(zip(values, words, strict=True))

    def _allocated(self, statements: list[_Statement], names: dict[int, str], block: Block) -> dict[int, str]:
        """A name for each value: ``x`` for those that the next line alone uses."""
        taken = dict.fromkeys((*self._names, *names.values()), 1)
        outputs = [self._keys[block.path][name] for name in block.outputs]
        last = {key: i for i, statement in enumerate(statements) for key in statement.uses}
        last |= dict.fromkeys(outputs, len(statements))
        for i, statement in enumerate(statements):
            lasts = max(last.get(key, i + 1) for key in statement.keys)
            following = lasts == i + 1 and len(outputs) == len(statement.keys) == 1
            name = "x" if following else free_name(_word(statement.name), taken)
            several = len(statement.keys) > 1
            names |= {key: f"{name}[{place}]" if several else name for place, key in enumerate(statement.keys)}
        return names

    def _statements(self, block: Block, slots: dict[int, str], prefix: str) -> list[_Statement]:
        found: list[_Statement] = []
        for part in block.parts:
            if isinstance(part, Block) and id(part) not in self._of and part.node is None:
                found += self._statements(part, slots, prefix)
            elif isinstance(part, Block):
                found.append(self._block_statement(part, block, slots, prefix))
            else:
                found += self._node_statements(part, block.path, slots, prefix)
        return found

    def _block_statement(self, part: Block, block: Block, slots: dict[int, str], prefix: str) -> _Statement:
        node = part.node
        outer = block.path
        keys = self._keys[outer]
        uses = tuple(keys[name] for name in inputs_of(part))
        owner = part if node is None or node.shares is None else None

        def write(name: Callable[[int], str]) -> tuple[list[str], str]:
            given = [name(key) for key in uses]
            if node is None:
                function = self._of[id(part)]
                own = self._arguments(function.sites[id(part)], slots, prefix)
                return [], f"{function.name}({', '.join([*given, *own])})"
            listed = given[0] if len(given) == 1 else f"[{', '.join(given)}]"
            shared = self._times[outer, node.owner] > 1
            variable = f"{_word(node.owner)}_shared"
            if owner is None:
                return [], f"{variable}({listed})"
            function = self._of[id(part)]
            made = f"{function.name}({', '.join(self._arguments(function.sites[id(part)], slots, prefix))})"
            return ([f"{variable} = {made}"], f"{variable}({listed})") if shared else ([], f"{made}({listed})")

        return _Statement((keys[result(part)],), part.name.removeprefix(prefix), uses, write)

    def _node_statements(self, node: Node, path: str, slots: dict[int, str], prefix: str) -> Iterator[_Statement]:
        found = self._calls[path + node.name]
        times = Counter(key for call in found for key in references(call.given))
        inlined: dict[int, Call] = {}
        for i, call in enumerate(found):
            key = call.keys[0]
            if call.layer is None and times[key] == self._uses[key] == len(call.keys) == 1 and i < len(found) - 1:
                inlined[key] = call
                continue
            uses = tuple(dict.fromkeys(self._outward(call, inlined)))
            write = self._writing(call, dict(inlined), path, slots, prefix)
            name = node.name if i == len(found) - 1 else call.layer or f"{node.name}_value"
            yield _Statement(call.keys, name.removeprefix(prefix), uses, write)

    def _outward(self, call: Call, inlined: dict[int, Call]) -> Iterator[int]:
        for key in references(call.given):
            if key in inlined:
                yield from self._outward(inlined[key], inlined)
            else:
                yield key

    def _writing(
        self, call: Call, inlined: dict[int, Call], path: str, slots: dict[int, str], prefix: str
    ) -> Callable[[Callable[[int], str]], tuple[list[str], str]]:
        def value(name: Callable[[int], str], each: Any) -> str:
            if isinstance(each, Reference):
                return expression(name, inlined[each.key]) if each.key in inlined else name(each.key)
            if isinstance(each, Slot):
                return self._literal(each, slots, prefix)
            return f"[{', '.join(value(name, inner) for inner in each)}]"

        def expression(name: Callable[[int], str], call: Call) -> str:
            if not call.kind and call.layer is None:
                (_, of), (_, key) = call.given
                return f"{value(name, of)}[{index(key.value)}]"
            given = ", ".join(f"{n}={value(name, each)}" if n else value(name, each) for n, each in call.given)
            return f"{call.kind}({given})"

        def write(name: Callable[[int], str]) -> tuple[list[str], str]:
            if call.layer is None:
                return [], expression(name, call)
            given = ", ".join(f"{n}={value(name, each)}" if n else value(name, each) for n, each in call.given)
            made = f"{call.kind}({', '.join(self._arguments(call.made, slots, prefix))})"
            if self._times[path, call.layer] == 1:
                return [], f"{made}({given})"
            variable = f"{_word(call.layer.removeprefix(prefix))}_layer"
            return ([] if call.again else [f"{variable} = {made}"]), f"{variable}({given})"

        return write

    def _arguments(self, own: tuple[Slot, ...], slots: dict[int, str], prefix: str) -> list[str]:
        return [
            f"{slot.name}={self._literal(slot, slots, prefix)}" if slot.named else self._literal(slot, slots, prefix)
            for slot in own
        ]

    def _literal(self, slot: Slot, slots: dict[int, str], prefix: str) -> str:
        if id(slot) in slots:
            return slots[id(slot)]
        if slot.name == "name" and prefix:
            return f'f"{{name}}_{slot.value.removeprefix(prefix)}"'
        return literal(slot.value, self._constant)

    def _constant(self, value: Any) -> str:
        for name, known in self.constants.items():
            if known.dtype == value.dtype and known.shape == value.shape and (known == value).all():
                return f'CONSTANTS["{name}"]'
        name = f"array_{len(self.constants)}"
        self.constants[name] = value
        return f'CONSTANTS["{name}"]'


def _written(statements: list[_Statement], names: dict[int, str]) -> Iterator[str]:
    for statement in statements:
        before, expression = statement.write(names.__getitem__)
        yield from before
        yield f"{names[statement.keys[0]].removesuffix('[0]')} = {expression}"


def _kind(function: Function, parameter: str) -> str:
    """The type of a parameter, where all blocks give it a plain one."""
    kinds = {type(slot.value) for site in function.sites.values() for slot in site if slot.name == parameter}
    return kinds.pop().__name__ if len(kinds) == 1 and kinds <= {bool, float, int, str} else "Any"


def _word(name: str) -> str:
    word = name.strip("_") or "value"
    return f"x{word}" if word[0].isdigit() else f"{word}_" if word in TAKEN else word


def _mapping(names: Any) -> str:
    return names if isinstance(names, str) else "{" + ", ".join(f'"{k}": {v}' for k, v in names.items()) + "}"
