"""Freed memory stays with the process that trains."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import nnspec as nn
from nnspec.cli.memory import keep_memory

# Eight blocks in a thread, each freed before the next, as XLA does; prints how many pages the system had to fill.
ALLOCATING = """
import resource, sys, threading
import nnspec as nn
from nnspec.cli.memory import keep_memory
models = {
    "dense": nn.Sequential([nn.Dense(3)], input=[4]),
    "conv": nn.Sequential([nn.Sequential([nn.Conv(3, [2])])], input=[4, 1]),
}
kept = keep_memory(models[sys.argv[1]]) if sys.argv[1] in models else None
size = int(sys.argv[2])
def allocate():
    for _ in range(8):
        bytearray(size)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread = threading.Thread(target=allocate)
thread.start()
thread.join()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
GLIBC = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
LARGE, SMALL = 64 * 2**20, 40 * 2**20  # what an arena of a thread's own cannot hold, and what it can


def pages_filled(how: str, size: int) -> tuple[str, float]:
    """Whether memory is kept, and how many pages were filled, in those of one block."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATING, how, str(size)], env=environment, capture_output=True, text=True, check=True
    )
    kept, count = done.stdout.split()
    return kept, int(count) * os.sysconf("SC_PAGE_SIZE") / size


@pytest.mark.skipif(not GLIBC, reason="the allocator is not glibc's")
@pytest.mark.parametrize(("model", "size"), [("dense", SMALL), ("conv", SMALL), ("conv", LARGE)])
def test_freed_memory_is_used_again(model: str, size: int) -> None:
    assert pages_filled("default", size)[1] > 7
    kept, count = pages_filled(model, size)
    assert kept == "True" and count < 2


@pytest.mark.skipif(not GLIBC, reason="the allocator is not glibc's")
def test_threads_share_an_arena_only_where_models_convolve() -> None:
    """An arena of a thread's own shows by a block that it cannot hold."""
    kept, count = pages_filled("dense", LARGE)
    assert kept == "True" and count > 7


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD"])
def test_the_users_choice_stands(name: str) -> None:
    assert not keep_memory(nn.Sequential([nn.Conv(3, [2])], input=[4, 1]), {name: "1"})


GIVING_BACK = """
import os
from nnspec.cli.memory import give_back_memory
given = dict(os.environ)
print(give_back_memory(given), given["TF_ONEDNN_USE_SYSTEM_ALLOCATOR"])
"""


@pytest.mark.skipif(not GLIBC, reason="the allocator is not glibc's")
def test_a_port_gives_memory_back_unless_the_user_has_chosen() -> None:
    """In a process of its own, whose allocator it changes."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))
    }
    environment.pop("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", None)
    for own, expected in (
        ({}, "True true"),
        ({"TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "0", "MALLOC_ARENA_MAX": "1"}, "False 0"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", GIVING_BACK], env={**environment, **own}, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == expected.split()
