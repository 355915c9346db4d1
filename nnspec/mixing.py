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

MaskedLM changes inputs and targets in the same place, by the words of the same stream, but mixes no examples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from nnspec.errors import SpecError, did_you_mean
from nnspec.layers.base import Shape, show
from nnspec.layers.tokens import TokenMasking
from nnspec.losses.outputs import Losses
from nnspec.spec import AnyLayer, PositiveFloat, Spec, spec
from nnspec.vocabulary import tag_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_T = TypeVar("_T")

# The share is looked up by so many bits of a word.
BITS = 12
# A place along an axis is a product of 16 bits of a word and the axis's size, in 32 bits.
MAX_SIZE = 2**16


@spec
class Mixing(Spec):
    """Base of what may become of batches."""

    kind: ClassVar[str] = "mixing"

    def chosen(self, inputs: dict[str, _T]) -> dict[str, _T]:
        """Those of the inputs that are changed."""
        return inputs

    def words(self, *shapes: Shape) -> int:
        """How many random words each example takes, for inputs of these shapes."""
        return 1

    def check_inputs(self, model: Any) -> None:
        """Refuse a model whose inputs cannot be mixed, as far as it declares them."""


@spec
class _Blending(Mixing):
    """Base of the ways to mix examples."""

    alpha: PositiveFloat = 1.0

    def shares(self) -> NDArray[np.float64]:
        """The share λ of an example itself by the top bits of a word."""
        from nnspec.reference.mixing import shares  # here alone: it brings SciPy

        return shares(self.alpha)


@spec
class MixUp(_Blending):
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
class CutMix(_Blending):
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


@spec
class MaskedLM(Mixing):
    """BERT's task: some ids of each sequence are masked, and the loss asks for these alone.

    x ← TokenMasking(x), y ← where(chosen, y, ignore_label of the loss)

    The targets are the ids as they were: those of the data, which are given as input and as targets. What is chosen is
    drawn anew in each step, by the words of the stream ``data:mixing:0`` as TokenMasking takes them. The loss and the
    metrics of training are of the positions that are chosen. In evaluation nothing is masked, and all positions whose
    target is not the ``ignore_label`` count: validation rows that are to be judged as BERT's are come masked, with the
    ``ignore_label`` where they are not.

    Shapes: x (batch, ...) of int32, an input of the model; y as x, for outputs (batch, ..., classes).
    Source: Devlin et al. 2018, arXiv:1810.04805, section 3.1.

    Attributes:
        masking: the TokenMasking.
        input: the input that is masked, where there are several of int32.
    """

    masking: AnyLayer
    input: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.masking, TokenMasking):
            raise SpecError(f"expected a TokenMasking, got {tag_of(type(self.masking))}", ("masking",))
        if self.masking.return_labels:
            raise SpecError("the labels are those of the loss: leave return_labels out", ("masking",))

    def chosen(self, inputs: dict[str, _T]) -> dict[str, _T]:
        # By their dtype, as NumPy and the frameworks write it: a compiled function may sort its arguments by name.
        name = self.input or next(name for name, x in inputs.items() if "int" in str(getattr(x, "dtype", "")))
        return {name: inputs[name]}

    def words(self, *shapes: Shape) -> int:
        (shape,) = shapes
        return int(self.masking.draws(shape))

    def check_inputs(self, model: Any) -> None:
        self._name(model)

    def _name(self, model: Any) -> str:
        """The input that is masked."""
        whole: list[str] = [name for name, declared in model.inputs.items() if declared.dtype == "int32"]
        if self.input is None and len(whole) == 1:
            return whole[0]
        if self.input is None:
            why = f"set input to one of {', '.join(whole)}" if whole else "the model has none"
            raise SpecError(f"MaskedLM masks an input of int32 ids: {why}", ("inputs",))
        if self.input not in model.inputs:
            hint = did_you_mean(self.input, model.inputs)
            known = ", ".join(model.inputs)
            raise SpecError(f"MaskedLM masks the input {self.input!r}, the model has {known}{hint}", ("inputs",))
        if self.input not in whole:
            got = model.inputs[self.input].dtype
            raise SpecError(f"MaskedLM masks int32 ids, got the input {self.input!r} of {got}", ("inputs",))
        return self.input

    def label(self, loss: Any) -> int:
        """The target of positions that are not asked for."""
        return int(loss.ignore_label)

    def check_targets(self, model: Any, loss: Any, output: Shape | None) -> None:
        """Refuse a loss or an output that has no class for each id."""
        name, ids = tag_of(type(loss)), model.inputs[self._name(model)].shape
        if loss.targets != "labels":
            raise SpecError(f"MaskedLM asks for ids, and the targets of {name} are {loss.targets}", ("mixing",))
        if getattr(loss, "ignore_label", None) is None:
            why = "MaskedLM leaves positions out of the loss by its ignore_label"
            raise SpecError(f"{why}: set ignore_label: -1 in {name}", ("mixing",))
        if output is not None and ids is not None and loss.positions(output)[1:] != tuple(ids):
            why = f"an output for each id of {show((None, *ids))}"
            raise SpecError(f"MaskedLM needs {why}, and the model's output is {show(output)}", ("mixing",))


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
    if isinstance(mixing, MaskedLM):
        mixing.check_targets(model, loss, output)
        return
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
