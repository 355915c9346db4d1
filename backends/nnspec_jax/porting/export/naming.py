"""Names of attributes, classes and variables in source, made of the names of nodes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from flax import nnx

# What a module has already, or what stands for something else in the file.
_TAKEN = frozenset(dir(nnx.Module)) | {
    *("deterministic", "use_running_average", "rngs"),
    *("jax", "jnp", "np", "nnx", "self", "partial", "load", "load_file", "Path"),
}
# The names of values, the first that is free each time.
LETTERS = ("x", "y", "z")


def attribute(name: str, used: Iterable[str] = ()) -> str:
    """An attribute's name: ``1_conv`` becomes ``conv1``, ``kernel`` stays; one that is taken gets a number."""
    words = name.strip("_").split("_")
    front = []
    while len(words) > 1 and words[0].isdigit():
        front.append(words.pop(0))
    base = "_".join([*words[:-1], words[-1] + "_".join(front)]) if front else name.strip("_")
    base = re.sub(r"(?<!^)(?<![A-Z_])(?=[A-Z][a-z])", "_", base).lower()
    base = base if re.match(r"[A-Za-z_]", base) else f"layer{base}"
    return free(base, used)


def free(base: str, used: Iterable[str]) -> str:
    """A name that is not taken: ``conv``, then ``conv_2``."""
    taken = {*used, *_TAKEN}
    if base not in taken and not keyword.iskeyword(base):
        return base
    if keyword.iskeyword(base) and f"{base}_" not in taken:
        return f"{base}_"
    number = 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"


def stem(name: str) -> str:
    """A name without the numbers that tell it from others: ``conv2_block1`` is ``conv_block``."""
    words = [re.sub(r"\d+[a-z]?$", "", word) for word in name.strip("_").split("_")]
    return "_".join(word for word in words if word) or "block"


def unnumbered(name: str) -> str:
    """A name without a number at its end: ``conv2d_5`` is ``conv2d``."""
    return re.sub(r"_\d+$", "", name) or name


def plural(word: str) -> str:
    """``layer`` becomes ``layers``."""
    return word if word.endswith("s") else word + ("es" if word.endswith(("x", "ch", "sh")) else "s")


def class_name(words: str) -> str:
    """``conv_block`` becomes ``ConvBlock``."""
    parts = [word for word in re.split(r"\W+|_+", words) if word]
    parts = [word for word in parts if not word.isdigit()] or parts
    made = "".join(word[:1].upper() + word[1:] for word in parts)
    return made if re.match(r"[A-Za-z]", made) else f"Model{made}"
