"""Configs that mean harm: code, graphs without end, sizes without end."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path
from typing import Any

from tests.porting.hostile import (
    Config,
    Payload,
    code,
    unzipped,
    with_config,
    with_layer,
    with_old_config,
    zipped,
)


def payloads(new: bytes, old: bytes, mark: Path) -> dict[str, bytes]:
    """Configs that name code, or hold it."""
    written = {"class_name": "__lambda__", "config": {"value": [code(mark), None, None]}}
    lambda_options = {"function": written, "output_shape": None, "mask": None, "arguments": {}}
    old_lambda = {"name": "first", "function": [code(mark), None, None], "function_type": "lambda"}

    def old_layer(model: Config, **entry: Any) -> None:
        model["config"]["layers"][1].update(entry)

    def function(module: str, name: str, registered: str | None = None) -> Config:
        return {"module": module, "class_name": "function", "config": name, "registered_name": registered or name}

    def layer(**entry: Any) -> bytes:
        return with_layer(new, 1, **entry)

    return {
        "Lambda": layer(class_name="Lambda", config=lambda_options),
        "Lambda of another module": layer(
            class_name="Lambda", module="keras.src.layers.core.lambda_layer", config=lambda_options
        ),
        "Lambda of Keras 2": with_old_config(old, lambda c: old_layer(c, class_name="Lambda", config=old_lambda)),
        "Lambda of a function by name": layer(class_name="Lambda", config={"function": function("os", "system")}),
        "Lambda of Keras 2 by name": with_old_config(
            old,
            lambda c: old_layer(
                c,
                class_name="Lambda",
                config=old_lambda | {"function": "system", "function_type": "function", "module": "os"},
            ),
        ),
        "activation that is code": layer(config={"activation": written}),
        "activation that is code in a string": layer(config={"activation": code(mark)}),
        "activation os.system": layer(config={"activation": function("os", "system")}),
        "activation eval": layer(config={"activation": function("builtins", "eval")}),
        "activation of a module": layer(config={"activation": function("hostile_payload", "run")}),
        "activation of Keras that loads": layer(config={"activation": function("keras.saving", "load_model")}),
        "activation of Keras that downloads": layer(config={"activation": function("keras.utils", "get_file")}),
        "activation with a dot": layer(config={"activation": "hostile_payload.run"}),
        "activation that is a class": layer(
            config={"activation": {"class_name": "Popen", "module": "subprocess", "config": {}}}
        ),
        "class of a module": layer(class_name="Layer", module="hostile_payload", registered_name="Layer"),
        "class that is registered": layer(registered_name="hostile_payload>Layer"),
        "class os.system": layer(class_name="system", module="os", registered_name="os>system"),
        "class of Keras that is none": layer(class_name="get_file", module="keras.utils"),
        "class of Keras's own modules": layer(class_name="TemporaryDirectory", module="keras.src.saving.saving_lib"),
        "class with a path": layer(class_name="../../hostile_payload"),
        "class without a name": layer(class_name=None),
        "class that is a list": layer(class_name=["Dense"]),
        "TFSMLayer": layer(class_name="TFSMLayer", config={"filepath": str(mark.parent)}),
        "TorchModuleWrapper": layer(
            class_name="TorchModuleWrapper", config={"module": base64.b64encode(pickle.dumps(Payload(mark))).decode()}
        ),
        "JaxLayer": layer(class_name="JaxLayer", config={"call_fn": written}),
        "StringLookup of a file": layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
        "model of another class": with_config(new, lambda c: c | {"class_name": "Model2", "module": "hostile_payload"}),
        "operation with a function": layer(class_name="Map", module="keras.src.ops.core", config={"function": written}),
        "dtype that is a class": layer(
            config={"dtype": {"class_name": "Popen", "module": "subprocess", "config": {"x": 1}}}
        ),
        "option that is a class": layer(
            config={"units": {"class_name": "Popen", "module": "subprocess", "config": {}}}
        ),
        "option that is code": layer(config={"units": written}),
        "option that is unknown": layer(config={"import": "hostile_payload"}),
        "argument that is code": with_config(
            new, lambda c: c["config"]["layers"][1]["inbound_nodes"][0]["kwargs"].update(training=written)
        ),
        "wrapped Lambda": layer(
            class_name="TimeDistributed",
            config=dict.fromkeys(("units", "activation", "use_bias"))
            | {"layer": {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "l", **lambda_options}}},
        ),
        "TensorFlow's function that reads files": with_old_config(
            old, lambda c: old_layer(c, class_name="TFOpLambda", config={"name": "first", "function": "io.read_file"})
        ),
    }


def graphs(new: bytes, old: bytes) -> dict[str, bytes]:
    """Configs that are no model, or one without end."""

    def node(*history: Any) -> list[Config]:
        tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 5], "keras_history": list(history)}}
        return [{"args": [tensor], "kwargs": {}}]

    def layer(index: int = 1, **entry: Any) -> bytes:
        return with_layer(new, index, **entry)

    def functional(**change: Any) -> bytes:
        return with_config(new, lambda c: c["config"].update(change))

    files = unzipped(new)
    many = [[["input", 0, 0, {}]]] * 5000
    return {
        "layer of itself": layer(inbound_nodes=node("dense", 0, 0)),
        "layers in a circle": layer(inbound_nodes=node("output", 0, 0)),
        "layer that is not there": layer(inbound_nodes=node("none", 0, 0)),
        "call that is not there": layer(inbound_nodes=node("input", 7, 0)),
        "result that is not there": layer(inbound_nodes=node("input", 0, 3)),
        "negative call": layer(inbound_nodes=node("input", -1, 0)),
        "history that is no list": layer(inbound_nodes=node({"a": 1})),
        "calls that are no list": layer(inbound_nodes="input"),
        "node that is a number": layer(inbound_nodes=[3]),
        "layer without config": with_config(new, lambda c: c["config"]["layers"][1].pop("config") and None),
        "layer that is a number": with_config(new, lambda c: c["config"]["layers"].append(3)),
        "two layers of a name": with_config(new, lambda c: c["config"]["layers"].append(c["config"]["layers"][1])),
        "output that is not there": functional(output_layers=[["none", 0, 0]]),
        "outputs that are a number": functional(output_layers=7),
        "no layers": functional(layers=[]),
        "layers that are an object": functional(layers={"a": 1}),
        "no inputs": functional(input_layers=[]),
        "config that is a list": zipped(files | {"config.json": b"[1, 2]"}),
        "config that is no JSON": zipped(files | {"config.json": b'{"class_name": '}),
        "config that is no text": zipped(files | {"config.json": b"\xff\xfe\0\xd8" * 9}),
        "config without end": zipped(files | {"config.json": b'{"a":' * 100_000}),
        "config in depth": zipped(files | {"config.json": b'{"a":' * 900 + b"1" + b"}" * 900}),
        "number without end": zipped(files | {"config.json": b'{"a": ' + b"9" * 10_000 + b"}"}),
        "metadata that is a list": zipped(files | {"metadata.json": b"[]"}),
        "models in models, each twice": with_config(new, lambda c: _doubling(20)),
        "thousands of calls": with_config(new, lambda c: c["config"]["layers"][1].update(inbound_nodes=many)),
        "object that is two": with_config(
            new, lambda c: [e.update(shared_object_id=3) for e in c["config"]["layers"]] and None
        ),
    }


def _doubling(depth: int) -> Config:
    inner: Config = {
        "module": "keras.layers",
        "class_name": "Activation",
        "config": {"name": "act", "activation": "relu"},
    }
    for i in range(depth):
        inner = {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": {
                "name": f"m{i}",
                "input_layers": [[f"in{i}", 0, 0]],
                "output_layers": [["inner", 2 if i else 1, 0]],
                "layers": [
                    {
                        "module": "keras.layers",
                        "class_name": "InputLayer",
                        "name": f"in{i}",
                        "inbound_nodes": [],
                        "config": {"batch_shape": [None, 2], "name": f"in{i}"},
                    },
                    {
                        **inner,
                        "name": "inner",
                        "inbound_nodes": [[[f"in{i}", 0, 0, {}]], [["inner", 1 if i else 0, 0, {}]]],
                    },
                ],
            },
        }
    return inner


def sizes(new: bytes, old: bytes) -> dict[str, bytes]:
    """Sizes that are none, or that no memory could hold."""

    def dense(units: Any) -> bytes:
        return with_layer(new, 1, config={"units": units})

    def given(shape: Any) -> bytes:
        return with_layer(new, 0, config={"batch_shape": shape})

    normalization = {
        "axis": -1,
        "mean": None,
        "variance": None,
        "invert": False,
        "units": None,
        "activation": None,
        "use_bias": None,
    }
    return {
        "negative units": dense(-3),
        "no units": dense(0),
        "units that are a text": dense("4"),
        "units that are a fraction": dense(2.5),
        "units that are infinite": dense(float("inf")),
        "units of gigabytes": dense(1 << 28),
        "units beyond 2³¹": dense(1 << 40),
        "units beyond 2⁵³": dense(1 << 60),
        "other units": dense(5),
        "input of gigabytes": given([None, 1 << 30]),
        "negative input": given([None, -5]),
        "input without sizes": given(None),
        "input of 100 axes": given([None] + [1] * 100),
        "input that is a text": given("five"),
        "embedding of gigabytes": with_layer(
            new,
            1,
            class_name="Embedding",
            config={"input_dim": 1 << 30, "output_dim": 8, "units": None, "use_bias": None, "activation": None},
        ),
        "normalization of gigabytes": with_config(new, lambda c: _normalized(c, normalization)),
        "old units of gigabytes": with_old_config(
            old, lambda c: c["config"]["layers"][1]["config"].update(units=1 << 28)
        ),
    }


def _normalized(config: Config, options: Config) -> None:
    layers = config["config"]["layers"]
    layers[0]["config"]["batch_shape"] = [None, 1 << 31 - 1]
    layers[1].update(class_name="Normalization")
    layers[1]["config"].update(options)
