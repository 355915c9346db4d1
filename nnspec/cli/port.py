"""``nnspec port``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnspec.cli.options import AsJson, BackendName, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nnspec.backends import Array

Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A file, a directory, or package.module:function.", show_default=False)
]
Custom = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=PACKAGE.MODULE:OBJECT",
        help="Your own class or function that a file mentions by name. Repeatable.",
    ),
]
Weights = Annotated[Path | None, typer.Option(metavar="FILE", help="Weights for a model that comes without its own.")]
Inputs = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=".npz with examples of the inputs, by name or place, instead of random ones."),
]


def port(
    source: Source,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="What to write (see below).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Where to.", show_default=False)],
    custom: Custom = None,
    weights: Weights = None,
    inputs: Inputs = None,
    method: Annotated[str | None, typer.Option(metavar="NAME", help="What to call of an object.")] = None,
    backend: BackendName = None,
    weights_format: Annotated[
        str | None,
        typer.Option(metavar="W", help="How flax has its weights: safetensors, or orbax for a checkpoint of Orbax."),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="D", help="Of the variables that are written: float64, float32, bfloat16, …")
    ] = None,
    verify_in: Annotated[
        list[str] | None, typer.Option(metavar="D", help="Verify in this dtype alone. Repeatable.")
    ] = None,
    gradients: Annotated[
        bool | None,
        typer.Option("--gradients/--no-gradients", help="Verify gradients, too: unless the model is large."),
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write the report, .json or .html. Repeatable.")
    ] = None,
    optimizer: Annotated[
        bool, typer.Option("--optimizer/--no-optimizer", help="Take the optimizer along, with its state.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    json: AsJson = False,
) -> None:
    """Port a model to another framework, and verify it node by node.

    SOURCE is a Keras file (.keras, .h5), a directory of nnspec's, or a function that makes a model of Keras, Flax or
    nnspec (with --weights FILE, a checkpoint for it). FORMAT is keras, keras-source, savedmodel, flax, stablehlo, onnx
    or nnspec.

    What was read is compared with the original, what was written with the spec: in float64 as far as both sides can,
    values and gradients. If anything diverges, the exit status is 1, the first node that does is named, and nothing is
    written under OUT. Nothing in a file is ever executed.

    Example: nnspec port model.keras --to flax -o my_model --report report.html
    """
    from nnspec.cli.cache import keep_programs
    from nnspec.cli.memory import give_back_memory
    from nnspec.errors import VerificationError
    from nnspec.porting.porting import port as run
    from nnspec.porting.report import check_names

    check_names(report or ())
    given = None if inputs is None else read_examples(inputs)
    keep_programs()
    give_back_memory()
    options: dict[str, Any] = {"dtype": checked_dtype(dtype, "--dtype")}
    options["dtypes"] = [checked_dtype(name, "--verify-in") for name in verify_in or ()] or None
    with doing(json) as progress:
        try:
            made = run(
                source,
                to,
                out,
                inputs=given,
                custom=custom_objects(custom or ()),
                weights=weights,
                method=method,
                backend=backend,
                gradients=gradients,
                optimizer=optimizer,
                weights_format=weights_format,
                force=force,
                report=report or (),
                progress=progress,
                **options,
            ).report
        except VerificationError as error:
            made = error.report
    if json:
        print_json(made.to_json())
    else:
        _print(made)
        if made.passed:
            typer.echo(f"written to {out}")
    if not made.passed:
        raise VerificationError(made.verdict, made)


def read_examples(path: Path) -> dict[str, Array]:
    """Arrays of a .npz file by name, or the one of a .npy file."""
    from nnspec.errors import FileError
    from nnspec.training.raw import read_arrays

    if path.suffix not in (".npz", ".npy"):
        raise FileError(f"{path}: examples of inputs come from .npz or .npy files")
    found = read_arrays(str(path))
    return found if path.suffix == ".npz" else {"0": next(iter(found.values()))}


def custom_objects(given: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """The user's own objects of a command line, imported."""
    from nnspec.errors import PortError
    from nnspec.porting.registry import imported

    found: dict[str, Any] = {}
    for text in given:
        name, sign, reference = text.partition("=")
        if not sign or ":" not in reference:
            raise PortError(f"--custom takes name=package.module:object, got {text!r}")
        found[name] = imported(reference)
    return found


def checked_dtype(name: str | None, option: str) -> str | None:
    """A float type that there is."""
    from nnspec.backends import DTYPES
    from nnspec.errors import PortError, did_you_mean

    if name is not None and name not in DTYPES:
        raise PortError(f"{option} is one of {', '.join(DTYPES)}, got {name!r}{did_you_mean(name, DTYPES)}")
    return name


def doing(quiet: bool) -> Any:
    """What is done now and for how long, on standard error: one line that changes on a terminal, nothing elsewhere."""
    from contextlib import contextmanager

    @contextmanager
    def shown() -> Iterator[Callable[[str], None]]:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if quiet or not console.is_terminal:
            yield lambda text: None
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=None)
            yield lambda text: progress.update(task, description=escape(text))

    return shown()


def _print(report: Any) -> None:
    from rich.console import Console

    from nnspec.porting.report.terminal import show

    show(report, Console(highlight=False))
