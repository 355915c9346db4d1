"""The options of a layer in a file, made fit for the layer's constructor: one by one, none of them executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nnspec.errors import FileError, PortError
from nnspec_tensorflow.porting import config as configs, legacy, stock
from nnspec_tensorflow.startup import keras

_ACTIVATIONS = ("activation", "recurrent_activation")
_LAYERS = ("layer", "backward_layer", "cell")
_LISTS_OF_LAYERS = ("cells", "layers")
_INTEGERS = 2**31

# Options that a layer no longer takes, with the values that then mean nothing; None for any. Others must be None.
_DROPPED: dict[str, tuple[Any, ...] | None] = {
    "autocast": None,
    "batch_input_shape": None,
    "experimental_autocast": None,
    "fused": None,
    "implementation": None,
    "input_dtype": None,
    "input_length": None,
    "input_shape": None,
    "key_shape": None,
    "num_constants": (None, 0),
    "query_shape": None,
    "rank": None,
    "seed": None,
    "unroll": None,
    "use_cudnn": None,
    "value_shape": None,
    "groups": (1,),
    "ragged": (False, None),
    "rms_scaling": (False,),
    "renorm": (False,),
    "softmax_robust_masking": (False,),
    "sparse": (False, None),
    "time_major": (False,),
    "trainable": None,
    "zero_output_for_mask": (False,),
}
_TRAINING = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Options:
    """Makes options of one layer.

    Attributes:
        where: the layer, for errors.
        name: what the file calls it.
        version: the Keras that wrote it.
        custom: the user's classes and functions by name.
        layer: makes a layer of an entry, for layers within layers.
        notes: takes what is left out.
        floatx: the dtype of layers that say none.
    """

    where: str
    name: str
    version: legacy.Version
    custom: Mapping[str, Any]
    layer: Callable[[Any], Any]
    notes: list[str]
    floatx: str

    def cleaned(self, kind: Any, config: dict[str, Any]) -> dict[str, Any]:
        """The arguments for a class of Keras.

        Raises:
            PortError: an option that it does not have, and that matters.
        """
        known = stock.parameters(kind)
        layer = issubclass(kind, keras.layers.Layer)
        found: dict[str, Any] = {}
        for key, value in config.items():
            if key in ("dtype", "input_dtype") and layer:
                continue
            if key.endswith("_regularizer") or key.endswith("_constraint"):
                if value is not None:
                    self._note(f"{self.name}: {key} counts in training alone and was left out")
            elif key in known:
                found[key] = self._option(key, value)
            else:
                self._drop(key, value)
        if layer and "dtype" in known:
            found["dtype"] = self._dtype(kind, config.get("dtype"))
        if isinstance(found.get("name"), str):
            found["name"] = found["name"].replace("/", "_") or None
        return {key: value for key, value in found.items() if value is not _ABSENT}

    def vetted(self, config: Any) -> Any:
        """A config for a class of the user's: as it is, after a look at all that it names.

        Raises:
            PortError: it names code, or a class that is neither Keras's nor the user's.
        """
        stack = [config]
        while stack:
            value = stack.pop()
            if isinstance(value, list):
                stack += value
            if not isinstance(value, dict):
                continue
            stack += value.values()
            name = value.get("class_name")
            if name is None:
                continue
            inner, registered = value.get("config"), value.get("registered_name")
            named = (name, registered, inner if name == "function" else None)
            if any(isinstance(n, str) and n in self.custom for n in named):
                continue
            if name == "function" and isinstance(inner, str) and inner in stock.ACTIVATIONS:
                continue
            if isinstance(name, str) and name in _DATA:
                continue
            known = isinstance(name, str) and (name in stock.MODELS or stock.kind_of(value.get("module"), name))
            if (known and registered in (None, name)) or _harmless(value):
                continue
            shown = str(inner if name == "function" else registered or name)[:80]
            raise PortError(
                f"{self.where}: its config names {shown!r}, which is neither Keras's nor given by you: give it, as "
                f"--custom '{shown}=package.module:object'"
            )
        return config

    def of_lambda(self, config: dict[str, Any]) -> Any:
        """The user's function in the place of a Lambda layer's code.

        Raises:
            PortError: there is none.
        """
        written = config.get("function")
        if isinstance(written, dict):
            written = written.get("config") if written.get("class_name") == "function" else None
        function = next((self.custom[k] for k in (self.name, written) if isinstance(k, str) and k in self.custom), None)
        if not callable(function):
            raise PortError(
                f"{self.where}: a Lambda layer is code within the file, which is never executed: give a function that "
                f"does the same, as --custom '{self.name[:80]}=package.module:function'"
            )
        arguments = config.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise FileError(f"{self.where}: damaged: its arguments are no object")
        return keras.layers.Lambda(
            function,
            arguments={key: configs.plain(self.where, value) for key, value in arguments.items()},
            name=self.name.replace("/", "_") or None,
            dtype=configs.dtype(self.where, config.get("dtype")) or self.floatx,
        )

    def _option(self, key: str, value: Any) -> Any:
        if key in _ACTIVATIONS:
            return self._activation(key, value)
        if key in _LAYERS and value is not None:
            return self.layer(value)
        if key in _LISTS_OF_LAYERS and isinstance(value, list) and value and isinstance(value[0], dict):
            return [self.layer(inner) for inner in value]
        if key.endswith("_initializer"):
            made = stock.initializer(value)
            return _ABSENT if made is None else made
        if key == "dtype":
            return configs.dtype(self.where, value)
        if key == "axis" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        value = configs.plain(self.where, value)
        if isinstance(value, int) and abs(value) >= _INTEGERS:
            raise FileError(f"{self.where}: {key} is {value}, which no layer can be")
        if isinstance(value, list):
            return tuple(value) if all(isinstance(v, int | None) for v in value) else value
        return value

    def _activation(self, key: str, value: Any) -> Any:
        """An activation: a name of Keras's, in the meaning of the Keras that wrote it, a layer, or the user's."""
        if value is None:
            return None
        own = f"{self.name}.{key}"
        if isinstance(value, dict) and value.get("class_name", "__lambda__") not in ("function", "__lambda__"):
            return self.layer(value)
        written = value if isinstance(value, dict) else {"config": value}
        names = [own, written.get("registered_name"), written.get("config")]
        for name in names:
            if isinstance(name, str) and callable(self.custom.get(name)):
                return self.custom[name]
        for name in names[1:]:
            if isinstance(name, str) and name in stock.ACTIVATIONS:
                return legacy.activation(name, self.version)
        shown = next((name for name in names[1:] if isinstance(name, str)), "code")
        raise PortError(
            f"{self.where}: {key} {shown[:80]!r} is no activation of Keras's, and code in a file is never executed: "
            f"give a function that does the same, as --custom '{own}=package.module:function'"
        )

    def _dtype(self, kind: type[Any], value: Any) -> str:
        """Before Keras 3, a first layer's dtype may be that of its input: of ids for an Embedding."""
        name = configs.dtype(self.where, value) or self.floatx
        whole = name.startswith(("int", "uint", "bool", "string"))
        return self.floatx if whole and self.version.major < 3 and issubclass(kind, keras.layers.Embedding) else name

    def _drop(self, key: str, value: Any) -> None:
        if value is None or key.endswith(_TRAINING) or key.startswith("renorm_"):
            return
        harmless = _DROPPED.get(key, ())
        if harmless is not None and value not in harmless:
            raise PortError(f"{self.where}: {key}={str(value)[:80]} is no option of this layer in Keras 3")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


_ABSENT = object()
_DATA = frozenset(f"__{name}__" for name in ("tuple", "ellipsis", "slice", "numpy", "tensor", "keras_tensor")) | {
    "TensorShape",
    "DTypePolicy",
}
_HARMLESS = ("keras.initializers", "keras.regularizers", "keras.constraints")


def _harmless(value: dict[str, Any]) -> bool:
    """Whether it is an initializer, a regularizer or a constraint of Keras's, which hold numbers alone."""
    module, name = value.get("module"), value.get("class_name")
    if (
        module in _HARMLESS
        and isinstance(name, str)
        and name.isalnum()
        and value.get("registered_name") in (None, name)
    ):
        return isinstance(getattr(getattr(keras, module.partition(".")[2]), name, None), type)
    return False
