"""Cases of layers that blur or sharpen images at random."""

from __future__ import annotations

from nnspec.layers.filtering import RandomGaussianBlur, RandomSharpness
from nnspec_conformance.case import Case
from nnspec_conformance.color import BYTES

CASES = [
    Case(RandomGaussianBlur(), (4, 3, 1), **BYTES),
    Case(RandomGaussianBlur(1.0, kernel_size=(5, 3), sigma=(0.5, 2.0)), (3, 2, 2), **BYTES),
    Case(RandomGaussianBlur(sigma=1e-4, value_range=(0.0, 90.0)), (2, 3, 1), **BYTES, id="hardly any blur"),
    Case(RandomSharpness((0.1, 0.9)), (3, 4, 1), **BYTES),
    Case(RandomSharpness(1.0, value_range=(0.0, 90.0)), (3, 2, 2), **BYTES),
]
