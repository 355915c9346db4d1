"""Cases of StableHLO programs: files in MLIR's generic form."""

from __future__ import annotations

from importlib import resources

from nnspec.layers.stablehlo import StableHLO
from nnspec_conformance.case import Case


def program(name: str) -> str:
    """The text of a program of the suite."""
    return resources.files("nnspec_conformance").joinpath("programs", f"{name}.mlir").read_text(encoding="utf-8")


CASES = [
    Case(StableHLO(program("newton")), (5,), id="a loop that ends by values"),
    Case(StableHLO(program("products"), 2, ("kernel", "bias")), ((4, 3), (3, 2)), id="products"),
    Case(StableHLO(program("spectrum"), 1, ("window",)), (6,), id="complex numbers"),
    Case(StableHLO(program("order"), 2), ((7,), (7,)), dtype=("int32", "float"), integers=(0, 3), id="the keys"),
    Case(StableHLO(program("order"), 2, (), 1), ((7,), (7,)), dtype=("int32", "float"), integers=(0, 3), id="in order"),
    Case(StableHLO(program("stable"), 2), ((9,), (9,)), dtype=("int32", "float"), integers=(0, 3), id="equal keys"),
    Case(StableHLO(program("bits")), (4,), offset=3.0, scale=0.1, id="the bits of floats"),
    Case(StableHLO(program("lookup"), 1, ("table",)), (4,), dtype="int32", integers=(-2, 9), id="rows of a table"),
    Case(StableHLO(program("lookup"), 1, ("table",), 1), (4,), dtype="int32", integers=(-9, 9), id="booleans"),
    Case(StableHLO(program("branch")), (3,), nonzero=True, id="branches"),
    Case(StableHLO(program("scatter"), 2), ((5,), (5,)), dtype=("float", "int32"), integers=(0, 4), id="scattered"),
    Case(StableHLO(program("image"), 1, ("kernel",)), (5, 4, 2), id="convolution and windows"),
    Case(StableHLO(program("factor")), (3, 3), id="a factor and equations"),
]
