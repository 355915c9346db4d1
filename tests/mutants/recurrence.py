"""Mistakes in what goes with recurrent layers: masks, states, dropout, convolutions, layers at each step."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.recurrent", "forward")
_reference_masking = planting("nnspec.reference.masking", "forward")
_reference_per_step = planting("nnspec.reference.time_distributed", "forward")
_jax = planting("nnspec_jax.recurrent", "forward")
_jax_loop = planting("nnspec_jax.recurrence", "forward")
_jax_convolution = planting("nnspec_jax.convolutional_recurrent", "forward")
_jax_masking = planting("nnspec_jax.masking", "forward")
_tensorflow = planting("nnspec_tensorflow.recurrent", "forward")
_tensorflow_loop = planting("nnspec_tensorflow.recurrence", "forward")
_tensorflow_convolution = planting("nnspec_tensorflow.convolutional_recurrent", "forward")
_tensorflow_masking = planting("nnspec_tensorflow.masking", "forward")
_tensorflow_per_step = planting("nnspec_tensorflow.time_distributed", "forward")

MUTANTS = [
    _reference(
        "masked SimpleRNN",
        "masked steps are taken, the others left out",
        "_where(mask[:, t], n, s) for n, s",
        "_where(mask[:, t], s, n) for n, s",
    ),
    _reference(
        "masked GRU", "zeros at the steps that are there", "_where(mask[:, t], y, 0) if", "_where(~mask[:, t], y, 0) if"
    ),
    _reference(
        "SimpleRNN", "residual after the activation", "a + h if spec.residual else a)", "a) + h", hint="residual"
    ),
    _reference(
        "GRU",
        "the whole state dropped",
        "new = step(x[:, t], fed, state)",
        "new = step(x[:, t], fed, (fed, *state[1:]))",
        hint="recurrent_dropout_rate=0.3-",
    ),
    _reference("LSTM", "c before h in the state", "np.concatenate(state, -1) if", "np.concatenate(state[::-1], -1) if"),
    _reference("LSTM", "dropped states not scaled", "state[0] / (1 - rate), 0)", "state[0], 0)", hint="dropout"),
    _reference(
        "GRU",
        "the recurrent bias in the first part",
        "np.concatenate([np.zeros_like(recurrent_bias)] * 2 + [recurrent_bias])",
        "np.concatenate([recurrent_bias] + [np.zeros_like(recurrent_bias)] * 2)",
        hint="candidate",
    ),
    _reference("MGU", "the gate the other way round", "((1 - f) * n + f * h,)", "(f * n + (1 - f) * h,)"),
    _reference("MGU", "not reset", "reset = f * biased(b_n", "reset = biased(b_n"),
    _reference_masking(
        "PaddingMask", "padding taken for what is there", "else x != spec.whole", "else x == spec.whole"
    ),
    _reference_per_step(
        "TimeDistributed",
        "steps before examples",
        "x.reshape(batch * time, *rest)",
        "x.swapaxes(0, 1).reshape(batch * time, *rest)",
    ),
    _jax("masked LSTM", "masks not turned with the steps", "else mask[::-1]", "else mask"),
    _jax_loop(
        "masked LSTM",
        "c goes on at masked steps",
        "before) for x, before in zip(new, state, strict=True))",
        "before) for x, before in zip(new, (state[0], *new[1:]), strict=True))",
    ),
    _jax("masked MGU", "zeros that nobody asked for", "if self.spec.zero_output_for_mask and mask", "if mask"),
    _jax(
        "LSTM from state to state",
        "starts from zeros",
        "tuple(jnp.split(start.astype(wide), self.states, axis=-1))",
        "tuple(jnp.split(0 * start.astype(wide), self.states, axis=-1))",
    ),
    _jax(
        "GRU",
        "dropout in inference, too",
        "if self.deterministic or keep_mask is None else",
        "if keep_mask is None else",
        hint="dropout",
    ),
    _jax(
        "GRU",
        "the kept state dropped where the reset comes before",
        "(1 - z) * n + z * state[0],)\n\n\nclass Min",
        "(1 - z) * n + z * fed,)\n\n\nclass Min",
        hint="reset_after=False",
    ),
    _jax("SimpleRNN", "no residual", "given + state[0] if self.spec.residual else given", "given", hint="residual"),
    _jax("MGU", "the biases exchanged", '[super().wide("forget_bias"), own]', '[own, super().wide("forget_bias")]'),
    _jax_convolution("ConvLSTM", "gates g and o exchanged", "i, f, g, o = jnp.split", "i, f, o, g = jnp.split"),
    _jax_convolution(
        "ConvLSTM",
        "the input convolved as the state is",
        "_convolved(self.spec.of_input, x",
        "_convolved(self.spec.of_state, x",
        raises=True,
    ),
    _jax_masking("PaddingMask", "all features have to differ", "differs.any(spec.axis)", "~differs.any(spec.axis)"),
    _tensorflow("masked SimpleRNN", "masks not turned with the steps", "else tf.reverse(mask, [0])", "else mask"),
    _tensorflow_loop(
        "masked GRU",
        "masked steps are taken, the others left out",
        "tf.where(wide_as(mask, x), x, before)",
        "tf.where(wide_as(mask, x), before, x)",
    ),
    _tensorflow(
        "LSTM", "c before h in the state", "tf.concat(after, axis=-1) if", "tf.concat(after[::-1], axis=-1) if"
    ),
    _tensorflow("LSTM", "dropped states not scaled", "fed / constant(1 - self.rate, fed)", "fed", hint="dropout"),
    _tensorflow(
        "GRU",
        "the recurrent bias in the first part",
        "[[2 * spec.features, 0]]",
        "[[0, 2 * spec.features]]",
        hint="candidate",
    ),
    _tensorflow(
        "MGU", "reset without a gate", "(f * b_n if spec.reset_gate else b_n)", "f * b_n", hint="reset_gate=False"
    ),
    _tensorflow_convolution(
        "ConvLSTM",
        "zeros all before",
        "tf.pad(x, ((0, 0), *around, (0, 0)))",
        "tf.pad(x, ((0, 0), *((sum(a), 0) for a in around), (0, 0)))",
    ),
    _tensorflow_convolution("ConvLSTM", "no forget gate", "c = f * state[1] + i", "c = state[1] + i"),
    _tensorflow_masking(
        "PaddingMask", "all features have to differ", "tf.reduce_any(differs", "tf.reduce_all(~differs"
    ),
    _tensorflow_per_step(
        "TimeDistributed",
        "steps before examples",
        "(batch, time, *sizes(y)[1:])",
        "(time, batch, *sizes(y)[1:])",
        raises=True,
    ),
]
