"""Draws docs/images/tolerances.svg: how near the backends come to the suite's limits.

``python docs/tolerances.py FILE`` reads the facts that ``nnspec conformance --json FILE`` left. Above, by dtype, the
largest error of each test in ULP of its tensor's scale; below, by family, the share of elements that are the truth,
rounded once.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).with_name("images") / "tolerances.svg"
DTYPES = ("float64", "float32", "bfloat16", "float16")
# Powers of two between which tests are counted (the outer ones hold the rest): exact ones stand at the left.
EDGES = 2.0 ** np.arange(-4, 9)
# In float64 these are judged by differences of the reference, whose own error is larger than any rounding.
BY_DIFFERENCES = frozenset({"gradients", "batch of one", "uncompiled", "loss", "masked", "training", "extremes"})
COLORS = {"jax": "#1f77b4", "tensorflow": "#ff7f0e"}
# Matplotlib would write the time and random names into each file.
STYLE = {"svg.hashsalt": "nnspec", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}


def judged(outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tests of one backend that compared something (pairs of backends are compared with each other, not the truth)."""
    return [o for o in outcomes if o["compared"] and "~" not in o["backend"]]


def histogram(axes: Any, outcomes: list[dict[str, Any]], dtype: str, backends: list[str]) -> None:
    """How many tests of a dtype came how near, by backend side by side."""
    width = 0.8 / len(backends)
    for k, backend in enumerate(backends):
        mine = [o for o in outcomes if (o["dtype"], o["backend"]) == (dtype, backend)]
        errors = np.array([float(o["ulp"]) for o in mine if dtype != "float64" or o["check"] not in BY_DIFFERENCES])
        exact, rest = int((errors == 0).sum()), errors[errors > 0]
        counts = np.histogram(np.clip(rest, EDGES[0], EDGES[-1] * 0.999), EDGES)[0]
        places = np.arange(len(counts) + 1) + width * (k - (len(backends) - 1) / 2)
        axes.bar(places, [exact, *counts], width, label=backend, color=COLORS.get(backend))
    shown = range(1, len(EDGES) - 1, 3)
    axes.set_xticks([0, *(k + 1 for k in shown)], ["0", *(f"{EDGES[k]:.3g}" for k in shown)])
    axes.set(title=dtype, xlabel="largest error of a test in ULP, from this to twice as much", ylabel="tests")


def shares(axes: Any, outcomes: list[dict[str, Any]], backends: list[str]) -> None:
    """The mean share of elements that are the truth, rounded once, by family and dtype, over all backends."""
    equal: dict[tuple[str, str], list[float]] = defaultdict(list)
    for o in outcomes:
        equal[o["family"], o["dtype"]].append(float(o["equal"]))
    families = list(dict.fromkeys(family for family, _ in equal))
    dtypes = [dtype for dtype in DTYPES if any((family, dtype) in equal for family in families)]
    for k, dtype in enumerate(dtypes):
        means = [float(np.mean(equal.get((family, dtype), [np.nan]))) for family in families]
        axes.bar(
            np.arange(len(families)) + 0.8 * ((k + 0.5) / len(dtypes) - 0.5), means, 0.8 / len(dtypes), label=dtype
        )
    axes.set_xticks(range(len(families)), families, rotation=30, ha="right")
    axes.set(
        ylim=(0, 1),
        ylabel="share, bit for bit",
        title=f"Elements that are the truth, rounded once ({', '.join(backends)})",
    )
    axes.legend(ncols=len(dtypes), frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.35))


def draw(facts: dict[str, Any], target: Path = TARGET) -> None:
    """The figure of these facts."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    outcomes = judged(facts["outcomes"])
    backends = sorted({o["backend"] for o in outcomes})
    dtypes = [dtype for dtype in DTYPES if any(o["dtype"] == dtype for o in outcomes)]
    with plt.rc_context(STYLE):
        rows = (len(dtypes) + 1) // 2
        figure = plt.figure(figsize=(9, 2.6 * rows + 3.2), layout="constrained")
        grid = figure.add_gridspec(rows + 1, 2, height_ratios=[*[1] * rows, 1.1])
        for k, dtype in enumerate(dtypes):
            axes = figure.add_subplot(grid[k // 2, k % 2])
            histogram(axes, outcomes, dtype, backends)
            if k == 0:
                axes.legend(frameon=False)
        shares(figure.add_subplot(grid[rows, :]), outcomes, backends)
        target.parent.mkdir(exist_ok=True)
        figure.savefig(target, metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print(f"wrote {TARGET}")
