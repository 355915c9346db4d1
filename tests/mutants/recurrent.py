"""Mistakes in recurrent layers and embeddings: in the reference and in both backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.recurrent", "forward")
_reference_embedding = planting("nnspec.reference.embedding", "forward")
_jax = planting("nnspec_jax.recurrent", "forward")
_jax_loop = planting("nnspec_jax.recurrence", "gradients")
_jax_embedding = planting("nnspec_jax.embedding", "forward")
_tensorflow = planting("nnspec_tensorflow.recurrent", "forward")
_tensorflow_loop = planting("nnspec_tensorflow.recurrence", "gradients")
_tensorflow_embedding = planting("nnspec_tensorflow.embedding", "forward")

MUTANTS = [
    _reference("SimpleRNN", "bias taken away", "y + bias", "y - bias"),
    _reference(
        "SimpleRNN",
        "starts from the last step",
        "reversed(range(x.shape[1])) if spec.reverse else",
        "reversed(range(x.shape[1])) if not spec.reverse else",
    ),
    _reference("LSTM", "input and forget gate exchanged", "c = f * c + i *", "c = i * c + f *"),
    _reference(
        "LSTM",
        "no activation of the cell",
        "return o * activated(spec.activation, scope, c), c",
        "return o * c, c",
    ),
    _reference("GRU", "update gate the other way round", "(1 - z) * n + z * h", "z * n + (1 - z) * h"),
    _reference("GRU", "Keras's order of gates", "a_r, a_z, a_n = parts", "a_z, a_r, a_n = parts"),
    _reference(
        "GRU",
        "reset after, where it is before",
        "(r * fed) @ candidate",
        "r * (fed @ candidate)",
        hint="reset_after=False",
    ),
    _reference_embedding("Embedding", "ids count from the end", "(x >= 0)", "(x >= -1)", hint="not in the table"),
    _jax(
        "SimpleRNN",
        "recurrent kernel transposed",
        "return unrolled(self, given, kernel)",
        "return unrolled(self, given, kernel.T)",
    ),
    _jax(
        "SimpleRNN",
        "reversed steps put back in order",
        "jnp.moveaxis(y, 0, 1)",
        "jnp.moveaxis(y[::-1] if self.spec.reverse else y, 0, 1)",
        hint="return_sequences=True-reverse=True",
    ),
    _jax_loop(
        "SimpleRNN",
        "gradients of states through the kernel as it is",
        "(((1,), (1,)), ((), ())), precision=HIGHEST)\n            given =",
        "(((1,), (0,)), ((), ())), precision=HIGHEST)\n            given =",
        raises=True,
    ),
    _jax_loop("LSTM", "the cell's gradient past the forget gate", "+ by_g + f * state[1]", "+ by_g + state[1]"),
    _jax_loop("LSTM", "no gradient from the output to the cell", "h = by_o + by_cell * c", "h = by_o"),
    _jax_loop("LSTM", "the cell after the step in the forget gate's gradient", "before = _later(c)", "before = c"),
    _jax_loop("LSTM", "tanh's derivative for sigmoid's", "i * (1 - g * g)", "i * g * (1 - g)"),
    _jax_loop(
        "LSTM",
        "the kernel's gradient of the states after the steps",
        "product(_later(h), tangents[1])",
        "product(h, tangents[1])",
    ),
    _jax("LSTM", "gates g and o exchanged", "i, f, g, o = jnp.split", "i, f, o, g = jnp.split"),
    _jax(
        "LSTM",
        "the cell returned for the state",
        "self.activation(c), c",
        "self.activation(c), c * o",
        hint="activation=softplus",
    ),
    _jax_loop(
        "LSTM",
        "gates f and o exchanged",
        "i, f, o = jnp.split(gates, 3, axis=-1)\n            c =",
        "i, o, f = jnp.split(gates, 3, axis=-1)\n            c =",
        "forward",
    ),
    _jax("GRU", "no bias of the recurrent kernel", 'if hasattr(self, "recurrent_bias") else jnp', "if False else jnp"),
    _jax("GRU", "reset before, where it is after", "self.reset_after = spec.reset_after", "self.reset_after = False"),
    _jax("GRU", "not reset", "a[..., gates:] + r * b[..., gates:])", "a[..., gates:] + b[..., gates:])"),
    _jax(
        "GRU",
        "activations exchanged",
        "r, z = _gates(self.recurrent_activation, a[..., :gates] + b",
        "r, z = _gates(self.activation, a[..., :gates] + b",
    ),
    _jax_loop(
        "SimpleRNN",
        "the kernel's gradient of the states after the steps",
        "product(before, tangents[1])",
        "product(after, tangents[1])",
    ),
    _jax_embedding(
        "Embedding", "the last vector for ids beyond", 'mode="fill"', 'mode="clip"', hint="not in the table"
    ),
    _jax_embedding(
        "Embedding",
        "negative ids count from the end",
        "wrap_negative_indices=False",
        "wrap_negative_indices=True",
        hint="not in the table",
    ),
    _tensorflow("SimpleRNN", "the first step for the last", "else y[-1]", "else y[0]"),
    _tensorflow("SimpleRNN", "not reversed", "if spec.reverse:", "if False:", hint="reverse"),
    _tensorflow_loop(
        "SimpleRNN",
        "gradients of states through the kernel as it is",
        "transposed = tf.transpose(kernel)\n            befores",
        "transposed = kernel\n            befores",
        raises=True,
    ),
    _tensorflow(
        "LSTM",
        "no forget gate with activations of other kinds",
        "c = f * state[1] + i",
        "c = state[1] + i",
        hint="activation=softplus",
    ),
    _tensorflow_loop("LSTM", "no forget gate", "c = f * state[1] + i", "c = state[1] + i", "forward"),
    _tensorflow_loop("LSTM", "the cell's gradient past the forget gate", "f[k] * by_c)", "by_c)"),
    _tensorflow_loop(
        "LSTM", "gates' gradients in another order", "[by_c, by_c, by_h, by_c]", "[by_c, by_h, by_c, by_c]"
    ),
    _tensorflow_loop("LSTM", "no gradient from the output to the cell", "by_cell[k] * by_h + towards[1]", "towards[1]"),
    _tensorflow_loop(
        "LSTM",
        "the kernel's gradient of the states after the steps",
        "tf.reshape(_later(h), (-1, features))",
        "tf.reshape(h, (-1, features))",
    ),
    _tensorflow("LSTM", "gates in the order i, f, o, g", "i, f, g, o = tf.split", "i, f, o, g = tf.split"),
    _tensorflow(
        "GRU",
        "Keras's order of gates",
        "r, z = _gates(self.spec.recurrent_activation, a",
        "z, r = _gates(self.spec.recurrent_activation, a",
    ),
    _tensorflow(
        "GRU",
        "update gate the other way round",
        "kernel[:, gates:]))\n        return ((1 - z) * n + z *",
        "kernel[:, gates:]))\n        return (z * n + (1 - z) *",
        hint="reset_after=False",
    ),
    _tensorflow(
        "GRU",
        "the bias of the recurrent kernel in the wrong place",
        "return projected, tf.broadcast_to(bias, tf.shape(projected))",
        "return projected + bias, tf.zeros_like(projected)",
    ),
    _tensorflow_loop(
        "SimpleRNN",
        "the kernel's gradient of the states after the steps",
        "tf.reshape(befores[0],",
        "tf.reshape(after[0],",
    ),
    _tensorflow_embedding(
        "Embedding",
        "zeros for ids that are not in the table",
        'constant(float("nan"), found)',
        "tf.zeros_like(found)",
        hint="not in the table",
    ),
    _tensorflow_embedding(
        "Embedding",
        "gradient of one place alone",
        "tf.math.unsorted_segment_sum(",
        "tf.math.unsorted_segment_max(",
        "gradients",
    ),
]
