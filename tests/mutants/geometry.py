"""Mistakes in layers that change where things are in images: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_bits = planting("nnspec.random", "forward")
_spec = planting("nnspec.layers.geometry", "forward")
_geometry = planting("nnspec.reference.geometry", "forward")
_jax = planting("nnspec_jax.geometry", "forward")
_jax_draws = planting("nnspec_jax.augmentation", "forward")
_tf = planting("nnspec_tensorflow.geometry", "forward")
_tf_draws = planting("nnspec_tensorflow.augmentation", "forward")

MUTANTS = [
    _geometry("RandomFlip", "both axes by one decision", "draws.happens(word, spec", "draws.happens(0, spec"),
    _geometry(
        "CenterCrop",
        "nothing resized",
        "_through(spec.central(x.shape)",
        "_through(spec.central(x.shape)[:1]",
        raises=True,
    ),
    _geometry("RandomCrop", "the last row never", "z.shape[1] - spec.height + 1", "z.shape[1] - spec.height"),
    _geometry(
        "RandomErasing",
        "the share for the side",
        "np.sqrt(draws.uniform(1 + i, *spec.shares()))",
        "draws.uniform(1 + i, *spec.shares())",
    ),
    _geometry("Cutout", "its corner in the image", " - side // 2", ""),
    _jax_draws("RandomFlip", "flips in inference", "if self.deterministic:", "if False:"),
    _jax("RandomFlip", "flipped where not", "jnp.flip(x, axis), x)", "x, jnp.flip(x, axis))"),
    _jax("RandomCrop", "not padded in inference", "padded = _through([spec.pad()], x)", "padded = x", raises=True),
    _jax("RandomErasing", "noise beyond the range", "if spec.value_range is not None:", "if False:"),
    _jax(
        "Cutout",
        "all channels one color",
        "jnp.where(erased, jnp.asarray(spec.fill_value, x.dtype), x)",
        "jnp.where(erased, jnp.asarray(spec.fill_value, x.dtype).mean(), x)",
    ),
    _tf_draws("RandomCrop", "the low bits for an integer", "tf.constant(32, tf.uint64)", "tf.constant(31, tf.uint64)"),
    _tf(
        "CenterCrop",
        "nothing resized",
        "spec.central(tuple(x.shape)), x)",
        "spec.central(tuple(x.shape))[:1], x)",
        raises=True,
    ),
    _tf("RandomErasing", "rows for columns", "(left <= q) & (q < left + width)", "(left <= q) & (q < left + height)"),
    _tf("Cutout", "one row more", "(p < top + height)", "(p <= top + height)"),
    _tf_draws("RandomErasing", "24 bits", "tf.constant(9, tf.uint32)", "tf.constant(8, tf.uint32)"),
]
