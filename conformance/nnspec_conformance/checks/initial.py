"""Are the first variables of a net those of the seed, bit for bit?"""

from __future__ import annotations

from nnspec.reference.model import initial_variables
from nnspec_conformance.case import Case
from nnspec_conformance.draws import float_type
from nnspec_conformance.initializers import InitializerCase
from nnspec_conformance.result import Figure, exact
from nnspec_conformance.subject import Subject

# Of the layers whose own initializers are asked for.
SEED = 11


def initial(subject: Subject, case: InitializerCase | Case) -> list[Figure]:
    """All variables of a fresh net."""
    layer, seed = (case, SEED) if isinstance(case, Case) else (case.case, case.seed)
    got = subject.fresh(layer, seed=seed).variables()
    want = initial_variables(layer.model, seed, float_type(subject.dtype))
    missing = [Figure(name, 1.0, 0.0, where="the variable is missing") for name in want if name not in got]
    return [exact(name, got[name], value) for name, value in want.items() if name in got] + missing
