"""Mistakes in what layers and operations become in JAX."""

from __future__ import annotations

from tests.mutants.mutant import planting

_dropout = planting("nnspec_jax.dropout", "forward", "masks")
_linear = planting("nnspec_jax.linear", "forward")
_normalization = planting("nnspec_jax.normalization", "forward", "state")
_ops = planting("nnspec_jax.ops", "forward", "kinks")
_scaling = planting("nnspec_jax.scaling", "forward")
_shape = planting("nnspec_jax.shape", "forward")
_model = planting("nnspec_jax.model", "masks", "state", "forward")
_net = planting("nnspec_jax.net", "state", "forward")
_arrays = planting("nnspec_jax.arrays", "forward")
_random = planting("nnspec_jax.random", "words", "masks")
_backend = planting("nnspec_jax.backend", "initial")

MUTANTS = [
    _normalization(
        "LayerNorm", "fast variance", '"use_fast_variance": False', '"use_fast_variance": True', hint="large"
    ),
    _normalization(
        "BatchNorm", "fast variance", '"use_fast_variance": False', '"use_fast_variance": True', hint="large"
    ),
    _normalization(
        "BatchRenorm",
        "no lower end of r",
        "jnp.clip(deviation / stddev, 1.0 / spec.r_max, spec.r_max)",
        "jnp.minimum(deviation / stddev, spec.r_max)",
        hint="r_max",
    ),
    _normalization(
        "BatchRenorm",
        "the statistics after the update",
        "d = jnp.clip((center - mean) / stddev,",
        "d = jnp.clip((center - mean) / (spec.momentum * stddev + (1 - spec.momentum) * deviation),",
    ),
    _normalization("BatchNorm", "momentum inverted", "momentum=spec.momentum", "momentum=1.0 - spec.momentum", "state"),
    _normalization(
        "BatchNorm",
        "no gradient through the variance",
        "moved + shift + z * stretch + z * tangents[1]",
        "moved + shift + z * tangents[1]",
        "gradients",
    ),
    _normalization("BatchNorm", "as many rows as elements", "-deviation.size / z.size", "-1 / z.size", "gradients"),
    _normalization("LayerNorm", "Keras's epsilon", '"epsilon": spec.epsilon', '"epsilon": 1e-3'),
    _normalization(
        "LayerNorm",
        "mean over all axes but the first",
        "reduction_axes=axes",
        "reduction_axes=(-2, -1)",
        hint="2, 3",
        raises=True,
    ),
    _normalization(
        "BatchNorm",
        "statistics of the batch in training",
        "super().__call__(x, True, mask=mask)",
        "super().__call__(x, use_running_average, mask=mask)",
        hint="use_running",
    ),
    _normalization(
        "GroupNorm",
        "size for number",
        "context.features, groups, None",
        "context.features, None, groups",
        hint="GroupNorm-num_groups=3",
    ),
    _normalization(
        "LayerNorm",
        "axes not as given",
        "(spec.axes,) if isinstance(spec.axes, int)",
        "(-1,) if True",
        hint="axes=1",
        raises=True,
    ),
    _normalization(
        "RMSNorm", "a scale where there is none", '"use_scale": spec.use_scale', '"use_scale": True', raises=True
    ),
    _dropout("StochasticDepth", "elements for examples", "self.spec.mask_shape(x.shape)", "x.shape"),
    _dropout(
        "AlphaDropout",
        "neither mean nor variance kept",
        "a * jnp.where(mask, x, SELU_LIMIT) + b",
        "jnp.where(mask, x, SELU_LIMIT)",
    ),
    _dropout("GaussianSample", "samples in inference", "if self.deterministic:", "if False:"),
    _dropout("GaussianSample", "variance for deviation", "jnp.exp(log_variance / 2.0)", "jnp.exp(log_variance)"),
    _dropout("GaussianNoise", "noise in inference", "self.deterministic or self.stddev == 0.0", "self.stddev == 0.0"),
    _random("GaussianNoise", "sines for the normal distribution", "jax.lax.erf_inv(odd.", "jnp.sin(odd.", "forward"),
    _dropout("Dropout", "not scaled", "x / (1.0 - self.rate)", "x"),
    _dropout("Dropout", "scaled by the rate", "x / (1.0 - self.rate)", "x / self.rate"),
    _dropout("Dropout", "drops in inference", "self.deterministic or self.rate == 0.0", "self.rate == 0.0"),
    _dropout(
        "Dropout",
        "keeps what it should drop",
        "jnp.where(mask, x / (1.0 - self.rate), 0.0)",
        "jnp.where(mask, 0.0, x / (1.0 - self.rate))",
    ),
    _model(
        "Dropout",
        "the same mask at every step",
        'stream_of(owner, "dropout", call), self.step)',
        'stream_of(owner, "dropout", call), np.uint32(0))',
    ),
    _model("Dropout", "streams numbered in order", 'stream_of(owner, "dropout", call)', "len(self.masks)"),
    _model(
        "shared layers",
        "the same mask in every call",
        'stream_of(owner, "dropout", call)',
        'stream_of(owner, "dropout", 0)',
    ),
    _model(
        "nested models",
        "streams named after the inner node",
        'stream_of(owner, "dropout", call)',
        'stream_of(owner.split("/")[-1], "dropout", call)',
    ),
    _model(
        "shared layers",
        "statistics in another order",
        "for node in self.model.nodes:\n            given",
        "for node in sorted(self.model.nodes, key=lambda n: n.shares is None):\n            given",
        "state",
    ),
    _model("Dropout", "the step stays in training", "run.step + np.uint32(1)", "run.step", "state"),
    _net(
        "Dropout",
        "the step moves in inference",
        "return outputs, {}, run",
        'return outputs, {"random/step": run.step + np.uint32(1)}, run',
        "state",
    ),
    _net("BatchNorm", "statistics not kept", "self.replace(changed)", "self.replace({})", "state"),
    _net(
        "BatchNorm",
        "gradients in inference mode",
        "given = self.apply({**variables, **parameters}, {**inputs, **floats}, training=training)",
        "given = self.apply({**variables, **parameters}, {**inputs, **floats}, training=False)",
        "gradients",
    ),
    _arrays(
        "Dense",
        "inputs through float32",
        'return x.astype(dtype, copy=False)\n    if x.dtype.kind in "iu" and declared',
        'return x.astype(np.float32).astype(dtype)\n    if x.dtype.kind in "iu" and declared',
    ),
    _linear(
        "Dense",
        "activation left out",
        "build(spec.activation or Identity(), after)",
        "build(Identity(), after)",
        hint="activation",
    ),
    _ops("Subtract", "the other way round", "return operator.sub", "return lambda a, b: b - a"),
    _ops("Divide", "the other way round", "return operator.truediv", "return lambda a, b: b / a"),
    _ops("Maximum", "tie to the first", "return jnp.maximum", "return lambda a, b: jnp.where(a >= b, a, b)", "kinks"),
    _ops("Minimum", "tie to the second", "return jnp.minimum", "return lambda a, b: jnp.where(a < b, a, b)", "kinks"),
    _ops("Maximum", "NaN swallowed", "return jnp.maximum", "return jnp.fmax", "NaN"),
    _ops("Add", "the last input left out", "reduce(binary, inputs)", "reduce(binary, inputs[:2])", hint="three"),
    _ops(
        "Concat",
        "inputs from right to left",
        "jnp.concatenate(inputs, axis=spec.axis)",
        "jnp.concatenate(inputs[::-1], axis=spec.axis)",
    ),
    _ops(
        "Concat",
        "the last axis instead of the one that is asked for",
        "jnp.concatenate(inputs, axis=spec.axis)",
        "jnp.concatenate(inputs, axis=-1)",
        hint="axis=1",
        raises=True,
    ),
    _scaling("Normalization", "the inverse", "if self.spec.invert else", "if not self.spec.invert else"),
    _normalization("UnitNorm", "no derivative at zero", "jnp.where(short, 1.0, total)", "total", "kinks"),
    _normalization("UnitNorm", "at epsilon as above it", "jnp.sqrt(total) <= spec", "jnp.sqrt(total) < spec", "kinks"),
    _shape("Reshape", "column-major", "*sizes)", "*sizes, order='F')"),
    _random("across block 2**32", "the carry is lost", "(c0 < index).astype(jnp.uint32)", "jnp.zeros_like(index)"),
    _random("seed above 2**32", "the seed's high word ignored", "(key[0], key[1])", "(key[0], jnp.zeros_like(key[0]))"),
    _random("first word", "step and stream exchanged", "c2, c3 = jnp", "c3, c2 = jnp"),
    _random("first word", "nine rounds", "range(ROUNDS)", "range(ROUNDS - 1)"),
    _random(
        "odd length",
        "words in the order of the block's columns",
        "axis=-1).reshape(-1)[offset",
        "axis=0).reshape(-1)[offset",
    ),
    _random(
        "Dropout", "the words of a block in the opposite order", "np.uint32(8 * i)", "np.uint32(24 - 8 * i)", "masks"
    ),
    _backend(
        "HeNormal",
        "drawn in float32",
        "initial_variables(model, seed, jnp.dtype(dtype))",
        "initial_variables(model, seed, jnp.float32)",
    ),
    _backend(
        "HeNormal",
        "the seed's high word ignored",
        "initial_variables(model, seed, jnp",
        "initial_variables(model, seed & 0xFFFFFFFF, jnp",
        hint="seed above",
    ),
    _model("unrolled in time", "calls counted by node", "run.calls[mine] += 1", "run.calls[here] += 1"),
    # What only lower precision shows.
    _normalization(
        "LayerNorm",
        "fast variance",
        '"use_fast_variance": False',
        '"use_fast_variance": True',
        dtype="float32",
        hint="large",
    ),
]
