"""What is within an equation, and how modules around it are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax
import jax
import numpy as np
from jax.extend import source_info_util

from nnspec.errors import PortError
from nnspec_jax.porting.items import Constant, Item

# An equation's place: its number, the number of the step where it is a loop, and so on within.
Place = tuple[int, ...]
# So many steps of a loop are written out.
MOST = 512
_WITHIN = ("jaxpr", "call_jaxpr", "fun_jaxpr")
# Primitives that call a function, by name.
_CALLING = {
    *("jit", "pjit", "closed_call", "core_call", "call", "remat", "remat2", "checkpoint"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr"),
}
_JAX = str(Path(jax.__file__).parent)
_NOT_MEANT = (str(Path(flax.__file__).parent), str(Path(__file__).parent))


@dataclass(frozen=True)
class Within:
    """What an equation stands for that calls a function.

    Attributes:
        jaxprs: for the two sizes of the batch.
        constants: the arrays that they hold.
        by_jax: whether the function is one of JAX's own.
    """

    jaxprs: tuple[Any, Any]
    constants: tuple[Any, Any]
    by_jax: bool


def inner(pair: tuple[Any, Any]) -> Within | None:
    """What is within an equation that calls a function, differentiates or rematerializes one; None for others."""
    found = []
    for equation in pair:
        if equation.primitive.name == "call_hi_primitive":
            closed = _expanded(equation)
            found.append((closed.jaxpr, closed.consts))
            continue
        key = next((key for key in _WITHIN if key in equation.params), None)
        if key is None or equation.primitive.name not in _CALLING:
            return None
        jaxpr = equation.params[key]
        found.append((jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "jaxpr") else (jaxpr, []))
    (one, own), (two, others) = found
    source = one.debug_info.func_src_info or ""
    return Within((one, two), (own, others), _JAX in source)


def _expanded(equation: Any) -> Any:
    """What a primitive of JAX 0.12's higher kind is made of, as a closed jaxpr."""
    primitive = equation.params["_prim"]

    def call(*flat: Any) -> list[Any]:
        return jax.tree.leaves(primitive.expand(*jax.tree.unflatten(primitive.in_tree, flat)))

    return jax.make_jaxpr(call)(*(jax.ShapeDtypeStruct(x.aval.shape, x.aval.dtype) for x in equation.invars))


def of_scan(params: Mapping[str, Any]) -> tuple[int, int]:
    """How many of a scan's first operands are the same at each step, and how many go from one to the next."""
    if "ft_in" in params:  # from JAX 0.12 on
        fixed, carry, _ = (len(list(part)) for part in params["ft_in"].unpack())
        return fixed, carry
    return params["num_consts"], params["num_carry"]


def branch(pair: tuple[Any, Any], index: Item, where: Callable[[], str]) -> tuple[Any, Any]:
    """The branch of a condition that is known."""
    if not isinstance(index, Constant):
        raise PortError(
            f"{where()}cond on a value that depends on the inputs has no counterpart in nnspec: compute both branches "
            "and choose with jnp.where"
        )
    chosen = []
    for equation, at in zip(pair, (index.one, index.two), strict=True):
        branches = equation.params["branches"]
        chosen.append(branches[int(np.clip(int(at), 0, len(branches) - 1))])
    return chosen[0], chosen[1]


def steps_of(going: Constant) -> bool:
    """Whether a loop goes on."""
    if bool(going.one) != bool(going.two):
        raise PortError("a loop's number of steps depends on the size of the batch")
    return bool(going.one)


def named_within(equation: Any) -> tuple[str, ...]:
    """The module that an equation is in, as it was written into the names around it."""
    found = re.findall(r"@([^/)]+)", str(equation.source_info.name_stack))
    return tuple(found[-1].split(".")) if found else ()


def line_of(equation: Any) -> str:
    """The line that an equation comes from, of neither Flax nor this package; "" where that is not known."""
    lines = source_info_util.summarize(equation.source_info, num_frames=12).splitlines()
    return next((line for line in reversed(lines) if line and not line.startswith(_NOT_MEANT)), "")


def names_of(path: tuple[str, ...], numbers: Mapping[tuple[str, ...], int]) -> tuple[str, ...]:
    """The names of the modules on a path: ``blocks.0.attention`` has ``blocks_0`` and ``attention``.

    Args:
        path: in the model.
        numbers: of the step, for modules that a loop goes through.
    """
    names: list[str] = []
    for i, part in enumerate(path):
        if part.isdigit() and names:
            names[-1] += f"_{part}"
        else:
            names.append(part)
        number = numbers.get(path[: i + 1])
        if number is not None:
            names[-1] += f"_{number}"
    return tuple(names)


def named(scope: tuple[str, ...]) -> str:
    """A module as the beginning of a message."""
    return f"{'.'.join(scope)}: " if scope else ""
