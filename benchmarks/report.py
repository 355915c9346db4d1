"""What a run says: rows for tables, ratios between contenders, and the tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.contenders import CONTENDERS
from benchmarks.facts import Facts, Result

FRAMEWORKS = {"jax": "JAX", "tensorflow": "Keras on TensorFlow", "torch": "PyTorch"}


@dataclass(frozen=True)
class Ratio:
    """By how much one contender is faster than another: the median of the rounds' ratios, and their extremes."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f}× ({self.low:.2f}–{self.high:.2f})"


def ratio(fast: Result, slow: Result) -> Ratio:
    """How many steps ``fast`` makes in the time that ``slow`` needs for one, round by round."""
    found = [a / b for a, b in zip(fast.rates, slow.rates, strict=True)]
    return Ratio(median(found), min(found), max(found))


def title(result: Result) -> str:
    """The contender, and its setup where there was a choice."""
    name = CONTENDERS[result.contender].title
    return f"{name} ({result.setup})" if len(result.tried) > 1 else name


def is_ours(result: Result) -> bool:
    """Whether it is nnspec's."""
    return CONTENDERS[result.contender].ours


def measured(facts: Facts, workload: str, dtype: str) -> list[Result]:
    """What was measured, the fastest first."""
    found = [result for result in facts.of(workload, dtype) if result.status == "measured"]
    return sorted(found, key=lambda result: -result.rate)


def best_peer(results: Sequence[Result], framework: str | None = None) -> Result | None:
    """The fastest that is not nnspec, of one framework or of all."""
    for result in results:  # the fastest first
        if not is_ours(result) and framework in (None, CONTENDERS[result.contender].framework):
            return result
    return None


# -- tables -----------------------------------------------------------------------------------------------------------

Rows = list[list[str]]


def table(facts: Facts, workload: str, dtype: str) -> Rows:
    """A head and a row for each contender that was measured."""
    results = measured(facts, workload, dtype)
    ours = [result for result in results if is_ours(result)]
    heads = [f"{CONTENDERS[result.contender].title} is faster by" for result in ours]
    rows = [["Contender", "steps/s", "ms per step", *heads, "first step", "from start", "memory", "of the limit"]]
    limit, flops = facts.limit(dtype), facts.workloads[workload]["flops"]
    for result in results:
        times = sorted(1e3 / rate for rate in result.rates)
        rows.append(
            [
                title(result),
                f"{result.rate:.4g}",
                f"{median(times):.3g} ({times[0]:.3g}–{times[-1]:.3g})",
                *("" if own is result else str(ratio(own, result)) for own in ours),
                f"{first_step(result):.2f} s",
                f"{sum(result.seconds.values()):.1f} s",
                f"{result.peak_memory / 1e6:.0f} MB",
                "" if limit is None else f"{100 * result.rate * flops / limit:.1f}%",
            ]
        )
    return rows


def first_step(result: Result) -> float:
    """Seconds from the framework being imported to the end of the first step."""
    return result.seconds["build"] + result.seconds["first"]


def summary(facts: Facts, dtype: str) -> Rows:
    """By how much nnspec is faster, a row for each workload."""
    rows = [
        [
            "Workload",
            "nnspec on JAX, against the best JAX peer",
            "nnspec on TensorFlow, against the best Keras on TensorFlow",
            "the faster, against the best peer of all",
            "the faster, against the other",
        ]
    ]
    for workload in facts.workloads:
        results = measured(facts, workload, dtype)
        ours = {CONTENDERS[result.contender].framework: result for result in results if is_ours(result)}
        fastest, slowest = next(iter(ours.values()), None), next(reversed(ours.values()), None)
        against = "" if fastest is slowest else _against(fastest, slowest)
        same = [_against(ours.get(name), best_peer(results, name)) for name in ("jax", "tensorflow")]
        rows.append([workload, *same, _against(fastest, best_peer(results)), against])
    return rows


def _against(own: Result | None, peer: Result | None) -> str:
    return "" if own is None or peer is None else f"{ratio(own, peer)}, {peer.contender}"


def starts(facts: Facts, dtype: str) -> Rows:
    """Time to the first step and memory of nnspec, each beside the fastest peer of its framework."""
    rows = [["Workload"]]
    for name in ("jax", "tensorflow"):
        rows[0] += [f"{FRAMEWORKS[name]}: first step, nnspec and peer", "memory"]
    for workload in facts.workloads:
        results = measured(facts, workload, dtype)
        row = [workload]
        for name in ("jax", "tensorflow"):
            own = next((r for r in results if is_ours(r) and CONTENDERS[r.contender].framework == name), None)
            peer = best_peer(results, name)
            if own is None or peer is None:
                row += ["", ""]
                continue
            row.append(f"{first_step(own):.2f} s, {first_step(peer):.2f} s ({peer.contender})")
            row.append(f"{own.peak_memory / 1e6:.0f} MB, {peer.peak_memory / 1e6:.0f} MB")
        rows.append(row)
    return rows


def missing(facts: Facts, workload: str, dtype: str) -> list[str]:
    """A line for each contender that was not measured."""
    return [
        f"{CONTENDERS[result.contender].title}: {result.status}, {_shortened(result.reason or '')}"
        for result in facts.of(workload, dtype)
        if result.status != "measured"
    ]


def _shortened(reason: str) -> str:
    """What happened, and the last line of what was written, where Python has the error's message."""
    lines = reason.splitlines()
    return lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1].strip()}"


def conditions(facts: Facts) -> list[str]:
    """Where and with what it was measured."""
    machine, settings = facts.machine, facts.settings
    gpus = f"; {', '.join(machine['gpus'])}" if settings["device"] == "gpu" and "gpus" in machine else ""
    versions = ", ".join(f"{name} {number}" for name, number in facts.versions.items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores{gpus}; {machine['platform']}",
        f"{facts.started[:10]}, load average {machine['load']} at the start",
        f"on the {settings['device']}: {settings['rounds']} rounds, {settings['seconds']:g} s for each contender",
        versions,
    ]
    for dtype, found in facts.limits.items():
        products = ", ".join(f"{name} {rate:.0f}" for name, rate in found.items() if name != "copy")
        copied = f"; memory copies at {found['copy']:.1f} GB/s (read and written)" if "copy" in found else ""
        lines.append(f"matrix products in {dtype}, GFLOP/s: {products}{copied}")
    return lines


def about(facts: Facts, workload: str) -> str:
    """A workload in a sentence."""
    described = facts.workloads[workload]
    flops = f"{described['flops'] / 1e9:.3g} GFLOP a step"
    return f"{described['title']}; {described['kind']} at batch {described['batch']}, {flops}."


# -- Markdown ---------------------------------------------------------------------------------------------------------


def markdown(facts: Facts) -> str:
    """All of it."""
    parts = [_bullets(conditions(facts))]
    for dtype in facts.settings["dtypes"]:
        parts += [f"## {dtype}", markdown_table(summary(facts, dtype)), markdown_table(starts(facts, dtype))]
        parts += [f"### {name}, {dtype}\n\n{markdown_workload(facts, name, dtype)}" for name in facts.workloads]
    return "\n\n".join(parts) + "\n"


def markdown_conditions(facts: Facts) -> str:
    """Where and with what it was measured, as a list."""
    return _bullets(conditions(facts))


def markdown_workload(facts: Facts, workload: str, dtype: str) -> str:
    """One workload: a sentence, the table, what was not measured."""
    lines = missing(facts, workload, dtype)
    parts = [about(facts, workload), markdown_table(table(facts, workload, dtype))]
    return "\n\n".join([*parts, *([_bullets(lines)] if lines else [])])


def markdown_table(rows: Rows) -> str:
    """Rows, the first of which is the head; all columns but the first are set to the right."""
    head, *body = rows
    return "\n".join(map(_line, [head, ["---", *["---:"] * (len(head) - 1)], *body]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)


def parts(facts: Facts) -> Iterator[tuple[str, str]]:
    """The parts of a page by name: "conditions", "summary bfloat16", "mlp float32", …"""
    yield "conditions", markdown_conditions(facts)
    for dtype in facts.settings["dtypes"]:
        yield f"summary {dtype}", markdown_table(summary(facts, dtype))
        yield f"starts {dtype}", markdown_table(starts(facts, dtype))
        for workload in facts.workloads:
            yield f"{workload} {dtype}", markdown_workload(facts, workload, dtype)
