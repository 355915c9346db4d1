"""Stand-ins for Keras's layers and activations."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.layers.base import Layer, Param
from tests.peers.driver import Namespace
from tests.peers.outcome import NotExpressible, NoValues
from tests.peers.subjects import Subject, applied, network, pointwise

# Our names of variables and Keras's, in the order of Keras's ``get_weights``.
WEIGHTS = {
    "kernel": "kernel",
    "scale": "gamma",
    "bias": "bias",
    "mean": "moving_mean",
    "var": "moving_variance",
    "slope": "alpha",
}
ALONG_AN_AXIS = (nn.Softmax, nn.LogSoftmax, nn.Sparsemax, nn.GLU)


class KerasLayer:
    """One of our layers behind Keras's ``build``, ``set_weights`` and call; its weights are Keras variables."""

    def __init__(self, subject: Subject, spec: Layer, *, axis: int = -1, start: dict[str, str] | None = None) -> None:
        self.subject, self.spec, self.axis = subject, spec, axis
        self.trainable = True
        self._start = start or {}
        self._weights: dict[str, Any] | None = None

    def build(self, input_shape: Any) -> None:
        from keras.src import backend

        if self._weights is not None:
            return
        shape = (None, *np.moveaxis(np.empty([s or 1 for s in input_shape]), self.axis, -1).shape[1:])
        params: dict[str, Param] = self.spec.params(shape)
        self._weights = {}
        for ours in WEIGHTS:
            if ours in params:
                keras = self._name(ours)
                fill = {"ones": 1.0, "zeros": 0.0}.get(self._start.get(keras, ""), float(ours in ("scale", "var")))
                self._weights[ours] = backend.Variable(np.full(params[ours].shape, fill, np.float32))

    def _name(self, ours: str) -> str:
        return "beta" if ours == "bias" and not isinstance(self.spec, nn.Dense | nn.Conv) else WEIGHTS[ours]

    @property
    def weights(self) -> list[Any]:
        return list((self._weights or {}).values())

    @property
    def trainable_weights(self) -> list[Any]:
        return [w for n, w in (self._weights or {}).items() if n not in ("mean", "var")] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        trainable = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trainable]

    def set_weights(self, values: list[Any]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def __call__(self, x: Any, training: bool = False, mask: Any = None) -> Array:
        if mask is not None:
            raise NotExpressible("masks of positions")
        if not hasattr(x, "__array__"):
            raise NoValues("symbolic tensors")
        given = np.moveaxis(np.asarray(x, np.float32), self.axis, -1)
        self.build(np.shape(x))
        weights = self._weights or {}
        model = network({"x": given.shape[1:]}, [("y", self.spec, ["x"])])
        variables = {f"y/{name}": np.array(weight) for name, weight in weights.items()}
        y, after = self.subject.forward(model, {"x": given}, variables, training=training and self.trainable)
        for name, weight in weights.items():
            if name in ("mean", "var"):
                weight.assign(after[f"y/{name}"])
        return np.moveaxis(y, -1, self.axis) if y.ndim == given.ndim else y

    def __getattr__(self, name: str) -> Any:
        for ours, weight in (self.__dict__.get("_weights") or {}).items():
            if name == self._name(ours):
                return weight
        if name == "bias":
            return None
        raise NoValues(name)


def _none(options: dict[str, Any], **reasons: str) -> None:
    """Options that the vocabulary lacks, unless they are off."""
    for option, reason in reasons.items():
        if options.pop(option, None):
            raise NotExpressible(reason)


def layers(subject: Subject) -> dict[str, Any]:
    """The global ``layers`` of Keras's tests of layers, and the modules of single ones."""

    def dense(units: int, activation: Any = None, use_bias: bool = True, **options: Any) -> KerasLayer:
        return KerasLayer(subject, nn.Dense(units, activation=activation, use_bias=use_bias))

    def batch_norm(
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **options: Any,
    ) -> KerasLayer:
        _none(options, renorm="renormalization")
        start = {n.removesuffix("_initializer"): v for n, v in options.items() if n.endswith("_initializer")}
        spec = nn.BatchNorm(momentum=float(momentum), epsilon=epsilon, use_bias=center, use_scale=scale)
        return KerasLayer(subject, spec, axis=axis, start=start)

    def layer_norm(axis: Any = -1, epsilon: float = 1e-3, dtype: Any = None, **options: Any) -> KerasLayer:
        _none(options, rms_scaling="scaling by the root mean square")
        start = {n.removesuffix("_initializer"): v for n, v in options.items() if n.endswith("_initializer")}
        return KerasLayer(subject, nn.LayerNorm(epsilon=epsilon, axes=_axes(axis)), start=start)

    def group_norm(groups: int = 32, axis: int = -1, epsilon: float = 1e-3, **options: Any) -> KerasLayer:
        use = {"use_scale": options.pop("scale", True), "use_bias": options.pop("center", True)}
        spec: Layer = nn.InstanceNorm(epsilon, **use) if groups == -1 else nn.GroupNorm(groups, epsilon=epsilon, **use)
        start = {n.removesuffix("_initializer"): v for n, v in options.items() if n.endswith("_initializer")}
        return KerasLayer(subject, spec, axis=axis, start=start)

    def rms_norm(axis: Any = -1, epsilon: float = 1e-6) -> KerasLayer:
        return KerasLayer(subject, nn.RMSNorm(epsilon, axes=_axes(axis)))

    def dropout(rate: float, seed: Any = None, noise_shape: Any = None, **options: Any) -> KerasLayer:
        if seed is not None or noise_shape is not None:
            raise NotExpressible("masks of Keras's own generator")
        return KerasLayer(subject, nn.Dropout(float(rate)))

    def flatten(data_format: Any = None) -> KerasLayer:
        if data_format == "channels_first":
            raise NotExpressible("channels first")
        return KerasLayer(subject, nn.Flatten())

    def relu(max_value: Any = None, negative_slope: float = 0.0, threshold: float = 0.0) -> KerasLayer:
        cap = None if max_value is None else float(max_value)
        return KerasLayer(subject, nn.ReLU(float(negative_slope), cap, float(threshold)))

    def softmax(axis: Any = -1) -> KerasLayer:
        if not isinstance(axis, int):
            raise NotExpressible("several axes at once")
        return KerasLayer(subject, nn.Softmax(axis))

    def prelu(shared_axes: Any = None, **options: Any) -> Any:
        return _SharedPReLU(subject, nn.PReLU())

    def masking(*args: Any, **options: Any) -> Any:
        raise NotExpressible("masks of positions")

    found = {
        "Dense": dense,
        "BatchNormalization": batch_norm,
        "LayerNormalization": layer_norm,
        "GroupNormalization": group_norm,
        "RMSNormalization": rms_norm,
        "UnitNormalization": lambda axis=-1: KerasLayer(subject, nn.UnitNorm(_axes(axis))),
        "Dropout": dropout,
        "Flatten": flatten,
        "Reshape": lambda target_shape: KerasLayer(subject, nn.Reshape(tuple(target_shape))),
        "ReLU": relu,
        "LeakyReLU": lambda negative_slope=0.3: KerasLayer(subject, nn.LeakyReLU(float(negative_slope))),
        "ELU": lambda alpha=1.0: KerasLayer(subject, nn.ELU(float(alpha))),
        "Softmax": softmax,
        "PReLU": prelu,
        "Masking": masking,
    }
    namespace = Namespace(**found)
    modules = {name.lower(): namespace for name in ("ReLU", "ELU", "Softmax", "PReLU")}
    return {"layers": namespace, "leaky_relu": namespace, **modules}


def _axes(axis: Any) -> Any:
    return axis if isinstance(axis, int) else tuple(axis)


class _SharedPReLU(KerasLayer):
    """PReLU whose slopes Keras keeps with axes of size 1 for the shared ones: ours have the last axis alone."""

    def build(self, input_shape: Any) -> None:
        from keras.src import backend

        self._weights = {"slope": backend.Variable(np.zeros((1,) * (len(input_shape) - 2) + (input_shape[-1],)))}

    def __call__(self, x: Any, training: bool = False, mask: Any = None) -> Array:
        slope = np.array((self._weights or {})["slope"]).reshape(-1)
        model = network({"x": np.shape(x)[1:]}, [("y", self.spec, ["x"])])
        return self.subject.forward(model, {"x": np.asarray(x, np.float32)}, {"y/slope": slope})[0]


def activations(subject: Subject) -> dict[str, Any]:
    """The global ``activations`` of Keras's tests of activations."""

    def activation(make: Any) -> Any:
        def call(x: Any, *values: Any, **options: Any) -> Array:
            axis = options.get("axis", -1)
            if not isinstance(axis, int):
                raise NotExpressible("several axes at once")
            if axis >= 0 and "axis" in options:
                options["axis"] = axis + 1  # a batch axis is put in front
            given = {n: float(v) if type(v) is int and n != "axis" else v for n, v in options.items()}
            spec = make(*map(float, values), **given)
            x = np.asarray(x, np.float32)
            alone = not isinstance(spec, ALONG_AN_AXIS)
            return pointwise(subject, spec, x) if alone else applied(subject, spec, x)

        return call

    def threshold(threshold: float, default_value: float) -> Any:
        return nn.Threshold(threshold, default_value)

    classes = {
        "softmax": nn.Softmax,
        "log_softmax": nn.LogSoftmax,
        "sparsemax": nn.Sparsemax,
        "glu": nn.GLU,
        "selu": nn.SELU,
        "softplus": nn.Softplus,
        "softsign": nn.SoftSign,
        "sigmoid": nn.Sigmoid,
        "hard_sigmoid": nn.HardSigmoid,
        "sparse_sigmoid": nn.SparseSigmoid,
        "log_sigmoid": nn.LogSigmoid,
        "hard_silu": nn.HardSilu,
        "relu": nn.ReLU,
        "leaky_relu": lambda negative_slope=0.2: nn.LeakyReLU(negative_slope),
        "relu6": nn.ReLU6,
        "silu": nn.Silu,
        "gelu": nn.GELU,
        "celu": nn.CELU,
        "tanh_shrink": nn.TanhShrink,
        "hard_tanh": nn.HardTanh,
        "hard_shrink": nn.HardShrink,
        "threshold": threshold,
        "squareplus": nn.Squareplus,
        "soft_shrink": nn.SoftShrink,
        "sparse_plus": nn.SparsePlus,
        "elu": nn.ELU,
        "tanh": nn.Tanh,
        "exponential": nn.Exponential,
        "mish": nn.Mish,
        "linear": nn.Identity,
    }
    return {"activations": Namespace(**{name: activation(make) for name, make in classes.items()})}
