"""The network of ``handbook_mlp.yaml`` through the Python API.

``python examples/handbook_mlp.py [--backend jax|tensorflow] [--epochs N]``
"""

from __future__ import annotations

import argparse

import nnspec as nn


def block(features: int) -> list[nn.Layer]:
    """Dense, BatchNorm, GELU, Dropout; the bias would be taken away by the norm's mean."""
    return [nn.Dense(features, kernel_init="he_normal", use_bias=False), nn.BatchNorm(), nn.GELU(), nn.Dropout(0.3)]


model = nn.Sequential([*block(512), *block(256), *block(128), nn.Dense(10)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default=None, help="jax or tensorflow; not needed where one is installed")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()

    run = nn.train(
        model,
        "digits",
        loss="SoftmaxCrossEntropy",
        metrics=["accuracy"],
        optimizer=nn.AdamW(
            nn.WarmupCosine(peak=1e-3, warmup_steps=40, decay_steps=360), weight_decay=1e-4, decay="kernels"
        ),
        clip={"global_norm": 1.0},
        standardize=True,
        validation_split=0.15,
        early_stopping={"patience": 5},
        backend=arguments.backend,
        epochs=arguments.epochs,
        batch_size=128,
    )
    print(f"backend {run.net.backend}, best epoch {run.best_epoch}: val_accuracy {run.best['val_accuracy']:.4f}")
    print(f"native model: {type(run.net.native).__module__.split('.')[0]} {type(run.net.native).__name__}")


if __name__ == "__main__":
    main()
