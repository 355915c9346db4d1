"""Models as StableHLO: a compiled graph without a framework, for CPUs, GPUs and TPUs, and batches of any size."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from nnspec import variables as files
from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import FileError, PortError, UnsupportedError
from nnspec.files import write_atomically
from nnspec.model import Model
from nnspec.porting.collecting import collect, held_by
from nnspec.porting.port import Port, Subject
from nnspec.porting.shards import read_file
from nnspec_jax.arrays import as_cotangents, as_inputs, is_float, to_host
from nnspec_jax.backend import JaxBackend
from nnspec_jax.net import JaxNet

PLATFORMS = ("cpu", "cuda", "tpu")
# What the directory holds: JAX's own form, whose gradients are in it, too; the bytecode that other runtimes read.
EXPORTED, BYTECODE, WEIGHTS, SIGNATURE = "model.jax", "model.stablehlo", "variables.safetensors", "signature.json"


class StableHloExporter:
    """A directory with ``model.stablehlo`` (portable bytecode), ``model.jax`` (for ``jax.export.deserialize``), the
    variables, and ``signature.json``, which says in what order arguments come.

    It computes in inference mode, on batches of any size; of any length along other axes where all layers allow it.
    """

    name: ClassVar[str] = "stablehlo"
    suffix: ClassVar[str] = ""

    def __init__(self, *, variables: Literal["beside", "inside"] = "beside") -> None:
        """An exporter.

        Args:
            variables: whether they are arguments, and lie beside the graph in ``variables.safetensors``, or constants
                of the graph.
        """
        self.beside = variables == "beside"

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        try:
            self._write(port, path, dtype)
        finally:
            collect(held_by(port.model))

    def _write(self, port: Port, path: Path, dtype: FloatType) -> None:
        model = port.model
        names = list(model.params())
        arrays = {name: np.asarray(port.variables[name]).astype(jnp.dtype(dtype), copy=False) for name in names}
        net = JaxBackend().build(model, arrays, dtype=dtype)
        assert isinstance(net, JaxNet)
        with jax.enable_x64(dtype == "float64"):
            own = {name: value for name, value in net.arrays().items() if name not in arrays}

            def compute(variables: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
                return net.apply({**own, **variables}, inputs, training=False)[0]

            held = {name: net.arrays()[name] for name in names}
            inputs = _symbolic(model, jnp.dtype(dtype))
            given = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in held.items()} if self.beside else {}
            run = compute if self.beside else lambda variables, inputs: compute(held, inputs)
            try:
                exported = jax.export.export(jax.jit(run), platforms=PLATFORMS)(given, inputs)
                serialized = exported.serialize(vjp_order=1 if model.has_derivative else 0)
            except Exception as error:
                remedy = " (give axes of any length a size)" if _open(model) else ""
                raise PortError(f"JAX cannot export the model for any batch{remedy}: {error}") from error
        try:
            os.mkdir(path)
        except OSError as error:
            raise FileError(f"{path} cannot be written: {error.strerror}") from None
        write_atomically(path / EXPORTED, bytes(serialized))
        write_atomically(path / BYTECODE, bytes(exported.mlir_module_serialized))
        write_atomically(path / SIGNATURE, json.dumps(self._signature(exported, given, inputs), indent=2) + "\n")
        files.save(path / WEIGHTS, arrays)

    def _signature(self, exported: Any, given: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        leaves = [("variable", name) for name in sorted(given)] + [("input", name) for name in sorted(inputs)]
        arguments = [
            {"kind": kind, "name": name, "shape": [str(n) for n in aval.shape], "dtype": str(aval.dtype)}
            for (kind, name), aval in zip(leaves, exported.in_avals, strict=True)
        ]
        kept = [arguments[i] for i in exported.module_kept_var_idx]
        names = sorted(exported.out_tree.unflatten(range(exported.out_tree.num_leaves)))
        results = [
            {"name": name, "shape": [str(n) for n in aval.shape], "dtype": str(aval.dtype)}
            for name, aval in zip(names, exported.out_avals, strict=True)
        ]
        return {"platforms": list(exported.platforms), "arguments": kept, "results": results}

    def open(self, path: Path, port: Port) -> Subject:
        return StableHloSubject(path, port.model)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        found = read_file(path / WEIGHTS)
        return {name: found[name] for name in port.model.params()}


def _open(model: Model) -> bool:
    """Whether an input has axes of any length beside the batch."""
    return any(None in (declared.shape or ()) for declared in model.inputs.values())


def _symbolic(model: Model, dtype: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """The inputs, with letters for axes of any size."""
    scope = jax.export.SymbolicScope()
    given = {}
    for name, declared in model.inputs.items():
        if declared.shape is None:
            raise PortError(f"the input {name!r} has no shape, which StableHLO needs: give it one")
        words = [f"{name}_{i}" if size is None else str(size) for i, size in enumerate(declared.shape)]
        shape = jax.export.symbolic_shape(", ".join(["batch", *words]), scope=scope)
        kind = {"float": dtype, "int32": jnp.int32, "bool": jnp.bool_}[declared.dtype]
        given[name] = jax.ShapeDtypeStruct(shape, kind)
    return given


class StableHloSubject:
    """An exported graph. See :class:`nnspec.porting.port.Subject`: it shows its outputs, in inference mode."""

    def __init__(self, path: Path, model: Model) -> None:
        self.label = f"StableHLO by jax.export on JAX {jax.__version__}"
        self.model = model
        with open(path / EXPORTED, "rb") as file:
            self._exported = jax.export.deserialize(bytearray(file.read()))
        self._arrays = read_file(path / WEIGHTS)
        signature = json.loads((path / SIGNATURE).read_text(encoding="utf-8"))
        self._beside = bool(self._exported.in_tree.unflatten(range(self._exported.in_tree.num_leaves))[0][0])
        kinds = {str(result["dtype"]) for result in signature["results"]}
        self.dtypes: tuple[FloatType, ...] = ("float64",) if "float64" in kinds else ("float32",)

    def _call(self, variables: Any, inputs: Any) -> dict[str, Any]:
        given: dict[str, Any] = self._exported.call(variables if self._beside else {}, inputs)
        return given

    def _given(self, inputs: Arrays, dtype: FloatType) -> tuple[dict[str, Any], dict[str, Any]]:
        if dtype not in self.dtypes:
            raise UnsupportedError(f"the graph computes in {self.dtypes[0]}, not in {dtype}")
        arrays = {name: jnp.asarray(np.asarray(x)) for name, x in self._arrays.items()} if self._beside else {}
        checked = as_inputs(self.model, inputs, jnp.dtype(dtype))
        return arrays, {name: jnp.asarray(np.asarray(x)) for name, x in checked.items()}

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        _inference(training)
        with jax.enable_x64(dtype == "float64"):
            found = to_host(self._call(*self._given(inputs, dtype)))
            return {name: found[name] for name in self.model.outputs}

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        _inference(True)
        return {}

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        _inference(training)
        if not self._beside:
            raise UnsupportedError("the variables are constants of the graph, which have no gradients")
        if not self.model.has_derivative:
            raise UnsupportedError("the graph has no derivative")
        with jax.enable_x64(dtype == "float64"):
            arrays, given = self._given(inputs, dtype)
            floats = {name: x for name, x in given.items() if is_float(x.dtype)}
            kinds = self.model.params()
            parameters = {name: x for name, x in arrays.items() if kinds[name].kind == "parameter"}

            def outputs(floats: Any, parameters: Any) -> Any:
                found = self._call({**arrays, **parameters}, {**given, **floats})
                return {name: x for name, x in found.items() if is_float(x.dtype)}

            values, back = jax.vjp(outputs, floats, parameters)
            by_input, by_name = back(as_cotangents(cotangents, jax.eval_shape(lambda: values)))
            return Gradients(to_host(by_input), to_host({name: by_name[name] for name in parameters}))


def _inference(training: bool) -> None:
    if training:
        raise UnsupportedError("the graph computes in inference mode alone")
