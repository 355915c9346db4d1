"""``nnspec schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file instead of printing.")] = None,
) -> None:
    """The JSON Schema of spec files, from which editors complete and check them.

    Write it to a file once and name it on the first line of a spec file, which editors with the YAML language server
    read:

        # yaml-language-server: $schema=nnspec.schema.json

    Example: nnspec schema --out nnspec.schema.json
    """
    import json

    from nnspec.files import write_atomically
    from nnspec.schema import schema as make

    text = json.dumps(make(), indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
    else:
        write_atomically(out, text + "\n")
        typer.echo(f"written to {out}")
