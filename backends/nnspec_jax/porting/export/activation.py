"""Activations: JAX's own functions where they mean the same."""

from __future__ import annotations

from nnspec.layers import activation as layers
from nnspec.layers.base import Activation
from nnspec_jax.porting.export.written import Argument, Made, Place, Written, call, own, written

_PLAIN: dict[type[Activation], str] = {
    layers.Exponential: "jnp.exp",
    layers.HardSilu: "nnx.hard_silu",
    layers.HardTanh: "nnx.hard_tanh",
    layers.LogSigmoid: "nnx.log_sigmoid",
    layers.Mish: "jax.nn.mish",
    layers.ReLU6: "nnx.relu6",
    layers.SELU: "nnx.selu",
    layers.Sigmoid: "nnx.sigmoid",
    layers.Silu: "nnx.silu",
    layers.SoftSign: "nnx.soft_sign",
    layers.Softplus: "nnx.softplus",
    layers.SparsePlus: "jax.nn.sparse_plus",
    layers.SparseSigmoid: "jax.nn.sparse_sigmoid",
    layers.Tanh: "nnx.tanh",
}


def _plain(layer: Activation, place: Place) -> Written:
    return Written(call(_PLAIN[type(layer)]))


for _cls in _PLAIN:
    written.register(_cls, _plain)


@written.register
def identity(layer: layers.Identity, place: Place) -> Written:
    return Written("{0}")


@written.register
def celu(layer: layers.CELU, place: Place) -> Written:
    return Written(call("nnx.celu", alpha=(layer.alpha, 1.0)))


@written.register
def elu(layer: layers.ELU, place: Place) -> Written:
    return Written(call("nnx.elu", alpha=(layer.alpha, 1.0)))


@written.register
def gelu(layer: layers.GELU, place: Place) -> Written:
    return Written(call("nnx.gelu", approximate=(layer.approximate, True)))


@written.register
def glu(layer: layers.GLU, place: Place) -> Written:
    return Written(call("nnx.glu", axis=(layer.axis, -1)))


@written.register
def hard_sigmoid(layer: layers.HardSigmoid, place: Place) -> Written:
    if layer.convention == "keras2":
        return Written("jnp.clip(0.2 * {0} + 0.5, 0.0, 1.0)")
    return Written("nnx.hard_sigmoid({0})")


@written.register
def leaky_relu(layer: layers.LeakyReLU, place: Place) -> Written:
    return Written(call("nnx.leaky_relu", negative_slope=(layer.negative_slope, 0.01)))


@written.register
def relu(layer: layers.ReLU, place: Place) -> Written:
    if layer.threshold or (layer.negative_slope and layer.max_value is not None):
        options = {"negative_slope": (layer.negative_slope, 0.0), "max_value": (layer.max_value, None)}
        return Written(call("thresholded_relu", layer.threshold, **options), snippets=("thresholded_relu",))
    if layer.negative_slope:
        return Written(call("nnx.leaky_relu", negative_slope=(layer.negative_slope, 0.01)))
    if layer.max_value == 6.0:
        return Written("nnx.relu6({0})")
    if layer.max_value is not None:
        return Written(f"jnp.minimum(nnx.relu({{0}}), {layer.max_value!r})")
    return Written("nnx.relu({0})")


@written.register
def softmax(layer: layers.Softmax, place: Place) -> Written:
    return Written(call("nnx.softmax", axis=(layer.axis, -1)))


@written.register
def log_softmax(layer: layers.LogSoftmax, place: Place) -> Written:
    return Written(call("nnx.log_softmax", axis=(layer.axis, -1)))


@written.register
def squareplus(layer: layers.Squareplus, place: Place) -> Written:
    return Written(call("jax.nn.squareplus", b=(layer.b, 4.0)))


@written.register
def hard_shrink(layer: layers.HardShrink, place: Place) -> Written:
    return Written(call("hard_shrink", layer.threshold), snippets=("hard_shrink",))


@written.register
def soft_shrink(layer: layers.SoftShrink, place: Place) -> Written:
    return Written(call("soft_shrink", layer.threshold), snippets=("soft_shrink",))


@written.register
def tanh_shrink(layer: layers.TanhShrink, place: Place) -> Written:
    return Written(call("tanh_shrink"), snippets=("tanh_shrink",))


@written.register
def threshold(layer: layers.Threshold, place: Place) -> Written:
    return Written(call("threshold", layer.threshold, layer.value), snippets=("threshold",))


@written.register
def sparsemax(layer: layers.Sparsemax, place: Place) -> Written:
    return Written(call("sparsemax", axis=(layer.axis, -1)), snippets=("sparsemax",))


@written.register
def standardize(layer: layers.Standardize, place: Place) -> Written:
    options = {"axis": (layer.axis, -1), "epsilon": (layer.epsilon, 1e-5)}
    return Written(call("standardize", **options), snippets=("standardize",))


@written.register
def prelu(layer: layers.PReLU, place: Place) -> Written:
    size = 1 if layer.shared else place.features
    made = Made("PReLU", (Argument("features", size, positional=True),), rngs=False)
    return Written("{self}({0})", made, own("slope"), ("PReLU",))
