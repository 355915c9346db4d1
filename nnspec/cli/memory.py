"""Memory, kept by the process from one call of a compiled function to the next."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, MutableMapping

from nnspec.model import Model

_ARENA_MAX = -8
# Parameters of glibc's mallopt(3), and what they are set to.
_PARAMETERS = {
    -3: 2**30,  # M_MMAP_THRESHOLD: smaller blocks are not mapped one by one
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: what is free at the end stays
}
# Once it is set, it no longer grows with the blocks that are freed.
_GIVING_BACK = {-3: 2**20}  # M_MMAP_THRESHOLD: larger blocks are mapped one by one
_OTHER_CHOICES = ("GLIBC_TUNABLES", "LD_PRELOAD")


def give_back_memory(environ: MutableMapping[str, str] = os.environ) -> bool:
    """Have freed memory go back to the system, for what runs large models by turns: to be called before TensorFlow is.

    On CPUs with oneDNN TensorFlow keeps all memory that it ever took, of which JAX has nothing, and glibc what lies
    between blocks that are in use. What the user has set stands.

    Returns:
        Whether the allocator does so now, where it is glibc's.
    """
    environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")
    return _tell_malloc(_GIVING_BACK, environ)


def keep_memory(model: Model, environ: Mapping[str, str] = os.environ) -> bool:
    """Have freed memory stay with the process, where its allocator is glibc's: to be called before threads begin.

    XLA for CPUs allocates what an update needs for itself and frees it after the update. By default glibc maps such
    blocks and gives them back, and the system fills the next one with zeros, page by page: the 80 MB of an update of a
    small convolutional network take a quarter of its time. This changes the whole process, so that only commands do it;
    what the user has set (``MALLOC_ARENA_MAX`` and the like, or another allocator) stands.

    Where the model convolves, all threads allocate in one place (``M_ARENA_MAX``), too: places of their own hold blocks
    of up to 64 MB alone, too little for updates that are calls of their own, as those of such models. Elsewhere they do
    not, since threads that share a place wait for each other: the updates of a small network take up to 1.25 times as
    long.

    Returns:
        Whether it is so now.
    """
    return _tell_malloc({**_PARAMETERS, _ARENA_MAX: 1} if model.convolves else _PARAMETERS, environ)


def _tell_malloc(parameters: Mapping[int, int], environ: Mapping[str, str]) -> bool:
    """Set parameters of glibc's allocator, unless the user has made another choice; whether they are set."""
    if any(name.startswith("MALLOC_") or name in _OTHER_CHOICES for name in environ):
        return False
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return False
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, ValueError):  # no glibc
        return False
    done = [mallopt(parameter, value) for parameter, value in parameters.items()]
    return all(done)
