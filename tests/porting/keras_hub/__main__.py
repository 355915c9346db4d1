"""Tries KerasHub's backbones: ``python -m tests.porting.keras_hub [WORD ...]``, those with a word in their names.

``--write`` writes tests/porting/keras_hub/facts.json and docs/keras-hub.md after each; what is known of others stays.
``--missing`` leaves out those that are ported or refused already. ``--reference`` has the reference run the ports,
which takes seconds, ``--read`` nothing.

KerasHub, TensorFlow and JAX have to be installed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from time import perf_counter
from typing import Literal

# Most of the time is compilation, which need not be thorough for a few hundred numbers.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

from nnspec_tensorflow.startup import keras
from tests.porting.keras_hub import page
from tests.porting.keras_hub.catalogue import entries
from tests.porting.keras_hub.outcome import facts, told, tried


def main(arguments: list[str]) -> int:
    """The exit status: 1 where a port computes something else than its original."""
    words = [word.lower() for word in arguments if not word.startswith("--")]
    known = {each.name: each for each in told(page.facts())} if page.FACTS.exists() else {}
    found = dict(known)
    by: Literal["jax", "reference", "nothing"] = "jax"
    if "--reference" in arguments or "--read" in arguments:
        by = "reference" if "--reference" in arguments else "nothing"
    for entry in entries():
        if words and not any(word in entry.name.lower() for word in words):
            continue
        if "--missing" in arguments and entry.name in known and known[entry.name].status in ("ported", "refused"):
            continue
        start = perf_counter()
        outcome = tried(entry, by)
        found[entry.name] = outcome
        shown = outcome.reason or " ".join(f"{name}: {error:.1e}" for name, error in outcome.errors.items())
        changed = "" if entry.name in known and known[entry.name].told == outcome.told else "*"
        print(f"{entry.name}{changed}\t{outcome.status}\t{shown}\t({perf_counter() - start:.1f} s)", flush=True)
        keras.backend.clear_session()
        gc.collect()
        if "--write" in arguments:  # after each, since all of them take minutes
            kept = [found[each.name] for each in entries() if each.name in found]
            page.FACTS.write_text(json.dumps(facts(kept), indent=1) + "\n", encoding="utf-8")
            page.TARGET.write_text(page.render(), encoding="utf-8")
    return int(any(outcome.status == "diverges" for outcome in found.values()))


sys.exit(main(sys.argv[1:]))
