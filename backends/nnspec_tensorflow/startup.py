"""TensorFlow and Keras, imported without noise and on the right backend.

Every module of this package takes ``tf`` and ``keras`` from here, so that whichever is imported first decides nothing.

* TensorFlow and absl write to file descriptor 2 while they load, whatever the log level: it is redirected meanwhile,
  and what was written is replayed if the import fails.
* Keras settles on one backend per process when it is imported. It must be TensorFlow; anything else is an error with
  its remedy. ``~/.keras/keras.json`` may name another one: the environment variable, set for the import, precedes it.
* A process that holds both frameworks shares the GPU: TensorFlow's memory grows on demand.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnspec.errors import BackendError

_VARIABLE = "KERAS_BACKEND"
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def _load() -> tuple[Any, Any]:
    loaded = sys.modules.get("keras")
    chosen = os.environ.get(_VARIABLE)
    if loaded is not None:
        _demand(loaded.config.backend())
    elif chosen not in (None, "", "tensorflow"):
        raise BackendError(
            f"{_VARIABLE}={chosen} is set, and the tensorflow backend needs Keras on TensorFlow: "
            f"unset {_VARIABLE}, or set {_VARIABLE}=tensorflow"
        )
    # 3 leaves out even lines of level E, such as oneDNN's on a missing instruction set; what fails raises an exception.
    # JAX sets 1 where nothing is set, and TensorFlow would take it for the user's wish.
    if "jax" in sys.modules and os.environ.get(_LEVEL) == "1":
        del os.environ[_LEVEL]
    os.environ.setdefault(_LEVEL, "3")
    os.environ[_VARIABLE] = "tensorflow"
    try:
        with _quiet():
            import keras
            import tensorflow as tf

            _grow_memory(tf)
    except ImportError:  # nnspec.backends says what to install
        raise
    except Exception as error:
        hint = "Keras reads ~/.keras/keras.json, or $KERAS_HOME/keras.json"
        raise BackendError(f"TensorFlow and Keras cannot be loaded: {error} ({hint})") from error
    finally:
        if chosen is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = chosen
    _demand(keras.config.backend())
    return tf, keras


def _demand(backend: str) -> None:
    if backend != "tensorflow":
        raise BackendError(
            f"Keras is already loaded in this process with its {backend} backend, and holds one at a time: start a new "
            f"process with {_VARIABLE}=tensorflow, or ask for nnspec's tensorflow backend before importing keras"
        )


def _grow_memory(tf: Any) -> None:
    for device in tf.config.list_physical_devices("GPU"):  # also makes CUDA's first lines appear now
        try:
            tf.config.experimental.set_memory_growth(device, True)
        except (RuntimeError, ValueError):
            return  # the devices are in use already, or the user has limited their memory: their choice stands


@contextmanager
def _quiet() -> Iterator[None]:
    """File descriptor 2 into a file; replayed if an error comes out."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no standard error to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            _restore(saved)
            log.seek(0)
            os.write(2, log.read())
            raise
        else:
            _restore(saved)


def _restore(saved: int) -> None:
    sys.stderr.flush()
    os.dup2(saved, 2)
    os.close(saved)


tf, keras = _load()
