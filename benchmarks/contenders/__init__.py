"""Who is compared: nnspec on each backend, and what people would use instead.

This module imports no framework. A contender's module does, when it is imported or in its function ``load`` if it has
one, and ``build`` makes a :class:`Session`.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

from benchmarks.networks import CNN, Array, ResNet
from benchmarks.workloads import Workload

Framework = Literal["jax", "tensorflow", "torch"]
FloatType = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Settings:
    """What a session is made of.

    Attributes:
        setup: one of the contender's setups for the workload.
        dtype: "float32" or "bfloat16": of the parameters and of all computation.
        device: "cpu" or "gpu".
    """

    workload: Workload
    setup: str
    dtype: FloatType
    device: str

    def demand(self, platform: str) -> None:
        """Nothing is measured on another kind of device than asked for.

        Args:
            platform: "cpu" or "gpu": where the framework computes by default.

        Raises:
            RuntimeError: it is the other one.
        """
        if platform != self.device:
            raise RuntimeError(f"the framework computes on the {platform}, not on the {self.device}")


class Session(Protocol):
    """A model in memory with its optimizer and data, ready to work.

    Attributes:
        parameters: how many numbers are trained.
        unit: steps are asked for in multiples of this.
    """

    parameters: int
    unit: int

    def first(self) -> float | None:
        """The first step, which compiles; the loss it found, where there is one. Blocks until the device is done."""

    def run(self, steps: int) -> float | None:
        """So many steps. Blocks until the device is done.

        Returns:
            seconds, if only a part of the call counts; None if all of it does.
        """


class Build(Protocol):
    """What a contender's module offers as ``build``."""

    def __call__(self, contender: str, inputs: dict[str, Array], targets: Array, settings: Settings) -> Session: ...


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        module: in this package.
        packages: what has to be installed, by import name.
        environment: variables set for its process.
        training, inference: its setups, from which the fastest is taken for each workload; none if it cannot do it.
        images: further setups for networks of images.
        ours: whether it is nnspec.
    """

    name: str
    title: str
    module: str
    framework: Framework
    packages: tuple[str, ...]
    training: tuple[str, ...]
    inference: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ours: bool = False
    compiles_cpp: bool = False

    def setups(self, workload: Workload) -> tuple[str, ...]:
        """The setups to choose from."""
        chosen = self.training if workload.kind == "training" else self.inference
        return (*chosen, *self.images) if chosen and isinstance(workload.network, CNN | ResNet) else chosen

    def lacks(self, workload: Workload) -> str | None:
        """Why it cannot do a workload here, or None if it can."""
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            return f"{', '.join(missing)} not installed"
        if self.compiles_cpp and not any(map(shutil.which, ("g++", "clang++"))):
            return "needs a C++ compiler"
        return None if self.setups(workload) else f"does no {workload.kind}"


_ALL = (
    Contender(
        "nnspec-jax",
        "nnspec on JAX",
        "ours",
        "jax",
        ("nnspec", "jax", "flax", "optax"),
        training=("engine",),
        inference=("compiled",),
        ours=True,
    ),
    Contender(
        "nnspec-tensorflow",
        "nnspec on TensorFlow",
        "ours",
        "tensorflow",
        ("nnspec", "tensorflow", "keras"),
        training=("engine",),
        inference=("compiled",),
        ours=True,
    ),
    Contender(
        "keras-tensorflow",
        "Keras on TensorFlow, `jit_compile=False`",
        "keras_sessions",
        "tensorflow",
        ("keras", "tensorflow"),
        training=("fit", "fit, steps_per_execution=8"),
        inference=("predict_on_batch", "tf.function"),
        environment={"KERAS_BACKEND": "tensorflow"},
    ),
    Contender(
        "keras-tensorflow-xla",
        "Keras on TensorFlow, `jit_compile=True`",
        "keras_sessions",
        "tensorflow",
        ("keras", "tensorflow"),
        training=("fit", "fit, steps_per_execution=8"),
        inference=("predict_on_batch", "tf.function"),
        environment={"KERAS_BACKEND": "tensorflow"},
    ),
    Contender(
        "keras-jax",
        "Keras on JAX",
        "keras_sessions",
        "jax",
        ("keras", "jax"),
        training=("fit", "fit, steps_per_execution=8"),
        inference=("predict_on_batch",),
        environment={"KERAS_BACKEND": "jax"},
    ),
    Contender(
        "flax-nnx",
        "Flax NNX, `nnx.jit` loop",
        "flax_sessions",
        "jax",
        ("jax", "flax", "optax"),
        training=("nnx.jit", "nnx.cached_partial"),
        inference=("nnx.jit", "nnx.cached_partial"),
    ),
    Contender(
        "jax",
        "JAX, `jax.jit` loop on pure state",
        "jax_sessions",
        "jax",
        ("jax", "flax", "optax"),
        training=("jax.jit",),
        inference=("jax.jit",),
    ),
    Contender(
        "jax-scan",
        "JAX, `lax.scan` over batches",
        "jax_sessions",
        "jax",
        ("jax", "flax", "optax"),
        training=("lax.scan",),
    ),
    Contender(
        "torch",
        "PyTorch, eager",
        "torch_sessions",
        "torch",
        ("torch",),
        training=("eager",),
        inference=("eager",),
        images=("eager, channels_last",),
    ),
    Contender(
        "torch-compile",
        "PyTorch, `torch.compile`",
        "torch_sessions",
        "torch",
        ("torch",),
        training=("compiled",),
        inference=("compiled",),
        images=("compiled, channels_last",),
        compiles_cpp=True,
    ),
)
CONTENDERS = {contender.name: contender for contender in _ALL}
