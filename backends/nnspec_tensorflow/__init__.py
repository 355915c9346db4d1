from __future__ import annotations

REQUIRES = ("tensorflow", "keras")
