"""The grammar of ``-k``."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from nnspec.errors import NNSpecError
from nnspec_conformance.expression import parse

NAME = "jax-float64-normalization-gradients-LayerNorm-use_bias=False-large mean"


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("LayerNorm", True),
        ("layernorm", True),
        ("BatchNorm", False),
        ("LayerNorm and gradients", True),
        ("LayerNorm and forward", False),
        ("BatchNorm or gradients", True),
        ("not BatchNorm", True),
        ("not not LayerNorm", True),
        ("not (BatchNorm or LayerNorm)", False),
        ("BatchNorm and forward or gradients", True),  # "and" binds closer
        ("BatchNorm and (forward or gradients)", False),
        ("'large mean'", True),
        ('"large mean" and jax', True),
        ("'mean large'", False),
        ("use_bias=False", True),
        ("NOT jax", False),
        ("(((jax)))", True),
        ("'and'", False),
    ],
)
def test_expressions(expression: str, matches: bool) -> None:
    assert parse(expression)(NAME) is matches


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "a word is missing at the end"),
        ("large mean", "unexpected 'mean'; words with spaces stand in quotes"),
        ("jax and", "a word is missing at the end"),
        ("and jax", "a word is missing before 'and'"),
        ("(jax", "a parenthesis is not closed"),
        ("jax)", "unexpected ')'"),
        ("()", "a word is missing before ')'"),
        ("'jax", "a quote is not closed"),
        ("not", "a word is missing at the end"),
    ],
)
def test_what_is_no_expression(expression: str, why: str) -> None:
    with pytest.raises(NNSpecError, match="-k ") as caught:
        parse(expression)
    assert why in str(caught.value)


words = st.sampled_from(["jax", "float64", "LayerNorm", "forward", "BatchNorm"])
trees = st.recursive(
    words,
    lambda inner: st.one_of(st.tuples(st.just("not"), inner), st.tuples(inner, st.sampled_from(["and", "or"]), inner)),
    max_leaves=8,
)


def written(tree: object) -> str:
    match tree:
        case (str("not"), inner):
            return f"not ({written(inner)})"
        case (left, str(word), right):
            return f"({written(left)}) {word} ({written(right)})"
    return str(tree)


def truth(tree: object) -> bool:
    match tree:
        case (str("not"), inner):
            return not truth(inner)
        case (left, "and", right):
            return truth(left) and truth(right)
        case (left, "or", right):
            return truth(left) or truth(right)
    return str(tree) in NAME


@given(trees)
def test_as_python_reads_it(tree: object) -> None:
    assert parse(written(tree))(NAME) is truth(tree)
