"""How long compiling took: told by JAX, and nothing of it counted twice."""

from __future__ import annotations

import time

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
compilation = pytest.importorskip("nnspec_jax.compilation")


def test_spans_within_others_are_counted_once() -> None:
    assert compilation.covered([]) == 0
    assert compilation.covered([(3, 5), (0, 2), (1, 1.5), (4, 7)]) == 6


def test_it_counts_what_is_compiled_within() -> None:
    watch = compilation.Stopwatch()
    inner = jax.jit(lambda x: (x @ x).sum() + 1)
    function = jax.jit(lambda x: jax.numpy.sin(inner(x)) * 2)
    x = np.ones((3, 3), np.float32)
    jax.jit(lambda x: x + 1)(x)
    began = time.perf_counter()
    with watch.running():
        function(x)
    passed = time.perf_counter() - began
    assert 0 < watch.seconds < passed + 0.01
    before = watch.seconds
    with watch.running():
        function(x)
    function(np.ones((4, 4), np.float32))
    assert watch.seconds == before
