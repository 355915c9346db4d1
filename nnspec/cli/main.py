"""The command line: a table of commands, each in a file of its name, imported when it is called."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnspec.errors import NNSpecError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# Command -> its line in the list of commands. Its function has the command's name and lives in nnspec/cli/<name>.py.
COMMANDS = {
    "train": "Train the network of a spec file.",
    "evaluate": "Loss and metrics of a trained run.",
    "predict": "Outputs of a trained run for new rows.",
    "compare": "Train on two backends side by side and show how far they part.",
    "port": "Port a model to another framework, and verify it node by node.",
    "diff": "Compare two models of any framework node by node.",
    "summary": "Layers, shapes, parameters, FLOPs and memory of a spec file.",
    "schema": "The JSON Schema of spec files, for editors.",
    "backends": "Backends that are installed, and how to install the others.",
}
# Other distributions add commands here: the entry point's name is the command's, its object the function.
GROUP = "nnspec.commands"


@dataclass(frozen=True)
class _Extra:
    """A command of another distribution."""

    point: EntryPoint

    def load(self) -> Callable[..., Any]:
        return self.point.load()  # type: ignore[no-any-return]

    def line(self) -> str:
        """The first line of its module's docstring, read without running the module."""
        with contextlib.suppress(ImportError, OSError, SyntaxError, ValueError):
            found = importlib.util.find_spec(self.point.module)
            if found is not None and found.origin is not None:
                text = ast.get_docstring(ast.parse(Path(found.origin).read_text(encoding="utf-8"))) or ""
                return text.partition("\n")[0]
        return ""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of ``nnspec``; ends the process with 0, with 2 after an error of the user's, 130 after Ctrl-C."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status. ``--debug`` anywhere lets errors through with their traceback."""
    given = [argument for argument in arguments if argument != "--debug"]
    debug = len(given) < len(arguments)
    try:
        status = _application(given)(given, prog_name="nnspec", standalone_mode=False)
        sys.stdout.flush()
    except NNSpecError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # the reader has seen enough, as in "nnspec summary SPEC | head"
        _silence()
        return 0
    except OSError as error:
        if debug or error.filename is not None or error.errno is None:
            raise
        from nnspec.files import reason

        _silence()
        return _fail(f"cannot write the output: {reason(error)}")
    except Exception as error:
        show = getattr(error, "show", None)  # a misused option: typer's own error, of whichever class
        if debug or show is None:
            raise
        show()
        return int(getattr(error, "exit_code", 2))
    return int(status or 0)


def _fail(message: str, status: int = 2) -> int:
    print(f"error: {message}", file=sys.stderr)
    return status


def _silence() -> None:
    """Python flushes standard output once more at its end; let that go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _application(arguments: Sequence[str]) -> typer.Typer:
    """The application in which only the commands that are named in ``arguments`` are loaded."""
    # Typer's own Rich formatting would read the brackets of a help text as markup, and takes a while to import.
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_nnspec)
    completing = "_NNSPEC_COMPLETE" in os.environ
    for name, line in COMMANDS.items():
        wanted = completing or name in arguments
        function = getattr(importlib.import_module(f"nnspec.cli.{name}"), name) if wanted else _listed
        app.command(name, help=None if wanted else line)(function)
    for name, extra in _extras(arguments):
        wanted = completing or name in arguments
        app.command(name, help=None if wanted else extra.line())(extra.load() if wanted else _listed)
    return app


def _extras(arguments: Sequence[str]) -> Iterator[tuple[str, _Extra]]:
    """Commands of other distributions; not looked for where one of nnspec's own is called."""
    if arguments and arguments[0] in COMMANDS:
        return
    from importlib.metadata import entry_points  # slow to import

    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name not in COMMANDS:
            yield point.name, _Extra(point)


def _listed() -> None:
    """Stands in the list of commands for one that is not called."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from nnspec import __version__

        typer.echo(f"nnspec {__version__}")
        raise typer.Exit


def _nnspec(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
) -> None:
    """One neural network, written once, that means the same in JAX and in TensorFlow.

    Start with: nnspec train examples/handbook_mlp.yaml
    """


if __name__ == "__main__":
    main()
