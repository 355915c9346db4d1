"""A model from one framework to another: read, verified, written, verified again, and only then put in its place."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from nnspec.backends import Arrays, FloatType
from nnspec.errors import FileError, PortError, VerificationError
from nnspec.files import reason, unwritable
from nnspec.porting.collecting import collect, size
from nnspec.porting.directory import in_dtype
from nnspec.porting.formats import Exporter, Reading
from nnspec.porting.optimizer import NOT_COMPARED, moved, slots_of, step_of, updates_compared, verify_updates
from nnspec.porting.port import OptimizerState, OptimizerSubject, Port
from nnspec.porting.registry import exporter, read
from nnspec.porting.report import check_names, write_reports
from nnspec.porting.report.facts import Report, here
from nnspec.porting.verification import Verification
from nnspec.porting.verify import same_bits, verify

Progress = Callable[[str], None]


def silent(doing: str) -> None:
    """Says nothing."""


@dataclasses.dataclass(frozen=True)
class Ported:
    """A port that was made.

    Attributes:
        path: what was written.
        port: the model in nnspec's terms; without the original where that was read from a file or made by a function.
        report: what was verified.
    """

    path: Path
    port: Port
    report: Report


def port(
    source: Any,
    to: str,
    out: str | os.PathLike[str],
    *,
    inputs: Arrays | None = None,
    custom: Mapping[str, Any] | None = None,
    weights: str | os.PathLike[str] | None = None,
    method: str | None = None,
    backend: str | None = None,
    dtype: FloatType | None = None,
    dtypes: Sequence[FloatType] | None = None,
    gradients: bool | None = None,
    optimizer: bool = True,
    weights_format: str | None = None,
    force: bool = False,
    report: Sequence[str | os.PathLike[str]] = (),
    progress: Progress = silent,
) -> Ported:
    """Port a model, and verify what comes out.

    What was read is compared with the original, node by node; what was written is loaded as its users will and compared
    likewise; its variables are read back and are equal bit for bit. Only then it gets its name: after a failure nothing
    is left.

    Args:
        source: a path, a live model, a :class:`Port`, or ``package.module:function``.
        to: the format: ``nnspec.porting.exporters()`` lists them.
        out: the file or directory to write.
        inputs: examples of the inputs by name or place, for models that do not say what they take, and to verify with.
        custom: the user's own classes and functions by the names a file mentions them under.
        weights: a file of weights for a model that has none of its own.
        method: what to call of an object, ``__call__`` by default.
        backend: what runs the spec in verification; by default one of another framework.
        dtype: of the variables that are written; by default the one they have.
        dtypes: in which verification computes; by default float64 and float32, as far as both sides can.
        gradients: whether they are verified, too; by default unless the model is very large.
        optimizer: whether to take the optimizer along with its state, where the source has one.
        weights_format: how the target's weights are written, where it has a choice: "orbax" for "flax".
        force: whether to replace what is there.
        report: files to write the report to, ``.json`` or ``.html``; also after a failure.
        progress: told what is done now.

    Raises:
        FileError: the source cannot be read, or the output cannot be written.
        PortError: something has no counterpart, named by its layer.
        VerificationError: the port does not compute what its original does; its message names the first node that
            diverges, its ``report`` holds all of them.
    """
    target = Path(out)
    # What can be wrong with the call comes before anything slow.
    writer = exporter(to, weights_format)
    _check_target(target, writer, force)
    check_names(report)
    made = _Making(source, to, target, writer, backend, dtypes, gradients, progress)
    try:
        how = Reading(inputs, custom or {}, None if weights is None else Path(weights), method, optimizer)
        found = made.read(how)
        written = _written_dtype(found, dtype)
        made.check_import(found, inputs)
        if isinstance(source, str | os.PathLike):
            # Nobody else has the original, which takes as much memory as what is written.
            state = found.optimizer and moved(found.optimizer, subject=None)
            found = dataclasses.replace(found, subject=None, optimizer=state)
            collect(size(found.variables.values()))
        with _beside(target) as place:
            progress(f"writing {to}")
            found = made.write(found, place, written)
            made.hear(writer, found)
            made.check_export(found, place, inputs, written)
            made.check_bits(found, place, written)
            made.check_optimizer(found, place, written)
            made.settle()
            _into_place(place, target, force)
    finally:
        if made.checks or made.bits is not None:
            write_reports(made.report(), report)
    return Ported(target, found, made.report())


class _Making:
    """One port on its way, and what is known of it."""

    def __init__(
        self,
        source: Any,
        to: str,
        out: Path,
        writer: Exporter,
        backend: str | None,
        dtypes: Sequence[FloatType] | None,
        gradients: bool | None,
        progress: Progress,
    ) -> None:
        self.source, self.to, self.out, self.writer = source, to, out, writer
        self.backend, self.dtypes, self.gradients, self.progress = backend, dtypes, gradients, progress
        self.started, self.begun = here(), perf_counter()
        self.checks: dict[str, Verification] = {}
        self.bits: tuple[str, ...] | None = None
        self.notes: list[str] = []
        self.sizes: tuple[int, int] = (0, 0)

    def read(self, how: Reading) -> Port:
        """The source as a port."""
        self.progress(f"reading {named(self.source)}")
        found = self.source if isinstance(self.source, Port) else read(self.source, how)
        if not how.optimizer and found.optimizer is not None:
            found = dataclasses.replace(found, optimizer=None)
        self.notes += found.notes
        self.sizes = len(found.variables), size(found.variables.values())
        return found

    def write(self, found: Port, place: Path, dtype: FloatType) -> Port:
        """Write what was read; an optimizer that the format cannot hold stays behind, and the notes say so."""
        if found.optimizer is not None and not hasattr(self.writer, "open_optimizer"):
            self.notes.append(f"The format {self.to} holds no optimizer: its state was left out.")
            found = dataclasses.replace(found, optimizer=None)
        try:
            self.writer.write(found, place, dtype=dtype)
            return found
        except PortError as error:
            if found.optimizer is None:
                # Of a program it was said why it is one.
                why = found.notes[:1] if not found.model.has_derivative else ()
                raise PortError(". ".join((str(error), *why))) from error
            bare = dataclasses.replace(found, optimizer=None)
            _remove(place)
            self.writer.write(bare, place, dtype=dtype)  # if the model is what it cannot hold, this says so
            self.notes.append(f"The optimizer was left out: {error}.")
            return bare

    def check_optimizer(self, found: Port, place: Path, dtype: FloatType) -> None:
        """The optimizer that was written holds the same state, and makes the same updates."""
        if found.optimizer is None:
            return
        self.progress("verifying the optimizer")
        wanted = moved(found.optimizer, variables=in_dtype(found.optimizer.variables, dtype))
        back = self.writer.open_optimizer(place, found)  # type: ignore[attr-defined]
        self.bits = (*(self.bits or ()), *same_bits(slots_of(wanted), slots_of(back)))
        self.notes.append(
            f"The optimizer, {type(found.optimizer.optimizer).__name__}, came along with its state after "
            f"{step_of(found.optimizer)} updates."
        )
        self._check_updates("optimizer export", found, in_dtype(found.variables, dtype), wanted, back.subject)

    def check_import(self, found: Port, inputs: Arrays | None) -> None:
        """The original and the spec compute the same."""
        if found.subject is None:
            self.notes.append("the source has nothing that could be run beside the spec: what was read is not verified")
            return
        self._check("import", found, found.variables, found.subject, inputs)
        if found.optimizer is not None:
            self.progress("verifying the optimizer")
            state = found.optimizer
            self._check_updates("optimizer import", found, found.variables, state, state.subject)
            self.settle()

    def _check_updates(
        self, name: str, found: Port, variables: Arrays, state: OptimizerState, subject: OptimizerSubject | None
    ) -> None:
        """Another framework's optimizer makes the updates of the spec."""
        if subject is None:
            return
        if updates_compared(variables, self.gradients):
            self.checks[name] = verify_updates(state, found.model.params(), variables, subject)
        elif NOT_COMPARED not in self.notes:
            self.notes.append(NOT_COMPARED)

    def hear(self, writer: Any, found: Port) -> None:
        """What an exporter has to say: what by nature is another thing in its format."""
        say = getattr(writer, "notes", None)
        if say is not None:
            self.notes += say(found)

    def check_export(self, found: Port, place: Path, inputs: Arrays | None, dtype: FloatType) -> None:
        """What was written and the spec compute the same."""
        self.progress(f"loading {self.to}")
        subject = self.writer.open(place, found)
        self._check("export", found, in_dtype(found.variables, dtype), subject, inputs)

    def check_bits(self, found: Port, place: Path, dtype: FloatType) -> None:
        """What was written holds the variables, bit for bit."""
        self.progress("reading variables back")
        back = self.writer.variables(place, found)
        self.bits = tuple(same_bits(in_dtype(found.variables, dtype), back))

    def _check(self, name: str, found: Port, variables: Arrays, subject: Any, inputs: Arrays | None) -> None:
        self.checks[name] = verify(
            found.model,
            variables,
            subject,
            backend=self.backend,
            inputs=inputs,
            dtypes=self._dtypes(subject),
            gradients=self.gradients,
            origin=found.origin,
            progress=lambda doing: self.progress(f"verifying the {name}: {doing}"),
        )
        if not self.checks[name].passed:
            self.settle()

    def _dtypes(self, subject: Any) -> Sequence[FloatType] | None:
        """Those that were asked for, as far as the subject computes in them."""
        if self.dtypes is None:
            return None
        can = [dtype for dtype in self.dtypes if dtype in subject.dtypes]
        if not can:
            raise PortError(f"{subject.label} computes in {', '.join(subject.dtypes)}, not in {', '.join(self.dtypes)}")
        return can

    def settle(self) -> None:
        """Refuse a port that is not what it should be."""
        made = self.report()
        if not made.passed:
            raise VerificationError(made.verdict, made)

    def report(self) -> Report:
        return Report(
            source=named(self.source),
            to=self.to,
            out=str(self.out),
            started=self.started,
            seconds=perf_counter() - self.begun,
            checks=dict(self.checks),
            bits=self.bits,
            variables=self.sizes[0],
            bytes=self.sizes[1],
            notes=tuple(dict.fromkeys(self.notes)),
        )


def named(source: Any) -> str:
    """A source in a word: its path, or what it is."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return "a port" if isinstance(source, Port) else f"a {type(source).__module__}.{type(source).__qualname__}"


def _written_dtype(found: Port, dtype: FloatType | None) -> FloatType:
    """The dtype to write in: the given one, or that of all variables; of several, the one that holds them all."""
    if dtype is not None:
        return dtype
    kinds = {str(value.dtype) for value in found.variables.values()}
    if "float64" in kinds:
        return "float64"
    floats: list[FloatType] = [kind for kind in ("bfloat16", "float16") if kind in kinds]
    return floats[0] if len(floats) == 1 and "float32" not in kinds else "float32"


def _remove(place: Path) -> None:
    """What a failed attempt to write has left."""
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _check_target(target: Path, writer: Exporter, force: bool) -> None:
    if writer.suffix and target.suffix != writer.suffix:
        raise PortError(f"{writer.name} is written to files that end in {writer.suffix}, got {target}")
    if os.path.lexists(target) and not force:
        raise FileError(f"{target} exists: choose another name, or replace it (force=, --force)")
    if not target.parent.is_dir():
        raise FileError(f"cannot write {target}: its directory does not exist")


@contextlib.contextmanager
def _beside(target: Path) -> Any:
    """A place for the output under its own name in a directory beside, which is gone afterwards."""
    try:
        made = tempfile.mkdtemp(prefix=f".{target.name[:200]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise unwritable(target, error) from None
    try:
        yield Path(made) / target.name
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _into_place(place: Path, target: Path, force: bool) -> None:
    """Rename what was written; what is replaced is there until then."""
    try:
        if force and target.is_dir() and not target.is_symlink():
            old = place.with_name(f"{place.name}.old")
            os.replace(target, old)
            try:
                os.replace(place, target)
            except OSError:
                os.replace(old, target)
                raise
        else:
            os.replace(place, target)
    except OSError as error:
        raise FileError(f"cannot write {target}: {reason(error)}") from None
