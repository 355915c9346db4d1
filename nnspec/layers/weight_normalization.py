"""Layers whose kernel is normalized before it is used.

They hold another layer, which has one kernel: Dense, DenseGeneral, EinsumDense, Bilinear, Conv, DepthwiseConv or
ConvTranspose. Its variables are kept under ``layer/``. A kernel counts as the matrix whose columns are its last axis,
the features (of several such axes the last one alone). In half precision the normalized kernel is rounded as the stored
one is.
"""

from __future__ import annotations

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Axes, DType, Layer, Param, Shape, elements
from nnspec.spec import AnyInitializer, AnyLayer, PositiveFloat, PositiveInt, spec


@spec
class _OfKernel(Layer):
    """Base of layers that normalize the kernel of another."""

    layer: AnyLayer

    def __post_init__(self) -> None:
        if self.layer.name is not None:
            raise SpecError("name the layer around it", ("layer", "name"))

    @property
    def convolves(self) -> bool:
        within: bool = self.layer.convolves
        return within

    def takes(self) -> int | None:
        count: int | None = self.layer.takes()
        return count

    def inner(self, *shapes: Shape) -> dict[str, Param]:
        """The variables of the layer within.

        Raises:
            ShapeError: it has others than a kernel and a bias.
        """
        found: dict[str, Param] = self.layer.params(*shapes)
        if not {"kernel"} <= set(found) <= {"kernel", "bias"}:
            raise ShapeError(
                f"{type(self).__name__} normalizes the kernel of Dense, DenseGeneral, EinsumDense, Bilinear, Conv, "
                f"DepthwiseConv or ConvTranspose, got {type(self.layer).__name__}"
            )
        return found

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return {f"layer/{name}": param for name, param in self.inner(*shapes).items()}

    def output_shape(self, *shapes: Shape) -> Shape:
        self.inner(*shapes)
        shape: Shape = self.layer.output_shape(*shapes)
        return shape

    def output_dtype(self, *dtypes: DType) -> DType:
        dtype: DType = self.layer.output_dtype(*dtypes)
        return dtype

    def flops(self, *shapes: tuple[int, ...]) -> int:
        own: int = self.layer.flops(*shapes)
        return own + 3 * elements(self.inner(*shapes)["kernel"].shape)  # the square, its sum, the division


@spec
class SpectralNorm(_OfKernel):
    """Spectral normalization: the kernel divided by an estimate of its largest singular value.

    y = layer of the kernel W/σ, with σ = v · W u, or W itself where σ = 0

    In training, n_steps times v ← W u/max(‖W u‖, epsilon), u ← Wᵀ v/max(‖Wᵀ v‖, epsilon), from the stored u on, which
    becomes the last. In inference u is the stored one, divided by its norm, and v ← W u/max(‖W u‖, epsilon). The
    gradient flows through W alone, in σ too: u and v are constants.

    Shapes: kernel (..., features), W (product of the others, features), u (features,), σ ().
    Source: Miyato et al. 2018, arXiv:1802.05957; ``torch.nn.utils.spectral_norm`` also keeps v. Keras overwrites the
    kernel itself in training, which is another network afterwards.

    Attributes:
        layer: whose kernel it is.
        stored_sigma: whether inference divides by the σ of the last training pass, a statistic, as in Flax.
    """

    n_steps: PositiveInt = 1
    epsilon: PositiveFloat = 1e-12
    stored_sigma: bool = False

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = self.inner(*shapes)["kernel"].shape[-1]
        own = {"u": Param((features,), "normal", kind="statistic")}
        if self.stored_sigma:
            own["sigma"] = Param((), "ones", kind="statistic")
        return {**_OfKernel.params(self, *shapes), **own}

    def flops(self, *shapes: tuple[int, ...]) -> int:
        own: int = self.layer.flops(*shapes)
        size = elements(self.inner(*shapes)["kernel"].shape)
        return own + (size if self.stored_sigma else 5 * size)  # the division; two products


@spec
class WeightNorm(_OfKernel):
    """Weight normalization: a direction and a length for the weights of each feature.

    y = layer of the kernel scale · v/√(Σ v² + epsilon), where v is the stored kernel and the sum is over all axes but
    ``feature_axes``

    Shapes: kernel (..., features), scale (features,), or the sizes of the feature axes in the kernel's order.
    Source: Salimans & Kingma 2016, arXiv:1602.07868. epsilon is Flax's; ``torch.nn.utils.weight_norm`` has none, and
    begins with the lengths that the kernel has.

    Attributes:
        layer: whose kernel it is.
        feature_axes: axes of the kernel that keep lengths of their own; none for one length of the whole kernel.
        use_scale: whether lengths are learned, else they are 1.
    """

    feature_axes: Axes | None = -1
    use_scale: bool = True
    epsilon: PositiveFloat = 1e-12
    scale_init: AnyInitializer = "ones"

    def summed(self, rank: int) -> tuple[int, ...]:
        """The axes of a kernel of so many axes that are summed over."""
        given = () if self.feature_axes is None else self.feature_axes
        axes = {axis % rank for axis in (given if isinstance(given, tuple) else (given,))}
        return tuple(axis for axis in range(rank) if axis not in axes)

    def params(self, *shapes: Shape) -> dict[str, Param]:
        kernel = self.inner(*shapes)["kernel"].shape
        axes = () if self.feature_axes is None else self.feature_axes
        for axis in axes if isinstance(axes, tuple) else (axes,):
            if not -len(kernel) <= axis < len(kernel):
                raise ShapeError(f"WeightNorm: axis {axis} does not exist in the kernel {list(kernel)}")
        summed = self.summed(len(kernel))
        lengths = tuple(size for axis, size in enumerate(kernel) if axis not in summed)
        own = {"scale": Param(lengths, self.scale_init)} if self.use_scale else {}
        return {**_OfKernel.params(self, *shapes), **own}
