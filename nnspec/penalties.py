"""What weights are held to while they are trained: penalties in the loss, and constraints after each update.

Both name parameters as MultiOptimizer does, by regular expressions that are found in their canonical names
(``^encoder/``, ``dense_1/kernel``, ``bias$``), or by the word "kernels": those that weight decay with
``decay: kernels`` applies to.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import Param, Shape, show
from nnspec.model import Inferred, Model
from nnspec.spec import NonNegativeFloat, PositiveFloat, Spec, demand_pattern, spec

Patterns = str | Annotated[tuple[str, ...], Field(min_length=1)]


def _demand(patterns: Patterns) -> None:
    """Refuse patterns that are no regular expressions."""
    if isinstance(patterns, str):
        demand_pattern(patterns, "parameters")
    else:
        for i, pattern in enumerate(patterns):
            demand_pattern(pattern, "parameters", i)


def _named(patterns: Patterns, model: Model) -> dict[str, Param]:
    """The parameters of a model that patterns name, in the model's order.

    Raises:
        SpecError: a pattern that names none.
    """
    params = {name: param for name, param in model.params().items() if param.kind == "parameter"}
    chosen: set[str] = set()
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        kernels = pattern == "kernels"
        found = {name for name, param in params.items() if (param.decay if kernels else re.search(pattern, name))}
        if not found:
            raise SpecError(f"no parameter is called {pattern!r}{did_you_mean(pattern, params)}", ("parameters",))
        chosen |= found
    return {name: param for name, param in params.items() if name in chosen}


def _nodes(model: Model, *shapes: Shape, prefix: str = "") -> dict[str, Inferred]:
    """What is inferred of every node by path; what a shared model holds stands under the path of each of its nodes."""
    made: dict[str, Inferred] = {}
    for node, found in zip(model.nodes, model.infer(*shapes).values(), strict=True):
        made[prefix + node.name] = found
        if isinstance(node.layer, Model):
            made |= _nodes(node.layer, *found.inputs, prefix=f"{prefix}{node.name}/")
    return made


@spec
class Penalty(Spec):
    """What is added to the loss for the size of parameters, or of a node's values.

    P = l1 · Σ |w| + l2 · Σ w² + orthogonal · m(w)           summed over the parameters w that ``parameters`` names
    P = (l1 · Σ |a| + l2 · Σ a² + kl · KL(a)) / n             for the values a of ``node``, of n examples

    m(w) is the mean |cosine| of all pairs of rows of a matrix w, or of its columns (``vectors``), whose norms are taken
    for 10⁻⁷ at least. ∂|a|/∂a is 0 at 0. KL is the divergence of normal distributions from the standard one:

    KL(a) = Σ (μ² + e^s − 1 − s) / 2,    a = [μ, s], the means and the logarithms of the variances, as GaussianSample's

    P is part of what is minimized, and of the loss that is reported: the history has it in ``loss``, and by itself as
    ``penalty``, the mean over all examples, whatever they weigh. In validation a node has its values in inference mode.
    Beside a loss of the reduction sum, P is added once per batch.

    Source: Tikhonov 1943; Tibshirani 1996; Kingma & Welling 2014, arXiv:1312.6114, appendix B; the mean cosine is
    Keras's OrthogonalRegularizer.

    Raises:
        SpecError: nothing is penalized; ``node`` together with ``parameters`` or ``orthogonal``; ``kl`` without it.

    Attributes:
        l1: of the sum of magnitudes.
        l2: of the sum of squares, without a factor of one half.
        orthogonal: of the mean cosine, for matrices.
        vectors: what is to be orthogonal: rows of a kernel, one for each input, or columns, one for each output.
        kl: of the divergence, for a node.
        parameters: patterns of names, or "kernels", which is meant where neither these nor a node are given.
        node: the path of a node, such as ``encoder/dense``; of a model that is used several times, that of one use.
    """

    l1: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0
    orthogonal: NonNegativeFloat = 0.0
    vectors: Literal["rows", "columns"] = "rows"
    kl: NonNegativeFloat = 0.0
    parameters: Patterns | None = None
    node: str | None = None

    def __post_init__(self) -> None:
        if not (self.l1 or self.l2 or self.orthogonal or self.kl):
            raise SpecError("give l1, l2, orthogonal or kl a number above 0")
        if self.node is not None and (self.parameters is not None or self.orthogonal):
            raise SpecError("node is for l1, l2 and kl of its values: name parameters in another penalty", ("node",))
        if self.node is None and self.kl:
            raise SpecError("kl is for the values of a node: set node", ("kl",))
        _demand(self.parameters or "kernels")

    def names(self, model: Model) -> tuple[str, ...]:
        """The parameters that are penalized: unless they are named, the kernels; none for a node.

        Raises:
            SpecError: a pattern that names none; a node that there is not.
            ShapeError: ``orthogonal`` of what is no matrix; a node that is not of floats, or without halves for ``kl``.
        """
        if self.node is not None:
            self._check_node(self.node, _nodes(model))
            return ()
        found = _named("kernels" if self.parameters is None else self.parameters, model)
        for name, param in found.items():
            if self.orthogonal and len(param.shape) != 2:
                raise ShapeError(
                    f"orthogonal is for matrices, {name} has the shape {list(param.shape)}", ("parameters",)
                )
        return tuple(found)

    def _check_node(self, name: str, nodes: dict[str, Inferred]) -> None:
        if name not in nodes:
            raise SpecError(f"the model has no node {name!r}{did_you_mean(name, nodes)}", ("node",))
        shape, dtype = nodes[name].output, nodes[name].dtype
        if dtype != "float":
            raise ShapeError(f"penalties are of floats, {name} is of {dtype}", ("node",))
        if self.kl and (len(shape) < 2 or shape[-1] is None or shape[-1] % 2):
            why = f"kl needs as many log variances as means, {name} has the shape {show(shape)}"
            raise ShapeError(why, ("node",))


@spec
class Constraint(Spec):
    """What parameters are brought back to after each update.

    w ← max(w, 0)                        with ``non_negative``, first
    w ← w · d / (‖w‖ + ε),               d = r · min(max(‖w‖, ``min_norm``), ``max_norm``) + (1 − r) · ‖w‖

    with r = ``rate`` and ε = ``epsilon``. A vector of zeros stays. Equal bounds make unit norms. The parameters
    themselves are held, not what an optimizer keeps of them, such as the averages of EMA.

    Source: Srebro & Shraibman 2005; Hinton et al. 2012, arXiv:1207.0580; ``rate`` and ``epsilon`` are Keras's.

    Raises:
        SpecError: nothing is constrained; bounds in the wrong order.

    Attributes:
        max_norm: the largest norm.
        min_norm: the smallest norm.
        non_negative: whether what is below 0 becomes 0.
        rate: the share of the way to the bounds that is gone at once.
        axes: what norms are over: unless given all but the last, the weights of one output; ``[]`` for each number by
            itself, as those of a bias are anyway.
        parameters: patterns of names, or "kernels".
        epsilon: with 0 what is within the bounds stays exactly as it is; Keras's is 1e-7.
    """

    max_norm: PositiveFloat | None = None
    min_norm: PositiveFloat | None = None
    non_negative: bool = False
    rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    axes: int | tuple[int, ...] | None = None
    parameters: Patterns = "kernels"
    epsilon: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        if self.max_norm is None and self.min_norm is None and not self.non_negative:
            raise SpecError("give max_norm, min_norm or non_negative")
        if self.max_norm is not None and self.min_norm is not None and self.min_norm > self.max_norm:
            raise SpecError(f"min_norm {self.min_norm:g} is above max_norm {self.max_norm:g}", ("min_norm",))
        _demand(self.parameters)

    def names(self, model: Model) -> tuple[str, ...]:
        """The parameters that are constrained.

        Raises:
            SpecError: a pattern that names none.
            ShapeError: an axis that a parameter does not have.
        """
        found = _named(self.parameters, model)
        for name, param in found.items():
            self.norm_axes(len(param.shape), name)
        return tuple(found)

    @property
    def bounds_norms(self) -> bool:
        return self.max_norm is not None or self.min_norm is not None

    def norm_axes(self, rank: int, name: str = "a parameter") -> tuple[int, ...]:
        """The axes that norms of a tensor of this rank are over, counted from the front.

        Raises:
            ShapeError: it has no such axis, or one is named twice.
        """
        if self.axes is None:
            return tuple(range(rank - 1))
        axes = (self.axes,) if isinstance(self.axes, int) else self.axes
        found = {axis % rank for axis in axes if -rank <= axis < rank}
        if len(found) < len(axes):
            raise ShapeError(f"{name} of {rank} axes has not each of the axes {list(axes)} once", ("axes",))
        return tuple(sorted(found))
