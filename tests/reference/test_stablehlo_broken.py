"""MLIR's generic form: broken texts and hostile ones end in errors that name the line, and soon."""

from __future__ import annotations

import random
import re
import time

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference.stablehlo import run
from nnspec.stablehlo.cost import flops
from nnspec.stablehlo.module import Module, numpy_dtype
from nnspec.stablehlo.operations import check
from nnspec.stablehlo.parser import parsed
from nnspec.stablehlo.writing import written
from tests.reference.stablehlo_answers import ANSWERS
from tests.reference.stablehlo_programs import body, constant, main, one

TEXTS = {f"{k} {answer.name}": answer.text for k, answer in enumerate(ANSWERS)}
ADD = one("add", ["2x3xf32", "2x3xf32"], "2x3xf32")
REDUCE = one("reduce", ["3x4xf32", "f32"], "3xf32", "dimensions = array<i64: 1>", [body("add", "f32")])


def reading(text: str) -> None:
    """All that is done with a text that someone hands in, before it is run.

    Raises:
        SpecError: it is no program.
    """
    module = parsed.__wrapped__(text)
    check(module)
    flops(module)
    written(module, "f64")
    nn.StableHLO(text, inputs=max(len(module.main.arguments), 1))


@pytest.mark.parametrize("text", [ADD, REDUCE, TEXTS[next(name for name in TEXTS if name.endswith("convolution"))]])
def test_texts_that_end_too_early(text: str) -> None:
    for k in range(len(text) - 2):
        with pytest.raises(SpecError, match=r"line \d+ of the program|functions alone|needs a function"):
            parsed(text[:k])


BROKEN = [
    (ADD.replace("(%a0, %a1)", "(%a0, %b)"), r"line 4 .*%b is not defined before it is used"),
    (ADD.replace("(%a0, %a1)", "(%a0, %a1#3)"), r"line 4 .*%a1#3 is not defined"),
    (ADD.replace("(%a0, %a1)", "(%a0)"), r"line 4 .*the operands of stablehlo.add are"),
    (ADD.replace("tensor<2x3xf32>) -> (tensor<2x3xf32>)\n", "tensor<2xf32>) -> (tensor<2x3xf32>)\n"), r"line 4 .*not"),
    (ADD.replace("%r:1 =", "%r:2 ="), r"line 4 .*1 results, and names for 2"),
    (ADD.replace("%r:1 =", ""), r"line 4 .*1 results, and names for 0"),
    (ADD.replace("%r:1 =", "%a0:1 ="), r"%a0 is defined twice"),
    (ADD.replace("tensor<2x3xf32>", "tensor<2x?xf32>"), r"line 3 .*expected a tensor of fixed shape"),
    (ADD.replace("tensor<2x3xf32>", "tensor<99999x99999x99999xf32>"), r"line 3 .*more than 2147483648 elements"),
    (ADD.replace("tensor<2x3xf32>", f"tensor<{'1x' * 65}f32>"), r"line 3 .*64 axes"),
    (ADD.replace("tensor<2x3xf32>", "tensor<2x3xf8E5M2>"), r"line 3 .*f8E5M2"),
    (ADD.replace("tensor<2x3xf32>", "tensor<*xf32>"), r"line 3 .*fixed shape"),
    (ADD.replace("tensor<2x3xf32>", "!stablehlo.token"), r"line 3 .*fixed shape"),
    (ADD.replace('"stablehlo.add"', "stablehlo.add"), r"line 4 .*expected an operation in generic form"),
    (ADD.replace("func.func", "func.other"), r"line 2 .*functions alone"),
    (ADD.replace('sym_name = "main"', 'sym_name = "other"'), r"needs a function named main"),
    (ADD + "x", r"line 8 .*expected nothing behind"),
    (constant("3xf32", "[1.0, 2.0]"), r"line 3 .*tensor<3xf32> has 2 elements"),
    (constant("3xf32", '"0x0000803F"').replace("3xf32", "3xf64"), r"line 3 .*has 4 bytes"),
    (constant("3xf32", '"0xZZ"'), r"line 3 .*no bytes"),
    (constant("2xi8", "[1, 300]"), r"line 3 .*an element that is none"),
    (constant("2xui8", "[1, -3]"), r"line 3 .*an element that is none"),
    (constant("2xi32", "[1, two]"), r"line 3 .*an element that is none"),
    (constant("2xcomplex<f32>", "[(1, 2, 3), (1, 2)]"), r"line 3 .*an element that is none"),
    (constant("i32", "9" * 5000), r"line 3 "),
    (REDUCE.replace("array<i64: 1>", f"{'9' * 5000} : i64"), r"line 4 .*means nothing"),
    (ADD.replace("%r:1 =", f"%r:{'9' * 5000} ="), r"line 4 "),
    ("", r"line 1 of the program"),
    ('"builtin.module"() ({ "func.func"() <{sym_name = "main"}> : () -> () }) : () -> ()', r"main has no body"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), BROKEN, ids=range(len(BROKEN)))
def test_broken_texts_are_told_with_the_line(text: str, why: str) -> None:
    with pytest.raises(SpecError, match=f"(?s){why}"):
        parsed(text)


def calling(depth: int) -> str:
    """Functions that each call the next one twice."""
    functions = []
    for k in range(depth):
        inner = "\n".join(f'%{j + 1} = "func.call"(%{j}) <{{callee = @f{k + 1}}}> : (tensor<1xf32>) -> tensor<1xf32>'
                          for j in range(2)) if k + 1 < depth else '%2 = "stablehlo.tanh"(%0) : (tensor<1xf32>) -> ' \
                          "tensor<1xf32>"  # fmt: skip
        name = "main" if k == 0 else f"f{k}"
        functions.append(f'"func.func"() <{{sym_name = "{name}"}}> ({{\n^bb0(%0: tensor<1xf32>):\n{inner}\n'
                         '"func.return"(%2) : (tensor<1xf32>) -> ()\n}) : () -> ()')  # fmt: skip
    return '"builtin.module"() ({\n' + "\n".join(functions) + "\n}) : () -> ()"


NESTED = '%r = "stablehlo.case"(%a0) ({\n'
HOSTILE = {
    "regions": main(NESTED * 100, ["i32"], ["i32"]),
    "functions within functions": '"builtin.module"() ({\n' + '"func.func"() <{sym_name = "main"}> ({\n' * 500,
    "modules within modules": '"builtin.module"() ({\n' * 500,
    "brackets": REDUCE.replace("array<i64: 1>", "[" * 100000 + "]" * 100000),
    "types": ADD.replace("tensor<2x3xf32>", "tensor<" * 10000),
    "quotes": REDUCE.replace("array<i64: 1>", '"' * 100001),
    "a quote without end": REDUCE.replace("array<i64: 1>", '"' + "\\a" * 100000),
    "functions that call on": calling(200),
    "a circle": calling(3).replace("@f2", "@main"),
    "no such function": calling(3).replace("@f2", "@other"),
    "unknown operation": ADD.replace("stablehlo.add", "stablehlo.conquer"),
    "random numbers": ADD.replace("stablehlo.add", "stablehlo.rng"),
    "another dialect": ADD.replace("stablehlo.add", "llvm.inline_asm"),
    "a call of the compiler's": one("custom_call", ["1xf32"], "1xf32", 'call_target_name = "xla_python_cpu_callback"'),
    "elements elsewhere": constant("2xf32", "0").replace("dense<0>", "dense_resource<x>"),
    "no value": one("constant", [], "2xf32"),
    "a scatter of its own": one("scatter", ["5xf32", "1xi32", "1xf32"], "5xf32", "", [body("divide", "f32")]),
    "a scatter without body": one("scatter", ["5xf32", "1xi32", "1xf32"], "5xf32"),
    "a scatter of one argument": one("scatter", ["5xf32", "1xi32", "1xf32"], "5xf32", "", [
        body("add", "f32").replace("(%x, %y)", "(%x, %x)")]),
    "no callee": one("func.call", ["1xf32"], "1xf32"),
    "attributes of other types": one("dot_general", ["1x2xf32", "2xf32"], "1xf32", "dot_dimension_numbers = 3 : i64"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_refused_soon(name: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(SpecError):
        reading(HOSTILE[name])
    assert time.perf_counter() - begin < 5


def test_functions_that_are_called_often_are_looked_at_once() -> None:
    module = parsed(calling(40))
    check(module)
    assert flops(module) == 2**39


def test_long_constants_are_read_soon() -> None:
    text = constant("1000000xf64", f'"0x{"3F" * 8000000}"')
    begin = time.perf_counter()
    assert parsed.__wrapped__(text).main.operations[0].attributes["value"].size == 1000000
    assert time.perf_counter() - begin < 5


WORDS = ("tensor<2x3xf32>", "-1", "0", "%a0", "array<i64: 1>", "dense<1.0> : tensor<f32>", "(", "]", "}", "{", "<", ">",
         "true", '"stablehlo.add"', "99999999999999999999", "unit", '"', "%r#5", "i64", "[[1],[2,3]]",
         "9", "\\")  # fmt: skip


def spoiled(text: str, draw: random.Random) -> str:
    """A text with something taken out, put in, or another number."""
    begin = draw.randrange(len(text))
    end = min(len(text), begin + draw.choice((1, 1, 2, 5, 20)))
    which = draw.randrange(3)
    if which == 0:
        return text[:begin] + text[end:]
    if which == 1:
        return text[:begin] + draw.choice(WORDS) + text[end:]
    number = draw.choice(list(re.finditer(r"\d+", text)))
    return text[: number.start()] + draw.choice(("0", "1", "2", "7", "100", "-1", "4294967296")) + text[number.end() :]


@pytest.mark.parametrize("name", TEXTS)
def test_spoiled_texts_end_in_an_error_or_a_result(name: str) -> None:
    """Never in another error than that of a spec, whether they are read or run."""
    draw = random.Random(name)
    for _ in range(25):
        try:
            text = spoiled(TEXTS[name], draw)
            module: Module = parsed.__wrapped__(text)
            if all(np.prod(of.shape, dtype=float) < 1e5 for of in module.main.types):
                run(module, [np.ones(of.shape, numpy_dtype(of.dtype)) for of in module.main.types])
            reading(text)
        except SpecError:
            pass
