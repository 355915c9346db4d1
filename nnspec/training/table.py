"""CSV files: a table of texts whose first line names the columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, FileError, did_you_mean
from nnspec.files import reason

# What stands in tables where a value is missing.
_MISSING = frozenset(["", "?", "na", "n/a", "nan", "none", "null"])


@dataclass(frozen=True)
class Table:
    """A CSV file: texts by column, and the line on which each row ends."""

    path: str
    columns: dict[str, list[str]]
    lines: list[int]

    def place(self, row: int) -> str:
        return f"{os.path.basename(self.path)}:{self.lines[row]}"

    def check(self, names: Sequence[str], what: str) -> None:
        """Refuse names of columns that are not in the file."""
        for name in names:
            if name not in self.columns:
                known = f"columns: {', '.join(self.columns)}"
                raise DataError(f"{self.path} has no {what} {name!r}{did_you_mean(name, self.columns)} ({known})")

    def numbers(self, names: Sequence[str], remedy: str = "") -> NDArray[np.float64]:
        """Columns as numbers, (n, columns)."""
        return np.stack([self._numeric(name, remedy) for name in names], axis=1)

    def numeric(self, name: str) -> bool:
        """Whether every value of a column is a number."""
        return all(_is_number(text) or _is_missing(text) for text in self.columns[name])

    def texts(self, name: str) -> NDArray[Any]:
        """A column of classes."""
        for i, text in enumerate(self.columns[name]):
            if _is_missing(text):
                raise self._without_value(name, i)
        return np.array([text.strip() for text in self.columns[name]])

    def _numeric(self, name: str, remedy: str) -> NDArray[np.float64]:
        values = self.columns[name]
        for i, text in enumerate(values):
            if not _is_number(text):
                if _is_missing(text):
                    raise self._without_value(name, i)
                raise DataError(f"{self.place(i)}: column {name!r} holds {text!r}, not a number{remedy}")
        return np.array([float(text) for text in values])

    def _without_value(self, name: str, row: int) -> DataError:
        return DataError(f"{self.place(row)}: column {name!r} has no value: fill it in or leave the row out")


def _is_missing(text: str) -> bool:
    return text.strip().lower() in _MISSING


def _is_number(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return value == value and "_" not in text  # Python takes 1_000 for a number


def read_table(path: str) -> Table:
    """A CSV file whose first line names its columns.

    Raises:
        FileError: missing or not text. DataError: without rows, or rows of other lengths than the first line.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            rows, lines = [], []
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(f"{path}:{reader.line_num}: {len(row)} values in a table of {len(header)} columns")
                rows.append(row)
                lines.append(reader.line_num)
    except FileNotFoundError:
        raise FileError(f"there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x})") from None
    except csv.Error as error:
        raise FileError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {reason(error)}") from None
    if not rows:
        raise DataError(f"{path} has no rows below its header")
    return Table(path, dict(zip(header, map(list, zip(*rows, strict=True)), strict=True)), lines)


def _check_header(path: str, header: Sequence[str]) -> None:
    if not header:
        raise DataError(f"{path} is empty: its first line names the columns")
    if len(header) == 1 and ";" in header[0]:
        raise DataError(f"{path} is separated by semicolons; nnspec reads commas")
    for i, name in enumerate(header):
        if name in header[:i]:
            raise DataError(f"{path}: two columns are called {name!r}")
