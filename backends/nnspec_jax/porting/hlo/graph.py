"""A graph of the spec, made of a traced program."""

from __future__ import annotations

from collections.abc import Sequence

from nnspec.porting.assembly import Value
from nnspec_jax.porting.folding import fold_biases
from nnspec_jax.porting.graph import Graph


class ProgramGraph(Graph):
    """A graph whose errors name the place in the program, not the line of the code that traced it."""

    def _line(self) -> str:
        for equation in reversed(self._within):
            stack = str(equation.source_info.name_stack)
            if "@" in stack:
                return stack[stack.index("@") + 1 :] or "the program"
        return "the program"

    def settle(self, outputs: Sequence[Value]) -> None:
        fold_biases(self.assembly, outputs)
