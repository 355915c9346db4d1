"""What becomes of each backbone: ported and verified, refused with its reason, or not built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Literal

from nnspec.errors import PortError
from tests.porting.keras_hub.catalogue import UNTRIED, WITH_GRADIENTS, Entry

REFERENCE = "reference"
_VERSIONS = ("keras-hub", "keras", "tensorflow", "jax", "flax")


@dataclass(frozen=True)
class Outcome:
    """What became of an entry of the catalogue.

    Attributes:
        name: of the entry.
        status: "ported", where it was compared; "read", where it was not; "diverges", which is a fault; "refused"; or
            "not built".
        reason: why it is not ported.
        lengths: "any" where it is ported with axes of any length, "given" where the inputs need lengths, and "" where
            they have them anyway.
        nodes: how many it has.
        parameters: how many numbers its variables hold.
        errors: by pass, the largest error of an output, over its scale; and that of a gradient. Of what the reference
            ran, one for :data:`REFERENCE`.
    """

    name: str
    status: str
    reason: str = ""
    lengths: str = ""
    nodes: int = 0
    parameters: int = 0
    errors: Mapping[str, float] = field(default_factory=dict)

    @property
    def told(self) -> tuple[str, str, str, str]:
        """What is the same on every machine."""
        return self.name, "ported" if self.status == "read" else self.status, self.reason, self.lengths


def tried(entry: Entry, by: Literal["jax", "reference", "nothing"] = "jax") -> Outcome:
    """Build a backbone, port it, and compare it with Keras.

    Args:
        entry: of the catalogue.
        by: what runs the port: JAX, where it is verified node by node, or the reference, which gives outputs in
            float64 within seconds; "nothing" only reads.
    """
    from nnspec.porting.formats import Reading
    from nnspec_tensorflow.porting.importer import KerasImporter
    from tests.porting.keras_hub import made

    try:
        model = made.random(entry)
    except Exception as error:  # a framework's own
        return Outcome(entry.name, "not built", reason=_sentence(error))
    lengths, port = "", None
    if made.is_of_any_length(model) and not entry.without:
        try:
            port, lengths = KerasImporter().from_object(model, Reading()), "any"
        except PortError:
            model, lengths = made.of_known_lengths(model, entry), "given"
    elif entry.without:
        model, lengths = made.of_known_lengths(model, entry), "given"
    try:
        port = port or KerasImporter().from_object(model, Reading())
    except PortError as error:
        return Outcome(entry.name, "refused", reason=_sentence(error), lengths="")
    sizes = {"nodes": _count(port.model), "parameters": sum(value.size for value in port.variables.values())}
    if by == "nothing":
        return Outcome(entry.name, "read", lengths=lengths, **sizes)
    if by == "reference":
        error = _by_reference(port)
        status, reason = ("ported", "") if error <= 1e-4 else ("diverges", f"outputs by {error:.1e} of their scale")
        return Outcome(entry.name, status, reason, lengths, errors={REFERENCE: float(f"{error:.1e}")}, **sizes)
    found = _verified(port, entry)
    errors = {each.name: _largest(_of_outputs(each, port.model.outputs)) for each in found.passes}
    gradients = [f for each in found.passes for f in each.of("gradient") if f.status == "passed"]
    errors |= {"gradients": _largest(gradients)} if gradients else {}
    if not found.passed:
        return Outcome(entry.name, "diverges", found.message(), lengths, errors=errors, **sizes)
    return Outcome(entry.name, "ported", "", lengths, errors=errors, **sizes)


def _by_reference(port: Any) -> float:
    """The largest error of an output over its scale, in the most exact dtype that Keras computes in."""
    import numpy as np

    from nnspec.porting.samples import samples
    from nnspec.reference.model import run

    inputs = samples(port.model, port.variables)
    expected = port.subject.nodes(inputs, dtype=port.subject.dtypes[0])
    found = run(port.model, port.variables, inputs, dtype=np.float64).outputs
    return max(float(np.abs(found[o] - expected[o]).max() / np.abs(found[o]).max()) for o in port.model.outputs)


def _verified(port: Any, entry: Entry) -> Any:
    from nnspec.porting.verify import verify

    gradients = entry.name in WITH_GRADIENTS
    return verify(
        port.model,
        port.variables,
        port.subject,
        backend="jax",
        gradients=gradients,
        training=False,
        origin=port.origin,
    )


def _count(model: Any) -> int:
    from nnspec.calls import opened

    return len(opened(model).calls)


def _of_outputs(run: Any, outputs: Iterable[str]) -> list[Any]:
    """The figures of a pass that are of outputs; of all nodes where these are shown by none."""
    nodes, names = run.of("node"), set(outputs)
    return [figure for figure in nodes if figure.name in names] or nodes


def _largest(figures: Iterable[Any]) -> float:
    return float(f"{max((f.relative for f in figures if f.status == 'passed'), default=0.0):.1e}")


def _sentence(error: Exception) -> str:
    """An error's first line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def facts(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """All outcomes as JSON."""
    return {
        "versions": {name: version(name) for name in _VERSIONS},
        "untried": dict(UNTRIED),
        "outcomes": [asdict(each) for each in outcomes],
    }


def told(given: Mapping[str, Any]) -> list[Outcome]:
    """Outcomes of JSON."""
    return [Outcome(**each) for each in given["outcomes"]]
