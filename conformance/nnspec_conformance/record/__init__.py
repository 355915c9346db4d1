"""Questions and answers in files: recorded in one environment, checked in another (docs/conformance-record.md)."""

from __future__ import annotations

from nnspec_conformance.record.check import check, items
from nnspec_conformance.record.read import Record, read
from nnspec_conformance.record.write import recordable, write

__all__ = ["Record", "check", "items", "read", "recordable", "write"]
