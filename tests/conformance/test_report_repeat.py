"""Each test of a report comes with the command that repeats it, whatever is in its name."""

from __future__ import annotations

import dataclasses
import shlex
from itertools import pairwise

import pytest

from nnspec_conformance import expression
from nnspec_conformance.report.repeat import command
from nnspec_conformance.run import Plan
from tests.conformance.report_facts import HOSTILE, chosen, facts, outcome, passed


def words(line: str) -> list[str]:
    """The words of a command line as a shell splits it, checked to be nnspec's."""
    found = shlex.split(line)
    assert found[:2] == ["nnspec", "conformance"]
    return found[2:]


@pytest.mark.parametrize(
    "case",
    [
        "LayerNorm",
        "LayerNorm-large mean",
        "it's",
        'a "word"',
        'it\'s "both"',
        "$HOME `id` \\ !x",
        "a and (b",
        "not",
        HOSTILE,
    ],
)
def test_the_command_finds_the_test(case: str) -> None:
    """As the shell splits it and as -k reads it, the expression matches the test's id and not that of another check."""
    one = outcome(case)
    given = words(command(one, facts([])))
    assert given[:5] == ["--backend", "jax", "--dtype", "float64", "-k"]
    matches = expression.parse(given[5])
    assert matches(one.id)
    assert not matches(dataclasses.replace(one, check="gradients").id)
    assert not matches(dataclasses.replace(one, case="Dense").id)


def test_the_command_runs_one_test_of_the_suite() -> None:
    """Also where the names of other cases begin with that of the case."""
    for item in (found := chosen())[:: len(found) // 40]:
        given = words(command(passed(item), facts([])))
        names = tuple(value for option, value in pairwise(given) if option == "--backend")
        assert [one.id for one in Plan(names, (item.dtype,), expression=given[-1]).items()] == [item.id]


def test_the_command_is_plain_where_the_name_is() -> None:
    expression = "'jax-float64-normalization-forward-LayerNorm-large mean'"
    expected = f'nnspec conformance --backend jax --dtype float64 -k "{expression}"'
    assert command(outcome(), facts([])) == expected


def test_the_command_keeps_the_options_that_decide_what_a_test_does() -> None:
    run = facts(
        [], command="nnspec conformance --against 'a folder' -k Dense", selection={"device": "gpu:0", "extent": "all"}
    )
    given = words(command(outcome(backend="jax~tensorflow"), run))
    assert given[:2] == ["--against", "a folder"]
    assert given[2:6] == ["--backend", "jax", "--backend", "tensorflow"]
    assert given[6:11] == ["--dtype", "float64", "--device", "gpu:0", "--all"]
    assert words(command(outcome(), facts([], command="nnspec conformance --replay=case.yaml")))[:2] == [
        "--replay",
        "case.yaml",
    ]


def test_a_drawn_case_is_repeated_from_its_file_if_there_is_one() -> None:
    run = facts([], command="nnspec conformance --fuzz 5")
    again = "nnspec conformance --backend jax --dtype float64 --replay failure-Dense-1.yaml"
    assert command(outcome(message=f"run it again: {again}\nmore"), run) == again
    assert command(outcome(message="more"), run) == ""
