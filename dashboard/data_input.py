"""A visitor's own data: text in, a Dataset or a list of what is wrong out. Pure, and nothing in a cell is ever run.

A table typed by hand and an uploaded file go the same way: both become CSV text, and one function reads it. What it
accepts is written back as plain CSV, which is what a Scenario keeps.
"""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from nnlib import Dataset

MAX_MEGABYTES = 1
MAX_BYTES = MAX_MEGABYTES * 1024 * 1024
MAX_ROWS = 500
MIN_ROWS = 4
MAX_INPUTS = 8
MAX_CLASSES = 8
MAX_NAME = 24
"""Characters of a name or a label."""
LARGEST = 1e9
"""No number may be larger than this: its square still has to be a small number for a computer."""
MAX_TYPED = 64
"""Rows of the table that is typed by hand."""
SHOWN = 5
"""Problems that are listed; the rest is counted."""

LABEL_NAMES = ("label", "class", "target", "species", "y")
"""A column of one of these names holds what the network shall learn; otherwise the last column does."""

EXAMPLE = """x1,x2,label
-1,-1,low
-0.8,0.2,low
-0.4,-0.9,low
-0.2,-0.1,low
0.1,0.5,high
0.3,1,high
0.7,0.1,high
1,0.8,high
"""
"""The own data that a visitor finds and changes."""


@dataclass(frozen=True)
class Table:
    """Data that can be used: the names of the columns, the inputs, and each row's label as text; the label is last."""

    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    labels: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        """Whether the labels are numbers to be met: all are numbers, and some is no whole one or there are many."""
        numbers = [_float(label) for label in self.labels]
        if any(n is None for n in numbers):
            return False
        return any(n != int(n) for n in numbers if n is not None) or len(set(numbers)) > MAX_CLASSES

    def text(self) -> str:
        """Return the table as CSV."""
        return written([list(self.names), *self.cells()])

    def cells(self) -> list[list[str]]:
        """Return the rows as a table shows them: each input and the label, as text."""
        return [[*map(_short, row), label] for row, label in self._pairs()]

    def _pairs(self) -> Iterable[tuple[tuple[float, ...], str]]:
        return zip(self.rows, self.labels, strict=True)

    def dataset(self) -> Dataset:
        """Return the table as a Dataset."""
        X, features = np.array(self.rows), self.names[:-1]
        if self.is_regression:
            return Dataset("own", X, np.array([[float(label)] for label in self.labels]), features, ())
        found = tuple(dict.fromkeys(self.labels))
        if all(_float(label) is not None for label in found):
            found = tuple(sorted(found, key=float))
        place = np.array([found.index(label) for label in self.labels])
        Y = place[:, None].astype(float) if len(found) == 2 else np.eye(len(found))[place]
        return Dataset("own", X, Y, features, found)


def read(content: bytes | str) -> Table | list[str]:
    """Return the table that a CSV holds, or what is wrong with it, each by row and column.

    A first line with a word in it is a header. Numbers are the inputs; the label is a column named `LABEL_NAMES` or the
    last one.
    """
    decoded = _decoded(content)
    if isinstance(decoded, list):
        return decoded
    lines = _lines(decoded)
    if isinstance(lines, list):
        return lines
    cells, header, first_row = lines.cells, lines.header, lines.first_row
    n_columns = len(header)
    if n_columns < 2:
        return ["There is one column. A row needs at least one number and a label, separated by commas."]
    if n_columns - 1 > MAX_INPUTS:
        return [f"There are {n_columns - 1:,} input columns. At most {MAX_INPUTS} fit, and the label."]
    label_at = max((i for i, name in enumerate(header) if name.lower() in LABEL_NAMES), default=n_columns - 1)
    names = [*(name for i, name in enumerate(header) if i != label_at), header[label_at]]
    problems: list[str] = _name_problems(header)
    rows, labels = [], []
    for number, row in enumerate(cells, first_row):
        if len(row) != n_columns:
            problems.append(f"Row {number} has {len(row)} cells, but there are {n_columns} columns.")
            continue
        values = []
        for i, cell in enumerate(row):
            problem = _label_problem(cell) if i == label_at else _number_problem(cell)
            if problem:
                problems.append(f"Row {number}, column {i + 1} ({_quoted(header[i])}): {problem}")
            elif i != label_at:
                values.append(float(cell))
        rows.append(tuple(values))
        labels.append(row[label_at].strip())
    if problems:
        return _listed(problems)
    if len(rows) < MIN_ROWS:
        return [f"There are {len(rows)} rows. At least {MIN_ROWS} are needed."]
    table = Table(tuple(names), tuple(rows), tuple(labels))
    return _class_problems(table, header[label_at]) or table


def read_rows(names: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Table | list[str]:
    """Return the table that was typed by hand, or what is wrong with it; rows without any content do not count."""
    filled = [row for row in rows if any(cell not in (None, "") for cell in row)]
    if len(filled) > MAX_TYPED:
        return [f"There are {len(filled)} rows. The table takes {MAX_TYPED}; upload a file for more."]
    text = written([[str(name) for name in names], *([_typed(cell) for cell in row] for row in filled)])
    return read(text)


def edited(rows: Sequence[Sequence[Any]], names: Sequence[str], changes: Any) -> list[list[Any]]:
    """Return the rows after the changes that a table editor reports: cells by row and name, added and deleted rows."""
    new = [list(row) for row in rows]
    places = {name: i for i, name in enumerate(names)}
    for row, cells in changes.get("edited_rows", {}).items():
        for name, value in cells.items():
            if name in places and int(row) < len(new):
                new[int(row)][places[name]] = value
    gone = set(changes.get("deleted_rows", []))
    new = [row for i, row in enumerate(new) if i not in gone]
    return [*new, *([cells.get(name) for name in names] for cells in changes.get("added_rows", []))]


def text_of(dataset: Dataset) -> str:
    """Return the first rows of a Dataset as the text of a table, as many as can be typed by hand."""
    rows = range(min(len(dataset.X), MAX_TYPED))
    labels = [
        _short(float(dataset.Y[i, 0])) if dataset.is_regression else dataset.class_names[dataset.labels[i]]
        for i in rows
    ]
    names = [*dataset.feature_names, "label"]
    return written([names, *([*map(_short, dataset.X[i].tolist()), labels[i]] for i in rows)])


def with_input(table: Table) -> Table | list[str]:
    """Return the table with one more input, 0 in every row."""
    taken = set(table.names)
    name = next(f"x{i}" for i in range(len(table.names), len(table.names) + len(taken) + 1) if f"x{i}" not in taken)
    names = (*table.names[:-1], name, table.names[-1])
    return read(Table(names, tuple((*row, 0.0) for row in table.rows), table.labels).text())


def without_input(table: Table) -> Table | list[str]:
    """Return the table without its last input."""
    names = (*table.names[:-2], table.names[-1])
    return read(Table(names, tuple(row[:-1] for row in table.rows), table.labels).text())


def plain(text: str) -> str:
    """Return a visitor's text so that Markdown shows it as it is."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~$:&" else c for c in text)


def written(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


@lru_cache(maxsize=4)
def table_of(text: str) -> Table:
    """Return the table of a text that a Scenario keeps; ValueError says what is wrong with it."""
    found = read(text)
    if isinstance(found, list):
        raise ValueError("own data: " + " ".join(found))
    return found


@lru_cache(maxsize=4)
def own_dataset(text: str) -> Dataset:
    """Return the Dataset of such a text."""
    return table_of(text).dataset()


@dataclass(frozen=True)
class _Lines:
    header: list[str]
    cells: list[list[str]]
    first_row: int


def _decoded(content: bytes | str) -> str | list[str]:
    size = len(content)
    if size > MAX_BYTES:
        return [f"The file has {size:,} bytes. At most {MAX_BYTES:,} are read ({MAX_ROWS} rows)."]
    if isinstance(content, str):
        text = content
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            row = content[: error.start].count(b"\n") + 1
            return [f"Row {row} is not UTF-8 text. Save the table as CSV in UTF-8."]
    if "\0" in text:
        return ["This is a binary file, not a CSV table."]
    if not text.strip():
        return ["There is nothing in it."]
    return text


def _lines(text: str) -> _Lines | list[str]:
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = max(",;\t", key=first.count)
    try:
        cells = [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        return [f"This cannot be read as CSV: {error}."]
    if not cells:
        return ["There is nothing in it."]
    words = [c for c in cells[0][:-1] if c and _float(c) is None] + [c for c in cells[0] if c.lower() in LABEL_NAMES]
    header, first_row = (cells.pop(0), 1) if words else ([""] * len(cells[0]), 1)
    if len(cells) > MAX_ROWS:
        return [f"There are {len(cells):,} rows. At most {MAX_ROWS} are read."]
    last = len(header) - 1
    header = [name or ("label" if i == last and not words else f"x{i + 1}") for i, name in enumerate(header)]
    return _Lines(header, cells, first_row)


def _name_problems(header: list[str]) -> list[str]:
    problems, seen = [], dict[str, int]()
    for i, name in enumerate(header, 1):
        if name in seen:
            problems.append(f"Columns {seen[name]} and {i} are both called {_quoted(name)}.")
        seen.setdefault(name, i)
        if len(name) > MAX_NAME or not name.isprintable():
            problems.append(f"The name of column {i} must be one line of at most {MAX_NAME} characters.")
    return problems


def _number_problem(cell: str) -> str | None:
    if not cell:
        return "a number is missing."
    value = _float(cell)
    if value is None:
        hint = " Write decimals with a point." if "," in cell else ""
        return f"{_quoted(cell)} is not a number.{hint}"
    if not math.isfinite(value):
        return f"{_quoted(cell)} is not a finite number."
    if abs(value) > LARGEST:
        return f"{_quoted(cell)} is too large. The largest is {LARGEST:g}."
    return None


def _label_problem(cell: str) -> str | None:
    if not cell:
        return "the label is missing."
    if len(cell) > MAX_NAME or not cell.isprintable():
        return f"a label is one line of at most {MAX_NAME} characters."
    value = _float(cell)
    if value is not None and not abs(value) <= LARGEST:
        return f"{_quoted(cell)} is not a finite number up to {LARGEST:g}."
    return None


def _class_problems(table: Table, column: str) -> list[str]:
    found = set(table.labels)
    if len(found) < 2:
        return [f"Every row has the label {_quoted(table.labels[0])}. There must be at least two different ones."]
    if not table.is_regression and len(found) > MAX_CLASSES:
        return [
            f"The column {_quoted(column)} holds {len(found)} different labels. At most {MAX_CLASSES} classes fit. "
            "If it should be a number, check that every row has one."
        ]
    return []


def _listed(problems: list[str]) -> list[str]:
    more = len(problems) - SHOWN
    return [*problems[:SHOWN], *([f"And {more} more."] if more > 0 else [])]


def _float(cell: str) -> float | None:
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _typed(cell: Any) -> str:
    return "" if cell is None or (isinstance(cell, float) and math.isnan(cell)) else str(cell)


def _short(value: float) -> str:
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _quoted(text: str) -> str:
    return f"{text[:MAX_NAME]!r}" + (" ..." if len(text) > MAX_NAME else "")
