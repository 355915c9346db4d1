"""Does a model of another framework compute what its spec says? Node by node, in float64 and in its own precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from nnspec import backends
from nnspec.backends import Arrays, FloatType
from nnspec.calls import opened
from nnspec.errors import BackendError, PortError, UnsupportedError
from nnspec.model import Model
from nnspec.porting.chance import draws
from nnspec.porting.collecting import LARGE
from nnspec.porting.net_subject import NetSubject
from nnspec.porting.port import Subject
from nnspec.porting.runs import Work
from nnspec.porting.samples import as_samples, candidates
from nnspec.porting.verification import Figure, Pass, Verification
from nnspec.rounding import same_bits as equal_bits
from nnspec.vocabulary import tag_of

# So many sizes are tried for axes of any length that the subject cannot take.
_TRIES = 5


def verify(
    model: Model,
    variables: Arrays,
    subject: Subject,
    *,
    backend: str | None = None,
    inputs: Arrays | None = None,
    dtypes: Sequence[FloatType] | None = None,
    gradients: bool | None = None,
    training: bool | None = None,
    origin: Mapping[str, str] | None = None,
    seed: int = 0,
    device: str | None = None,
    progress: Callable[[str], None] = lambda doing: None,
) -> Verification:
    """Run a model's net and a subject on the same inputs, and compare them node by node.

    In float64 values are the same within 1e-11 of a node's scale, gradients within 1e-9. In float32 the subject's error
    against the float64 truth is at most a few times the net's own. What only rounding decides is named and not held to
    that. Where training mode differs, it is compared as well, with random layers that drop nothing.

    Args:
        model: the spec.
        variables: by canonical name.
        subject: what is compared with the net.
        backend: what runs the net; by default one of another framework than the subject's, where one is installed.
        inputs: examples by name or by place; by default random ones (:func:`nnspec.porting.samples.samples`).
        dtypes: by default float64 and float32, as far as the subject computes in them.
        gradients: whether to compare those of inputs and parameters, too, in the most exact dtype; by default unless
            variables are so large that memory would not hold several times as much.
        training: whether to compare training mode; by default where it differs.
        origin: what nodes are called in the original.
        seed: of random inputs and of the outputs' cotangents.
        device: of the net.
        progress: told what is done now.

    Raises:
        PortError: the subject cannot be run on any inputs that were tried, or gives no output.
        BackendError: no backend has all layers.
    """
    start = perf_counter()
    last: Exception | None = None
    given = [as_samples(model, inputs)] if inputs is not None else candidates(model, variables, seed=seed)
    for tried, sample in enumerate(given):
        small = sum(np.asarray(value).nbytes for value in variables.values()) < LARGE
        work = Work(model, variables, subject, sample, seed, small if gradients is None else gradients, progress)
        if not small and gradients is None:
            work.notes.append("gradients were not compared: the model is large (gradients=True, --gradients)")
        nets = _nets(work.model, variables, subject, backend, device)
        try:
            chosen = tuple(dtypes or [d for d in subject.dtypes if d in NetSubject.dtypes] or subject.dtypes[:1])
            passes = work.passes(nets, chosen, _differs(work.model) if training is None else training)
        except (UnsupportedError, PortError, BackendError):
            raise
        except Exception as error:  # a framework's own, about sizes that do not fit
            last = error
            free = inputs is None and any(None in (given.shape or ()) for given in model.inputs.values())
            if not free or tried + 1 >= _TRIES:
                raise
            continue
        shapes = {name: (value.shape, str(value.dtype)) for name, value in sample.items()}
        found = opened(work.model)
        return Verification(
            subject.label,
            nets.label,
            tuple(_named(each, found, origin or {}) for each in passes),
            shapes,
            {call.path: call.inputs for call in found.calls},
            tuple(work.notes),
            perf_counter() - start,
            tuple(dict.fromkeys(found.values[name] for name in work.model.outputs)),
        )
    raise PortError(f"the model could not be run on any of the inputs that were tried: {last}")


def _differs(model: Model) -> bool:
    """Whether training mode computes something else: it draws, or there are statistics."""
    return draws(model) or any(
        param.kind == "statistic" for call in opened(model).calls for param in call.params.values()
    )


def _nets(model: Model, variables: Arrays, subject: Subject, name: str | None, device: str | None) -> NetSubject:
    """The model on the backend of that name, or on the first one that has all its layers."""
    lacking: BackendError | None = None
    for chosen in [name] if name is not None else _order(subject):
        try:
            return NetSubject(model, variables, backends.backend(chosen), device=device)
        except BackendError as error:
            lacking = lacking or error
    hints = " or ".join(backends.INSTALL.values())
    raise lacking or BackendError(f"verification runs the spec on a backend, and none is installed: {hints}")


def _order(subject: Subject) -> list[str]:
    """Installed backends, those of other frameworks than the subject's first."""
    own = subject.backend.name if isinstance(subject, NetSubject) else type(subject).__module__.split(".")[0]
    return sorted(backends.installed(), key=lambda name: own in (name, backends.package(name).__name__))


def _named(found: Pass, graph: Any, origin: Mapping[str, str]) -> Pass:
    """The pass with the class of each node, and what it is in the original."""
    classes = {call.path: tag_of(type(call.layer)) for call in graph.calls}

    def name(figure: Figure) -> Figure:
        path = figure.name
        while path and path not in classes:  # the node of block/attention/query/kernel is block/attention
            path = path.rpartition("/")[0]
        return dataclasses.replace(figure, what=classes.get(path, ""), origin=origin.get(path, ""))

    return dataclasses.replace(found, figures=tuple(map(name, found.figures)))


def same_bits(before: Arrays, after: Arrays) -> list[str]:
    """How variables that were written and read back differ from what they were; nothing if they are equal bit for bit.

    Names, dtypes, shapes and every byte count.
    """
    found = [f"{name} is missing" for name in before if name not in after]
    found += [f"{name} was not there before" for name in after if name not in before]
    for name, value in before.items():
        a, b = np.asarray(value), np.asarray(after.get(name, value))
        if not equal_bits(a, b):
            if (a.dtype, a.shape) != (b.dtype, b.shape):
                found.append(f"{name} is {b.dtype} {list(b.shape)} instead of {a.dtype} {list(a.shape)}")
            else:
                equal = np.mean(np.frombuffer(a.tobytes(), np.uint8) == np.frombuffer(b.tobytes(), np.uint8))
                found.append(f"{name} has other bits ({equal:.0%} of its bytes are equal)")
    return found
