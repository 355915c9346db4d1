"""The JAX backend: specs realized by Flax NNX modules and Optax transformations, compiled by XLA."""

from __future__ import annotations

from collections.abc import Mapping

REQUIRES = ("jax", "flax", "optax")


def cache_environment(directory: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment must hold for JAX to keep compiled programs in a directory.

    JAX tells programs of other versions and other devices apart by itself.

    Args:
        environ: the environment as it is; a user's own settings stand.
    """
    wanted = {
        "JAX_COMPILATION_CACHE_DIR": directory,
        # By default programs that compile in less than a second are not kept: a validation, say.
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    if "JAX_COMPILATION_CACHE_DIR" in environ:
        return {}
    return {name: value for name, value in wanted.items() if name not in environ}
