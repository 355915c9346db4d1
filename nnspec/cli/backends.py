"""``nnspec backends``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from nnspec.cli.options import AsJson, print_json


def backends(
    devices: Annotated[bool, typer.Option("--devices", help="List devices too; this imports each framework.")] = False,
    json: AsJson = False,
) -> None:
    """The registered backends, their versions, and how to install those that are missing.

    Example: nnspec backends --devices
    """
    from nnspec.backends import registered

    found = [_describe(name, devices) for name in registered()]
    if json:
        print_json(found)
        return
    for backend in found:
        packages = ", ".join(f"{name} {number}" for name, number in backend["versions"].items())
        typer.echo(
            f"{backend['name']:<12} {'installed' if backend['installed'] else 'not installed'}  {packages}".rstrip()
        )
        if not backend["installed"]:
            typer.echo(f"{'':<12} needs {', '.join(backend['missing'])}: {backend['install']}")
        if backend.get("devices"):
            typer.echo(f"{'':<12} devices: {', '.join(backend['devices'])}")


def _describe(name: str, devices: bool) -> dict[str, Any]:
    """What can be told of a backend without importing its framework, and its devices if they are asked for."""
    from nnspec.backends import INSTALL, backend, missing_packages, required_packages

    missing = missing_packages(name)
    described: dict[str, Any] = {"name": name, "installed": not missing, "missing": missing, "versions": {}}
    for package in required_packages(name):
        try:
            described["versions"][package] = version(package)
        except PackageNotFoundError:
            continue
    described["install"] = INSTALL.get(name, f"pip install {' '.join(missing)}") if missing else None
    if devices and not missing:
        described["devices"] = backend(name).devices()
    return described
