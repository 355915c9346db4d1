"""Every class of Keras, Flax and Optax has an answer that is true of nnspec, and the page tells them."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import nnspec
from nnspec import vocabulary
from tests.coverage import page
from tests.coverage.answers import Answer
from tests.coverage.lists import LISTS, List

ANSWERS = [(each, name) for each in LISTS for name in each.answers]


@pytest.fixture(params=LISTS, ids=lambda each: each.title)
def peer_list(request: pytest.FixtureRequest) -> List:
    each: List = request.param
    if each.missing:
        pytest.skip(each.missing)
    return each


def test_every_class_has_an_answer(peer_list: List) -> None:
    assert peer_list.names()
    assert not peer_list.problems()


def test_no_name_is_both_counted_and_left_out() -> None:
    for each in LISTS:
        names = [*each.answers, *(name for names in each.left_out.values() for name in names)]
        assert len(names) == len(set(names)), each.title


def test_a_new_class_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = pytest.importorskip("optax.losses")
    (each,) = (each for each in LISTS if each.title == "optax.losses")
    monkeypatch.setattr(losses, "planted_loss", lambda: None, raising=False)
    monkeypatch.delattr(losses, "huber_loss")
    assert each.problems() == [
        "optax.losses: planted_loss has no answer",
        "optax.losses: there is no huber_loss any more",
    ]


@pytest.mark.parametrize(("each", "name"), ANSWERS, ids=lambda value: getattr(value, "title", value))
def test_answers_name_what_there_is(each: List, name: str) -> None:
    check(each.answers[name])


def check(answer: Answer) -> None:
    """Its classes are in the vocabulary, and the options it shows are theirs."""
    assert answer.mapped or answer.lacking
    names = [*vocabulary.class_names(), "Constraint", "Penalty"]
    assert set(answer.classes) <= set(names)
    classes = [getattr(nnspec, name) for name in answer.classes]
    for option, value in re.findall(r"`(\w+): ([^`]+)`", answer.how):
        assert any(takes(cls, option, value) for cls in classes), f"no {option}: {value}"


def takes(cls: type[Any], option: str, text: str) -> bool:
    """Whether a class has this field, and the field this value."""
    if option not in {field.name for field in dataclasses.fields(cls)}:
        return False
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    try:
        TypeAdapter(typing.get_type_hints(cls, include_extras=True)[option]).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "answer",
    [
        Answer(("Convolution",)),
        Answer(("Adam",), how="`nesterov: true`"),
        Answer(("Adam",), how="`epsilon_mode: keras`"),
        Answer(),
    ],
)
def test_answers_are_checked(answer: Answer) -> None:
    with pytest.raises(AssertionError):
        check(answer)


def test_page_is_current() -> None:
    reason = page.unlike(page.TARGET.read_text(encoding="utf-8")) if page.TARGET.exists() else "no page yet"
    if reason:
        pytest.skip(reason)
    assert page.TARGET.read_text(encoding="utf-8") == page.render(), "run python -m tests.coverage.page"
