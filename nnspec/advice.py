"""What can be said before any training: parameters without effect, and losses that expect another last layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnspec.calls import Call, opened
from nnspec.losses.outputs import Losses
from nnspec.model import Model
from nnspec.vocabulary import tag_of

if TYPE_CHECKING:
    from nnspec.penalties import Penalty


def without_effect(model: Model, penalties: Sequence[Penalty] = ()) -> dict[str, str]:
    """Variables whose gradient is zero but for rounding, by name, each with the reason.

    A bias in front of a norm that takes each feature's mean away shifts it by a constant, which goes with the mean: a
    batch norm, an instance norm, a group norm with a group for each channel. Between the two there may be what keeps a
    shift a constant of its feature: flatten, identity, pooling, sums, differences and concat of features, and linear
    layers of one position, Dense and 1×1 Conv. The running mean that a batch norm keeps follows the bias. Variables of
    a shared layer are named if this holds wherever it is called.

    A penalty of a bias, or of a node that it shifts, gives it an effect; the inputs' shapes have to be known then.
    """
    graph = opened(model)
    held = (each.node for each in penalties if each.node is not None)
    seen = {graph.values.get(name, name) for name in (*model.outputs, *held)}
    penalized = {name for each in penalties for name in each.names(model)}
    consumers: dict[str, list[Call]] = {}
    for call in graph.calls:
        for source in call.inputs:
            consumers.setdefault(source, []).append(call)
    norms_of: dict[str, list[set[str] | None]] = {}
    keeping = {call.owner for call in graph.calls if tag_of(type(call.layer)) == "BatchNorm"}
    for call in graph.calls:
        if _shifts(call.layer):
            norms_of.setdefault(call.owner, []).append(_norms_behind(call.path, consumers, seen))
    found: dict[str, str] = {}
    for owner, places in norms_of.items():
        norms = [place for place in places if place is not None]
        if len(norms) == len(places) and f"{owner}/bias" not in penalized:
            listed = sorted(set().union(*norms))
            whose = "whose mean takes" if len(listed) == 1 else "whose means take"
            found[f"{owner}/bias"] = f"followed by {' and '.join(listed)}, {whose} it away"
            for norm in [name for name in listed if name in keeping]:
                found[f"{norm}/mean"] = f"follows {owner}/bias, which has no effect"
    return found


def advice(model: Model, loss: Any = None) -> list[str]:
    """What to do better, a line each: needless biases, and activations that the loss brings itself."""
    reasons = without_effect(model)
    lines = [
        f"{name} has no effect ({reason}): set use_bias: false on {name.removesuffix('/bias')}"
        for name, reason in reasons.items()
        if name.endswith("/bias")
    ]
    losses = {output: loss.of(output) for output in model.outputs} if isinstance(loss, Losses) else {None: (loss,)}
    for output, of_output in losses.items():
        for each in of_output:
            if each is not None and each.links():
                lines += _about_last_activation(_last_activation(model, output), each, output)
    return lines


def _about_last_activation(last: str | None, loss: Any, output: str | None) -> list[str]:
    """What is wrong with the last activation of the model, or of an output, for a loss of what certain ones make."""
    tag, links = tag_of(type(loss)), loss.links()
    what = "the model" if output is None else f"the output {output!r}"
    takes_logits = not getattr(loss, "from_probabilities", True)
    if takes_logits == (last not in links):  # the model ends in what the loss takes
        return []
    if not takes_logits:
        taken = "log-probabilities" if links[0] == "log_softmax" else "probabilities"
        return [f"{tag} takes {taken} here, but {what} does not end in {' or '.join(links)}"]
    twice = f"{what} ends in {last}, but {tag} takes logits and applies"
    if last != links[0]:
        return [f"{twice} {links[0]} to them: set from_probabilities: true"]
    return [f"{twice} it again: leave {last} out (more accurate), or set from_probabilities: true"]


def _shifts(layer: Any) -> bool:
    """Whether a layer ends by adding its bias to each feature."""
    convolutions = ("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv")
    adding = ("Dense", *convolutions, "BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm")
    if tag_of(type(layer)) not in adding or not layer.use_bias or getattr(layer, "activation", None) is not None:
        return False
    return getattr(layer, "axis", -1) == getattr(layer, "axes", -1) == -1


def _norms_behind(path: str, consumers: Mapping[str, list[Call]], outside: set[str]) -> set[str] | None:
    """The norms that take a shift of the value at ``path`` away; None if it is seen anywhere else."""
    found: set[str] = set()
    waiting, seen = [path], {path}
    while waiting:
        current = waiting.pop()
        if current in outside or current not in consumers:
            return None
        for call in consumers[current]:
            if _takes_shift(call):
                found.add(call.owner)
            elif not _keeps_shift(call.layer):
                return None
            elif call.path not in seen:
                seen.add(call.path)
                waiting.append(call.path)
    return found


def _takes_shift(call: Call) -> bool:
    """Whether a layer subtracts each feature's own mean, be it over the batch or of one example."""
    layer, tag = call.layer, tag_of(type(call.layer))
    if tag == "GroupNorm":
        return layer.group_size == 1 or any(layer.groups(shape) == shape[-1] for shape in call.shapes)
    return tag == "InstanceNorm" or (tag == "BatchNorm" and layer.axis == -1 and not layer.use_running_average)


def _keeps_shift(layer: Any) -> bool:
    """Whether a constant shift of each feature comes out as a constant shift of each feature."""
    tag = tag_of(type(layer))
    if tag == "Dense":
        return layer.activation is None
    if tag == "Conv":  # zeros that a larger window sees are not shifted
        return layer.activation is None and set(layer.kernel_size) == {1} and _pads_nothing(layer.padding)
    if tag == "AvgPool":  # zeros that are counted are not shifted
        return not (layer.count_include_pad and layer.padding == "same")
    alike = ("identity", "add", "subtract", "Flatten", "MaxPool", "GlobalAvgPool", "GlobalMaxPool")
    return tag in alike or (tag == "concat" and layer.axis == -1)


def _pads_nothing(padding: Any) -> bool:
    """Whether a window of one element is padded nowhere."""
    return isinstance(padding, str) or not any(map(sum, padding))


def _last_activation(model: Model, output: str | None) -> str | None:
    """The name of the activation that makes an output, or the model's only one."""
    graph = opened(model)
    if output is None and len(model.outputs) != 1:
        return None
    path = graph.values[output or model.outputs[0]]
    last = next((call.layer for call in graph.calls if call.path == path), None)
    inner = getattr(last, "activation", None)
    return None if last is None else tag_of(type(inner if inner is not None else last))
