"""A neural network by hand, and the proof that the frameworks compute the same.

Run it with ``python examples/from_scratch.py``. Sections 1 to 5 need NumPy alone and can be read as a text: a single
perceptron, a dense layer, a network's forward pass, backpropagation by the chain rule, training by gradient descent.
Section 6 describes the same network to nnspec in a few lines and compares gradients and trained weights with every
backend that is installed, in float64.

X is a batch of examples, one per row; W and b are a layer's weights and biases; Z = X W + b; A = f(Z) is what the next
layer sees; dZ stands for ∂loss/∂Z, an array of Z's shape, and so on for the others.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import nnspec as nn
from nnspec import backends

Array = NDArray[np.float64]
Rows = NDArray[np.int32]


# -- 1. A single perceptron -------------------------------------------------------------------------------------------
#
# The oldest learning machine (Rosenblatt 1958) says yes if w·x + b > 0. It learns from its mistakes alone: where it is
# wrong, w moves by the example itself, towards it if the answer should have been yes (y = +1), away from it if no
# (y = −1). If a line separates the two classes, this ends, after at most (R/γ)² mistakes (Novikoff 1962; R is the
# length of the longest example, γ the width of the gap).


def perceptron(X: Array, y: Array, epochs: int = 100) -> tuple[Array, float, list[int]]:
    """Weights, bias and the number of mistakes in each epoch; the last is 0 if the classes can be separated."""
    w, b = np.zeros(X.shape[1]), 0.0
    mistakes = []
    for _ in range(epochs):
        wrong = 0
        for example, answer in zip(X, y, strict=True):
            if answer * (example @ w + b) <= 0:
                w, b = w + answer * example, b + answer
                wrong += 1
        mistakes.append(wrong)
        if wrong == 0:
            break
    return w, b, mistakes


# -- 2. A dense layer -------------------------------------------------------------------------------------------------
#
# Many perceptrons side by side, without the hard decision at the end: each column of W holds the weights of one unit.
# Written out, Z[n, j] = Σᵢ X[n, i] W[i, j] + b[j]. Given dZ, the chain rule gives the three gradients:
#
#   dW[i, j] = Σₙ dZ[n, j] · ∂Z[n, j]/∂W[i, j] = Σₙ X[n, i] dZ[n, j]      so  dW = Xᵀ dZ
#   db[j]    = Σₙ dZ[n, j]                                                so  db = the column sums of dZ
#   dX[n, i] = Σⱼ dZ[n, j] · ∂Z[n, j]/∂X[n, i] = Σⱼ dZ[n, j] W[i, j]      so  dX = dZ Wᵀ


def dense(X: Array, W: Array, b: Array) -> Array:
    return X @ W + b


def dense_backward(dZ: Array, X: Array, W: Array) -> tuple[Array, Array, Array]:
    """(dX, dW, db)."""
    return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


# A chain of dense layers alone is one dense layer, for (X W₁) W₂ = X (W₁ W₂). The bend that makes depth worth its while
# is the ReLU. At Z = 0 it has no derivative; we take 0, as nnspec does (the frameworks by themselves do not all agree).


def relu(Z: Array) -> Array:
    return np.maximum(Z, 0)


def relu_backward(dA: Array, Z: Array) -> Array:
    return dA * (Z > 0)


# -- 3. A network's forward pass and its loss -------------------------------------------------------------------------
#
# Layer after layer: A₀ = X, Zₖ = Aₖ₋₁ Wₖ + bₖ, Aₖ = relu(Zₖ), and the last Z are the logits. The backward pass will
# need every Z and every A again, so they are kept.

Layers = list[tuple[Array, Array]]
Cache = list[tuple[Array, Array]]


def initialize(sizes: list[int], rng: np.random.Generator) -> Layers:
    """He's initial weights, N(0, 2/fan_in): through ReLUs, the signal then neither dies out nor explodes."""
    return [
        (rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out)), rng.normal(0, 0.01, fan_out))
        for fan_in, fan_out in pairwise(sizes)
    ]


def forward(layers: Layers, X: Array) -> tuple[Array, Cache]:
    """The logits, and for each layer (its input A, its Z)."""
    cache, A = [], X
    for k, (W, b) in enumerate(layers):
        Z = dense(A, W, b)
        cache.append((A, Z))
        A = relu(Z) if k < len(layers) - 1 else Z
    return A, cache


# Softmax makes probabilities of logits, P[n, k] = exp Z[n, k] / Σⱼ exp Z[n, j], and the cross-entropy is minus the
# logarithm of the probability given to the right class, averaged over the batch. Both together have a gradient as plain
# as can be: what was said minus what is true. (Differentiate −Z[n, label] + ln Σⱼ exp Z[n, j] with respect to Z[n, k].)


def softmax_cross_entropy(Z: Array, labels: Rows) -> tuple[float, Array]:
    """(loss, dZ). The largest logit is subtracted first, which changes nothing but keeps exp from overflowing."""
    n = len(labels)
    shifted = Z - Z.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_probabilities[np.arange(n), labels].mean()
    truth = np.eye(Z.shape[1])[labels]
    return float(loss), (np.exp(log_probabilities) - truth) / n


# -- 4. Backpropagation -----------------------------------------------------------------------------------------------
#
# The chain rule, from the loss back to the first layer. Each step turns the gradient of a layer's output into that of
# its input, which is the output of the layer before, and leaves dW and db behind.


def backward(layers: Layers, cache: Cache, dZ: Array) -> Layers:
    """(dW, db) of every layer."""
    gradients: Layers = []
    for k in reversed(range(len(layers))):
        A, _ = cache[k]
        dA, dW, db = dense_backward(dZ, A, layers[k][0])
        gradients.insert(0, (dW, db))
        if k > 0:
            dZ = relu_backward(dA, cache[k - 1][1])
    return gradients


def gradient(layers: Layers, X: Array, labels: Rows) -> tuple[float, Layers]:
    """The loss of a batch and its gradient."""
    logits, cache = forward(layers, X)
    loss, dZ = softmax_cross_entropy(logits, labels)
    return loss, backward(layers, cache, dZ)


def check_by_differences(layers: Layers, X: Array, labels: Rows, rng: np.random.Generator, h: float = 1e-6) -> float:
    """How far the gradient is from (loss(w + h·d) − loss(w − h·d)) / 2h along a random direction d, relatively."""
    direction = [(rng.normal(size=W.shape), rng.normal(size=b.shape)) for W, b in layers]

    def loss_at(step: float) -> float:
        moved = [(W + step * dW, b + step * db) for (W, b), (dW, db) in zip(layers, direction, strict=True)]
        return softmax_cross_entropy(forward(moved, X)[0], labels)[0]

    _, gradients = gradient(layers, X, labels)
    slope = sum(float((dW * W).sum() + (db * b).sum()) for (dW, db), (W, b) in zip(gradients, direction, strict=True))
    return abs((loss_at(h) - loss_at(-h)) / (2 * h) - slope) / abs(slope)


# -- 5. Training ------------------------------------------------------------------------------------------------------
#
# Stochastic gradient descent: take some examples, go one step down their gradient, take the next.


def sgd(layers: Layers, gradients: Layers, learning_rate: float) -> Layers:
    return [
        (W - learning_rate * dW, b - learning_rate * db) for (W, b), (dW, db) in zip(layers, gradients, strict=True)
    ]


def train(layers: Layers, X: Array, labels: Rows, order: Rows, learning_rate: float) -> tuple[Layers, list[float]]:
    """One update for each row of ``order``, which holds the numbers of a batch's examples; the losses on the way."""
    losses = []
    for rows in order:
        loss, gradients = gradient(layers, X[rows], labels[rows])
        layers = sgd(layers, gradients, learning_rate)
        losses.append(loss)
    return layers, losses


def accuracy(layers: Layers, X: Array, labels: Rows) -> float:
    return float((forward(layers, X)[0].argmax(axis=1) == labels).mean())


# -- 6. The same from every backend -----------------------------------------------------------------------------------


def named(layers: Layers) -> dict[str, Array]:
    """Weights or gradients under the names nnspec gives them: dense/kernel, dense/bias, dense_1/kernel, …"""
    return {
        f"dense{f'_{k}' if k else ''}/{what}": value
        for k, layer in enumerate(layers)
        for what, value in zip(("kernel", "bias"), layer, strict=True)
    }


def largest_difference(theirs: dict[str, Array], ours: dict[str, Array]) -> float:
    """max |a − b| / max |b|, of the tensor where it is largest."""
    return max(float(np.abs(theirs[name] - ours[name]).max() / np.abs(ours[name]).max()) for name in ours)


def compare(
    name: str, layers: Layers, X: Array, labels: Rows, order: Rows, learning_rate: float
) -> tuple[float, float]:
    """How far a backend's gradients of the first batch, and its weights after all updates, are from those by hand."""
    *hidden, last = [len(b) for _, b in layers]
    model = nn.Sequential(
        [*(nn.Dense(size, activation="relu") for size in hidden), nn.Dense(last)],
        nn.Input((X.shape[1],)),
    )
    backend = backends.backend(name)
    net = backend.build(model, dtype="float64")
    net.assign(named(layers))
    engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD(learning_rate))
    engine.load("train", {"input": X, "targets": labels})

    _, gradients = engine.loss_gradients("train", order[0])
    engine.train(order, 0, len(order))

    by_hand = named(gradient(layers, X[order[0]], labels[order[0]])[1])
    trained = named(train(layers, X, labels, order, learning_rate)[0])
    return largest_difference(gradients, by_hand), largest_difference(engine.variables(), trained)


def main() -> None:
    rng = np.random.default_rng(0)
    images, classes = load_digits(return_X_y=True)
    X, labels = images / 16, classes.astype(np.int32)

    two = labels < 2
    *_, mistakes = perceptron(X[two], np.where(labels[two] == 1, 1.0, -1.0))
    print(f"perceptron, 0 or 1 on {two.sum()} images: mistakes by epoch {', '.join(map(str, mistakes))}")

    shuffled = rng.permutation(len(X))
    train_rows, test_rows = shuffled[:1500], shuffled[1500:]
    X_train, labels_train = X[train_rows], labels[train_rows]
    layers = initialize([64, 48, 32, 10], rng)
    off = check_by_differences(layers, X_train[:50], labels_train[:50], rng)
    print(f"backpropagation against finite differences: {off:.0e}")

    epochs, batch, learning_rate = 10, 50, 0.2
    order = np.concatenate([rng.permutation(len(X_train)).reshape(-1, batch) for _ in range(epochs)]).astype(np.int32)
    trained, losses = train(layers, X_train, labels_train, order, learning_rate)
    found = accuracy(trained, X[test_rows], labels[test_rows])
    print(
        f"{len(order)} updates by hand: loss {losses[0]:.3f} -> {losses[-1]:.3f}, accuracy on unseen images {found:.3f}"
    )

    for name in backends.installed():
        gradients, weights = compare(name, layers, X_train, labels_train, order, learning_rate)
        print(f"{name}: gradients differ by {gradients:.0e}, weights after {len(order)} updates by {weights:.0e}")
        if not (gradients <= 1e-12 and weights <= 1e-11):
            raise SystemExit(f"{name} does not compute what was computed by hand")
    if not backends.installed():
        print(f"no backend to compare with; install one: {' or '.join(backends.INSTALL.values())}")


if __name__ == "__main__":
    main()
