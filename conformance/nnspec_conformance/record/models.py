"""What is recorded of layers and models, check by check."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.initializers import Orthogonal
from nnspec_conformance import tolerances, truth
from nnspec_conformance.case import BATCHES, Case
from nnspec_conformance.checks import initial as first
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.checks.gradients import size
from nnspec_conformance.checks.kinks import at_kinks
from nnspec_conformance.draws import HALF, Array
from nnspec_conformance.example import Example
from nnspec_conformance.record import ask
from nnspec_conformance.record.book import Book, Limits, Sheet, between
from nnspec_conformance.result import CONSTANT_ULPS, ulp_of
from nnspec_conformance.subject import Draw, Subject

# Draws that masks are asked at, as the check does: two steps of two seeds, and another batch size.
_MASKS = (Draw(0), Draw(1), Draw(0, BATCHES[-1]))
# What the last bits of a matrix by Householder reflections may differ by from machine to machine, in ULP of its scale.
_ORTHOGONAL_ULPS = 32.0
# The inverse of the normal distribution function is good to a few ULP on every machine, and equal on one.
_NORMAL_ULPS = 4.0


def _model(book: Book, case: Case, **options: Any) -> Sheet:
    return book.sheet(case, "model", {"model": case.model}, **options)


def _at(sheet: Sheet, case: Case, place: Draw) -> str:
    name = f"draw {place.draw}" if place.batch == BATCHES[0] else f"batch {place.batch}"
    return sheet.point(name, place(case, sheet.dtype))


def _outputs(book: Book, subject: Subject, case: Case, limits: Limits, check: str, places: list[Draw]) -> None:
    sheet = _model(book, case)
    for place in places:
        point = _at(sheet, case, place)
        for training in case.modes:
            got = ask.model(subject, case, place, "outputs", training)
            want = truth.forward(case, subject.dtype, place.draw, place.batch, training).outputs
            for name, value in want.items():
                own = limits.take(_what(name, training))
                sheet.answer(
                    check,
                    "outputs",
                    name,
                    got[name],
                    point=point,
                    training=training,
                    limit=between(subject.dtype, own, value),
                    truth=value,
                    truth_limit=own,
                )


def _what(name: str, training: bool) -> str:
    return f"{name} in training" if training else name


def forward(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    _outputs(book, subject, case, limits, "forward", [Draw(draw) for draw in draws(subject.dtype)])


def batches(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    _outputs(book, subject, case, limits, "batches", [Draw(0, batch) for batch in BATCHES[1:]])


def nodes(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    sheet = _model(book, case)
    point = _at(sheet, case, Draw())
    for training in case.modes:
        got = ask.model(subject, case, Draw(), "nodes", training)
        want = truth.forward(case, subject.dtype, 0, BATCHES[0], training).nodes
        for name, value in want.items():
            own = limits.take(_what(name, training))
            near = between(subject.dtype, own, value)
            where: dict[str, Any] = {"point": point, "training": training}
            sheet.answer("nodes", "nodes", name, got[name], **where, limit=near, truth=value, truth_limit=own)


def gradients(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    _gradients(book, subject, case, limits, "gradients", [Draw(draw) for draw in draws(subject.dtype)])


def batch_of_one(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    _gradients(book, subject, case, limits, "batch of one", [Draw(0, BATCHES[-1])])


def _gradients(book: Book, subject: Subject, case: Case, limits: Limits, check: str, places: list[Draw]) -> None:
    sheet = _model(book, case)
    for place in places:
        point = _at(sheet, case, place)
        for training in case.modes:
            got = ask.model(subject, case, place, "gradients", training)
            want = truth.gradients(case, subject.dtype, place.draw, place.batch, training)
            floor = tolerances.gradient_floor(subject.dtype) * max(map(size, got.values()), default=0.0)
            for name, value in want.items():
                own = limits.take(f"d/d {name}" + (" in training" if training else ""))
                # Along random directions differences say nothing about single elements: no truth for these.
                known = value.directions is None
                sheet.answer(
                    check,
                    "gradients",
                    name,
                    got[name],
                    point=point,
                    training=training,
                    limit=between(subject.dtype, own, scale=max(size(got[name]), floor)),
                    truth=value.values if known else None,
                    truth_limit=own if known else 0.0,
                )


def state(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    sheet = _model(book, case)
    for draw in draws(subject.dtype):
        point = _at(sheet, case, Draw(draw))
        got = ask.model(subject, case, Draw(draw), "state", True)
        want = truth.forward(case, subject.dtype, draw, BATCHES[0], True).updates
        where: dict[str, Any] = {"point": point, "training": True}
        for name, value in want.items():
            own = limits.take(name)
            near = between(subject.dtype, own, value)
            sheet.answer("state", "state", name, got[name], **where, limit=near, truth=value, truth_limit=own)
        for name in ("random/seed", "random/step"):
            sheet.answer("state", "state", name, got[name], **where, rule="exact")


def masks(book: Book, subject: Subject, case: Case, limits: Limits) -> None:
    sheet = _model(book, case)
    for place in _MASKS:
        point = _at(sheet, case, place)
        for name, mask in ask.model(subject, case, place, "masks", True).items():
            sheet.answer("masks", "masks", name, mask, point=point, training=True, rule="exact")


def kinks(book: Book, subject: Subject, case: Case | Example, limits: Limits) -> None:
    if isinstance(case, Example):
        _example(book, subject, case)
        return
    sheet = _model(book, case)
    point = sheet.point("kinks", at_kinks(case, subject.dtype))
    (output,) = case.model.outputs
    cotangents = case.point(subject.dtype).cotangents[output].astype(np.float64)
    slopes = np.resize([slope for _, slope in case.slopes], cotangents.shape)
    # In half precision a kink may lie beside the number next to it, and the derivative there is another.
    known = subject.dtype not in HALF
    for name, got in ask.model(subject, case, at_kinks, "gradients", False).items():
        _elementwise(sheet, "gradients", name, got, slopes * cotangents if known else None, point)


def _example(book: Book, subject: Subject, example: Example) -> None:
    def place(case: Case, dtype: str) -> Any:
        return example.point(dtype)

    case = example.case
    sheet = book.sheet(example, "model", {"model": case.model})
    point = sheet.point("example", example.point(subject.dtype))
    (output,) = case.model.outputs
    if example.output is not None:
        got = ask.model(subject, case, place, "outputs", False)[output]
        _elementwise(sheet, "outputs", output, got, np.array(example.output, np.float64), point)
    found = ask.model(subject, case, place, "gradients", False)
    for name, value in example.expected_gradients().items():
        _elementwise(sheet, "gradients", name, found[name], value, point)


def _elementwise(sheet: Sheet, of: str, name: str, got: Array, want: Array | None, point: str) -> None:
    """Each element to the last place, zeros exactly: as its expected value was worked out by hand."""
    near, own = 2 * CONSTANT_ULPS, CONSTANT_ULPS
    sheet.answer(
        "kinks",
        of,
        name,
        got,
        point=point,
        rule="ulp",
        limit=near,
        truth=want,
        truth_limit=own if want is not None else 0.0,
    )


def initial(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    layer, seed = (case, first.SEED) if isinstance(case, Case) else (case.case, case.seed)
    sheet = book.sheet(case, "model", {"model": layer.model}, seed=seed)
    found = subject.fresh(layer, seed=seed).variables()
    for name, value in found.items():
        init = layer.params[name].init if name in layer.params else None
        if isinstance(init, Orthogonal):
            unit = ulp_of(size(np.asarray(value, np.float64)), subject.dtype)
            sheet.answer("initial", "initial", name, value, limit=_ORTHOGONAL_ULPS * unit)
        elif init is not None and _normal(init):
            sheet.answer("initial", "initial", name, value, rule="ulp", limit=_NORMAL_ULPS)
        else:
            sheet.answer("initial", "initial", name, value, rule="exact")


def _normal(init: Any) -> bool:
    """Whether values go through the inverse of the normal distribution function."""
    name = type(init).__name__
    return name.endswith("Normal") or (name == "VarianceScaling" and init.distribution != "uniform")
