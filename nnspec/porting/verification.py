"""What a verification found, and the bounds it is held to: one for each question, none for a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nnspec.backends import FloatType

# Values of nodes in float64, relative to the node's largest magnitude: two programs of one formula round a few hundred
# times of 1e-16 each, and deep networks amplify that a thousandfold; a constant that is rounded to float32, the
# smallest mistake there is, shows as 1e-8.
FORWARD = 1e-11
# Gradients in float64, relative to the largest magnitude of the gradient, or to GRADIENT_FLOOR of the largest of all: a
# wrong term shows as 1e-2.
GRADIENT = 1e-9
# In lower precision: errors against the float64 truth are at most so many times what the dtype makes unavoidable, the
# larger of the net's own error and one unit in the last place. As in the conformance suite, where backends are held to
# them for each layer by itself.
FACTOR, GRADIENT_FACTOR = 4.0, 16.0
# Where rounding alone moves a value by more than this share of its scale, there is nothing to compare.
NOISE = 0.05

Kind = Literal["node", "statistic", "gradient", "update"]
# rounding: beyond the bound, but of numbers that are rounding alone. missing: the subject does not show it.
Status = Literal["passed", "failed", "rounding", "missing"]


@dataclass(frozen=True)
class Figure:
    """One comparison of a subject with the net.

    Attributes:
        kind: the value of a node, a statistic after a pass in training mode, a gradient, or what an optimizer updates.
        name: a node's path, a canonical name, or the name of an input (of its gradient).
        what: the node's class as spec files name it, and for a gradient what it is by.
        origin: what the original calls the node.
        shape: of the array.
        error: the largest absolute difference; inf where one side is NaN or infinite and the other is not.
        limit: the largest that passes.
        scale: the largest magnitude of the truth; of a gradient at least a share of the largest of all gradients.
        ulp: the error in units in the last place of the scale.
        where: the worst element and its two values.
    """

    kind: Kind
    name: str
    what: str = ""
    origin: str = ""
    shape: tuple[int, ...] = ()
    status: Status = "passed"
    error: float = 0.0
    limit: float = 0.0
    scale: float = 0.0
    ulp: float = 0.0
    where: str = ""

    @property
    def relative(self) -> float:
        """The error over the scale."""
        return self.error / self.scale if self.scale else (float("inf") if self.error else 0.0)

    @property
    def nearness(self) -> float:
        """The share of the limit that the error takes."""
        return self.error / self.limit if self.limit else (float("inf") if self.error else 0.0)

    def __str__(self) -> str:
        called = f"{self.name} ({self.origin})" if self.origin else self.name
        allowed = f"{self.limit / self.scale:.2g} is allowed" if self.scale else f"{self.limit:.2g} is allowed"
        shown = f"{called}: error {self.relative:.2g} of its scale, {allowed}"
        return f"{shown}; {self.where}" if self.where else shown


@dataclass(frozen=True)
class Pass:
    """All comparisons of one dtype in one mode, nodes first and in the order in which they are computed."""

    dtype: FloatType
    training: bool
    figures: tuple[Figure, ...]

    @property
    def name(self) -> str:
        return f"{self.dtype}, {'training' if self.training else 'inference'}"

    def of(self, kind: Kind) -> list[Figure]:
        return [figure for figure in self.figures if figure.kind == kind]

    @property
    def first(self) -> Figure | None:
        """The first node beyond its limit, or else the first statistic.

        Or else, since gradients come from behind, the last gradient.
        """
        for kind in ("node", "statistic", "update"):
            for figure in self.figures:
                if figure.kind == kind and figure.status == "failed":
                    return figure
        return next((f for f in reversed(self.figures) if f.status == "failed"), None)


@dataclass(frozen=True)
class Verification:
    """What :func:`nnspec.porting.verify` found.

    Attributes:
        subject: what ran the original, or what was written.
        net: what ran the spec.
        passes: by dtype, the most exact first, and mode.
        inputs: the shape and dtype of the inputs of both.
        sources: of each node those that it takes its inputs from.
        notes: what was not compared, and why, a sentence each.
        seconds: how long it took.
        outputs: the nodes that the model's outputs are of.
    """

    subject: str
    net: str
    passes: tuple[Pass, ...]
    inputs: Mapping[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    outputs: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return bool(self.passes) and not self.blind and not any(f.status == "failed" for f in self.figures())

    @property
    def blind(self) -> bool:
        """Whether all outputs are rounding alone, in the most exact dtype: then nothing is known of them."""
        asked = (
            [f for f in self.passes[0].figures if f.kind == "node" and f.name in self.outputs] if self.passes else []
        )
        return bool(asked) and all(figure.status == "rounding" for figure in asked)

    def figures(self) -> Iterator[Figure]:
        for each in self.passes:
            yield from each.figures

    @property
    def diverging(self) -> tuple[Pass, Figure] | None:
        """Where the subject parts from the net first, and in which pass."""
        for each in self.passes:
            if each.first is not None:
                return each, each.first
        return None

    @property
    def first(self) -> Figure | None:
        """The first node that diverges (or the statistic or gradient, where all nodes agree); None if all is well."""
        found = self.diverging
        return None if found is None else found[1]

    @property
    def missing(self) -> tuple[str, ...]:
        """Nodes that the subject does not show."""
        return tuple(dict.fromkeys(f.name for f in self.figures() if f.kind == "node" and f.status == "missing"))

    @property
    def rounding(self) -> tuple[str, ...]:
        """What differs, and is rounding alone."""
        return tuple(dict.fromkeys(f.name for f in self.figures() if f.status == "rounding"))

    def suspects(self, name: str) -> tuple[str, ...]:
        """Nodes right before one that were not compared: what is wrong may be one of them."""
        missing = set(self.missing)
        found: dict[str, None] = {}
        waiting = [name]
        while waiting:
            for path in self.sources.get(waiting.pop(), ()):
                if path in missing and path not in found:
                    found[path] = None
                    waiting.append(path)
        return tuple(found)

    def message(self) -> str:
        """One or two sentences: whether the two agree, and where they part."""
        found = self.diverging
        if found is None and self.blind:
            first = next(f for f in self.passes[0].figures if f.kind == "node" and f.status == "rounding")
            return (
                "rounding alone moves all outputs by more than a twentieth of their scale, so that nothing can be said"
                f" of them, from this node on: {first}. Give examples that the model is made for (inputs=, --inputs)"
            )
        if found is None:
            worst = max((f for f in self.figures() if f.status == "passed"), key=lambda f: f.nearness, default=None)
            if worst is None:
                return "nothing was compared"
            kind: Kind = "update" if worst.kind == "update" else "node"
            what = "parameters and slots" if kind == "update" else "nodes"
            return f"all {self.counted(kind)} {what} that were compared agree; nearest to its limit: {worst}"
        where, figure = found
        lead = {
            "node": "the first node that diverges is",
            "statistic": "all nodes agree, but a statistic after a pass in training mode does not:",
            "gradient": "all nodes agree, but a gradient does not:",
            "update": "the first that diverges after a few updates is",
        }[figure.kind]
        text = f"in {where.name}, {lead} {figure}"
        suspects = self.suspects(figure.name) if figure.kind == "node" else ()
        if suspects:
            shown = ", ".join(suspects[:4]) + (", ..." if len(suspects) > 4 else "")
            text += f"; not compared right before it: {shown}"
        return text

    def counted(self, kind: Kind) -> int:
        """How many nodes, statistics or gradients were compared."""
        return len({f.name for f in self.figures() if f.kind == kind and f.status != "missing"})

    def to_json(self) -> dict[str, Any]:
        """Plain data; every figure by name."""
        found = self.diverging
        return {
            "passed": self.passed,
            "subject": self.subject,
            "net": self.net,
            "seconds": self.seconds,
            "inputs": {name: {"shape": list(shape), "dtype": dtype} for name, (shape, dtype) in self.inputs.items()},
            "message": self.message(),
            "first": None
            if found is None
            else {
                "dtype": found[0].dtype,
                "training": found[0].training,
                **_plain(found[1]),
                "suspects": list(self.suspects(found[1].name)),
            },
            "missing": list(self.missing),
            "rounding": list(self.rounding),
            "notes": list(self.notes),
            "passes": [
                {"dtype": each.dtype, "training": each.training, "figures": [_plain(f) for f in each.figures]}
                for each in self.passes
            ],
        }


def _plain(figure: Figure) -> dict[str, Any]:
    return {
        "kind": figure.kind,
        "name": figure.name,
        "what": figure.what,
        "origin": figure.origin,
        "shape": list(figure.shape),
        "status": figure.status,
        "error": figure.error,
        "relative": figure.relative,
        "limit": figure.limit,
        "scale": figure.scale,
        "ulp": figure.ulp,
        "where": figure.where,
    }
