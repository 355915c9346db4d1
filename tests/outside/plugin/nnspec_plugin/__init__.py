from __future__ import annotations

REQUIRES = ("numpy",)
