"""An autoencoder: 64 pixels through a bottleneck of 8 numbers and back, in the Python API.

``python examples/autoencoder.py`` trains it on scikit-learn's digits, compares its reconstructions of images it has not
seen with those of the best linear method of the same width (principal components), and draws both.
``--backend tensorflow`` does the same in TensorFlow, from the same initial weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import nnspec as nn

Array = NDArray[np.floating[Any]]
CODE = 8


def autoencoder(pixels: int = 64) -> nn.Model:
    return nn.Sequential(
        [
            nn.Dense(128, activation="gelu", kernel_init="he_normal"),
            nn.Dense(CODE, name="code"),
            nn.Dense(128, activation="gelu", kernel_init="he_normal"),
            nn.Dense(pixels, name="reconstruction"),
        ],
        nn.Input((pixels,)),
    )


def principal_components(train: Array, test: Array) -> Array:
    """The test images projected onto the plane of ``CODE`` dimensions that lies closest to the training images."""
    mean = train.mean(axis=0)
    axes = np.linalg.svd(train - mean, full_matrices=False)[2][:CODE]
    return np.asarray((test - mean) @ axes.T @ axes + mean)


def rms(error: Array) -> float:
    return float(np.sqrt(np.mean(error**2)))


def draw(path: Path, rows: dict[str, Array]) -> None:
    """One row of images for each entry."""
    import matplotlib.pyplot as plt

    columns = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), columns, figsize=(columns * 0.8, len(rows)), layout="constrained")
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        line[0].set_title(title, loc="left", fontsize=9)
        for ax, image in zip(line, images, strict=True):
            ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            ax.axis("off")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", help="jax or tensorflow; not needed where one is installed")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--picture", type=Path, default=Path("autoencoder.png"), help="where to draw the result")
    arguments = parser.parse_args()

    images = (load_digits().data / 16).astype(np.float32)
    images = images[np.random.default_rng(0).permutation(len(images))]
    train, test = images[:1500], images[1500:]

    run = nn.train(
        autoencoder(),
        (train, train),  # the target of an image is the image
        loss="MeanSquaredError",
        optimizer=nn.Adam(nn.CosineDecay(3e-3, decay_steps=arguments.epochs * 22)),  # 1350 images make 22 batches
        backend=arguments.backend,
        epochs=arguments.epochs,
        batch_size=64,
        validation_split=0.1,
    )

    reconstructed, linear = run.predict(test), principal_components(train, test)
    print(f"reconstruction error of {len(test)} unseen images through {CODE} numbers (RMS, pixels from 0 to 1):")
    print(f"  autoencoder           {rms(reconstructed - test):.4f}")
    print(f"  principal components  {rms(linear - test):.4f}")
    few = slice(0, 12)
    draw(
        arguments.picture,
        {"original": test[few], "autoencoder": reconstructed[few], "principal components": linear[few]},
    )
    print(f"drawn in {arguments.picture}")


if __name__ == "__main__":
    main()
