"""Words of someone else's for nnspec; imports nothing by itself."""

from __future__ import annotations
