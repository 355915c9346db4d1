"""What is recorded of each check: the question, the backend's answer, the reference's truth, and the limits of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnspec.reference import losses, metrics, schedules
from nnspec_conformance import tolerances
from nnspec_conformance.checks import optimizer as optimizers
from nnspec_conformance.checks.engines import started
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.checks.gradients import size
from nnspec_conformance.draws import Array
from nnspec_conformance.record import ask, models
from nnspec_conformance.record.book import Book, Limits, between
from nnspec_conformance.subject import Subject
from nnspec_conformance.truth import wide

Recorder = Callable[[Book, Subject, Any, Limits], None]


def loss(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    sheet = book.sheet(case, "loss", {"loss": case.spec})
    for draw in draws(subject.dtype):
        given = _given(*case.draw(subject.dtype, draw))
        point = sheet.given(f"draw {draw}", given)
        got = ask.loss(subject.backend, case.spec, given, subject.dtype)
        at = wide(given)
        want = case.spec.result(*losses.value(case.spec, at["outputs"], at["targets"], at.get("weights")))
        own = limits.take("loss")
        near = between(subject.dtype, own, got["loss"])
        sheet.answer(
            "loss", "loss", "loss", got["loss"], point=point, limit=near, truth=np.array(want), truth_limit=own
        )
        near = between(subject.dtype, limits.take("d/d outputs"), got["outputs"])
        sheet.answer("loss", "gradients", "outputs", got["outputs"], point=point, limit=near)


def _given(outputs: Array, targets: Array, weights: Array | None) -> dict[str, Array]:
    return {"outputs": outputs, "targets": targets} | ({} if weights is None else {"weights": weights})


def metric(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    sheet = book.sheet(case, "metric", {"metric": case.spec})
    for draw in draws(subject.dtype):
        given = _given(*case.draw(subject.dtype, draw))
        point = sheet.given(f"draw {draw}", given)
        got = ask.metric(subject.backend, case.spec, given, subject.dtype)
        at = wide(given)
        sums = metrics.value(case.spec, at["outputs"], at["targets"], at.get("weights"))
        for name, want in zip(case.spec.accumulators, sums, strict=True):
            own = limits.take(name)
            near = between(subject.dtype, own)
            truth_of = np.array(want, np.float64)
            sheet.answer("metric", "sums", name, got[name], point=point, limit=near, truth=truth_of, truth_limit=own)


def schedule(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    sheet = book.sheet(case, "schedule", {"schedule": case.spec})
    sheet.put("given", {"steps": case.steps})
    got = subject.backend.schedule(case.spec, case.steps, dtype=subject.dtype)
    own = limits.take("rates")
    want = np.asarray(schedules.value(case.spec, case.steps), np.float64)
    sheet.answer("schedule", "rates", "rates", got, limit=2 * own, truth=want, truth_limit=own)


def optimizer(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    sheet = book.sheet(
        case, "optimizer", {"optimizer": case.spec, "clip": case.clip}, decayed=sorted(case.decayed or ())
    )
    parameters, gradients = case.draw(subject.dtype)
    sheet.put("parameters", parameters)
    sheet.put("gradients", gradients)
    got = ask.optimizer(
        subject.backend,
        case.spec,
        parameters,
        gradients,
        clip=case.clip,
        decayed=case.decayed,
        dtype=subject.dtype,
    )
    want = optimizers.trajectory(case, subject.dtype, "float64")
    for of, part, what in (("trajectory", slice(None), ""), ("end", slice(-1, None), " at the end")):
        for name, value in want.items():
            own = limits.take(name + what)
            near = between(subject.dtype, own)
            sheet.answer("optimizer", of, name, got[name][part], limit=near, truth=value[part], truth_limit=own)


def words(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    numbers = {name: getattr(case, name) for name in ("seed", "stream", "step", "count", "start")}
    sheet = book.sheet(case, "words", {}, **numbers)
    got = subject.backend.words(case.seed, case.stream, case.step, case.count, case.start)
    sheet.answer("words", "words", "words", got, rule="exact")


def training(book: Book, subject: Subject, case: Any, limits: Limits) -> None:
    specs = {name: getattr(case, name) for name in ("loss", "optimizer", "clip", "metrics")} | case.beside
    sheet = book.sheet(case, "training", {"model": case.case.model, **specs}, updates=case.updates)
    engine = started(subject, case)
    start, order = engine.variables(), case.order()
    followed = [name for name in start if not name.startswith("random/")]
    for split in ("train", "validation"):
        sheet.put(split, case.data(split, subject.dtype))
    sheet.put("start", start)
    sheet.put("given", {"order": order})
    bound = tolerances.TRAINING.float64 if subject.dtype == "float64" else tolerances.TRAINING_FLOAT32
    for of, values in ask.training(engine, start, order, case.updates, followed, case.objective.metrics).items():
        scales = _scales(values, subject.dtype)
        for name, value in values.items():
            sheet.answer("training", of, name, value, limit=bound * scales[name])


def _scales(values: Mapping[str, Array], dtype: str) -> dict[str, float]:
    """What errors of a run are relative to: the size of each tensor, for slots at least a share of their like's.

    The slot of a parameter whose gradient is zero but for rounding (a bias before a batch norm) holds that rounding.
    """
    own = {name: size(np.asarray(value, np.float64)) for name, value in values.items()}
    largest: dict[str, float] = {}
    for name, found in own.items():
        if name.startswith("optimizer/"):
            slot = name.rpartition("/")[2]
            largest[slot] = max(largest.get(slot, 0.0), found)
    floor = tolerances.gradient_floor(dtype)
    floors = {name: floor * largest[name.rpartition("/")[2]] for name in own if name.startswith("optimizer/")}
    return {name: max(found, floors.get(name, 0.0)) for name, found in own.items()}


RECORDERS: dict[str, Recorder] = {
    "forward": models.forward,
    "batches": models.batches,
    "nodes": models.nodes,
    "gradients": models.gradients,
    "batch of one": models.batch_of_one,
    "state": models.state,
    "masks": models.masks,
    "kinks": models.kinks,
    "initial": models.initial,
    "loss": loss,
    "metric": metric,
    "schedule": schedule,
    "optimizer": optimizer,
    "words": words,
    "training": training,
}
