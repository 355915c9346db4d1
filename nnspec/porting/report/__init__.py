"""Reports of ports: on the terminal, as JSON and as an HTML page, all from the same facts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nnspec.errors import FileError
from nnspec.porting.report.facts import Report

KINDS = (".json", ".html")


def check_names(paths: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse names that say of no report what it is.

    Raises:
        FileError: with the endings that do.
    """
    for path in paths:
        if Path(path).suffix not in KINDS:
            raise FileError(f"cannot write {os.fspath(path)}: choose a name that ends in {' or '.join(KINDS)}")


def write_reports(report: Report, paths: Sequence[str | os.PathLike[str]]) -> None:
    """Write a report into files, each whole or not at all, in the form that its name ends in.

    Raises:
        FileError: what is in the way, or a name that says of no report what it is.
    """
    check_names(paths)
    for path in map(Path, paths):
        if path.suffix == ".json":
            from nnspec.porting.report.facts import write
        else:
            from nnspec.porting.report.html import write  # brings Jinja
        write(report, path)
