"""MLIR's generic form: what is read of a program and written of it, against jaxlib's bindings of MLIR."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

import numpy as np
import pytest

from nnspec.reference.stablehlo import run
from nnspec.stablehlo.module import Block, numpy_dtype
from nnspec.stablehlo.parser import parsed
from nnspec.stablehlo.writing import written
from tests.reference.stablehlo_answers import ANSWERS
from tests.reference.stablehlo_programs import by_xla, constant, generic, line, main, traced

TEXTS = {f"{k} {answer.name}": answer.text for k, answer in enumerate(ANSWERS)}
pytest.importorskip("jax", reason="the jax backend is not installed")
pytestmark = pytest.mark.jax
KINDS = ("i1", "i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64", "f16", "bf16", "f32", "f64")


def constants() -> dict[str, str]:
    """Constants as MLIR writes them: of each type, one number for all, a few, and so many that they are bytes."""
    found = {}
    for kind, count in itertools.product(KINDS, (0, 1, 5, 130)):
        dtype = numpy_dtype(kind)
        numbers = np.arange(count) * 7 % 5 - (0 if dtype.kind in "bu" else 2)
        found[f"{count} of {kind}"] = constant(f"{count}x{kind}", _listed(numbers.astype(dtype), kind) if count else "")
        found[f"one for all of {kind}"] = constant(f"3x{kind}", _listed(np.ones(1, dtype), kind)[1:-1])
    for kind, bits in (("f16", "0x7C00, 0xFE01"), ("bf16", "0xFF80, 0x7FC1"), ("f64", "0x7FF0000000000000, -0.0")):
        found[f"bits of {kind}"] = constant(f"2x{kind}", f"[{bits}]")
    found["rows"] = constant("2x3xi32", "[[1, -2, 3], [4, 5, -6]]")
    found["a number"] = constant("f32", "1.000000e-01")
    return found


def _listed(numbers: Any, kind: str) -> str:
    word = {"b": lambda n: str(bool(n)).lower(), "i": lambda n: str(int(n)), "u": lambda n: str(int(n))}
    write = word.get(np.asarray(numbers).dtype.kind, lambda n: repr(float(n)))
    return f"[{', '.join(write(n) for n in numbers)}]"


def same(a: Any, b: Any) -> bool:
    """Whether two attributes are of one type and one value, arrays bit for bit."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and bool(a == b)


def compare(block: Block, theirs: Any, numbers: dict[int, int]) -> None:
    """Hold a block against what jaxlib's reader makes of it; values may have other numbers."""
    numbers.update(zip(block.arguments, theirs.arguments, strict=True))
    assert [(of.shape, of.dtype) for of in block.types] == [(of.shape, of.dtype) for of in theirs.types]
    for operation, their in zip(block.operations, theirs.operations, strict=True):
        numbers.update(zip(operation.results, their.results, strict=True))
        assert operation.name == their.name
        assert [numbers[i] for i in operation.operands] == list(their.operands)
        assert [(of.shape, of.dtype) for of in operation.types] == [(of.shape, of.dtype) for of in their.types]
        assert set(operation.attributes) == set(their.attributes)
        for key, value in operation.attributes.items():
            assert same(value, their.attributes[key]), f"{operation.name}: {key}"
        for inner, their_inner in zip(operation.blocks, their.blocks, strict=True):
            compare(inner, their_inner, numbers)
    assert [numbers[i] for i in block.returned] == list(theirs.returned)


def programs() -> dict[str, str]:
    """What JAX exports: functions within functions, loops, sorting, several results."""
    import jax
    from jax import lax, numpy as jnp

    def loops(x: Any, i: Any) -> Any:
        step = jax.jit(lambda k, y: (jnp.sort(y, 0) * k + jnp.take(y, i, axis=0), y.argmax(1)))
        return (
            lax.fori_loop(0, 3, lambda k, y: step(k, y)[0], x),
            lax.cond(x.sum() > 0, jnp.sin, jnp.tanh, x),
            step(2, x),
        )

    convolution = lambda x, w: lax.conv_general_dilated(x, w, (2,), [(1, 2)], (3,), (1,), ("NHC", "HIO", "NHC"))  # noqa: E731
    return {
        "loops": traced(loops, np.ones((3, 4)), np.array([2, 0, 1])),
        "halves": traced(lambda x: jax.nn.softmax(x * 0.1, -1), np.ones((3, 4), np.float16)),
        "a convolution": traced(convolution, np.ones((2, 5, 3)), np.ones((2, 3, 4))),
        "random numbers": traced(lambda x: jax.random.normal(jax.random.key(x), (3,)), 7),
        "many numbers": traced(lambda x: x + np.random.default_rng(0).normal(size=(20, 10)), np.ones((20, 10))),
    }


@functools.cache
def texts() -> dict[str, str]:
    return TEXTS | constants() | programs()


def test_what_is_read() -> None:
    reader = pytest.importorskip("nnspec_jax.porting.hlo.module")
    for name, text in texts().items():
        if re.search(r"(5|130|bits) of b?f16", name):
            continue  # the other reader has no arrays of those; XLA reads them below
        for form in {generic(text), *([text] if name in TEXTS else [])}:
            module, theirs = parsed(form), reader.parsed(form)
            assert list(module.functions) == list(theirs.functions), name
            for key, block in module.functions.items():
                compare(block, theirs.functions[key], {})


def _within(text: str) -> str:
    """What is in a module's one function."""
    return text.split("({", 2)[2].rpartition("})")[0]


def test_what_is_written() -> None:
    """The same module; with floats of one type one that MLIR's verifier accepts and that computes the same."""
    for name, text in texts().items():
        module = parsed(text)
        if "func.call" not in text:  # functions have other attributes in what JAX writes
            assert _within(generic(written(module))) == _within(generic(text)), name
        assert written(parsed(written(module))) == written(module)
        for floats in ("f32", "f64"):
            again = parsed(generic(written(module, floats)))
            types = [of.dtype for block in again.functions.values() for of in block.types]
            assert not {"f64" if floats == "f32" else "f32", "bf16", "f16"} & set(types)


def test_what_is_written_in_float64_computes_the_same() -> None:
    rng = np.random.default_rng(35)
    for name in ("loops", "halves", "random numbers", "many numbers", "a convolution"):
        module = parsed(texts()[name])
        wide = written(module, "f64")
        given = [rng.integers(0, 3, of.shape).astype(numpy_dtype(of.dtype)) for of in parsed(wide).main.types]
        for y, expected in zip(run(module, given), by_xla(wide, *given), strict=True):
            np.testing.assert_allclose(y, expected, 1e-11, 1e-11)


def test_bits_are_written_in_the_type_that_is_declared() -> None:
    text = main("\n".join((line("bitcast_convert", [("%a0", "3xbf16")], ("%b", "3xui16")),
                           line("not", [("%b", "3xui16")], ("%n", "3xui16")),
                           line("bitcast_convert", [("%n", "3xui16")], ("%r", "3xbf16")),
                           '"func.return"(%r, %b) : (tensor<3xbf16>, tensor<3xui16>) -> ()')),
                ["3xbf16"], ["3xbf16", "3xui16"])  # fmt: skip
    x = np.array([1.0, -2.5, 3.0])
    for y, expected in zip(run(parsed(text), [x]), by_xla(written(parsed(text), "f64"), x), strict=True):
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_constants_of_halves(kind: str) -> None:
    for name in ("5 of", "130 of", "bits of"):
        text = constants()[f"{name} {kind}"]
        (found,), (expected,) = run(parsed(text), [], np.float32), by_xla(text)
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_constants_are_what_they_say() -> None:
    for kind, count in itertools.product(KINDS, (1, 5, 130)):
        (found,) = run(parsed(constants()[f"{count} of {kind}"]), [])
        dtype = numpy_dtype(kind)
        expected = (np.arange(count) * 7 % 5 - (0 if dtype.kind in "bu" else 2)).astype(dtype)
        np.testing.assert_array_equal(found, expected.astype(found.dtype))
