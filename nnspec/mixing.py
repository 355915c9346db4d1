"""Mixing of examples: what training makes of the inputs and targets of a batch before the model sees them.

Each example i of a batch is mixed with the one before it, i − 1, and the first with the last. λᵢ ~ Beta(alpha, alpha)
is the share of its own that it keeps:

    λ = round(2²⁴ · Q((k + ½)/2¹²)) / 2²⁴

with the quantile function Q of that distribution and the top 12 bits k of a random word: a number that is the same on
every backend and in every float type, one of at most 4096. The words are those of the stream ``data:mixing:0`` at
``random/step`` (docs/randomness.md).

Targets and the weights of examples, if there are any, are mixed by the same share, y ← λ·yᵢ + (1 − λ)·yᵢ₋₁; class ids
become distributions before. The loss and the metrics of training are those of mixed targets. Nothing is mixed in
evaluation.

Losses whose targets cannot be mixed are refused: ids of groups, sequences, signs, and an ``ignore_label``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nnspec.errors import SpecError
from nnspec.layers.base import Shape, show
from nnspec.losses.outputs import Losses
from nnspec.spec import PositiveFloat, Spec, spec
from nnspec.vocabulary import tag_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The share is looked up by so many bits of a word.
BITS = 12
# A place along an axis is a product of 16 bits of a word and the axis's size, in 32 bits.
MAX_SIZE = 2**16


@spec
class Mixing(Spec):
    """Base of the ways to mix examples."""

    kind: ClassVar[str] = "mixing"
    alpha: PositiveFloat = 1.0

    def shares(self) -> NDArray[np.float64]:
        """The share λ of an example itself by the top bits of a word."""
        from nnspec.reference.mixing import shares  # here alone: it brings SciPy

        return shares(self.alpha)

    def words(self, *shapes: Shape) -> int:
        """How many random words each example takes, for inputs of these shapes."""
        return 1

    def check_inputs(self, model: Any) -> None:
        """Refuse a model whose inputs cannot be mixed, as far as it declares them."""


@spec
class MixUp(Mixing):
    """Convex combinations of examples: x ← λ·xᵢ + (1 − λ)·xᵢ₋₁, for all inputs, which are of floats.

    Source: Zhang et al. 2018, arXiv:1710.09412 (which draws one λ for a batch). Keras draws one for each example, too.
    """

    alpha: PositiveFloat = 0.2

    def check_inputs(self, model: Any) -> None:
        for name, declared in model.inputs.items():
            if declared.dtype != "float":
                raise SpecError(
                    f"MixUp mixes inputs of floats, got the input {name!r} of {declared.dtype}", ("inputs",)
                )


@spec
class CutMix(Mixing):
    """A box of each example is cut out and filled with what the one before it has there.

    x[p] ← xᵢ₋₁[p] where c − h ≤ p < c + h along every axis between the first and the last, else xᵢ[p]

    h = ⌊⌊size · (1 − λ)^(1/d)⌋ / 2⌋ along each of these d axes, c = ⌊size · k/2¹⁶⌋ with the top 16 bits k of a word of
    its own. Where the box leaves the image it is cut off. The share by which targets are mixed is that of the elements
    which are left, λ ← 1 − |box|/|image|.

    Shapes: x (batch, *axes, channels), of a model with one input and one target for an example. Source: Yun et al.
    2019, arXiv:1905.04899 (which draws one λ and one box for a batch).
    """

    def words(self, *shapes: Shape) -> int:
        return 1 + len(self.sizes(*shapes))

    def sizes(self, *shapes: Shape) -> tuple[int, ...]:
        """The sizes of the axes that are cut.

        Raises:
            SpecError: inputs of other ranks, several of them, or an axis of more than 2¹⁶ elements.
        """
        if len(shapes) != 1 or len(shapes[0]) < 3:
            got = ", ".join(map(show, shapes))
            raise SpecError(f"CutMix cuts one input of shape (batch, ..., channels), got {got}", ("inputs",))
        sizes = tuple(int(size) for size in shapes[0][1:-1] if size is not None)
        if max(sizes, default=0) > MAX_SIZE:
            raise SpecError(f"CutMix cuts axes of up to {MAX_SIZE} elements, got {show(shapes[0])}", ("inputs",))
        return sizes

    def halves(self, sizes: tuple[int, ...]) -> NDArray[np.int32]:
        """Half the box's size along each axis, by the top bits of a word: (2¹², axes)."""
        from nnspec.reference.mixing import halves

        return halves(self.alpha, sizes)

    def check_inputs(self, model: Any) -> None:
        unknown = (None, None)
        given = model.inputs.values()
        self.sizes(*((None, *(unknown if declared.shape is None else declared.shape)) for declared in given))


def check(mixing: Mixing, model: Any, loss: Any, output: Shape | None) -> None:
    """Refuse what cannot be mixed.

    Args:
        output: the shape of the model's output, where it is known.

    Raises:
        SpecError: of the model or the loss, with the place in an experiment.
    """
    name, own = tag_of(type(loss)), tag_of(type(mixing))
    if isinstance(loss, Losses):
        raise SpecError(f"{own} mixes the targets of one loss, not those of several outputs: leave it out", ("mixing",))
    try:
        mixing.check_inputs(model)
    except SpecError as error:
        raise error.under("model") from None
    if loss.targets not in ("labels", "values"):
        raise SpecError(f"{own} mixes targets, and those of {name} are ids of {loss.targets}", ("mixing",))
    if loss.choices() is not None:
        wanted = " and ".join(f"{value:g}" for value in loss.choices())
        raise SpecError(f"{own} mixes targets, and {name} takes {wanted} alone", ("mixing",))
    if getattr(loss, "ignore_label", None) is not None:
        raise SpecError(f"{own} mixes targets, and the ignore_label of {name} cannot be mixed", ("mixing",))
    if isinstance(mixing, CutMix) and output is not None and len(output) != 2:
        raise SpecError(
            f"{own} takes one target for each example, and the model's output is {show(output)}", ("mixing",)
        )
