"""A bias that is added to what a layer gives, as the layer's own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

from nnspec.layers.convolution import Conv
from nnspec.layers.linear import Dense
from nnspec.layers.parameter import Parameter
from nnspec.ops import Add
from nnspec.porting.assembly import Assembly, Call, Value


def fold_biases(assembly: Assembly, outputs: Sequence[Value]) -> None:
    """Give layers without a bias the one that is added to all they give, wherever nothing else uses either."""
    users = assembly.users(outputs)
    by_owner: dict[Hashable, list[Value]] = {}
    for value in users:
        call = assembly.made(value)
        if call is not None and call.owner is not None:
            by_owner.setdefault(call.owner, []).append(value)
    roots: dict[Hashable, set[int]] = {}
    for owner, values in by_owner.items():
        roots.setdefault(_root(owner), set()).update(value.index for value in values)
    taken = {value.index for value in outputs}
    for owner, values in by_owner.items():
        found = [_biased(assembly, value, users, taken) for value in values]
        pairs = [one for one in found if one is not None]
        owners = {bias.owner for _, bias in pairs}
        if len(pairs) != len(found) or len(owners) != 1 or None in owners:
            continue
        owner_of_bias = owners.pop()
        parameters = by_owner[owner_of_bias]
        if roots[_root(owner_of_bias)] != {one.index for one in parameters}:
            continue  # something else is made of the same variable
        sums = {add.index for add, _ in pairs}
        if any(one.index in taken or any(user.index not in sums for user in users[one]) for one in parameters):
            continue
        for value, (add, bias) in zip(values, pairs, strict=True):
            layer = assembly.made(value)
            assert layer is not None
            plain: Any = layer.layer
            spec = replace(plain, use_bias=True)
            variables = {**layer.variables, "bias": bias.variables["value"].reshape(-1)}
            assembly.put(add, replace(layer, layer=spec, owner=("biased", owner), variables=variables))


def _root(owner: Hashable) -> Hashable:
    """What identifies a variable that may have been given other axes."""
    while isinstance(owner, tuple) and len(owner) == 3 and owner[0] in ("reshape", "transpose"):
        owner = owner[2]
    return owner


def _biased(
    assembly: Assembly, value: Value, users: dict[Value, list[Value]], taken: set[int]
) -> tuple[Value, Call] | None:
    """The sum that alone takes what a layer gives, and the parameter it adds."""
    call = assembly.made(value)
    if call is None or not isinstance(call.layer, Dense | Conv) or call.layer.use_bias or value.index in taken:
        return None
    if len(users[value]) != 1:
        return None
    (add,) = users[value]
    found = assembly.made(add)
    if found is None or not isinstance(found.layer, Add) or len(found.inputs) != 2:
        return None
    (other,) = [one for one in found.inputs if one.index != value.index] or [value]
    bias = assembly.made(other)
    if bias is None or not isinstance(bias.layer, Parameter) or not bias.layer.trainable:
        return None
    shape = bias.layer.shape
    fits = shape[-1:] == (call.layer.features,) and all(size == 1 for size in shape[:-1])
    return (add, bias) if fits else None
