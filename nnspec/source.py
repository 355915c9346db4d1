"""Where the examples of an experiment come from."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from nnspec.errors import SpecError, did_you_mean
from nnspec.spec import Fraction, Spec, spec


@dataclasses.dataclass(frozen=True)
class KnownSet:
    """What is known of one of scikit-learn's sets without loading it: rows, features, and classes if it has them."""

    rows: int
    features: int
    classes: int | None


SKLEARN = {
    "breast_cancer": KnownSet(569, 30, 2),
    "diabetes": KnownSet(442, 10, None),
    "digits": KnownSet(1797, 64, 10),
    "iris": KnownSet(150, 4, 3),
    "wine": KnownSet(178, 13, 3),
}


@spec
class Data(Spec):
    """Where the examples come from, and how they are prepared. One of ``sklearn``, ``csv`` and ``npz`` is given.

    Attributes:
        sklearn: one of scikit-learn's sets: breast_cancer, diabetes, digits, iris, wine.
        csv: a table whose first line names the columns. A relative path starts at the spec file.
        npz: NumPy arrays by name.
        target: the target's column (several for several targets), or the name of the array ("targets" if left out). A
            class is any text or number in it but the loss's ``ignore_label``. With losses by output a mapping of the
            outputs to these (default for arrays: the outputs' names).
        inputs: the feature columns (default: all but the target and the weights), or the name of the array; for a model
            of several inputs a mapping of their names to columns or arrays (default for arrays: the inputs' names).
        weights: the column or array of sample weights; of losses by output a mapping, or one for all of them.
        validation: a second file of the same kind with the validation rows; or ``validation_split``.
        validation_split: the share of rows kept for validation: the last round(n · split) of the rows permuted by
            the seed.
        standardize: each feature minus the mean of the training rows, over their standard deviation (1/n; where
            it is 0, over 1).
        one_hot: class ids become rows of zeros with a one; or a list of the outputs whose ids do.
    """

    sklearn: str | None = None
    csv: str | None = None
    npz: str | None = None
    target: str | tuple[str, ...] | dict[str, str | tuple[str, ...]] | None = None
    inputs: str | tuple[str, ...] | dict[str, str | tuple[str, ...]] | None = None
    weights: str | dict[str, str] | None = None
    validation: str | None = None
    validation_split: Fraction = 0.0
    standardize: bool = False
    one_hot: bool | tuple[str, ...] = False

    def __post_init__(self) -> None:
        given = [name for name in ("sklearn", "csv", "npz") if getattr(self, name) is not None]
        if len(given) != 1:
            raise SpecError(f"give one of sklearn, csv and npz, got {' and '.join(given) or 'none of them'}")
        if self.sklearn is not None:
            if self.sklearn not in SKLEARN:
                hint = did_you_mean(self.sklearn, SKLEARN)
                raise SpecError(f"unknown set {self.sklearn!r}{hint} (known: {', '.join(SKLEARN)})", ("sklearn",))
            for name in ("target", "inputs", "weights", "validation"):
                if getattr(self, name) is not None:
                    raise SpecError("scikit-learn's sets have fixed inputs and targets: leave it out", (name,))
        elif self.csv is not None and self.target is None:
            raise SpecError("a CSV needs the name of its target column", ("target",))
        held = list(self.target.values()) if isinstance(self.target, dict) else [self.target]
        if self.npz is not None and any(isinstance(target, tuple) for target in held):
            raise SpecError("the targets of an npz file are one array", ("target",))
        if self.validation is not None and self.validation_split:
            raise SpecError("give validation or validation_split, not both", ("validation_split",))

    @property
    def validates(self) -> bool:
        """Whether there will be validation rows."""
        return self.validation is not None or self.validation_split > 0

    def encodes(self, output: str) -> bool:
        """Whether the class ids of an output become rows of zeros with a one."""
        return self.one_hot if isinstance(self.one_hot, bool) else output in self.one_hot

    def located(self, base: str | os.PathLike[str]) -> Data:
        """The same with paths of files made absolute, relative ones starting at ``base``."""

        def absolute(path: str | None) -> str | None:
            return None if path is None else os.path.abspath(os.path.join(base, path))

        return dataclasses.replace(
            self, csv=absolute(self.csv), npz=absolute(self.npz), validation=absolute(self.validation)
        )


def fit_input(declared: Sequence[int | None] | None, features: int, what: str) -> tuple[int | None, ...]:
    """The shape in which rows of ``features`` numbers enter an input; they may be folded, as 64 pixels into 8×8."""
    if declared is None:
        return (features,)
    size, unknown = 1, 0
    for axis in declared:
        size, unknown = (size, unknown + 1) if axis is None else (size * axis, unknown)
    if (size != features) if not unknown else (unknown > 1 or features % size):
        raise SpecError(f"{what} has {features} features, the model's input is {list(declared)}", ("model", "input"))
    return tuple(features // size if axis is None else axis for axis in declared)
