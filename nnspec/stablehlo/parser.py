"""Reads MLIR's generic form of StableHLO: ``%2 = "stablehlo.add"(%0, %1) : (tensor<3xf32>, …) -> tensor<3xf32>``.

That form has one syntax for all operations, so that a reader of it needs no framework.
Source: MLIR Language Reference, "Operations"; StableHLO specification, "Syntax".
"""

from __future__ import annotations

import functools
import re

from nnspec.errors import SpecError
from nnspec.stablehlo.attributes import QUOTED, named, plain, split, type_of
from nnspec.stablehlo.module import DEEPEST, Block, Module, Operation, Type

_SPACE = re.compile(r"(?:\s+|//[^\n]*)*")
_RESULT = re.compile(r"%[\w$.-]+(?::\d{1,9})?")
_OPERAND = re.compile(r"%[\w$.-]+(?:#\d{1,9})?")
_NAME = re.compile(r'"([\w.$]+)"')
_LABEL = re.compile(r"\^[\w$.-]+")
_LOCATION = re.compile(r"\s*loc\(")
_MARKS = re.compile(QUOTED + r'|->|["\[\]<>(){}]', re.DOTALL)
_CLOSING = {"(": ")", "{": "}", "[": "]", "<": ">"}


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
        self._of: list[Type] = []
        self._depth = 0

    def module(self) -> Module:
        name, _, _, blocks = self._begin()
        if name != "builtin.module" or len(blocks) != 1:
            raise self._error('expected "builtin.module"() ({ … })')
        self._rest()
        if self._peek():
            raise self._error("expected nothing behind the module")
        functions: dict[str, Block] = {}
        for operation in blocks[0].operations:
            function = str(operation.attributes.get("sym_name", ""))
            if len(operation.blocks) != 1:
                raise SpecError(f"the function {function} has no body")
            if function in functions:
                raise SpecError(f"two functions of the program are named {function}")
            functions[function] = operation.blocks[0]
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
            if self._depth > DEEPEST:
                raise self._error(f"regions nested more than {DEEPEST} deep are refused")
            self._depth += 1
            made = [self._block(name)]
            while self._given(","):
                self._take("{")
                made.append(self._block(name))
            self._take(")")
            self._depth -= 1
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
        types = self._types(name, operands, line)
        counts = [int(one.partition(":")[2] or 1) for one in names]
        if sum(counts) != len(types):
            raise self._error(f"{name} has {len(types)} results, and names for {sum(counts)}", line)
        results = tuple(map(self._new, types))
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

    def _block(self, owner: str) -> Block:
        """The one block of an operation's region; ``{`` is read already. A function sees no value around it."""
        around = self._scopes
        self._scopes = [*([] if owner in ("func.func", "builtin.module") else around), {}]
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
                    arguments.append(self._new(types[-1]))
                    self._define(name, (arguments[-1],))
                    self._location()
            self._take(":")
        operations: list[Operation] = []
        returned: tuple[int, ...] = ()
        while not self._given("}"):
            if self._peek() == "^":
                raise self._error("regions of several blocks are not read")
            self._skip()
            begin = self.at
            name, operation = self._operation()
            if (owner == "builtin.module") != (name == "func.func"):
                raise self._error("a module has functions alone, and they are in it alone", begin)
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

    def _types(self, name: str, operands: tuple[int, ...], line: int) -> tuple[Type, ...]:
        """``: (…) -> …``: the types of the results; those of operands are the ones that they have."""
        self._take(":")
        self._take("(")
        begin = self.at
        given = tuple(self._checked(one, begin) for one in split(self._until(")")))
        if given != tuple(self._of[i] for i in operands):
            own = ", ".join(str(self._of[i]) for i in operands)
            raise self._error(f"the operands of {name} are ({own}), not ({', '.join(map(str, given))})", line)
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

    def _new(self, of: Type) -> int:
        self._of.append(of)
        return len(self._of) - 1

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
        for mark in _MARKS.finditer(self.text, begin):
            if mark[0] == open_[-1]:
                open_.pop()
                if not open_:
                    self.at = mark.end()
                    return self.text[begin : mark.start()]
            elif mark[0] in _CLOSING:
                open_.append(_CLOSING[mark[0]])
                if len(open_) > DEEPEST:
                    raise self._error(f"brackets nested more than {DEEPEST} deep are refused")
            elif mark[0] == '"':
                break
        raise self._error(f"expected {closing!r} at some place behind this")

    def _error(self, reason: str, place: int | None = None) -> SpecError:
        at = self.at if place is None else place
        line = self.text.count("\n", 0, at) + 1
        found = self.text[at : at + 40].split("\n")[0].strip()
        return SpecError(f"line {line} of the program: {reason}" + (f", got {found!r}" if found else ""))
