"""Data as Python has them: a name, or rows in memory, which the run keeps."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.data.columns import json_value
from rlsr.errors import DataError
from rlsr.runs.given_rows import HELDOUT_FILE, ROWS_FILE, keep_rows
from rlsr.runs.owner import OWNER_FILE

Row = dict[str, Any]

Data = str | Path | Iterable[Mapping[str, Any]] | Any
"""A file, ``builtin:instructions`` or a Hugging Face id; or rows: a list of dicts, a ``datasets.Dataset``, a pandas or polars frame."""

ROWS = "rows"
"""What data in memory are called where a run has its name from its data."""


@dataclass(frozen=True)
class GivenData:
    """What a function was given to train on or to measure on."""

    path: str | None
    """The name of the data; None where the config names them, or they are rows."""
    heldout_path: str | None
    """The same of the held-out data."""
    rows: Mapping[str, list[Row]]
    """Rows that were given in memory, by the file that will hold them."""

    @classmethod
    def of(cls, data: Data | None, heldout: Data | None = None) -> "GivenData":
        """Look at what was given.

        Args:
            data: The argument ``data``.
            heldout: The argument ``heldout``.

        Raises:
            DataError: It is nothing that holds rows, or a row holds what JSON cannot.
        """
        given = {ROWS_FILE: ("data", data), HELDOUT_FILE: ("heldout", heldout)}
        rows = {file: _rows(name, one) for file, (name, one) in given.items() if _is_rows(one)}
        return cls(_name(data), _name(heldout), rows)

    @property
    def name(self) -> str | None:
        """What a run on these data is named by; None where its config knows."""
        return ROWS if ROWS_FILE in self.rows else self.path

    @contextmanager
    def kept_in(self, directory: Path) -> Iterator[list[dict[str, Any]]]:
        """Write rows into the directory of a run, and take them away again where it is not begun.

        Args:
            directory: Of the run to be.

        Yields:
            The settings that name the data.

        Raises:
            RunError: Other rows were given there before, or it cannot be written.
        """
        if not self.rows:
            yield self._settings({})
            return
        made = [place for place in (directory, *directory.parents) if not place.exists()]
        written = keep_rows(directory, self.rows)
        try:
            yield self._settings({name: directory.resolve() / name for name in self.rows})
        except BaseException:
            left = {file.name for file in directory.iterdir()} if directory.is_dir() else set()
            if left <= {OWNER_FILE, *self.rows}:
                _take_away(written, made)
            raise

    def _settings(self, files: Mapping[str, Path]) -> list[dict[str, Any]]:
        path = str(files[ROWS_FILE]) if ROWS_FILE in files else self.path
        heldout = str(files[HELDOUT_FILE]) if HELDOUT_FILE in files else self.heldout_path
        named = {"path": path, "heldout_path": heldout}
        return [{"data": {key: value}} for key, value in named.items() if value is not None]


def _take_away(files: list[Path], directories: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(OSError):
        for place in directories:
            place.rmdir()


def _is_rows(data: Data | None) -> bool:
    return data is not None and not isinstance(data, str | Path)


def _name(data: Data | None) -> str | None:
    return str(data) if isinstance(data, str | Path) else None


def _rows(argument: str, data: Any) -> list[Row]:
    """Take the rows out of whatever holds them, in the types of JSON."""
    found = [_row(argument, place, row) for place, row in enumerate(_listed(argument, data), 1)]
    if not found:
        raise DataError(f"{argument}: holds no rows; a dataset needs at least one")
    return found


def _listed(argument: str, data: Any) -> Iterable[Any]:
    if hasattr(data, "notna") and hasattr(data, "to_dict"):
        # pandas writes an empty cell as NaN, NaT or NA.
        filled = data.astype(object).where(data.notna(), None)
        return list(filled.to_dict(orient="records"))
    if hasattr(data, "to_dicts"):
        return list(data.to_dicts())
    if isinstance(data, Mapping):
        raise DataError(
            f"{argument}: must be rows, one a prompt, got a mapping with {', '.join(map(repr, list(data)[:5]))}; of a DatasetDict name one "
            "split, of a table of columns make rows"
        )
    if isinstance(data, Iterable):
        return data
    raise DataError(
        f"{argument}: must be a file, the id of a dataset, or rows (a list of dicts, a datasets.Dataset, a pandas frame), got "
        f"{type(data).__name__}"
    )


def _row(argument: str, place: int, row: Any) -> Row:
    if not isinstance(row, Mapping):
        raise DataError(
            f"{argument}: row {place}: a row is a dict with named columns, got {type(row).__name__}; write it so"
        )
    return {_column(argument, place, key): _value(argument, place, key, row[key]) for key in row}


def _column(argument: str, place: int, name: Any) -> str:
    if isinstance(name, str):
        return name
    raise DataError(f"{argument}: row {place}: a column's name is a text, got {name!r}; rename it")


def _value(argument: str, place: int, column: str, value: Any) -> object:
    try:
        return json_value(_without_numpy(value))
    except ValueError as error:
        raise DataError(
            f"{argument}: row {place}, {column!r}: rows that are given in memory are kept as JSON, which cannot hold {type(value).__name__} "
            f"({error}); leave the column out, or write it as text"
        ) from error


def _without_numpy(value: Any) -> Any:
    """Frames hold NumPy's numbers and arrays."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _without_numpy(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_numpy(held) for held in value]
    return value
