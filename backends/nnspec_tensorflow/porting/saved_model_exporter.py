"""SavedModels: TensorFlow's operations with a serving signature, which need neither Keras nor nnspec.

They are made of the backend's own net, so that every layer can be written, with its derivatives at kinks and its NaN.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import FileError, UnsupportedError
from nnspec.model import Model
from nnspec.porting.collecting import collect, held_by
from nnspec.porting.port import Port, Subject
from nnspec_tensorflow import model as models
from nnspec_tensorflow.startup import tf

SIGNATURE = "serving_default"


class SavedModelExporter:
    """Writes a SavedModel: inputs and outputs by the names of the spec, a batch of any size, axes of any length."""

    name: ClassVar[str] = "savedmodel"
    suffix: ClassVar[str] = ""

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        """Write a model to a directory that does not exist yet.

        Raises:
            BackendError: a layer that the backend does not realize.
        """
        try:
            _write(port, path, dtype)
        finally:
            collect(held_by(port.model))

    def open(self, path: Path, port: Port) -> Subject:
        """What was written, loaded and served."""
        return ServedSubject(path, port.model)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        """The variables as they lie in the file, under canonical names and in the canonical layout."""
        loaded = _loaded(path)
        return {name: np.asarray(loaded.parameters[name]) for name in port.variables}


def _write(port: Port, path: Path, dtype: FloatType) -> None:
    native = models.realize(port.model, dtype)
    weights = models.variables(port.model, native)
    for name, array in port.variables.items():
        weights[name].assign(np.asarray(array))
    signature = {
        name: tf.TensorSpec((None, *declared.shape), dtype if declared.dtype == "float" else declared.dtype, name=name)
        for name, declared in port.model.inputs.items()
    }
    names = list(signature)

    def serve(**inputs: Any) -> dict[str, Any]:
        given = {name: inputs[name] for name in names}
        found = native(given if len(names) > 1 else given[names[0]], training=False)
        outputs = found if isinstance(found, dict) else {port.model.outputs[0]: found}
        return {name: tf.identity(outputs[name], name=name) for name in port.model.outputs}

    module = tf.Module()
    # TensorFlow's variables alone: nothing of Keras is to be in the file.
    module.parameters = {name: weight.value for name, weight in weights.items()}
    module.others = [weight.value for weight in native.variables]
    module.serve = tf.function(serve, input_signature=None).get_concrete_function(**signature)
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: module.serve})


class ServedSubject:
    """A SavedModel that is served: it shows its outputs alone, and has no gradients.

    It is in memory from when it is asked on.

    Args:
        path: the directory.
        spec: what it was made of.
    """

    def __init__(self, path: Path, spec: Model) -> None:
        self.spec = spec
        self._path = path
        self._loaded: Any = None
        self.label = f"{path.name} in TensorFlow {tf.__version__}"
        self._asked = self._serve().structured_input_signature[1]
        floats: list[Any] = [asked.dtype.name for asked in self._asked.values() if asked.dtype.is_floating]
        self.dtypes: tuple[FloatType, ...] = (floats[0],) if floats else ("float32",)
        self.close()

    def _serve(self) -> Any:
        """What serves. Its variables live as long as what was loaded."""
        if self._loaded is None:
            self._loaded = _loaded(self._path)
        return self._loaded.signatures[SIGNATURE]

    def close(self) -> None:
        """Let go of what was loaded; it is loaded again when it is asked."""
        self._loaded = None
        collect(held_by(self.spec))

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        """The outputs by name."""
        if training:
            raise UnsupportedError("a SavedModel is served in inference mode alone")
        given = {name: tf.constant(np.asarray(inputs[name]), self._asked[name].dtype) for name in self.spec.inputs}
        return {name: value.numpy() for name, value in self._serve()(**given).items()}

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        """None: nothing is trained."""
        raise UnsupportedError("a SavedModel is served in inference mode alone")

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        """None: it is served."""
        raise UnsupportedError("a SavedModel is served without gradients")


def _loaded(path: Path) -> Any:
    if not (path / "saved_model.pb").exists():
        raise FileError(f"{path}: there is no saved_model.pb in it")
    return tf.saved_model.load(str(path))
