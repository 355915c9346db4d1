"""Mistakes in drawing the first variables: made by a backend of its own, while the suite's reference stays right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnspec.backends import Backend
from tests.mutants.mutant import ANY, Edit, Mutant

MODULE = "nnspec.reference.initializers"


class Drawing:
    """A backend that draws the first variables of its nets with a mistake."""

    def __init__(self, inner: Backend, edit: Edit) -> None:
        self._inner, self._edit = inner, edit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def build(self, *given: Any, **options: Any) -> Any:
        with self._edit.planted(self._inner):
            return self._inner.build(*given, **options)


def _draws(guilty: str, name: str, old: str, new: str, hint: str = "") -> Mutant:
    edit = Edit(MODULE, old, new)

    @contextmanager
    def planted(backend: Backend) -> Iterator[Any]:
        yield Drawing(backend, edit)

    return Mutant(name, guilty, ANY, MODULE, edit.change, planted, ("initial",), hint=hint, edit=edit)


_STREAM = 'stream_of(name, "init")'

MUTANTS = [
    _draws(
        "VarianceScaling", "fan in and fan out exchanged", "fan_in, fan_out = fans", "fan_out, fan_in = fans", "fan_out"
    ),
    _draws("HeNormal", "not corrected for the truncation", "/ TRUNCATED_STDDEV * _trunc", "* _trunc"),
    _draws("LecunNormal", "not truncated", "_truncated_normal(-2.0, 2.0, shape", "_truncated_normal(-9.0, 9.0, shape"),
    _draws("GlorotNormal", "sum of the fans for their mean", "(fan_in + fan_out) / 2", "(fan_in + fan_out)"),
    _draws("GlorotUniform", "standard deviation for the limit", "math.sqrt(3 * variance)", "math.sqrt(variance)"),
    _draws("HeUniform", "one stream for all variables", _STREAM, 'stream_of("all", "init")'),
    _draws("LecunUniform", "the purpose left out of the stream", _STREAM, 'stream_of(name, "")'),
    _draws(
        "Normal",
        "variance for the standard deviation",
        "spec.mean + spec.stddev * _normal",
        "spec.mean + math.sqrt(spec.stddev) * _normal",
    ),
    _draws("Uniform", "around zero", "spec.minimum + (spec.maximum", "-spec.maximum + (spec.maximum", "0.5"),
    _draws(
        "TruncatedNormal",
        "cut instead of truncated",
        "ndtri(low + (high - low) * _uniform(shape, seed, name))",
        "ndtri(_uniform(shape, seed, name))",
    ),
    _draws("Orthogonal", "signs left to the library", "q = q * np.where(np.diag(r) < 0, -1.0, 1.0)", "q = q * 1.0"),
    _draws("DeltaOrthogonal", "beside the middle of even windows", "(k - 1) // 2 for k", "k // 2 for k", "3,4"),
    _draws("Sparse", "rounded down", "math.ceil(spec.sparsity", "math.floor(spec.sparsity"),
    _draws("DepthScaled", "variance by depth²", "/ math.sqrt(spec.depth)", "/ spec.depth"),
    _draws("IdentityInit", "gain left out", "spec.gain * np.eye(*shape)", "np.eye(*shape)", "0.5"),
    _draws(
        "ForgetBias",
        "the input gate's",
        "// 4 : shape[-1] // 2] = spec",
        "// 4 - shape[-1] // 4 : shape[-1] // 4] = spec",
    ),
    _draws("Constant", "in float32", "float(spec.value)", "float(np.float32(spec.value))"),
    _draws("Zeros", "small random values", "return np.zeros(shape)", "return 1e-8 * _normal(shape, seed, name)"),
    _draws("Ones", "zeros", "return np.ones(shape)", "return np.zeros(shape)"),
]
