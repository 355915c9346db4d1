"""Records a backend's answers: runs the suite on it, and keeps what passes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nnspec
from nnspec.errors import FileError, NNSpecError
from nnspec.files import make_directory, reason, write_atomically
from nnspec.variables import dumps as dump_tensors
from nnspec_conformance.draws import HALF
from nnspec_conformance.outcome import Outcome, settle
from nnspec_conformance.record import format as form
from nnspec_conformance.record.answers import RECORDERS
from nnspec_conformance.record.book import Book, Limits
from nnspec_conformance.result import Figure
from nnspec_conformance.run import Bench, units
from nnspec_conformance.suite import Item

if TYPE_CHECKING:
    from nnspec_conformance.subject import Subject


def recordable(items: Sequence[Item]) -> list[Item]:
    """Those tests whose answers are tensors that another backend can be compared with.

    What a backend has to say of itself alone (that extremes stay finite, that variables survive a transfer) is no
    matter of records, nor are trajectories in half precision.

    Raises:
        NNSpecError: none is, or they are of several backends.
    """
    found = [item for item in items if item.check.name in RECORDERS and not _wanders(item)]
    names = {item.backend for item in found if len(item.backends) == 1}
    if len(names) > 1:
        raise NNSpecError(f"a record holds the answers of one backend: choose {' or '.join(sorted(names))} (--backend)")
    found = [item for item in found if len(item.backends) == 1]
    if not found:
        raise NNSpecError("none of these tests can be recorded")
    return found


def _wanders(item: Item) -> bool:
    """Whether right backends part: in half precision rounding takes every trajectory its own way."""
    return item.dtype in HALF and item.check.name in ("optimizer", "training")


def write(directory: Path, items: Sequence[Item], bench: Bench) -> Iterator[Outcome]:
    """Record the backend's answers, test by test; the record is complete when the iterator is exhausted.

    Every test is run as in the suite. Only what passes is recorded: a record must not hold a wrong answer against
    other backends. The rest is listed in the manifest with the reason.

    Args:
        directory: where to; made unless it exists. One that holds a record loses it, another must be empty.
        items: tests of one backend.
        bench: the backends under test.

    Raises:
        FileError: the directory holds something else, or cannot be written to.
        NNSpecError: as :func:`recordable`.
    """
    chosen = recordable(items)
    _prepare(directory)
    if bench.items is None:  # nothing else is compiled beside them
        bench.items = chosen
    return _written(directory, chosen, bench)


def _written(directory: Path, items: list[Item], bench: Bench) -> Iterator[Outcome]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    listed: list[form.Listed] = []
    files: dict[str, form.File] = {}
    left_out: list[form.LeftOut] = []
    for unit in units(items):
        book = Book(unit[0].family, unit[0].dtype)
        for item in unit:
            outcome = _record(book, item, bench)
            if outcome.status != "passed":
                left_out.append(_left_out(item, outcome))
            yield outcome
        bench.close()
        page = book.page()
        if page.cases:
            listed.append(_save(directory, page, book, files))
    where = bench(items[0].backend, items[0].dtype).backend
    manifest = form.Manifest(
        nnspec=nnspec.__version__,
        started=started,
        backend=items[0].backend,
        versions=dict(where.versions()),
        devices=list(where.devices()),
        device=bench.device,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        dtypes=list(dict.fromkeys(page.dtype for page in listed)),
        families=listed,
        files=files,
        left_out=left_out,
    )
    write_atomically(directory / form.MANIFEST, form.dumps(manifest))
    (directory / form.UNFINISHED).unlink(missing_ok=True)


def _record(book: Book, item: Item, bench: Bench) -> Outcome:
    """Run a test, and write down the answers if it passes."""
    figures: list[Figure] = []

    def run(subject: Subject, case: Any) -> list[Figure]:
        figures.extend(item.check.run(subject, case))
        if figures and all(figure.passed for figure in figures):
            RECORDERS[item.check.name](book, subject, case, Limits(figures))
        return figures

    return settle(dataclasses.replace(item, check=dataclasses.replace(item.check, run=run)), bench)


def _left_out(item: Item, outcome: Outcome) -> form.LeftOut:
    """Why a test has no place in the record, in one line: of a traceback the last."""
    lines = outcome.message.splitlines() or [""]
    message = " ".join(" ".join(lines[-1:] if outcome.status == "error" else lines).split())[:300]
    return form.LeftOut(item.dtype, item.family, item.check.name, item.case.name, outcome.status, message)


def _save(directory: Path, page: form.Page, book: Book, files: dict[str, form.File]) -> form.Listed:
    stem = f"{page.family}-{page.dtype}"
    for name, content in (
        (f"{stem}.json", form.dumps(page).encode()),
        (f"{stem}.safetensors", dump_tensors(book.tensors())),
    ):
        write_atomically(directory / name, content)
        files[name] = form.File(len(content), hashlib.sha256(content).hexdigest())
    answers = sum(len(entry.answers) for entry in page.cases)
    names = [entry.case for entry in page.cases]
    return form.Listed(page.family, page.dtype, f"{stem}.json", f"{stem}.safetensors", names, answers)


def _prepare(directory: Path) -> None:
    """Make room for a record: what stands there is none, or is a record, whose files are removed."""
    make_directory(directory)
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise FileError(f"{directory} cannot be read: {reason(error)}") from None
    if names and not _holds_record(directory):
        raise FileError(f"{directory} is not empty and holds no record ({names[0]}, …): choose another directory")
    started = {form.VERSION: form.FORMAT, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    write_atomically(directory / form.UNFINISHED, json.dumps(started) + "\n")
    try:
        for name in names:
            if name == form.MANIFEST or re.fullmatch(form.FILE_NAME, name):
                (directory / name).unlink()
    except OSError as error:
        raise FileError(f"cannot replace the record in {directory}: {reason(error)}") from None


def _holds_record(directory: Path) -> bool:
    """Whether a manifest or the mark of an unfinished recording stands there."""
    for name in (form.MANIFEST, form.UNFINISHED):
        try:
            held = json.loads((directory / name).read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(held, dict) and form.VERSION in held:
            return True
    return False
