"""Layers of Keras 1 under the names and options of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec.errors import PortError

Config = dict[str, Any]

_KEPT = ("name", "trainable", "batch_input_shape", "dtype", "layer", "merge_mode")


def translated(where: str, name: str, config: Config) -> tuple[str, Config]:
    """The class and the options under which Keras 3 has a layer.

    Raises:
        PortError: Keras 3 computes something else, or nothing of the kind.
    """
    if name == "InputLayer":
        return name, {**config, "dtype": config.get("input_dtype") or config.get("dtype")}
    if name not in _LAYERS:
        return name, config
    kind, options = _LAYERS[name](where, config)
    return kind, {key: config[key] for key in _KEPT if key in config} | options


def _format(config: Config) -> Config:
    formats = {"th": "channels_first", "tf": "channels_last"}
    word = config.get("dim_ordering")
    return {"data_format": formats[word]} if word in formats else {}


def _padding(where: str, config: Config) -> str:
    mode = config.get("border_mode", "valid")
    if mode not in ("valid", "same"):
        raise PortError(f"{where}: border_mode={mode!r} was Theano's alone; Keras 3 has 'valid' and 'same'")
    return str(mode)


def _taken(config: Config, **renamed: str) -> Config:
    """Options by their new names, as far as they are there."""
    return {new: config[old] for new, old in renamed.items() if old in config}


def _dense(where: str, config: Config) -> tuple[str, Config]:
    return "Dense", _taken(config, units="output_dim", activation="activation", use_bias="bias")


def _convolution(axes: int, kind: str, *sizes: str) -> Callable[[str, Config], tuple[str, Config]]:
    def convert(where: str, config: Config) -> tuple[str, Config]:
        options = _taken(
            config, filters="nb_filter", activation="activation", use_bias="bias", dilation_rate="atrous_rate",
            depth_multiplier="depth_multiplier", strides="subsample_length" if axes == 1 else "subsample",
        )  # fmt: skip
        options |= {"kernel_size": [config.get(size) for size in sizes], "padding": _padding(where, config)}
        return kind, options | _format(config)

    return convert


def _pooling(kind: str, axes: int) -> Callable[[str, Config], tuple[str, Config]]:
    def convert(where: str, config: Config) -> tuple[str, Config]:
        size, strides = ("pool_length", "stride") if axes == 1 else ("pool_size", "strides")
        return kind, _taken(config, pool_size=size, strides=strides) | {"padding": _padding(where, config)} | _format(
            config
        )

    return convert


def _renamed(kind: str, **renamed: str) -> Callable[[str, Config], tuple[str, Config]]:
    return lambda where, config: (kind, _taken(config, **renamed) | _format(config))


def _recurrent(kind: str) -> Callable[[str, Config], tuple[str, Config]]:
    def convert(where: str, config: Config) -> tuple[str, Config]:
        options = _taken(
            config, units="output_dim", activation="activation", recurrent_activation="inner_activation",
            dropout="dropout_W", recurrent_dropout="dropout_U", return_sequences="return_sequences",
            go_backwards="go_backwards", stateful="stateful", unroll="unroll",
        )  # fmt: skip
        if kind == "SimpleRNN":
            options.pop("recurrent_activation", None)
        return kind, options | ({"reset_after": False} if kind == "GRU" else {})

    return convert


def _batch_norm(where: str, config: Config) -> tuple[str, Config]:
    if config.get("mode", 0) != 0:
        raise PortError(
            f"{where}: mode={config['mode']} normalizes by the batch in inference, too, or by the example; Keras 3 has "
            f"mode 0 alone, and LayerNormalization"
        )
    return "BatchNormalization", _taken(config, axis="axis", momentum="momentum", epsilon="epsilon")


def _embedding(where: str, config: Config) -> tuple[str, Config]:
    if config.get("dropout"):
        raise PortError(f"{where}: dropout={config['dropout']} of words has no counterpart: set it to 0 for inference")
    return "Embedding", _taken(config, input_dim="input_dim", output_dim="output_dim", mask_zero="mask_zero")


def _zero_padding(where: str, config: Config) -> tuple[str, Config]:
    padding = config.get("padding")
    if isinstance(padding, dict):
        padding = [padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right")]
    if isinstance(padding, list) and len(padding) == 4:
        padding = [padding[:2], padding[2:]]
    return "ZeroPadding2D", {"padding": padding} | _format(config)


_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}


def _merge(where: str, config: Config) -> tuple[str, Config]:
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw":
        raise PortError(f"{where}: its mode is code within the file, which is never executed: use a layer, as Add")
    if mode in ("dot", "cos"):
        axes = config.get("dot_axes", -1)
        axes = [a[0] if isinstance(a, list) and len(a) == 1 else a for a in axes] if isinstance(axes, list) else axes
        return "Dot", {"axes": axes, "normalize": mode == "cos"}
    if mode not in _MERGES:
        raise PortError(f"{where}: mode={mode!r} of Merge is unknown; there are {', '.join(_MERGES)}, dot and cos")
    return _MERGES[mode], {"axis": config.get("concat_axis", -1)} if mode == "concat" else {}


_LAYERS: dict[str, Callable[[str, Config], tuple[str, Config]]] = {
    "Dense": _dense,
    "TimeDistributedDense": _dense,
    "Convolution1D": _convolution(1, "Conv1D", "filter_length"),
    "AtrousConvolution1D": _convolution(1, "Conv1D", "filter_length"),
    "Convolution2D": _convolution(2, "Conv2D", "nb_row", "nb_col"),
    "AtrousConvolution2D": _convolution(2, "Conv2D", "nb_row", "nb_col"),
    "SeparableConvolution2D": _convolution(2, "SeparableConv2D", "nb_row", "nb_col"),
    "Convolution3D": _convolution(3, "Conv3D", "kernel_dim1", "kernel_dim2", "kernel_dim3"),
    **{f"{word}Pooling1D": _pooling(f"{word}Pooling1D", 1) for word in ("Max", "Average")},
    **{f"{word}Pooling{n}D": _pooling(f"{word}Pooling{n}D", n) for word in ("Max", "Average") for n in (2, 3)},
    **{
        f"Global{word}Pooling{n}D": _renamed(f"Global{word}Pooling{n}D")
        for word in ("Max", "Average")
        for n in (1, 2, 3)
    },
    "ZeroPadding1D": lambda where, config: ("ZeroPadding1D", {"padding": config.get("padding")}),
    "ZeroPadding2D": _zero_padding,
    "ZeroPadding3D": _renamed("ZeroPadding3D", padding="padding"),
    **{f"Cropping{n}D": _renamed(f"Cropping{n}D", cropping="cropping") for n in (1, 2, 3)},
    "UpSampling1D": _renamed("UpSampling1D", size="length"),
    "UpSampling2D": _renamed("UpSampling2D", size="size"),
    "UpSampling3D": _renamed("UpSampling3D", size="size"),
    "BatchNormalization": _batch_norm,
    "Activation": _renamed("Activation", activation="activation"),
    "Dropout": _renamed("Dropout", rate="p"),
    **{f"SpatialDropout{n}D": _renamed(f"SpatialDropout{n}D", rate="p") for n in (1, 2, 3)},
    "GaussianDropout": _renamed("GaussianDropout", rate="p"),
    "GaussianNoise": _renamed("GaussianNoise", stddev="sigma"),
    "Embedding": _embedding,
    **{kind: _recurrent(kind) for kind in ("SimpleRNN", "LSTM", "GRU")},
    "Flatten": _renamed("Flatten"),
    "RepeatVector": _renamed("RepeatVector", n="n"),
    "Reshape": _renamed("Reshape", target_shape="target_shape"),
    "Permute": _renamed("Permute", dims="dims"),
    "Masking": _renamed("Masking", mask_value="mask_value"),
    "ELU": _renamed("ELU", alpha="alpha"),
    "LeakyReLU": _renamed("LeakyReLU", negative_slope="alpha"),
    "PReLU": _renamed("PReLU", shared_axes="shared_axes"),
    "Merge": _merge,
}
