"""What reports as HTML pages have in common: one look, and a page that runs nothing but what came with it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def environment(package: str) -> Environment:
    """Templates of a package, in which whatever stands in names and messages is shown as text."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    return made


def look() -> Markup:
    """The style sheet that all pages begin with: colors, fonts, the heads of reports, plain tables."""
    return Markup(files("nnspec").joinpath("page.css").read_text(encoding="utf-8"))


def source(templates: Environment, name: str) -> Markup:
    """A file that comes with a report, as it is."""
    assert templates.loader is not None
    return Markup(templates.loader.get_source(templates, name)[0])


def policy(style: str, script: str) -> str:
    """A security policy that allows a page this style and script, and nothing that anyone adds to it."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def number(value: float) -> float | str:
    """A number as JSON: as many digits as anyone reads, and texts for what JSON lacks."""
    return float(f"{value:.4g}") if abs(value) < float("inf") else str(value)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
