"""An optimizer with its state as the text of a Python module, and where its slots lie in the file beside."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from nnspec.adaptive import Adan, NAdam
from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.factored import Adafactor
from nnspec.layers.base import Param
from nnspec.optimizers import OptimizerBase
from nnspec.porting.formatting import laid_out
from nnspec.porting.optimizer import of_kernels, slots_of, step_of
from nnspec.porting.port import OptimizerState
from nnspec.schedules import ReduceOnPlateau
from nnspec.wrappers import held
from nnspec_jax.porting.export.module import Source
from nnspec_jax.porting.export.needed import names as snippet_names, sources
from nnspec_jax.porting.export.optimizer_chain import (
    Chain,
    chain,
    clipping,
    demand_shapes,
    fields_of,
    is_frozen,
    parts,
    plain,
)
from nnspec_jax.porting.export.optimizer_text import DECAYS, LOAD, NAMED, imports

OPTIMIZER, STATE = "optimizer.py", "optimizer.safetensors"


class OptimizerSource:
    """An optimizer's source.

    Args:
        state: the optimizer with its state.
        source: the model's.
        params: the model's variables as declared.

    Raises:
        PortError: Optax has nothing for it that would be as short.
    """

    def __init__(self, state: OptimizerState, source: Source, params: Mapping[str, Param]) -> None:
        self.state, self._source = state, source
        self._params = {name: param for name, param in params.items() if param.kind == "parameter"}
        self._kernels = of_kernels(params)
        inner, self.every = plain(state.optimizer)
        if self.every > 1 and step_of(state) % self.every:
            raise PortError("gradients that are half gathered: Optax keeps their mean, which is rounded otherwise")
        if self.every > 1 and state.clip is not None:
            raise PortError("clip: with MultiSteps the mean of gathered gradients would be clipped")
        if isinstance(inner.learning_rate, ReduceOnPlateau):
            raise PortError("ReduceOnPlateau: Optax's looks at other numbers")
        self._parts = parts(inner, self._params)
        self._chains = {own: chain(own) for own in self._parts if not is_frozen(own)}
        for own, names in self._parts.items():
            demand_shapes(own, {name: self._params[name].shape for name in names})
        self._default = next(iter(self._parts))
        if is_frozen(self._default):
            raise PortError("no parameter is trained")

    @property
    def rounds(self) -> str:
        """Which numbers Optax computes in float32, even in float64; "" for none."""
        if self.every > 1:
            return "Optax's MultiSteps weighs gradients in float32"
        if any(isinstance(own, Adafactor) for own in self._chains):
            return "Optax's decay rate of Adafactor is in float32"
        others = [made.rate for own, made in self._chains.items() if own != self._default]
        return "Optax's schedules are in float32" if any("(" in rate for rate in others) else ""

    def exact(self, name: str, value: Array) -> Array:
        """An array of the file, with what follows from the step alone in float64."""
        if name.rpartition(".")[2] == "product":
            return np.asarray(self._number("product", step_of(self.state)), np.float64)
        return value

    # -- the text -----------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """The module's source."""
        made = self._make()
        rate = self._chains[self._default].rate
        by_hand = rate.removeprefix("lambda step: ") if rate.startswith("lambda step: ") else ""
        schedule = [f"def learning_rate(step: jax.Array) -> jax.Array:\n    return {by_hand}"] if by_hand else []
        code = "\n\n\n".join([*schedule, *sources(_mentioned(made)), made, self._load()])
        rates = [] if by_hand else laid_out(f"learning_rate = {rate}")
        head = [
            '"""The optimizer of the model beside this file, in Optax, with its state.',
            "",
            "``load(model)`` goes on where training stopped: ``optimizer.update(model, grads)``.",
            '"""',
        ]
        named = [*self._tables(), "", ""]
        return "\n".join(
            [*head, "", *imports(code), "", f'STATE = Path(__file__).with_name("{STATE}")', *rates, *named, code, ""]
        )

    def _path(self, name: str) -> str:
        return self._source.variables[name].name

    def _masks(self) -> dict[str, tuple[str, ...]]:
        """For each optimizer the names that tell which parameters decay, by the name of the table."""
        chosen: dict[str, tuple[str, ...]] = {}
        for own, names in self._parts.items():
            if own in self._chains and own.weight_decay and own.decay == "kernels":
                decaying = [name for name in names if name in self._kernels]
                chosen["DECAYING"] = self._told(decaying, self._params)
        return chosen

    def _told(self, names: Collection[str], among: Collection[str]) -> tuple[str, ...]:
        """What tells some parameters from others: the last words of their names, or else all of the names."""
        own = dict.fromkeys(self._path(name).rpartition(".")[2] for name in names)
        others = {self._path(name).rpartition(".")[2] for name in among if name not in names}
        return tuple(own) if not others & set(own) else tuple(self._path(name) for name in names)

    def _tables(self) -> list[str]:
        lines: list[str] = []
        for name, words in self._masks().items():
            lines += laid_out(f"{name} = ({', '.join(map(_quoted, words))},)")
        for i, (own, names) in enumerate(self._parts.items()):
            if i:
                words = self._told(names, self._params)
                lines += laid_out(f"{_label(i, own).upper()} = ({', '.join(map(_quoted, words))},)")
        return lines

    def _make(self) -> str:
        """The functions that make the transformation."""
        masks = self._masks()
        written: list[str] = []
        if masks or len(self._parts) > 1:
            written.append(NAMED)
        if masks:
            written.append(DECAYS)
        if len(self._parts) > 1:
            written.append(self._labels())
        clip = [] if self.state.clip is None else [clipping(self.state.clip)]
        if len(self._parts) == 1:
            result = self._chain(self._default, clip)
        else:
            inner = ", ".join(f"{_quoted(_label(i, own))}: {self._chain(own, [])}" for i, own in enumerate(self._parts))
            result = f"optax.partition({{{inner}}}, labels)"
            result = f"optax.chain({', '.join([*clip, result])})" if clip else result
        if self.every > 1:
            result = f"optax.MultiSteps({result}, every_k_schedule={self.every}).gradient_transformation()"
        body = laid_out(f"return {result}", 4)
        head = ["def make() -> optax.GradientTransformation:", '    """The transformation, without its state."""']
        return "\n\n\n".join([*written, "\n".join([*head, *body])])

    def _chain(self, own: OptimizerBase, clip: list[str]) -> str:
        if own not in self._chains:
            return "optax.set_to_zero()"
        made: Chain = self._chains[own]
        if own == self._default:
            made = replace(made, rate="learning_rate")
            if made.decay and made.late and "(" in self._chains[own].rate:
                self._chains[own].expressions("")  # refuses
        mask = "decays" if own.weight_decay and own.decay == "kernels" else ""
        found = [*clip, *made.expressions(mask)]
        return found[0] if len(found) == 1 else f"optax.chain({', '.join(found)})"

    def _labels(self) -> str:
        lines = [
            "def labels(params: optax.Params) -> optax.Params:",
            '    """Which transformation each parameter has."""',
            "",
            "    def label(name: str) -> str:",
        ]
        for i, own in enumerate(self._parts):
            if i:
                word = _label(i, own)
                lines.append(f"        if is_among(name, {word.upper()}):")
                lines.append(f"            return {_quoted(word)}")
        lines += [f"        return {_quoted(_label(0, self._default))}", "", "    return by_name(label, params)"]
        return "\n".join(lines)

    def _load(self) -> str:
        if len(self._parts) == 1:
            return LOAD
        return LOAD.replace(
            """        variable.set_value(arrays[".".join(map(str, place))])""",
            """        name = ".".join(map(str, place))
        if name in arrays:  # each part has the parameters of the others masked
            variable.set_value(arrays[name])""",
        )

    # -- the state ----------------------------------------------------------------------------------------------------

    def arrays(self, fresh: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of the file, of those of an optimizer that has made no update."""
        slots, step = slots_of(self.state), step_of(self.state)
        found: dict[str, Array] = {}
        used: set[str] = set()
        for name, start in fresh.items():
            place = self._place(name)
            if place is not None:
                canonical, slot = place
                key = f"optimizer/{canonical}/{slot}"
                if key not in slots:
                    raise PortError(f"the state lacks {key!r}")
                moved = self._moved(canonical, np.asarray(slots[key]), "to")
                found[name] = np.ascontiguousarray(moved).reshape(start.shape)
                used.add(key)
                continue
            last = name.rpartition(".")[2]
            number = self._number(last, step)
            found[name] = np.asarray(start if number is None else number, start.dtype).reshape(start.shape)
        lost = [key for key in slots if key not in used and not key.endswith("/gradient_sum")]
        if lost:
            raise PortError(f"Optax's state has no place for {lost[0]!r}")
        return found

    def _number(self, word: str, step: int) -> float | None:
        made = step // self.every
        if word in ("count", "gradient_step") or (word == "t" and any(isinstance(own, Adan) for own in self._chains)):
            return made
        if word == "step":
            return step
        if word == "mini_step":
            return step % self.every
        if word == "product":
            spec = next(each for each in held(self.state.optimizer) if isinstance(each, NAdam))
            t = np.arange(1, made + 1, dtype=np.float64)
            return float(np.prod(spec.b1 * (1 - 0.5 * 0.96 ** (t * (spec.momentum_decay or 0.0)))))
        return None

    def _place(self, name: str) -> tuple[str, str] | None:
        """The parameter and the slot of an array of the file."""
        best: tuple[str, str] | None = None
        for own, names in self._parts.items():
            for canonical in names if own in self._chains else ():
                fields = fields_of(self._chains[own], own, self._params[canonical].shape)
                path = self._path(canonical)
                if best is not None and len(path) <= len(self._path(best[0])):
                    continue
                has = own.slots_of(canonical, self._params[canonical].shape)
                for slot in (slot for slot in has if slot in fields):
                    if name.endswith(f".{fields[slot]}.{path}"):
                        best = canonical, slot
        return best

    def _moved(self, canonical: str, array: Array, way: Literal["to", "back"]) -> Array:
        """A slot of a parameter in the module's layout, or in the canonical one.

        Raises:
            PortError: it is of rows or columns, which are others in the module.
        """
        layout = self._source.variables[canonical].layout
        if array.ndim and array.shape != self._params[canonical].shape and not layout.same:
            raise PortError(f"{canonical} lies otherwise in the module, with other rows and columns")
        return array if layout.same or not array.ndim else getattr(layout, way)(array)

    def back(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The slots of the arrays of the file, by canonical name in the canonical layout."""
        found: dict[str, Array] = {}
        for name, value in arrays.items():
            place = self._place(name)
            if place is not None:
                canonical, slot = place
                found[f"optimizer/{canonical}/{slot}"] = self._moved(canonical, value, "back")
        for canonical, param in self._params.items():
            if self.every > 1:  # none is gathered
                found[f"optimizer/{canonical}/gradient_sum"] = np.zeros(
                    param.shape, np.asarray(next(iter(arrays.values()))).dtype
                )
        return found


def _mentioned(code: str) -> list[str]:
    return [name for name in snippet_names() if re.search(rf"(?<![\w.]){name}\(", code)]


def _label(i: int, own: OptimizerBase) -> str:
    word = "frozen" if is_frozen(own) else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(own).__name__).lower()
    return word if not i or is_frozen(own) else f"{word}_{i + 1}"


def _quoted(word: str) -> str:
    return f'"{word}"'
