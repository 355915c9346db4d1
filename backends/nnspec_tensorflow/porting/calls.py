"""The calls of layers in a functional model's config, in the order in which they depend on each other."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

from nnspec.errors import FileError
from nnspec_tensorflow.porting.config import Reference
from nnspec_tensorflow.startup import keras


def called(
    where: str,
    layers: dict[str, Any],
    calls: dict[str, list[Any]],
    firsts: dict[str, int],
    call: Callable[[str, Any, tuple[Any, ...], dict[str, Any]], list[Any]],
) -> Callable[[Reference], Any]:
    """Call layers as soon as what they take is there; gives what finds their results."""
    results: dict[tuple[str, int], list[Any]] = {}
    order = {name: i for i, name in enumerate(layers)}
    waits: dict[tuple[str, int], set[tuple[str, int]]] = {}
    follows: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for name, layer in layers.items():
        if isinstance(layer, keras.layers.InputLayer):
            results[name, 0] = [layer.output]
            continue
        for k, (args, kwargs) in enumerate(calls[name]):
            needs = {(r.layer, r.call - firsts.get(r.layer, 0)) for r in references((args, kwargs))}
            needs |= {(name, k - 1)} if k else set()
            waits[name, k] = needs
            for need in needs:
                follows.setdefault(need, []).append((name, k))

    def result(reference: Reference) -> Any:
        values = results.get((reference.layer, reference.call - firsts.get(reference.layer, 0)), [])
        if reference.result >= len(values):
            raise FileError(
                f"{where}: damaged: result {reference.result} of call {reference.call} of layer "
                f"{reference.layer[:80]!r} is asked for, and there is none"
            )
        return values[reference.result]

    inputs = set(results)
    for needs in waits.values():
        needs -= inputs
        for need in needs:
            if need not in waits:
                result(Reference(need[0], need[1] + firsts.get(need[0], 0), 0))
    ready = [(order[key[0]], *key) for key, needs in waits.items() if not needs]
    heapq.heapify(ready)
    while ready:
        _, name, k = heapq.heappop(ready)
        args, kwargs = (mapped(part, result) for part in calls[name][k])
        results[name, k] = call(f"{where}: layer {name!r}", layers[name], tuple(args), kwargs)
        for key in follows.get((name, k), ()):
            waits[key].discard((name, k))
            if not waits[key]:
                heapq.heappush(ready, (order[key[0]], *key))
        del waits[name, k]
    if waits:
        circle = ", ".join(sorted({name for name, _ in waits})[:5])
        raise FileError(f"{where}: damaged: its layers wait for each other in a circle: {circle}")
    return result


def mapped(value: Any, function: Callable[[Reference], Any]) -> Any:
    """A structure with what a function gives in the place of each reference."""
    if isinstance(value, Reference):
        return function(value)
    if isinstance(value, dict):
        return {key: mapped(inner, function) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mapped(inner, function) for inner in value)
    return value


def references(value: Any) -> Iterator[Reference]:
    """All references in a structure."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from references(inner)


def firsts_of(layers: dict[str, Any], calls: Any) -> dict[str, int]:
    """From where the calls of each layer count: before Keras 3, a nested model's own graph is its call 0."""
    met: dict[str, set[int]] = {}
    for reference in references(calls):
        met.setdefault(reference.layer, set()).add(reference.call)
    return {k: 1 for k, found in met.items() if isinstance(layers.get(k), keras.Model) and 0 not in found}
