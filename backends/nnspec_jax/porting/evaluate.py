"""What a traced model gives of arrays, with the values of equations on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax
from jax.extend.core import Literal

from nnspec_jax.porting.control import Place, inner, of_scan
from nnspec_jax.porting.items import bound


class Evaluation:
    """Runs a jaxpr equation by equation and keeps what is asked for.

    Attributes:
        wanted: places of equations whose results are kept.
        silent: places of equations that draw random numbers, which are 0 instead.
        kept: their results.
    """

    def __init__(self, wanted: Iterable[Place], silent: Iterable[Place] = ()) -> None:
        self.wanted = set(wanted)
        self.silent = set(silent)
        # Every place that leads to one that is wanted: what is there is looked into.
        self._around = {place[:n] for place in self.wanted | self.silent for n in range(len(place))}
        self.kept: dict[Place, list[Any]] = {}

    def run(self, jaxpr: Any, constants: Sequence[Any], given: Sequence[Any], place: Place = ()) -> list[Any]:
        """The results of a jaxpr."""
        env: dict[Any, Any] = dict(zip(jaxpr.constvars, constants, strict=True))
        env.update(zip(jaxpr.invars, given, strict=True))

        def read(var: Any) -> Any:
            return var.val if isinstance(var, Literal) else env[var]

        for i, equation in enumerate(jaxpr.eqns):
            here = (*place, i)
            results = self._equation(equation, [read(var) for var in equation.invars], here)
            env.update(zip(equation.outvars, results, strict=True))
            if here in self.wanted:
                self.kept[here] = results
        return [read(var) for var in jaxpr.outvars]

    def _equation(self, equation: Any, given: list[Any], here: Place) -> list[Any]:
        name = equation.primitive.name
        if here in self.silent:
            return [jax.numpy.zeros(var.aval.shape, var.aval.dtype) for var in equation.outvars]
        if name == "flax_layer":
            marked = equation.params["marked"]
            if here in self._around:
                opened = marked.opened([jax.typeof(x) for x in given])
                return self.run(opened.jaxpr, opened.consts, given, here)
            return list(marked.run(*given))
        if here in self._around:
            if name == "scan":
                return self._scan(equation, given, here)
            if name == "cond":
                chosen = equation.params["branches"][int(given[0])]
                return self.run(chosen.jaxpr, chosen.consts, given[1:], here)
            parts = inner((equation, equation))
            if parts is not None:
                return self.run(parts.jaxprs[0], parts.constants[0], given, here)
        return bound(equation, given)

    def _scan(self, equation: Any, given: list[Any], here: Place) -> list[Any]:
        params = equation.params
        number, count = of_scan(params)
        fixed, carry, sliced = given[:number], given[number:][:count], given[number + count :]
        body = params["jaxpr"]
        found: dict[int, list[Any]] = {}
        order = range(params["length"])
        for k in reversed(order) if params["reverse"] else order:
            made = self.run(body.jaxpr, body.consts, [*fixed, *carry, *(x[k] for x in sliced)], (*here, k))
            carry, found[k] = made[: len(carry)], made[len(carry) :]
        return [*carry, *(jax.numpy.stack(parts) for parts in zip(*(found[k] for k in order), strict=True))]
