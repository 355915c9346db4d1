"""Keras models from configs, by our own reading: known classes, plain options, calls in the order they depend on.

Keras's deserialization is left out of it, for it imports what a config names. While layers are built, their variables
are not made yet: first it must be seen that the file holds as many numbers (:mod:`deferred`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nnspec.backends import Arrays
from nnspec.errors import FileError, NNSpecError, PortError
from nnspec.porting.formats import Reading
from nnspec_tensorflow.porting import config as configs, legacy, stock
from nnspec_tensorflow.porting.calls import called, firsts_of, mapped
from nnspec_tensorflow.porting.options import Options
from nnspec_tensorflow.startup import keras

# Few lines that call each other twice make a graph without end; models that share layers call each a few times.
CALLS, CALLS_PER_LAYER = 500, 20


@dataclass
class Rebuilder:
    """Makes a model of a config.

    Attributes:
        place: the file, for errors.
        version: the Keras that wrote it. Its meaning counts.
        how: the user's classes, functions and examples of inputs.
        check: called with a layer and its inputs before it is called; raises where it would take too much.
        floatx: the dtype of layers that say none.
        names: what a file calls a layer, by ``id`` of the layer.
        notes: what was left out.
    """

    place: str
    version: legacy.Version
    how: Reading
    check: Callable[[Any, Any], None] = lambda layer, inputs: None
    floatx: str = "float32"
    names: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _shared: dict[int, tuple[str, Any]] = field(default_factory=dict)
    _unnumbered: dict[str, Any] = field(default_factory=dict)
    _costs: dict[int, int] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)
    _calls: int = 0
    _depth: int = 0

    def model(self, entry: dict[str, Any], *, inputs: Arrays | None = None) -> Any:
        """The model of an entry ``{"class_name": …, "config": …}``.

        Raises:
            FileError: damaged, or hostile.
            PortError: something that only its author has, or that Keras no longer has.
        """
        self._depth += 1
        try:
            return self._model(entry, inputs)
        finally:
            self._depth -= 1

    def _model(self, entry: dict[str, Any], inputs: Arrays | None) -> Any:
        name, config = self._parts(entry)
        kind = self._custom(entry)
        if kind is None and name not in stock.MODELS:
            raise PortError(
                f"{self.place}: the model is of class {name!r}, which is not Keras's own: {self._remedy(entry, name)}"
            )
        if isinstance(config, list) or (
            isinstance(config, dict) and "input_layers" not in config and "layers" in config
        ):
            return self._sequential(entry, config, kind, inputs)
        if isinstance(config, dict) and {"layers", "input_layers", "output_layers"} <= set(config):
            return self._functional(config, kind)
        if kind is None:
            raise FileError(f"{self.place}: damaged: the config of {name} has no layers")
        return self._subclassed(entry, config, kind, inputs)

    def layer(self, entry: Any) -> Any:
        """The layer, operation or model of an entry."""
        name, config = self._parts(entry)
        shared = entry.get("shared_object_id")
        text = _text(entry)
        if isinstance(shared, int):
            # Keras 3 gives the first of those that are one no number, and reads them as two.
            known, layer = self._shared.get(shared) or (text, self._unnumbered.get(text))
            if known != text:
                raise FileError(f"{self.place}: damaged: object {shared} is two, of which one is a {name}")
            if layer is not None:
                return layer
        custom = self._custom(entry)
        if name in stock.MODELS or (custom is not None and isinstance(config, dict) and "layers" in config):
            layer = self.model(entry)
        elif not isinstance(config, dict):
            raise FileError(f"{self.place}: damaged: the config of a {name} is no object")
        else:
            own = config.get("name", entry.get("name"))
            layer = self._made(own if isinstance(own, str) else "", entry, name, dict(config), custom)
            self._remember(layer, own)
        if isinstance(shared, int):
            self._shared[shared] = (text, layer)
        else:
            self._unnumbered[text] = layer
        return layer

    def _made(self, own: str, entry: dict[str, Any], name: str, config: dict[str, Any], custom: Any) -> Any:
        where = f"{self.place}: layer {own[:80]!r} ({name[:80]})"
        options = Options(where, own, self.version, self.how.custom, self.layer, self.notes, self.floatx)
        if name == "Lambda":
            return options.of_lambda(config)
        if hasattr(custom, "from_config"):
            return self._guarded(where, lambda: custom.from_config(options.vetted(config)))
        if custom is not None:
            raise PortError(f"{where}: {custom!r} was given for it, which is no class")
        if (special := legacy.special(where, name, config)) is not None:
            return special
        name, config = legacy.translated(where, name, config, self.version)
        module = entry.get("module")
        if module is None and not {"trainable", "dtype"} & set(config) and name in stock.operations():
            module = "keras.ops"  # .h5 files of Keras 3 leave out whether Add is a layer or an operation
        kind = stock.kind_of(module, name)
        registered = entry.get("registered_name")
        if kind is None or registered not in (None, name, entry.get("class_name")):
            raise PortError(f"{where}: {legacy.gone(name) or f'no class of Keras: {self._remedy(entry, name)}'}")
        if name == "InputLayer":
            return self._input(where, config)
        return self._guarded(where, lambda: kind(**options.cleaned(kind, config)))

    def _input(self, where: str, config: dict[str, Any]) -> Any:
        if config.get("sparse") or config.get("ragged"):
            raise PortError(f"{where}: a sparse or ragged input has no counterpart: build the model with a dense one")
        shape = configs.axes(where, config.get("batch_shape", config.get("batch_input_shape")))
        dtype = configs.dtype(where, config.get("dtype")) or self.floatx
        name = self._name(config.get("name"))
        return self._guarded(where, lambda: keras.layers.InputLayer(batch_shape=shape, dtype=dtype, name=name))

    def _subclassed(self, entry: dict[str, Any], config: Any, kind: type[Any], inputs: Arrays | None) -> Any:
        """A model of the user's class, built by the shapes that the file remembers, or on the user's examples."""
        where = f"{self.place}: model of class {kind.__name__}"
        options = Options(where, kind.__name__, self.version, self.how.custom, self.layer, self.notes, self.floatx)
        model = self._guarded(where, lambda: kind.from_config(options.vetted(config or {})))
        built = entry.get("build_config")
        if inputs:
            examples = [keras.KerasTensor((None, *array.shape[1:]), array.dtype.name) for array in inputs.values()]
            self._guarded(where, lambda: model(*examples))
        elif isinstance(built, dict) and built:
            self._guarded(where, lambda: model.build_from_config(options.vetted(built)))
            model.built = model.built or bool(model.weights)  # run for its layers, which Keras leaves to say so
        if not model.built:
            raise PortError(f"{where}: the file does not say what it takes: give an example of its inputs")
        return model

    def _sequential(self, entry: dict[str, Any], config: Any, kind: Any, inputs: Arrays | None) -> Any:
        entries = config if isinstance(config, list) else config["layers"]
        title = None if isinstance(config, list) else config.get("name")
        where = f"{self.place}: model {title!r} (Sequential)"
        if not isinstance(entries, list) or not entries:
            raise FileError(f"{where}: damaged: it has no layers")
        first = entries[0]
        if not isinstance(first, dict) or not isinstance(first.get("config"), dict | list):
            raise FileError(f"{where}: damaged: its first layer has no config")
        layers = [self.layer(inner) for inner in entries]
        if not isinstance(layers[0], keras.layers.InputLayer):
            layers[:0] = self._first(where, entry, config, first, layers[0], inputs)
        for layer in layers[1:]:
            self._spend(where, layer)
        model = self._guarded(where, lambda: (kind or keras.Sequential)(name=self._name(title)))
        for i, layer in enumerate(layers):
            if i > 1 and isinstance(layer, keras.layers.Normalization):
                self._guarded(where, lambda: model.build(layers[0].batch_shape))
                self.check(layer, model.outputs)
            last = i == len(layers) - 1 and isinstance(layers[0], keras.layers.InputLayer)
            self._guarded(where, partial(model.add, layer, rebuild=last))
        if isinstance(layers[0], keras.layers.InputLayer) and not (model.built and len(layers) > 1):
            raise PortError(f"{where}: its layers do not fit together, or it has none but an input")
        return self._finished(model, title, config, {id(layer): 1 for layer in layers})

    def _first(self, where: str, entry: Any, config: Any, first: Any, layer: Any, inputs: Arrays | None) -> list[Any]:
        """The input of a Sequential that has no InputLayer: of its first layer, of the model, or of an example.

        One within another model needs none.
        """
        dtype = "int32" if isinstance(layer, keras.layers.Embedding) else layer.compute_dtype
        own = legacy.input_shape(first["config"]) if isinstance(first["config"], dict) else None
        built = entry.get("build_config")
        if own is None and isinstance(config, dict):
            own = config.get("build_input_shape")
        if own is None and isinstance(built, dict):
            own = built.get("input_shape")
        if own is None and getattr(layer, "inputs", None):
            own, dtype = list(layer.inputs[0].shape), layer.inputs[0].dtype
        if own is None and inputs:
            example = next(iter(inputs.values()))
            own, dtype = [None, *example.shape[1:]], example.dtype.name
        if own is None and self._depth > 1:
            return []
        if own is None:
            raise PortError(f"{where}: the file does not say what it takes: give an example of its input")
        shape = configs.axes(where, list(own) if isinstance(own, tuple) else own)
        return [self._guarded(where, lambda: keras.layers.InputLayer(batch_shape=shape, dtype=dtype))]

    def _functional(self, config: dict[str, Any], kind: Any) -> Any:
        title = config.get("name")
        where = f"{self.place}: model {title!r}"
        entries = config["layers"]
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise FileError(f"{where}: damaged: its layers are no list of objects")
        layers: dict[str, Any] = {}
        nodes: dict[str, list[Any]] = {}
        for entry in entries:
            name = entry.get("name", entry["config"].get("name") if isinstance(entry.get("config"), dict) else None)
            inbound = entry.get("inbound_nodes", [])
            if not isinstance(name, str) or name in layers or not isinstance(inbound, list):
                raise FileError(f"{where}: damaged: layer {str(name)[:80]!r} is named twice, or has no calls")
            layers[name] = self.layer(entry)
            nodes[name] = inbound
        ends = [configs.results(where, config[key]) for key in ("input_layers", "output_layers")]
        calls = {name: [configs.call(f"{where}: layer {name!r}", node) for node in nodes[name]] for name in layers}
        old = any(isinstance(node, list) for each in nodes.values() for node in each)
        firsts = firsts_of(layers, (calls, ends)) if old else {}
        result = called(where, layers, calls, firsts, self._call)
        if not old:  # Keras 3 counts a nested model's own graph as its call 0 among the outputs alone
            firsts.update({name: 1 for name, layer in layers.items() if isinstance(layer, keras.Function)})
        given, gives = (mapped(end, result) for end in ends)
        if old:  # which always wrote lists
            given, gives = (end[0] if isinstance(end, list) and len(end) == 1 else end for end in (given, gives))
        options = {key: config[key] for key in set(config) - {"layers", "input_layers", "output_layers", "name"}}
        extra = {} if kind is None else options
        model = self._guarded(
            where, lambda: (kind or keras.Model)(inputs=given, outputs=gives, name=self._name(title), **extra)
        )
        return self._finished(model, title, config, {id(layers[name]): len(calls[name]) for name in layers})

    def _call(self, where: str, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        self._spend(where, layer)
        self.check(layer, args)
        args, kwargs = legacy.call(layer, args, kwargs)
        value = self._guarded(where, lambda: layer(*args, **kwargs))
        return list(keras.tree.flatten(value))

    def _spend(self, where: str, layer: Any) -> None:
        """A nested model costs what is in it."""
        self._calls += self._costs.get(id(layer), 1)
        if self._calls > CALLS + CALLS_PER_LAYER * len(self._kept):
            raise FileError(f"{where}: {self._calls} calls of {len(self._kept)} layers: no model that can be ported")

    def _finished(self, model: Any, title: Any, config: Any, calls: dict[int, int]) -> Any:
        """A model with its cost: how often its layers are called, by ``id`` of the layer, each with what is in it."""
        if isinstance(config, dict) and config.get("trainable") is False:
            model.trainable = False
        self._costs[id(model)] = sum(count * self._costs.get(layer, 1) for layer, count in calls.items())
        self._remember(model, title)
        return model

    def _remember(self, layer: Any, name: Any) -> None:
        self._kept.append(layer)  # so that no other layer gets its id
        if isinstance(name, str):
            self.names[id(layer)] = name

    def _custom(self, entry: dict[str, Any]) -> Any:
        """What the user gave for a class that the entry names."""
        for key in (entry.get("registered_name"), entry.get("class_name")):
            if isinstance(key, str) and key in self.how.custom:
                return self.how.custom[key]
        return None

    @staticmethod
    def _remedy(entry: dict[str, Any], name: str) -> str:
        registered = entry.get("registered_name")
        key = registered if isinstance(registered, str) else name
        return f"give the class yourself, as --custom '{key[:80]}=package.module:{name[:80]}'"

    def _parts(self, entry: Any) -> tuple[str, Any]:
        if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str) or "config" not in entry:
            raise FileError(f"{self.place}: damaged: {str(entry)[:80]} is no layer")
        return entry["class_name"], entry["config"]

    def _name(self, name: Any) -> str | None:
        return name.replace("/", "_") if isinstance(name, str) and name else None

    def _guarded(self, where: str, made: Callable[[], Any]) -> Any:
        """What Keras makes of it; whatever it raises names the layer."""
        try:
            with keras.saving.custom_object_scope(dict(self.how.custom)):
                return made()
        except NNSpecError:
            raise
        except MemoryError as error:
            raise FileError(f"{where}: too large for this machine's memory") from error
        except Exception as error:
            raise FileError(f"{where}: Keras cannot make it of this config: {_told(error)}") from error


def _text(entry: dict[str, Any]) -> str:
    """What a layer is, without its place in the graph and without numbers of objects."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(inner) for key, inner in value.items() if key != "shared_object_id"}
        return [stripped(inner) for inner in value] if isinstance(value, list) else value

    own = {key: entry[key] for key in ("class_name", "config", "registered_name") if key in entry}
    return json.dumps(stripped(own), sort_keys=True)


def _told(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
