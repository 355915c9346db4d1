"""All conversions: importing them registers them."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil


def load() -> None:
    """Register the conversions of modules, of primitives and of calls."""
    importlib.import_module(f"{__package__}.noise")
    for package in ("modules", "primitives"):
        found = f"{__package__}.{package}"
        if importlib.util.find_spec(found) is None:
            continue
        for info in pkgutil.iter_modules(importlib.import_module(found).__path__):
            importlib.import_module(f"{found}.{info.name}")
