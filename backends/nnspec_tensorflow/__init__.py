"""The TensorFlow backend: specs realized by Keras layers, compiled by XLA."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

REQUIRES = ("tensorflow", "keras")
_FLAG = "--tf_xla_persistent_cache_directory"


def cache_environment(directory: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment must hold for TensorFlow to keep what XLA compiles in a directory.

    TensorFlow's keys do not name its version, so the directory does.

    Args:
        environ: the environment as it is; a user's own settings stand.
    """
    flags = environ.get("TF_XLA_FLAGS", "")
    installed = _version()
    if _FLAG in flags or installed is None or any(character.isspace() for character in directory):
        return {}
    return {"TF_XLA_FLAGS": f"{flags} {_FLAG}={directory}/{installed}".strip()}


def _version() -> str | None:
    for package in ("tensorflow", "tensorflow-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None
