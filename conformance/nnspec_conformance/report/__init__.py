"""Reports of a run, made from its facts: a page in HTML, a summary in Markdown, and the support matrix."""

from __future__ import annotations
