"""Reads MLIR's generic form of StableHLO: ``%2 = "stablehlo.add"(%0, %1) : (tensor<3xf32>, …) -> tensor<3xf32>``.

That form has one syntax for all operations, so that a reader of it needs no framework.
Source: MLIR Language Reference, "Operations"; StableHLO specification, "Syntax".
"""

from __future__ import annotations

import functools
import re

from nnspec.errors import SpecError
from nnspec.stablehlo.attributes import named, plain, split, type_of
from nnspec.stablehlo.module import Block, Module, Operation, Type

_SPACE = re.compile(r"(?:\s+|//[^\n]*)*")
_RESULT = re.compile(r"%[\w$.-]+(?::\d+)?")
_OPERAND = re.compile(r"%[\w$.-]+(?:#\d+)?")
_NAME = re.compile(r'"([\w.$]+)"')
_LABEL = re.compile(r"\^[\w$.-]+")
_LOCATION = re.compile(r"\s*loc\(")
_CLOSING = {"(": ")", "{": "}", "[": "]", "<": ">"}
# What is nested deeper than programs are is refused before Python's stack ends.
_DEEPEST = 60


@functools.lru_cache(maxsize=64)
def parsed(text: str) -> Module:
    """The module that a text in MLIR's generic form holds.

    Raises:
        SpecError: it is none; the line is named.
    """
    return _Parser(text).module()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._scopes: list[dict[str, tuple[int, ...]]] = [{}]
        self._count = 0

    def module(self) -> Module:
        name, _, _attributes, blocks = self._begin()
        if name != "builtin.module" or len(blocks) != 1:
            raise self._error('expected "builtin.module"() ({ … })')
        self._rest()
        if self._peek():
            raise self._error("expected nothing behind the module")
        functions = {}
        for operation in blocks[0].operations:
            if operation.name != "func.func":
                raise SpecError(f"a module has functions alone, this one has {operation.name}")
            functions[str(operation.attributes.get("sym_name", ""))] = operation.blocks[0]
        if "main" not in functions:
            raise SpecError("a program needs a function named main")
        return Module(functions)

    # Operations

    def _begin(self) -> tuple[str, tuple[int, ...], dict[str, str], tuple[Block, ...]]:
        """An operation up to its types: the name, the operands, the attributes as text, the blocks."""
        found = self._match(_NAME, 'an operation in generic form, as "stablehlo.add"(%0, %1) : …')
        name = found[1]
        self._take("(")
        operands: list[int] = []
        while not self._given(")"):
            if operands:
                self._take(",")
            operands.append(self._operand())
        written: dict[str, str] = {}
        if self._given("<{"):
            written.update(named(self._until("}")))
            self._take(">")
        blocks: tuple[Block, ...] = ()
        if self._given("({"):
            if len(self._scopes) > _DEEPEST:
                raise self._error(f"regions nested more than {_DEEPEST} deep are refused")
            made = [self._block(isolated=name in ("func.func", "builtin.module"))]
            while self._given(","):
                self._take("{")
                made.append(self._block())
            self._take(")")
            blocks = tuple(made)
        if self._given("{"):
            written.update(named(self._until("}")))
        return name, tuple(operands), written, blocks

    def _operation(self) -> tuple[str, Operation]:
        line = self.at
        names = []
        if self._peek() == "%":
            names.append(self._match(_RESULT, "a result")[0])
            while self._given(","):
                names.append(self._match(_RESULT, "a result")[0])
            self._take("=")
        name, operands, written, blocks = self._begin()
        types = self._types()
        counts = [int(one.partition(":")[2] or 1) for one in names]
        if sum(counts) != len(types):
            raise self._error(f"{name} has {len(types)} results, and names for {sum(counts)}", line)
        results = tuple(self._new() for _ in types)
        begin = 0
        for one, count in zip(names, counts, strict=True):
            self._define(one.partition(":")[0], results[begin : begin + count])
            begin += count
        try:
            attributes = {key: plain(value) for key, value in written.items()}
        except SpecError as error:
            raise self._error(f"{name}: {error.reason}", line) from None
        made = Operation(name.removeprefix("stablehlo."), operands, results, types, attributes, blocks, "", written)
        return name, made

    def _block(self, isolated: bool = False) -> Block:
        """A region's one block; ``{`` is read already. A function sees no value around it."""
        around = self._scopes
        self._scopes = [*([] if isolated else around), {}]
        arguments: list[int] = []
        types: list[Type] = []
        if self._peek() == "^":
            self._match(_LABEL, "a label")
            if self._given("("):
                while not self._given(")"):
                    if arguments:
                        self._take(",")
                    name = self._match(_RESULT, "an argument")[0]
                    self._take(":")
                    types.append(self._type())
                    arguments.append(self._new())
                    self._define(name, (arguments[-1],))
                    self._location()
            self._take(":")
        operations: list[Operation] = []
        returned: tuple[int, ...] = ()
        while not self._given("}"):
            if self._peek() == "^":
                raise self._error("regions of several blocks are not read")
            name, operation = self._operation()
            if name in ("stablehlo.return", "func.return"):
                returned = operation.operands
                self._take("}")
                break
            operations.append(operation)
        self._scopes = around
        return Block(tuple(arguments), tuple(types), tuple(operations), returned)

    def _rest(self) -> None:
        """The module's type."""
        for word in (":", "(", ")", "->", "(", ")"):
            self._take(word)
        self._location()

    def _types(self) -> tuple[Type, ...]:
        """``: (…) -> …``: the types of the results."""
        self._take(":")
        self._take("(")
        self._until(")")
        self._take("->")
        found = tuple(self._checked(one) for one in split(self._until(")"))) if self._given("(") else (self._type(),)
        self._location()
        return found

    def _type(self) -> Type:
        begin = self.at
        self._match(re.compile(r"[\w!.]+"), "a type")
        if self._given("<"):
            self._until(">")
        return self._checked(self.text[begin : self.at], begin)

    def _checked(self, text: str, place: int | None = None) -> Type:
        try:
            return type_of(text)
        except SpecError as error:
            raise self._error(error.reason, place) from None

    def _location(self) -> None:
        match = _LOCATION.match(self.text, self.at)
        if match:
            self.at = match.end()
            self._until(")")

    # Values

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def _define(self, name: str, numbers: tuple[int, ...]) -> None:
        if any(name in scope for scope in self._scopes):
            raise self._error(f"{name} is defined twice")
        self._scopes[-1][name] = numbers

    def _operand(self) -> int:
        name, _, place = self._match(_OPERAND, "an operand")[0].partition("#")
        for scope in reversed(self._scopes):
            if name in scope:
                numbers = scope[name]
                if int(place or 0) < len(numbers):
                    return numbers[int(place or 0)]
        raise self._error(f"{name}{'#' * bool(place)}{place} is not defined before it is used")

    # Text

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _peek(self) -> str:
        self._skip()
        return self.text[self.at : self.at + 1]

    def _given(self, word: str) -> bool:
        self._skip()
        if self.text.startswith(word, self.at):
            self.at += len(word)
            return True
        return False

    def _take(self, word: str) -> None:
        if not self._given(word):
            raise self._error(f"expected {word!r}")

    def _match(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        self._skip()
        match = pattern.match(self.text, self.at)
        if match is None:
            raise self._error(f"expected {what}")
        self.at = match.end()
        return match

    def _until(self, closing: str) -> str:
        """The text up to the bracket that closes what is open, which is read too."""
        begin, open_ = self.at, [closing]
        while self.at < len(self.text):
            c = self.text[self.at]
            if c == '"':
                match = re.compile(r'"(?:[^"\\]|\\.)*"').match(self.text, self.at)
                if match is None:
                    break
                self.at = match.end()
                continue
            self.at += 1
            if c == open_[-1] and not (c == ">" and self.text[self.at - 2] == "-"):
                open_.pop()
                if not open_:
                    return self.text[begin : self.at - 1]
            elif c in _CLOSING:
                open_.append(_CLOSING[c])
        self.at = begin
        raise self._error(f"expected {closing!r} at some place behind this")

    def _error(self, reason: str, place: int | None = None) -> SpecError:
        at = self.at if place is None else place
        line = self.text.count("\n", 0, at) + 1
        found = self.text[at : at + 40].split("\n")[0].strip()
        return SpecError(f"line {line} of the program: {reason}" + (f", got {found!r}" if found else ""))
