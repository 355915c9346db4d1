"""All mutants, in the order of the table."""

from __future__ import annotations

from tests.mutants import (
    adaptive,
    around_backend,
    around_initializers,
    attention,
    choices,
    color,
    decoding,
    geometry,
    jax_activation,
    jax_engine,
    jax_layers,
    jax_training,
    kernels,
    linear,
    lookup,
    losses,
    losses_beside,
    metrics,
    mixing,
    operations,
    parameter,
    penalties,
    positions,
    recurrence,
    recurrent,
    reference_layers,
    reference_training,
    shapes,
    spectra,
    stablehlo,
    steps,
    tensorflow_activation,
    tensorflow_engine,
    tensorflow_layers,
    tensorflow_training,
    tokens,
    warping,
    windows,
)
from tests.mutants.mutant import ANY, REFERENCE, Mutant

_FILES = (
    *(reference_layers, reference_training),
    *(jax_layers, jax_activation, jax_training, jax_engine),
    *(tensorflow_layers, tensorflow_activation, tensorflow_training, tensorflow_engine),
    *(
        adaptive,
        around_backend,
        around_initializers,
        attention,
        choices,
        color,
        decoding,
        geometry,
        kernels,
        linear,
        lookup,
        losses,
        losses_beside,
        metrics,
        mixing,
        operations,
        parameter,
        penalties,
        positions,
        recurrence,
        recurrent,
        shapes,
        spectra,
        stablehlo,
        steps,
        tokens,
        warping,
        windows,
    ),
)
# Files of a family hold mistakes in several places; the table has them place by place.
_PLACES = (REFERENCE, "jax", "tensorflow", ANY)
MUTANTS: tuple[Mutant, ...] = tuple(
    sorted((mutant for file in _FILES for mutant in file.MUTANTS), key=lambda mutant: _PLACES.index(mutant.where))
)


def everyday() -> frozenset[str]:
    """The ids of one mutant of every twelfth class, of one class in the reference, of the next in a backend: what is
    hunted by default."""
    first: dict[str, dict[str, str]] = {}
    for mutant in MUTANTS:
        first.setdefault(mutant.guilty, {}).setdefault(mutant.where, mutant.id)
    twelfths = list(first.values())[::12]
    return frozenset(list(places.values())[i % len(places)] for i, places in enumerate(twelfths))
