"""What the tests of exported Flax source share: ports with random variables, and files run without nnspec."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from nnspec.errors import PortError
from nnspec.model import Input, Model, Node
from nnspec.porting.port import Port
from nnspec.vocabulary import node_name
from nnspec_conformance.case import AsNamed, Case


def port_of(model: Model) -> Port:
    """A model with random variables, none of them 0 or 1."""
    variables = AsNamed(model, id=model.name or "model").point("float32").variables
    return Port(model, {name: value.astype(np.float32) for name, value in variables.items()})


def port_of_cases(cases: list[Case], dtype: str) -> tuple[Port, dict[str, Any]]:
    """Cases side by side in one model, under short names, with the inputs of all of them."""
    inputs: dict[str, Input] = {}
    nodes: list[Node] = []
    outputs: list[str] = []
    variables: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for k, case in enumerate(cases):
        model, point = case.model, case.point(dtype)
        short = {name: f"x{k}" if len(model.inputs) == 1 else f"x{k}_{j}" for j, name in enumerate(model.inputs)}
        for j, node in enumerate(model.nodes):
            short[node.name] = f"{node_name(type(node.layer))}_{k}" + (f"_{j}" if len(model.nodes) > 1 else "")
        for name, declared in model.inputs.items():
            inputs[short[name]], given[short[name]] = declared, point.inputs[name]
        for node in model.nodes:
            shares = None if node.shares is None else short[node.shares]
            nodes.append(Node(short[node.name], node.layer, tuple(short[name] for name in node.inputs), shares))
        outputs += [short[name] for name in model.outputs]
        for name, value in point.variables.items():
            first, _, rest = name.partition("/")
            variables[f"{short[first]}/{rest}"] = value
    return Port(Model(inputs, tuple(nodes), tuple(outputs)), variables), given


def refusal(case: Case) -> str | None:
    """Why a case has no Flax source, or None if it has."""
    from nnspec_jax.porting.export.module import Source

    try:
        Source(case.model)
    except PortError as error:
        return str(error)
    return None


# Imports a written module where nnspec and TensorFlow cannot be imported, and runs it.
_ALONE = """
import importlib.util, json, sys
for name in ("nnspec", "nnspec_jax", "nnspec_tensorflow", "tensorflow", "keras"):
    sys.modules[name] = None
sys.path[:] = [path for path in sys.path if "backends" not in path]
import numpy as np
for file in json.loads(sys.argv[1]):
    spec = importlib.util.spec_from_file_location("written", file + "/model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = np.load(file + "/inputs.npz")
    value = module.load()(*(given[f"arr_{i}"] for i in range(len(given.files))))
    values = value if isinstance(value, dict) else {"": value}
    np.savez(file + "/outputs.npz", **{name or "output": np.asarray(x) for name, x in values.items()})
"""


def run_alone(directories: list[Path]) -> None:
    """Run written modules in a process without nnspec on their ``inputs.npz``; it writes ``outputs.npz``."""
    asked = json.dumps([str(directory) for directory in directories])
    done = subprocess.run([sys.executable, "-c", _ALONE, asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def ruff(*paths: Path) -> None:
    """Both of ruff's commands, with its own defaults, find nothing."""
    for command in (["check", "--isolated", "--select", "E,F,I,W,UP,B"], ["format", "--isolated", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *map(str, paths)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
