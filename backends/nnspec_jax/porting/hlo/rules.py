"""All rules: importing this module registers them."""

from __future__ import annotations

from nnspec_jax.porting.hlo import (  # noqa: F401 - each registers its rules
    arrangement,
    control,
    elementwise,
    linear,
    reductions,
)
