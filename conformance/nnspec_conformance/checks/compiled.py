"""Does the framework without its compiler compute the same? By the same tolerances."""

from __future__ import annotations

from nnspec_conformance.case import Case
from nnspec_conformance.checks import gradients
from nnspec_conformance.checks.forward import outputs
from nnspec_conformance.result import Figure
from nnspec_conformance.subject import Draw, Subject


def uncompiled(subject: Subject, case: Case) -> list[Figure]:
    """Outputs and gradients with ``compiled=False``."""
    figures = outputs(subject, case, Draw(), compiled=False)
    return figures + (gradients.at(subject, case, Draw(), compiled=False) if case.differentiable else [])
