"""Does training change exactly the state that the spec says, and everything else none?"""

from __future__ import annotations

import numpy as np

from nnspec_conformance import tolerances, truth
from nnspec_conformance.case import BATCHES, Case
from nnspec_conformance.checks.forward import draws
from nnspec_conformance.draws import Array
from nnspec_conformance.result import Figure, compare, exact
from nnspec_conformance.subject import Draw, Subject


def state(subject: Subject, case: Case) -> list[Figure]:
    """Statistics after a training pass, the step of the random streams, and all that must stay."""
    figures = []
    for draw in draws(subject.dtype):
        place = Draw(draw)
        passed = subject.forward(case, place, training=True)
        updates = truth.forward(case, subject.dtype, draw, BATCHES[0], True).updates
        rounding = truth.forward_rounding(case, subject.dtype, True)
        for name, value in updates.items():
            figures.append(
                compare(
                    name,
                    passed.after[name],
                    value,
                    dtype=subject.dtype,
                    bound=tolerances.STATE.bound(subject.dtype),
                    rounding=rounding.get(name, 0.0),
                )
            )
        figures.append(_step(passed.before, passed.after, 1))
        stays = ["random/seed", *(name for name in case.params if name not in updates)]
        figures += [exact(f"{name} stays", passed.after[name], passed.before[name]) for name in stays]
        quiet = subject.forward(case, place)
        names = ["random/seed", "random/step", *case.params]
        figures += [exact(f"{name} stays in inference", quiet.after[name], quiet.before[name]) for name in names]
    return figures


def _step(before: dict[str, Array], after: dict[str, Array], made: int) -> Figure:
    wanted = np.array(int(before["random/step"]) + made, np.uint32)
    return exact("random/step after a training pass", after["random/step"], wanted)


def masks(subject: Subject, case: Case) -> list[Figure]:
    """The masks of training, bit for bit, at two steps of two seeds."""
    figures = []
    for draw, batch in ((0, BATCHES[0]), (1, BATCHES[0]), (0, BATCHES[-1])):
        got = subject.masks(case, Draw(draw, batch))
        want = truth.forward(case, subject.dtype, draw, batch, True).masks
        for name, mask in want.items():
            if name in got:
                figures.append(exact(f"mask of {name}, draw {draw}, batch {batch}", got[name], mask))
            else:
                figures.append(Figure(f"mask of {name}", 1.0, 0.0, where="the mask is missing"))
    return figures
