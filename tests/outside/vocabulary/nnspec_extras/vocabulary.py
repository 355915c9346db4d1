"""What this package brings to nnspec: names, and the modules that stand behind them."""

from __future__ import annotations

from nnspec import Vocabulary

VOCABULARY = Vocabulary(
    names={
        "layer": {"nnspec_extras.layers": {"PowerNorm": "PowerNorm"}},
        "activation": {"nnspec_extras.layers": {"hat": "Hat"}},
        "loss": {"nnspec_extras.losses": {"Expectile": "Expectile"}},
        "optimizer": {"nnspec_extras.optimizers": {"Signum": "Signum"}},
    },
    reference=("nnspec_extras.reference",),
    backends={"jax": ("nnspec_extras.jax",), "tensorflow": ("nnspec_extras.tensorflow",)},
    cases=("nnspec_extras.cases",),
)
