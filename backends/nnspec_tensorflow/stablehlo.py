"""StableHLO programs as nodes: given to XLA as they are, once for each example."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnspec.errors import SpecError, UnsupportedError
from nnspec.layers.stablehlo import NO_DERIVATIVE, StableHLO
from nnspec.spec import dump, parse
from nnspec.stablehlo.module import Type, computed_dtype
from nnspec.stablehlo.writing import written
from nnspec_tensorflow.propagation import propagating
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any
# The version of XlaCallModule's interface whose modules are portable artifacts without shape assertions.
_VERSION = 9


@contextmanager
def differentiating() -> Iterator[None]:
    """In here it is an error of nnspec's to ask for the derivative of a program, for which TensorFlow has none."""
    try:
        yield
    except LookupError as error:
        if "XlaCallModule" not in str(error):
            raise
        raise UnsupportedError(NO_DERIVATIVE) from error


@serializable
class Program(keras.layers.Layer):
    """A StableHLO program with its variables.

    Args:
        specs: the layers of the nodes that use it, or their short forms: they give different results of one program.
    """

    def __init__(self, specs: Any, **options: Any) -> None:
        super().__init__(**options)
        self.specs: list[StableHLO] = [parse("layer", spec) for spec in specs]
        self.spec = self.specs[0]
        self.floats = working(self.compute_dtype)
        self.artifact = _artifact(self.spec, self.floats)

    def build(self, input_shape: Any) -> None:
        self.values = [
            self.add_weight(name=name, shape=param.shape, initializer="zeros", trainable=False)
            for name, param in self.spec.params().items()
        ]

    def call(self, inputs: Any, use: int = 0) -> Tensor:
        spec = self.specs[use]
        given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        types = spec.module.main.types
        given = [tf.cast(x, self._dtype_of(of)) for x, of in zip(given, types, strict=False)]
        variables = [
            tf.cast(value, self._dtype_of(of)) for value, of in zip(self.values, types[spec.inputs :], strict=True)
        ]
        from tensorflow.compiler.tf2xla.ops import gen_xla_ops

        results = spec.result_types
        of = results[spec.output]

        def one(examples: list[Tensor]) -> Tensor:
            made = gen_xla_ops.xla_call_module(
                [*(x[None] for x in examples), *variables],
                version=_VERSION,
                module=self.artifact,
                Tout=[self._dtype_of(one) for one in results],
                Sout=[list(one.shape) for one in results],
                platforms=["CPU"],
                disabled_checks=["platform"],  # programs are the same everywhere
                dim_args_spec=[],
                function_list=[],
                has_token_input_output=False,
            )
            return made[spec.output][0]

        if given[0].shape[0] == 0:  # XLA compiles what is done with one, where there is none
            y = tf.zeros((0, *of.shape[1:]), self._dtype_of(of))
        else:
            y = tf.map_fn(one, given, fn_output_signature=tf.TensorSpec(of.shape[1:], self._dtype_of(of)))
        kind = spec.result_dtype
        return tf.cast(y, self.compute_dtype if kind == "float" else kind)

    def compute_output_spec(self, inputs: Any, use: int = 0) -> Any:
        spec = self.specs[use]
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        kind = spec.result_dtype
        shape = spec.output_shape(*(tuple(x.shape) for x in given))
        return keras.KerasTensor(shape, dtype=self.compute_dtype if kind == "float" else kind)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "specs": [dump(spec) for spec in self.specs]}

    def _dtype_of(self, of: Type) -> Any:
        return tf.as_dtype(computed_dtype(of.dtype, self.floats))


def _artifact(spec: StableHLO, floats: str) -> bytes:
    from tensorflow.compiler.mlir.stablehlo import stablehlo as portable

    text = written(propagating(spec.module), "f64" if floats == "float64" else "f32")
    try:
        made: bytes = portable.serialize_portable_artifact_str(text, portable.get_current_version())
    except (ValueError, RuntimeError) as error:
        raise SpecError(f"XLA does not take the program: {str(error)[:500]}", ("program",)) from error
    return made


@build.register
def program(spec: StableHLO, context: Context) -> keras.layers.Layer:
    return Program(context.uses or (spec,), **context.options)
