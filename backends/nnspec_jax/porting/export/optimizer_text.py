"""The parts of an optimizer's source that are the same for all, and its imports."""

from __future__ import annotations

import re

NAMED = '''def is_among(name: str, words: tuple[str, ...]) -> bool:
    """Whether a parameter's name, or its last word, is one of these."""
    return name in words or name.rpartition(".")[2] in words


def by_name(function: Callable[[str], Any], params: optax.Params) -> Any:
    """What a function gives for the name of each parameter."""

    def named(path: tuple[Any, ...], _: jax.Array) -> Any:
        keys = (getattr(key, "key", getattr(key, "idx", None)) for key in path)
        return function(".".join(str(key) for key in keys if key is not None))

    return jax.tree_util.tree_map_with_path(named, params)'''

DECAYS = '''def decays(params: optax.Params) -> optax.Params:
    """Which parameters decay."""
    return by_name(lambda name: is_among(name, DECAYING), params)'''

LOAD = '''def load(model: nnx.Module, path: str | Path = STATE) -> nnx.Optimizer:
    """The optimizer of a model, with the state of a file."""
    optimizer = nnx.Optimizer(model, make(), wrt=nnx.Param)
    arrays = load_file(path)
    state = nnx.state(optimizer)
    for place, variable in nnx.to_flat_state(state):
        variable.set_value(arrays[".".join(map(str, place))])
    nnx.update(optimizer, state)
    return optimizer'''


def imports(code: str) -> list[str]:
    """The imports that a text needs, sorted as isort does."""
    standard = ["from collections.abc import Callable"] if "Callable[" in code else []
    standard.append("from pathlib import Path")
    typing = [word for word in ("Any", "NamedTuple") if re.search(rf"\b{word}\b", code)]
    if typing:
        standard.append(f"from typing import {', '.join(typing)}")
    others = []
    if re.search(r"\bjax\.", code):
        others.append("import jax")
    if re.search(r"\bjnp\.", code):
        others.append("import jax.numpy as jnp")
    return [*standard, "", *others, "import optax", "from flax import nnx", "from safetensors.flax import load_file"]
