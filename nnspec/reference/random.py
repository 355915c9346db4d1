"""The random streams of a model, and that no two of them are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nnspec.errors import SpecError
from nnspec.layers.base import Shape
from nnspec.model import Model
from nnspec.random import stream_of

DATA_PURPOSES = ("mixing", "shuffle", "split")


def streams(model: Model, *shapes: Shape) -> dict[str, int]:
    """Every stream that training this model draws from, by ``path:purpose:call``.

    Raises:
        SpecError: two of them have the same 32-bit number, hence would draw the same words.
    """
    keys = [(name, "init", 0) for name in model.params(*shapes)]
    keys += _calls(model, "", Counter())
    keys += [("data", purpose, 0) for purpose in DATA_PURPOSES]
    found: dict[str, int] = {}
    taken: dict[int, str] = {}
    for key in keys:
        label, stream = "{}:{}:{}".format(*key), stream_of(*key)
        if stream in taken:
            raise SpecError(
                f"the random streams {taken[stream]!r} and {label!r} have the same number {stream:#010x}: rename a node"
            )
        taken[stream] = label
        found[label] = stream
    return found


def _calls(model: Model, owner: str, counts: Counter[str]) -> Iterator[tuple[str, str, int]]:
    """(owner's path, purpose, call) of every call of a random layer, in node order."""
    for node in model.nodes:
        mine = owner + node.owner
        if isinstance(node.layer, Model):
            yield from _calls(node.layer, f"{mine}/", counts)
        else:
            for purpose in node.layer.random:
                yield mine, purpose, counts[mine]
            counts[mine] += 1
