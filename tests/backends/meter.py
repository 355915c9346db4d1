"""What happens beneath the protocol: traces, compiled calls, and bytes between the host and the device.

Nothing is measured in seconds, so that the counts are the same on every machine. The frameworks' own entry points are
watched (``jax.jit``, ``tf.function``, transfers), not the backends' methods: a backend may be written anew and is still
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

_COMPILED = "/jax/core/compile/backend_compile_duration"


@dataclass
class Meter:
    """Counts since the last :meth:`reset`.

    Attributes:
        compilations: of compiled functions, by the function's name.
        calls: of compiled functions, by name.
        to_device, to_host: bytes that were moved.
    """

    compilations: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    to_device: int = 0
    to_host: int = 0

    def reset(self) -> None:
        self.compilations.clear()
        self.calls.clear()
        self.to_device = self.to_host = 0


@contextmanager
def metered(backend: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    """Counts what functions do that are made within."""
    with monkeypatch.context() as patch, (_jax if backend == "jax" else _tensorflow)(patch) as meter:
        yield meter


class _Around:
    """An object of the framework's, with some of its attributes replaced."""

    def __init__(self, inner: Any, **replaced: Any) -> None:
        self.__dict__.update(replaced, _inner=inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)


def _name(function: Any) -> str:
    while hasattr(function, "func"):  # a partial
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


@contextmanager
def _jax(patch: pytest.MonkeyPatch) -> Iterator[Meter]:
    import jax

    meter = Meter()
    jit, put = jax.jit, jax.device_put
    inside: list[str] = []

    def compiled(event: str, seconds: float, **about: Any) -> None:
        if event == _COMPILED and inside:
            meter.compilations[inside[-1]] += 1

    def moved(value: Any) -> Any:
        """Arrays of the host on the device; transfers that are not asked for in so many words are errors then."""
        if isinstance(value, np.ndarray | np.generic | int | float):
            return put_counted(value)
        return value

    def put_counted(x: Any, *args: Any, **kwargs: Any) -> Any:
        meter.to_device += sum(
            np.asarray(leaf).nbytes for leaf in jax.tree.leaves(x) if not isinstance(leaf, jax.Array)
        )
        return put(x, *args, **kwargs)

    def recorded(run: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((args, kwargs))):
                return run(*args, **kwargs)  # within another compiled function
            meter.calls[name] += 1
            args = jax.tree.map(moved, args)
            inside.append(name)
            try:
                with jax.transfer_guard_host_to_device("disallow"):
                    return run(*args, **kwargs)
            finally:
                inside.pop()

        return call

    def recording_jit(function: Any = None, **options: Any) -> Any:
        if function is None:
            return lambda function: recording_jit(function, **options)
        made, name = jit(function, **options), _name(function)

        def lower(*args: Any, **kwargs: Any) -> Any:
            lowered = made.lower(*args, **kwargs)

            def compile_(*args: Any, **kwargs: Any) -> Any:
                inside.append(name)
                try:
                    ready = lowered.compile(*args, **kwargs)
                finally:
                    inside.pop()
                return _Around(ready, call=recorded(ready, name))

            return _Around(lowered, compile=compile_)

        return _Around(made, call=recorded(made, name), lower=lower)

    kind = type(jax.numpy.zeros(1))
    value = kind._value

    def read(array: Any) -> Any:
        meter.to_host += array.nbytes
        return value.fget(array)

    def reading(make: Callable[..., Any]) -> Callable[..., Any]:
        """NumPy reads an array's buffer where it can, past ``_value``."""

        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            before = meter.to_host
            found = make(x, *args, **kwargs)
            if isinstance(x, kind) and not isinstance(x, jax.core.Tracer):
                meter.to_host = before + x.nbytes
            return found

        return call

    patch.setattr(jax, "jit", recording_jit)
    patch.setattr(jax, "device_put", put_counted)
    patch.setattr(kind, "_value", property(read))
    patch.setattr(np, "array", reading(np.array))
    patch.setattr(np, "asarray", reading(np.asarray))
    jax.monitoring.register_event_duration_secs_listener(compiled)
    try:
        yield meter
    finally:
        jax.monitoring.unregister_event_duration_listener(compiled)


@contextmanager
def _tensorflow(patch: pytest.MonkeyPatch) -> Iterator[Meter]:
    from nnspec_tensorflow.startup import tf

    meter = Meter()
    function, constant, convert = tf.function, tf.constant, tf.convert_to_tensor

    def recording_function(inner: Any = None, **options: Any) -> Any:
        if inner is None:
            return lambda inner: recording_function(inner, **options)
        made, name = function(inner, **options), _name(inner)

        def get_concrete_function(*args: Any, **kwargs: Any) -> Any:
            meter.compilations[name] += 1
            concrete = made.get_concrete_function(*args, **kwargs)

            def counting(run: Callable[..., Any]) -> Callable[..., Any]:
                def call(*args: Any, **kwargs: Any) -> Any:
                    meter.calls[name] += 1
                    meter.to_device += sum(x.nbytes for x in tf.nest.flatten(args) if isinstance(x, np.ndarray))
                    return run(*args, **kwargs)

                return call

            inner = concrete.inference_fn
            return _Around(
                concrete,
                call=counting(concrete),
                inference_fn=_Around(inner, call=inner, call_flat=counting(inner.call_flat)),
            )

        def call(*args: Any, **kwargs: Any) -> Any:
            if not tf.executing_eagerly():
                return made(*args, **kwargs)  # within another compiled function
            before = made.experimental_get_tracing_count()
            meter.calls[name] += 1
            result = made(*args, **kwargs)
            meter.compilations[name] += made.experimental_get_tracing_count() - before
            return result

        return _Around(made, call=call, get_concrete_function=get_concrete_function)

    def counted(make: Callable[..., Any]) -> Callable[..., Any]:
        def call(value: Any, *args: Any, **kwargs: Any) -> Any:
            if tf.executing_eagerly() and not isinstance(value, tf.Tensor):
                meter.to_device += np.asarray(value).nbytes
            return make(value, *args, **kwargs)

        return call

    kind = next(cls for cls in type(tf.zeros(1)).__mro__ if "numpy" in vars(cls))
    numpy = kind.numpy

    def read(tensor: Any) -> Any:
        found = numpy(tensor)
        meter.to_host += found.nbytes
        return found

    patch.setattr(tf, "function", recording_function)
    patch.setattr(tf, "constant", counted(constant))
    patch.setattr(tf, "convert_to_tensor", counted(convert))
    patch.setattr(kind, "numpy", read)
    yield meter
