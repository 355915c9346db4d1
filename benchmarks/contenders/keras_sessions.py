"""Keras: ``compile`` and ``fit`` on NumPy arrays."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np

from benchmarks.contenders import Session, Settings
from benchmarks.contenders.keras_models import model
from benchmarks.networks import Array
from benchmarks.workloads import CLIP, EPSILON, LEARNING_RATE, WEIGHT_DECAY, Workload


def build(contender: str, inputs: dict[str, Array], targets: Array, settings: Settings) -> Session:
    """A compiled model."""
    settings.demand(_platform())
    keras.config.set_dtype_policy(settings.dtype)
    made = model(settings.workload.network)
    (x,) = inputs.values()
    # "auto" is XLA on JAX, which compiles everything.
    compiled = {"keras-tensorflow": False, "keras-tensorflow-xla": True}.get(contender, "auto")
    if settings.workload.kind == "inference":
        made.compile(jit_compile=compiled)
        predict = made.predict_on_batch if settings.setup == "predict_on_batch" else _function(made, x, compiled)
        return Inference(made, predict, x, settings.workload)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, epsilon=EPSILON, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "embedding"])
    made.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=compiled,
        steps_per_execution=8 if settings.setup.endswith("=8") else 1,
    )
    return Training(made, x, targets, settings.workload)


def _platform() -> str:
    """Where Keras computes."""
    if keras.backend.backend() == "jax":
        import jax

        return str(jax.default_backend())
    import tensorflow as tf

    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def _function(made: Any, x: Array, compiled: bool | str) -> Any:
    """The model as a ``tf.function`` of one signature."""
    import tensorflow as tf

    @tf.function(
        input_signature=[tf.TensorSpec((None, *x.shape[1:]), x.dtype)], jit_compile=bool(compiled), autograph=False
    )
    def function(batch: Any) -> Any:
        return made(batch, training=False)

    return lambda batch: function(tf.constant(batch)).numpy()


class Clock(keras.callbacks.Callback):
    """The seconds from the start of the first epoch to the end of the last: not what ``fit`` does once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 0:
            self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self._began


class Training:
    """``fit``, an epoch or more at a time."""

    def __init__(self, made: Any, x: Array, targets: Array, workload: Workload) -> None:
        self._model, self._x, self._targets, self._batch = made, x, targets, workload.batch
        self.unit = workload.steps
        self.parameters = parameters(made)

    def first(self) -> float:
        history = self._model.fit(
            self._x[: self._batch], self._targets[: self._batch], batch_size=self._batch, verbose=0
        )
        return float(history.history["loss"][0])

    def run(self, steps: int) -> float:
        clock = Clock()
        self._model.fit(
            self._x,
            self._targets,
            batch_size=self._batch,
            epochs=steps // self.unit,
            verbose=0,
            callbacks=[clock],
        )
        return clock.seconds


class Inference:
    """Batch after batch, from NumPy to NumPy."""

    unit = 1

    def __init__(self, made: Any, predict: Any, x: Array, workload: Workload) -> None:
        self.parameters = parameters(made)
        self._predict = predict
        self._batches = np.split(x, workload.steps)

    def first(self) -> None:
        self.run(1)

    def run(self, steps: int) -> None:
        for i in range(steps):
            self._predict(self._batches[i % len(self._batches)])


def parameters(made: Any) -> int:
    """How many numbers are trained."""
    return sum(math.prod(variable.shape) for variable in made.trainable_variables)
