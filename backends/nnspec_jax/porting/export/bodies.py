"""The two methods of a class: what makes its attributes, and what calls them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nnspec.porting.formatting import WIDTH, laid_out
from nnspec_jax.porting.export.classes import Class, Part
from nnspec_jax.porting.export.naming import LETTERS, free, plural, stem
from nnspec_jax.porting.export.written import constructor, names_once

Ref = tuple[str, int]
_DEEPEST = 3  # how many calls stand within each other in one line


@dataclass
class Body:
    """What a class consists of, as source.

    Attributes:
        inputs: the names of what it is called on.
        made: the lines of ``__init__``.
        called: the lines of ``__call__``.
        paths: where each part's module is: its attribute, or a list's with a place.
    """

    inputs: tuple[str, ...]
    made: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    paths: dict[int, tuple[str | int, ...]] = field(default_factory=dict)


@dataclass
class _Pending:
    """An expression that is not assigned yet."""

    text: str
    reads: list[Ref]
    depth: int
    plain: bool  # whether it can stand beside an operator


class _Writer:
    """Writes the methods of one class."""

    def __init__(self, cls: Class, inputs: tuple[str, ...], outputs: tuple[str, ...] | None) -> None:
        self.cls = cls
        self.body = Body(inputs)
        self.outputs = outputs
        self.names: dict[Ref, str] = {("input", i): name for i, name in enumerate(inputs)}
        self.uses: Counter[Ref] = Counter(ref for part in cls.parts for ref in part.inputs)
        self.uses.update(cls.outputs)
        self.pending: dict[Ref, _Pending] = {}
        self.lists = dict(_lists(cls))
        self.attributes = {part.attribute for part in cls.parts}

    def write(self) -> Body:
        i = 0
        while i < len(self.cls.parts):
            stop = self.lists.get(i)
            if stop is None:
                self._made(i)
                self._called(i)
                i += 1
            else:
                self._loop(i, stop)
                i = stop
        self._returned()
        return self.body

    # -- __init__ -----------------------------------------------------------------------------------------------------

    def _made(self, i: int) -> None:
        part = self.cls.parts[i]
        if part.made is not None:
            self.body.paths[i] = (part.attribute,)
            self.body.made += laid_out(f"self.{part.attribute} = {constructor(part.made, part.given)}", 8)

    def _loop(self, start: int, stop: int) -> None:
        parts = self.cls.parts[start:stop]
        assert parts[0].made is not None
        words = {re.sub(r"_?\d+$", "", part.attribute) for part in parts}
        word = words.pop() if len(words) == 1 else stem(parts[0].attribute)
        name = free(plural(word), self.attributes)
        word = word.rsplit("_", 1)[-1] or word
        self.attributes.add(name)
        calls = [constructor(part.made, part.given) for part in parts if part.made is not None]
        every = f"{calls[0]} for _ in range({len(calls)})" if len(set(calls)) == 1 else ", ".join(calls)
        self.body.made += laid_out(f"self.{name} = nnx.List([{every}])", 8)
        for k in range(stop - start):
            self.body.paths[start + k] = (name, k)
        first = parts[0].inputs[0]
        given = [self._read(ref) for ref in parts[0].inputs]
        self._spend(parts[0].inputs)
        target = given[0] if self._dead(first) and first not in self.pending else None
        if target is None or not _letter(target):
            target = self._free_letter(parts[0])
            self.body.called += laid_out(f"{target} = {given[0]}", 8)
        item = free(word, {target, *given, name})
        self.body.called += laid_out(f"for {item} in self.{name}:", 8)
        self.body.called += laid_out(f"{target} = {item}({', '.join([target, *given[1:]])})", 12)
        for k in range(start, stop - 1):
            self._spend([("part", k)])
            if k > start:
                self._spend(self.cls.parts[k].inputs[1:])
        if stop - start > 1:
            self._spend(self.cls.parts[stop - 1].inputs[1:])
        self.names[("part", stop - 1)] = target

    # -- __call__ -----------------------------------------------------------------------------------------------------

    def _called(self, i: int) -> None:
        part, ref = self.cls.parts[i], ("part", i)
        texts: list[str] = []
        reads: list[Ref] = []
        depth = 0
        for k, source in enumerate(part.inputs):
            held = self.pending.get(source)
            if held is None:
                texts.append(self.names[source])
                reads.append(source)
            elif self._folds(part, k, held, len(part.inputs)):
                texts.append(held.text)
                reads += held.reads
                depth = max(depth, held.depth)
                del self.pending[source]
            else:
                texts.append(self._assign(source))
                reads.append(source)
        owner = part.owner if part.owner is not None else i
        place = self.body.paths.get(owner, ("",))
        module = "self." + str(place[0]) + "".join(f"[{k}]" for k in place[1:])
        text = part.call.format(*texts, self=module)
        if text in self.names.values() and part.call == "{0}":  # an identity
            self.pending[ref] = _Pending(text, reads, depth, True)
        else:
            plain = bool(re.match(r"[\w.]+\(.*\)$", text)) and _one_call(text)
            self.pending[ref] = _Pending(text, reads, depth + 1, plain)
        nexts = self.cls.parts[i + 1].inputs if i + 1 < len(self.cls.parts) else ()
        last = i + 1 == len(self.cls.parts) and self.cls.outputs == (ref,)
        if not last and (self.uses[ref] != 1 or ref not in nexts):
            self._assign(ref)

    def _folds(self, part: Part, k: int, held: _Pending, count: int) -> bool:
        """Whether an expression is written within the next one."""
        if part.heavy or held.depth >= _DEEPEST:
            return held.text in self.names.values()
        room = len(held.text) + len(part.call) + len(part.attribute) + 24 <= WIDTH
        if k == 0 and count == 1 and names_once(part.call):
            return room
        if re.fullmatch(r"\{0\} [+*] \{1\}", part.call):
            return room and held.plain and held.depth == 1
        return held.text in self.names.values()

    def _assign(self, ref: Ref) -> str:
        """The name that a value gets with a line of its own."""
        held = self.pending.pop(ref)
        self._spend(held.reads)
        name = self._target(held, ref)
        self.names[ref] = name
        if held.text != name:
            self.body.called += laid_out(f"{name} = {held.text}", 8)
        return name

    def _target(self, held: _Pending, ref: Ref) -> str:
        dying = [self.names[source] for source in held.reads if self._dead(source)]
        again = [name for name in dying if _letter(name)]
        if again:
            return min(again, key=lambda name: (LETTERS.index(name) if name in LETTERS else len(LETTERS), name))
        return self._free_letter(self.cls.parts[ref[1]])

    def _free_letter(self, part: Part) -> str:
        live = self._live()
        for letter in LETTERS:
            if letter not in live:
                return letter
        return free(part.label, live)

    # -- what is still needed -----------------------------------------------------------------------------------------

    def _read(self, ref: Ref) -> str:
        return self._assign(ref) if ref in self.pending else self.names[ref]

    def _spend(self, refs: Sequence[Ref]) -> None:
        for ref in refs:
            self.uses[ref] -= 1

    def _dead(self, ref: Ref) -> bool:
        return self.uses[ref] <= 0

    def _live(self) -> set[str]:
        live = {name for ref, name in self.names.items() if not self._dead(ref)}
        return live | {self.names[source] for held in self.pending.values() for source in held.reads}

    def _returned(self) -> None:
        values = []
        for ref in self.cls.outputs:
            held = self.pending.get(ref)
            values.append(held.text if held is not None else self.names[ref])
        if self.outputs is None:
            text = values[0]
        else:
            pairs = zip(self.outputs, values, strict=True)
            text = "{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}"
        self.body.called += laid_out(f"return {text}", 8)


def _letter(name: str) -> bool:
    """Whether a name stands for whatever is computed next, and not for a certain input."""
    return name in LETTERS


def _one_call(text: str) -> bool:
    """Whether the first bracket closes at the end."""
    depth = 0
    for i, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and char in ")]}":
            return i == len(text) - 1
    return False


def _lists(cls: Class) -> Iterator[tuple[int, int]]:
    """Where blocks of one class stand one after the other, each on what the one before gives."""
    uses = Counter(ref for part in cls.parts for ref in part.inputs)
    uses.update(cls.outputs)
    i = 0
    while i < len(cls.parts):
        first, stop = cls.parts[i], i + 1
        while (
            first.kind is not None
            and stop < len(cls.parts)
            and cls.parts[stop].kind is first.kind
            and cls.parts[stop].inputs[0] == ("part", stop - 1)
            and cls.parts[stop].inputs[1:] == first.inputs[1:]
            and uses["part", stop - 1] == 1
        ):
            stop += 1
        equal = len({constructor(part.made, part.given) for part in cls.parts[i:stop] if part.made is not None}) == 1
        # Blocks that differ are a list where the model itself numbers them.
        if stop - i > 1 and (equal or (first.named and stop - i > 2)):
            yield i, stop
        i = stop


def write_body(cls: Class, inputs: tuple[str, ...], outputs: tuple[str, ...] | None = None) -> Body:
    """The methods of a class.

    Args:
        cls: the class.
        inputs: the names of what it is called on.
        outputs: the names of several values that it returns as a dict.
    """
    return _Writer(cls, inputs, outputs).write()
