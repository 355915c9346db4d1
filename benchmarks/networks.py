"""The networks of the workloads as plain data: sizes, inputs, and the matrix products they consist of.

Each contender builds them with its own framework's layers; ``tests/benchmarks`` holds the counts of parameters equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Product(NamedTuple):
    """A matrix product of one example: (rows, inner) times (inner, columns).

    A convolution is one too, with the output's positions as rows and the window's size times the channels as inner.

    Attributes:
        of_data: whether the left factor is the data, so that training needs no gradient with respect to it.
    """

    rows: int
    inner: int
    columns: int
    of_data: bool = False


@dataclass(frozen=True)
class MLP:
    """Dense without bias, BatchNorm, GELU, dropout for each hidden layer, and a Dense to the classes."""

    features: tuple[int, ...] = (784, 512, 256, 128)
    classes: int = 10
    dropout: float = 0.3

    def inputs(self, rows: int, random: np.random.Generator) -> dict[str, Array]:
        return {"x": random.standard_normal((rows, self.features[0]), np.float32)}

    def targets(self, rows: int, random: np.random.Generator) -> Array:
        return _class_ids(self.classes, (rows,), random)

    def products(self) -> Iterator[Product]:
        sizes = (*self.features, self.classes)
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            yield Product(1, inputs, outputs, of_data=i == 0)


@dataclass(frozen=True)
class CNN:
    """3×3 convolutions with ReLU (valid padding), max-pooling 2×2, then a Dense with ReLU between two dropouts."""

    size: int = 28
    channels: int = 1
    filters: tuple[int, ...] = (32, 64)
    dense: int = 128
    classes: int = 10
    dropout: tuple[float, float] = (0.25, 0.5)

    @property
    def pooled(self) -> int:
        """The size of the images after pooling."""
        return (self.size - 2 * len(self.filters)) // 2

    def inputs(self, rows: int, random: np.random.Generator) -> dict[str, Array]:
        return {"x": random.standard_normal((rows, self.size, self.size, self.channels), np.float32)}

    def targets(self, rows: int, random: np.random.Generator) -> Array:
        return _class_ids(self.classes, (rows,), random)

    def products(self) -> Iterator[Product]:
        size, channels = self.size, self.channels
        for i, filters in enumerate(self.filters):
            size -= 2
            yield Product(size * size, 9 * channels, filters, of_data=i == 0)
            channels = filters
        yield Product(1, self.pooled**2 * channels, self.dense)
        yield Product(1, self.dense, self.classes)


@dataclass(frozen=True)
class ResNet:
    """He et al.'s network for small images with one block per stage; each stage but the first halves the size.

    A block: 3×3 convolution, BatchNorm, ReLU, 3×3 convolution, BatchNorm, plus the input (through a 1×1 convolution and
    BatchNorm where the shape changes), ReLU. Convolutions have no bias. Global average pooling and a Dense at the end.
    """

    size: int = 32
    channels: int = 3
    stages: tuple[int, ...] = (16, 32, 64)
    classes: int = 10

    def inputs(self, rows: int, random: np.random.Generator) -> dict[str, Array]:
        return {"x": random.standard_normal((rows, self.size, self.size, self.channels), np.float32)}

    def targets(self, rows: int, random: np.random.Generator) -> Array:
        return _class_ids(self.classes, (rows,), random)

    def products(self) -> Iterator[Product]:
        size, channels = self.size, self.stages[0]
        yield Product(size * size, 9 * self.channels, channels, of_data=True)
        for i, filters in enumerate(self.stages):
            size //= 2 if i else 1
            yield Product(size * size, 9 * channels, filters)
            yield Product(size * size, 9 * filters, filters)
            if filters != channels or i:
                yield Product(size * size, channels, filters)
            channels = filters
        yield Product(1, channels, self.classes)


@dataclass(frozen=True)
class LSTMClassifier:
    """Embedding, LSTM, and a Dense on its last state."""

    vocabulary: int = 5000
    width: int = 128
    features: int = 128
    length: int = 80
    classes: int = 2

    def inputs(self, rows: int, random: np.random.Generator) -> dict[str, Array]:
        return {"tokens": _class_ids(self.vocabulary, (rows, self.length), random)}

    def targets(self, rows: int, random: np.random.Generator) -> Array:
        return _class_ids(self.classes, (rows,), random)

    def products(self) -> Iterator[Product]:
        yield Product(self.length, self.width, 4 * self.features)
        yield Product(self.length, self.features, 4 * self.features)
        yield Product(1, self.features, self.classes)


@dataclass(frozen=True)
class _Transformer:
    """Embeddings of tokens and of positions, pre-norm blocks and a last LayerNorm.

    A block: x + dropout(attention(norm(x))), with dropout of the attention's weights, then
    x + dropout(Dense(GELU(Dense(norm(x))))).
    """

    vocabulary: int = 1000
    length: int = 128
    width: int = 128
    heads: int = 4
    hidden: int = 512
    layers: int = 2
    dropout: float = 0.1
    causal: ClassVar[bool]

    @property
    def outputs(self) -> int:
        """The size of the output's last axis."""
        raise NotImplementedError

    def inputs(self, rows: int, random: np.random.Generator) -> dict[str, Array]:
        return {"tokens": _class_ids(self.vocabulary, (rows, self.length), random)}

    def products(self) -> Iterator[Product]:
        length, width = self.length, self.width
        for _ in range(self.layers):
            yield Product(length, width, 4 * width)  # queries, keys, values and the output
            yield Product(length, width, length)  # scores: all heads together; what "causal" masks is counted
            yield Product(length, length, width)
            yield Product(length, width, self.hidden)
            yield Product(length, self.hidden, width)
        yield Product(length if self.causal else 1, width, self.outputs)


@dataclass(frozen=True)
class Encoder(_Transformer):
    """A transformer that classifies: the mean over the positions, and a Dense to the classes."""

    classes: int = 2
    causal: ClassVar[bool] = False

    @property
    def outputs(self) -> int:
        return self.classes

    def targets(self, rows: int, random: np.random.Generator) -> Array:
        return _class_ids(self.classes, (rows,), random)


@dataclass(frozen=True)
class Decoder(_Transformer):
    """A transformer that predicts the next token at every position, with causal attention."""

    causal: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        return self.vocabulary

    def targets(self, rows: int, random: np.random.Generator) -> Array:
        return _class_ids(self.vocabulary, (rows, self.length), random)


Network = MLP | CNN | ResNet | LSTMClassifier | Encoder | Decoder


def _class_ids(classes: int, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    return random.integers(0, classes, shape, np.int32)
