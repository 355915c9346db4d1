"""Do variables that leave a net in a file and enter another one give the same outputs, bit for bit?"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nnspec.errors import SpecError
from nnspec.variables import load, save
from nnspec_conformance.case import Case
from nnspec_conformance.draws import Array
from nnspec_conformance.result import Figure, exact
from nnspec_conformance.subject import Draw, Subject, random_state, unchanged


def transfer(subject: Subject, case: Case) -> list[Figure]:
    """Variables out of a net, through a file, into a net of another seed; and mistakes that change nothing."""
    point = Draw()(case, subject.dtype)
    first = subject.fresh(case, {**point.variables, **random_state(point)})
    training = len(case.modes) > 1
    first.forward(point.inputs, training=training)  # statistics and the random step move on
    saved = through_a_file(first.variables())
    second = subject.fresh(case, seed=99)
    second.assign(saved)
    figures = [exact(f"{name} arrives", second.variables([name])[name], value) for name, value in saved.items()]
    for mode in case.modes:
        left, right = first.forward(point.inputs, training=mode), second.forward(point.inputs, training=mode)
        figures += [exact(f"{name} after the transfer", right[name], left[name]) for name in left]
    return [*figures, *_refusals(subject, case)]


def through_a_file(variables: dict[str, Array]) -> dict[str, Array]:
    """The variables saved and loaded again, in the format that nnspec keeps them in."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "variables.safetensors")
        save(path, variables)
        return load(path)[0]


def _refusals(subject: Subject, case: Case) -> list[Figure]:
    """An unknown name and a wrong shape are refused, and nothing is changed then."""
    net = subject.fresh(case, seed=1)
    before = net.variables()
    # The valid assignment comes first, so that a net which assigns as it goes is found out.
    valid = {"random/step": np.array(77, np.uint32)}
    wrong: dict[str, dict[str, Array]] = {"an unknown name": {**valid, "no/such/variable": np.ones(3)}}
    if case.params:
        name, param = next(iter(case.params.items()))
        wrong["a wrong shape"] = {**valid, name: np.ones((*param.shape, 2))}
    figures = []
    for what, variables in wrong.items():
        try:
            net.assign(variables)
        except SpecError:
            kept = unchanged(before, net.variables())
            figures.append(Figure(f"{what} changes nothing", float(not kept), 0.0, where="variables were assigned"))
        else:
            figures.append(Figure(f"{what} is refused", 1.0, 0.0, where="assign raised no SpecError"))
    return figures
