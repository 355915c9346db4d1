"""Mistakes in products with kernels of several axes and with tables, in the reference and in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.linear", "forward")
_reference_embedding = planting("nnspec.reference.embedding", "forward")
_jax = planting("nnspec_jax.linear", "forward", "gradients")
_jax_embedding = planting("nnspec_jax.embedding", "forward", "gradients")
_jax_ops = planting("nnspec_jax.ops", "forward", "gradients")
_tensorflow = planting("nnspec_tensorflow.linear", "forward", "gradients")
_tensorflow_embedding = planting("nnspec_tensorflow.embedding", "forward", "gradients")

MUTANTS = [
    _reference(
        "Bilinear",
        "the second input through the first axis",
        '"...i,...j,ijf->...f", x1, x2',
        '"...i,...j,ijf->...f", x2, x1',
        raises=True,
    ),
    _reference(
        "EinsumDense",
        "the bias after the activation",
        '    if bias is not None:\n        y = y + scope["bias"].reshape(bias)\n'
        "    return y if spec.activation is None else apply(spec.activation, scope, y)\n",
        "    y = y if spec.activation is None else apply(spec.activation, scope, y)\n"
        '    return y if bias is None else y + scope["bias"].reshape(bias)\n\n',
        hint="hard_sigmoid",
    ),
    _reference_embedding(
        "Unembedding", "a table of another scale", 'scope["embedding"].T', 'scope["embedding"].T * x.shape[-1] ** -0.5'
    ),
    _jax(
        "DenseGeneral",
        "the activation left out",
        "y if self.activation is None else self.activation(y)",
        "y",
        hint="gelu",
    ),
    _jax("Bilinear", "the bias left out", "        if self.use_bias:", "        if not self.use_bias:", raises=True),
    _jax_embedding(
        "Unembedding",
        "no gradient of the table",
        "widened(self.embedding[...]).T",
        "jax.lax.stop_gradient(widened(self.embedding[...])).T",
        "gradients",
    ),
    _jax_ops(
        "Einsum",
        "in float32",
        "jnp.einsum(equation, *map(widened, inputs), precision=HIGHEST)",
        "jnp.einsum(equation, *(x.astype(jnp.float32) for x in inputs), precision=HIGHEST)",
    ),
    _tensorflow(
        "EinsumDense",
        "the bias along the last axis",
        "tf.reshape(tf.cast(self.bias, x.dtype), bias)",
        "tf.reshape(tf.cast(self.bias, x.dtype), bias[::-1])",
        hint="a kernel for each step",
        raises=True,
    ),
    _tensorflow(
        "Bilinear",
        "the mean over the second input",
        "tf.reduce_sum(forms * x2[..., None], -2)",
        "tf.reduce_mean(forms * x2[..., None], -2)",
    ),
    _tensorflow_embedding(
        "Unembedding",
        "squares of the table",
        "product(tf.cast(inputs, table.dtype), tf.transpose(table))",
        "product(tf.cast(inputs, table.dtype), tf.transpose(table * table))",
    ),
]
