"""Freed memory stays with the process that trains."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nnspec.cli.memory import keep_memory

# Eight times 64 MB in a thread, each freed before the next, as XLA does; prints how many pages the system had to fill.
ALLOCATING = """
import resource, sys, threading
from nnspec.cli.memory import keep_memory
kept = keep_memory(one_arena=True) if sys.argv[1] == "keep" else None
def allocate():
    for _ in range(8):
        bytearray(2**26)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread = threading.Thread(target=allocate)
thread.start()
thread.join()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
GLIBC = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
PAGES = 2**26 // os.sysconf("SC_PAGE_SIZE")


def pages_filled(how: str) -> tuple[str, int]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATING, how], env=environment, capture_output=True, text=True, check=True
    )
    kept, count = done.stdout.split()
    return kept, int(count)


@pytest.mark.skipif(not GLIBC, reason="the allocator is not glibc's")
def test_freed_memory_is_used_again() -> None:
    assert pages_filled("default")[1] > 7 * PAGES
    kept, count = pages_filled("keep")
    assert kept == "True" and count < 2 * PAGES


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD"])
def test_the_users_choice_stands(name: str) -> None:
    assert not keep_memory({name: "1"})
