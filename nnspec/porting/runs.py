"""The runs that a verification makes, and what comes of comparing them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from nnspec.backends import Array, Arrays, FloatType
from nnspec.calls import Opened, opened
from nnspec.errors import PortError, UnsupportedError
from nnspec.model import Model
from nnspec.porting.measure import Noise, Values, judge
from nnspec.porting.net_subject import NetSubject, moved
from nnspec.porting.port import Subject
from nnspec.porting.summation import orders
from nnspec.porting.verification import Figure, Pass
from nnspec.random import stream_of
from nnspec.rounding import float_type, scale_of

# How often the net is asked again with everything moved by a unit of rounding. In float64 that only tells what is
# rounding alone; in lower precision the bound is made of it, and one draw may be lucky.
_DRAWS = {"float64": 1}
_MORE_DRAWS = 2


class Work:
    """One verification on some inputs."""

    def __init__(
        self,
        model: Model,
        variables: Arrays,
        subject: Subject,
        inputs: Arrays,
        seed: int,
        gradients: bool,
        progress: Callable[[str], None],
    ) -> None:
        self.model = model.with_inputs(*(value.shape[1:] for value in inputs.values()))
        self.subject, self.inputs, self.seed, self.progress = subject, inputs, seed, progress
        self.variables = variables
        self.gradients = gradients
        self.exact: FloatType = "float64"
        self.notes: list[str] = []
        # What float32 rounds has another truth there.
        self.wide = any(
            np.asarray(v).dtype == np.float64 and not np.array_equal(v, np.float32(v).astype(np.float64))
            for v in variables.values()
        )

    def passes(self, nets: NetSubject, dtypes: Sequence[FloatType], training: bool) -> list[Pass]:
        """All passes, one net in memory at a time."""
        made = []
        # Gradients are asked for once: in lower precision a unit that rounding puts on the other side of a kink has
        # another one, which is no mistake.
        self.exact = dtypes[0]
        truths: dict[tuple[bool, bool], Values] = {}
        modes = (False, True) if training else (False,)
        for dtype in dtypes:
            lower = dtype != "float64" and self.wide
            inputs = dict(self.inputs)
            noises = {mode: Noise() for mode in modes}
            for mode in modes:
                if (mode, lower) not in truths:
                    truths[mode, lower] = self._truth(nets, dtype, mode, lower)
            for mode in modes:
                self._estimate(nets, dtype, mode, truths[mode, lower], noises[mode])
            nets.close()
            for mode in modes:
                truth = truths[mode, lower]
                self.progress(f"running {self.subject.label} in {dtype}{', training' if mode else ''}")
                try:
                    found = self._values(self.subject, inputs, dtype, mode, truth)
                except UnsupportedError as error:
                    if not mode:
                        raise
                    self._note(f"training mode was not compared: {error}")
                    continue
                made.append(self._compare(found, truth, noises[mode], dtype, mode))
                del found
            self._release()
        return made

    def _release(self) -> None:
        """Let a subject go of what it holds for one dtype, where it holds anything."""
        release = getattr(self.subject, "close", None)
        if release is not None:
            release()

    def _truth(self, nets: NetSubject, dtype: FloatType, training: bool, lower: bool) -> Values:
        """The net's values in float64, for variables as ``dtype`` holds them."""
        self.progress(f"running {nets.label} in float64{', training' if training else ''}")
        kept = nets.variables
        try:
            if lower:
                nets.close()
                nets.variables = {n: np.asarray(v).astype(float_type(dtype)) for n, v in kept.items()}
            return self._values(nets, self.inputs, "float64", training, None)
        finally:
            if lower:
                nets.close()
                nets.variables = kept

    def _estimate(self, nets: NetSubject, dtype: FloatType, training: bool, truth: Values, noise: Noise) -> None:
        """How far rounding alone moves the net's values."""
        self.progress(f"estimating rounding in {dtype}{', training' if training else ''}")
        if dtype != "float64":
            noise.learn(self._values(nets, self.inputs, dtype, training, truth), truth)
        for draw in range(_DRAWS.get(dtype, _MORE_DRAWS)):
            rng = np.random.Generator(np.random.Philox(key=[draw, stream_of("inputs", "move")]))
            inputs = {n: moved(v, dtype, rng) if v.dtype.kind == "f" else v for n, v in self.inputs.items()}
            with nets.moved(dtype, draw):
                noise.learn(self._values(nets, inputs, dtype, training, truth), truth)

    def _values(
        self, subject: Subject, inputs: Arrays, dtype: FloatType, training: bool, truth: Values | None
    ) -> Values:
        """A subject's nodes, statistics and gradients."""
        given = {n: v.astype(float_type(dtype)) if v.dtype.kind == "f" else v for n, v in inputs.items()}
        values = Values(subject.nodes(given, dtype=dtype, training=training))
        if training and any(kind == "statistic" for kind in self._kinds().values()):
            values.statistics = subject.statistics(given, dtype=dtype)
        if self.gradients and dtype in (self.exact, "float64"):
            towards = self._cotangents(values if truth is None else truth, dtype)
            if towards:
                try:
                    found = subject.gradients(given, towards, dtype=dtype, training=training)
                except UnsupportedError as error:
                    self._note(f"gradients were not compared: {error}")
                else:
                    by_input = {f"input {name}": value for name, value in found.inputs.items()}
                    values.gradients = {**by_input, **found.parameters}
        return values

    def _kinds(self) -> dict[str, str]:
        return {name: param.kind for name, param in self.model.params().items()}

    def _cotangents(self, values: Values, dtype: FloatType) -> dict[str, Array]:
        """Random numbers for each output of floats, the same in every dtype but for rounding to float32."""
        found = {}
        for name in dict.fromkeys(self.model.outputs):
            value = values.nodes.get(name, self.inputs.get(name))
            if value is None:
                raise PortError(f"{self.subject.label} does not show the output {name!r}")
            if np.asarray(value).dtype.kind not in "biu":
                rng = np.random.Generator(np.random.Philox(key=[self.seed, stream_of(name, "cotangent")]))
                drawn = rng.standard_normal(np.shape(value)).astype(np.float32)
                found[name] = drawn.astype(float_type(dtype))
        return found

    def _compare(self, found: Values, truth: Values, noise: Noise, dtype: FloatType, training: bool) -> Pass:
        graph = opened(self.model)
        order = orders(graph, len(next(iter(self.inputs.values()))), training=training)
        figures = [*self._nodes(graph, order, found, truth, noise, dtype)]
        owners = {call.owner: order[call.path] for call in graph.calls}
        for name, value in truth.statistics.items():
            if name in found.statistics:
                error, size = noise.of("statistic", name), owners.get(name.rpartition("/")[0], 1.0)
                got = found.statistics[name]
                figures.append(judge("statistic", name, got, value, error, dtype=dtype, order=size))
            elif found.statistics:
                figures.append(Figure("statistic", name, shape=tuple(np.shape(value)), status="missing"))
        largest = max((scale_of(value) for value in truth.gradients.values()), default=0.0)
        for name, value in truth.gradients.items():
            if name in found.gradients:
                error, got = noise.of("gradient", name), found.gradients[name]
                figures.append(judge("gradient", name, got, value, error, dtype=dtype, largest=largest))
            elif found.gradients:
                figures.append(Figure("gradient", name, shape=tuple(np.shape(value)), status="missing"))
        return Pass(dtype, training, tuple(figures))

    def _nodes(
        self, graph: Opened, order: Mapping[str, float], found: Values, truth: Values, noise: Noise, dtype: FloatType
    ) -> Iterator[Figure]:
        """Figures of all layers' values; where a subject shows a nested model's alone, that is its last layer's."""
        shown = dict(found.nodes)
        for path, leaf in graph.values.items():
            if path in shown and leaf not in shown:
                shown[leaf] = shown[path]
        for name in self.model.outputs:
            if graph.values[name] not in shown and name not in self.inputs:
                raise PortError(f"{self.subject.label} does not show the output {name!r}")
        for call in graph.calls:
            want, error = truth.nodes[call.path], noise.of("node", call.path)
            if call.path in shown:
                got = shown[call.path]
                yield judge("node", call.path, got, want, error, dtype=dtype, order=order[call.path])
            else:
                yield Figure("node", call.path, shape=tuple(np.shape(want)), status="missing")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
