"""Networks of dense layers."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field

from nnspec.layers.dropout import Dropout, GaussianSample
from nnspec.layers.linear import Dense
from nnspec.layers.shape import Flatten, Reshape
from nnspec.model import Input, Model, Sequential
from nnspec.models.builder import AnyNorm, InputShape, Sizes, builder, fresh
from nnspec.spec import AnyActivation, AnyInitializer, Fraction, PositiveInt

KnownShape = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


@builder
def mlp(
    features: Sizes,
    activation: AnyActivation = "relu",
    *,
    norm: AnyNorm = None,
    dropout_rate: Fraction = 0.0,
    kernel_init: AnyInitializer = "glorot_uniform",
    input: InputShape = None,
) -> Model:
    """A multilayer perceptron: dense layers, one after the other, the last of them linear.

    Each hidden layer is Dense, ``norm``, ``activation`` and Dropout in this order, as far as they are asked for, and
    without a bias where a norm follows, which has its own.

    Shapes: x (batch, ..., in), y (batch, ..., features[-1]). Layers of sizes f₀ (= in), f₁, …, fₙ have
    Σ f_(i−1) · f_i + f_i parameters.
    Source: Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0.

    Args:
        features: the sizes of the layers, the output's last.
        activation: of the hidden layers.
        norm: a normalization of the hidden layers, such as BatchNorm or LayerNorm.
        dropout_rate: of the hidden layers.
        kernel_init: of all layers.
        input: the input's shape without the batch axis; from the data if left out.
    """
    *hidden, outputs = features
    layers: list[Any] = []
    for size in hidden:
        if norm is None:
            layers.append(Dense(size, activation, kernel_init=kernel_init))
        else:
            layers += [Dense(size, use_bias=False, kernel_init=kernel_init), fresh(norm)]
            layers += [] if activation is None else [activation]
        layers += [Dropout(dropout_rate)] if dropout_rate else []
    layers.append(Dense(outputs, kernel_init=kernel_init))
    return Sequential(layers, Input(input))


@builder
def autoencoder(
    features: Sizes = (1000, 500, 250),
    code: PositiveInt = 30,
    *,
    activation: AnyActivation = "sigmoid",
    output_activation: AnyActivation = None,
    kernel_init: AnyInitializer = "glorot_uniform",
    input: KnownShape = (784,),
) -> Model:
    """An autoencoder: an encoder to a code of few numbers, and a decoder from there back, its mirror image.

    The code is linear. The output is linear too, the logits of pixels between 0 and 1 for BinaryCrossEntropy, unless
    ``output_activation`` is given. The nodes "encoder" and "decoder" are models themselves, so that the value of the
    first is the code.

    Shapes: x and y (batch, *input), the code (batch, code). Sizes from the input's to the code's, f₀, …, fₙ, come to
    Σ 2 · f_(i−1) · f_i + f_(i−1) + f_i parameters.
    Source: Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647, whose layers are trained one by one first.

    Args:
        features: the sizes of the encoder's hidden layers; the decoder has them the other way around.
        code: the size of the code.
        activation: of the hidden layers.
        output_activation: of the output.
        kernel_init: of all layers.
        input: the input's shape without the batch axis, which is the output's.
    """
    encoder, decoder = _mirrored(features, (code, code), input, activation, output_activation, kernel_init)
    return Sequential([encoder, decoder], Input(input))


@builder
def vae(
    features: Sizes = (500,),
    code: PositiveInt = 20,
    *,
    activation: AnyActivation = "tanh",
    output_activation: AnyActivation = None,
    kernel_init: AnyInitializer = "glorot_uniform",
    input: KnownShape = (784,),
) -> Model:
    """A variational autoencoder: an encoder to the distribution of a code, a sample of it, and a decoder from there.

    The node "encoder" gives the code's means and the logarithms of its variances side by side; "sample" is a
    GaussianSample, the means in inference; "decoder" is the encoder's mirror image. Both models are linear at their
    ends; the output is the logits of pixels between 0 and 1 for BinaryCrossEntropy, unless ``output_activation`` is
    given. The divergence is a Penalty of the experiment, ``kl`` of "encoder": docs/models.md has an example.

    Shapes: x and y (batch, *input), the encoder's output (batch, 2 · code), the code (batch, code).
    Source: Kingma & Welling 2014, arXiv:1312.6114; Higgins et al. 2017 for a weight of the divergence, β.

    Args:
        features: the sizes of the encoder's hidden layers; the decoder has them the other way around.
        code: the size of the code.
        activation: of the hidden layers.
        output_activation: of the output.
        kernel_init: of all layers.
        input: the input's shape without the batch axis, which is the output's.
    """
    encoder, decoder = _mirrored(features, (2 * code, code), input, activation, output_activation, kernel_init)
    return Sequential([encoder, GaussianSample(name="sample"), decoder], Input(input))


def _mirrored(
    features: tuple[int, ...], ends: tuple[int, int], input: tuple[int, ...], activation: Any, last: Any, init: Any
) -> tuple[Model, Model]:
    """An encoder to the first of ``ends``, and from the second the decoder that is its mirror image."""

    def chain(sizes: tuple[int, ...], last: Any) -> list[Any]:
        activations = [*[activation] * (len(sizes) - 1), last]
        return [Dense(size, act, kernel_init=init) for size, act in zip(sizes, activations, strict=True)]

    down, up = chain((*features, ends[0]), None), chain((*features[::-1], math.prod(input)), last)
    if len(input) > 1:
        down, up = [Flatten(), *down], [*up, Reshape(input)]
    return Sequential(down, name="encoder"), Sequential(up, name="decoder")
