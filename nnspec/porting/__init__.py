"""Porting models between frameworks: read into the spec, written from it, and verified node by node.

``port`` takes a model from one framework to another; ``from_keras``, ``from_flax``, ``from_jax`` and
``from_tensorflow`` give it in nnspec's terms, ``to_keras`` and ``to_flax_source`` write it for another. Each of them
verifies what it does.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; at run time __getattr__ imports what is asked for
    from nnspec.porting.diff import Difference as Difference, diff as diff
    from nnspec.porting.formats import Exporter as Exporter, Importer as Importer, Reading as Reading
    from nnspec.porting.live import (
        from_flax as from_flax,
        from_jax as from_jax,
        from_keras as from_keras,
        from_tensorflow as from_tensorflow,
        load as load,
        to_flax_source as to_flax_source,
        to_keras as to_keras,
    )
    from nnspec.porting.port import OptimizerState as OptimizerState, Port as Port, Subject as Subject
    from nnspec.porting.porting import Ported as Ported, port as port
    from nnspec.porting.registry import exporters as exporters
    from nnspec.porting.report.facts import Report as Report
    from nnspec.porting.samples import samples as samples
    from nnspec.porting.verification import Verification as Verification
    from nnspec.porting.verify import same_bits as same_bits, verify as verify

_MODULES = {
    **dict.fromkeys(("Difference", "diff"), "diff"),
    **dict.fromkeys(("Exporter", "Importer", "Reading"), "formats"),
    **dict.fromkeys(("from_flax", "from_jax", "from_keras", "from_tensorflow"), "live"),
    **dict.fromkeys(("load", "to_flax_source", "to_keras"), "live"),
    **dict.fromkeys(("OptimizerState", "Port", "Subject"), "port"),
    **dict.fromkeys(("Ported", "port"), "porting"),
    "exporters": "registry",
    "Report": "report.facts",
    "samples": "samples",
    "Verification": "verification",
    **dict.fromkeys(("same_bits", "verify"), "verify"),
}


class _Package(ModuleType):
    """Functions are found under their own names, also where a module is named alike: ``nnspec.porting.verify``."""

    def __getattr__(self, name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing a module sets it as an attribute of its package, where it would hide the function.
        if not (name in _MODULES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted(_MODULES)


sys.modules[__name__].__class__ = _Package
