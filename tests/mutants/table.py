"""All mutants, in the order of the table."""

from __future__ import annotations

from tests.mutants import (
    around_backend,
    around_initializers,
    attention,
    jax_activation,
    jax_engine,
    jax_layers,
    jax_training,
    recurrent,
    reference_layers,
    reference_training,
    tensorflow_activation,
    tensorflow_engine,
    tensorflow_layers,
    tensorflow_training,
    windows,
)
from tests.mutants.mutant import ANY, REFERENCE, Mutant

_FILES = (
    *(reference_layers, reference_training),
    *(jax_layers, jax_activation, jax_training, jax_engine),
    *(tensorflow_layers, tensorflow_activation, tensorflow_training, tensorflow_engine),
    *(around_backend, around_initializers, attention, recurrent, windows),
)
# Files of a family hold mistakes in several places; the table has them place by place.
_PLACES = (REFERENCE, "jax", "tensorflow", ANY)
MUTANTS: tuple[Mutant, ...] = tuple(
    sorted((mutant for file in _FILES for mutant in file.MUTANTS), key=lambda mutant: _PLACES.index(mutant.where))
)


def everyday() -> frozenset[str]:
    """The ids of the first mutant of each class in each place: what is hunted by default."""
    first: dict[tuple[str, str], str] = {}
    for mutant in MUTANTS:
        first.setdefault((mutant.where, mutant.guilty), mutant.id)
    return frozenset(first.values())
