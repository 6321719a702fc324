"""Parquet files and Hugging Face datasets: both arrive as tables of Arrow columns."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Protocol, Self

from rlsr.data.rows import Problem, RawRow, show_names
from rlsr.errors import DataError, MissingPackageError
from rlsr.hub import prepare_for_hub

_INSTALL = "pip install 'rlsr[train]'"
_ROWS_AT_ONCE = 1024
"""Rows of a Parquet file that are Python's own values at a time."""
_SAVED_MARKERS = ("dataset_dict.json", "state.json")


class _Batch(Protocol):
    """What is used of ``pyarrow.RecordBatch``, which has no type hints."""

    num_rows: int

    def slice(self, offset: int, length: int) -> Self: ...

    def to_pylist(self) -> list[dict[str, object]]: ...


def read_parquet(stream: IO[bytes], name: str) -> Iterator[RawRow | Problem]:
    """Read the rows of a Parquet file.

    Args:
        stream: The file, decompressed and seekable.
        name: What to call the file in locations.

    Yields:
        A raw row for each row, or a problem where a row's values cannot be read.

    Raises:
        DataError: If the file is no Parquet file, is damaged or repeats a column name.
        MissingPackageError: If pyarrow is not installed.
    """
    arrow = _import("pyarrow", "read Parquet files")
    parquet = _import("pyarrow.parquet", "read Parquet files")
    place = ""
    try:
        file = parquet.ParquetFile(stream)
        _refuse_repeated(file.schema_arrow.names, name)
        row = 0
        for group in range(file.num_row_groups):
            place = f" in row group {group + 1} of {file.num_row_groups}, after row {row:,}"
            for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group]):
                yield from _batch_rows(batch, name, row)
                row += batch.num_rows
    except DataError:
        raise
    # ValueError, since damaged column names are not always UTF-8.
    except (arrow.ArrowException, OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        wrong = "damaged" if place else "no readable Parquet file"
        raise DataError(
            f"{name}: {wrong}{place}: {first_line}; write or download it again"
        ) from error


def read_hub(path: str, split: str) -> Iterator[RawRow | Problem]:
    """Load a dataset from the Hugging Face hub, or from its cache.

    Args:
        path: The dataset's id, with ``:config`` at its end to select a config.
        split: The split to read, in the notation of ``datasets``.

    Yields:
        A raw row for each row of the split.

    Raises:
        DataError: If there is no such dataset, config or split, or the hub cannot be reached.
        MissingPackageError: If datasets is not installed.
    """
    purpose = f"load {path}, which is no file here, from the Hugging Face hub"
    datasets = _import("datasets", purpose)
    identity, _, config = path.partition(":")
    prepare_for_hub()
    try:
        table = datasets.load_dataset(identity, config or None, split=split)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(
            f"{path}: no such file here, and no dataset of this id could be loaded from the "
            f"Hugging Face hub: {first_line}; check the id, `data.split` ({split}) and the "
            "network, or download the data and set `data.path` to the file"
        ) from error
    yield from _located(table, f"{path}:{split}")


def is_saved_dataset(folder: Path) -> bool:
    """Whether ``datasets.save_to_disk`` wrote the folder."""
    return any((folder / marker).is_file() for marker in _SAVED_MARKERS)


def read_saved_dataset(folder: Path, split: str) -> Iterator[RawRow | Problem]:
    """Read a folder that ``datasets.save_to_disk`` wrote.

    Args:
        folder: The folder.
        split: The split to read; a folder without splits has only ``train``.

    Yields:
        A raw row for each row of the split.

    Raises:
        DataError: If the folder is damaged or has no such split.
        MissingPackageError: If datasets is not installed.
    """
    datasets = _import("datasets", "read a saved dataset")
    with _readable(folder):
        loaded = datasets.load_from_disk(str(folder))
    splits = loaded if isinstance(loaded, Mapping) else {"train": loaded}
    if split not in splits:
        raise DataError(
            f"{folder}: has no split `{split}`; set `data.split` to one of: {show_names(splits)}"
        )
    with _readable(folder):
        # Arrow believes the offsets of a file; wrong ones would end the process, and not only the reading.
        splits[split].data.validate(full=True)
        yield from _located(splits[split], f"{folder}:{split}")


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Say of a saved dataset that it is damaged, in whatever way datasets and pyarrow stumble over it."""
    try:
        yield
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(
            f"{folder}: no readable saved dataset: {first_line}; save or download it again"
        ) from error


def _refuse_repeated(columns: list[str], name: str) -> None:
    if repeated := {column for column in columns if columns.count(column) > 1}:
        listed = show_names(sorted(repeated))
        raise DataError(f"{name}: holds the column {listed} more than once; rename one of them")


def _import(module: str, purpose: str) -> ModuleType:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(package, purpose, _INSTALL) from error


def _located(table: Iterable[Mapping[str, object]], name: str) -> Iterator[RawRow | Problem]:
    for number, value in enumerate(table, start=1):
        yield RawRow(f"{name}:row {number}", dict(value))


def _batch_rows(batch: _Batch, name: str, rows_before: int) -> Iterator[RawRow | Problem]:
    """Convert a batch at once; where that fails row by row, so that only bad rows are lost."""
    try:
        values = batch.to_pylist()
    except (ValueError, OverflowError):
        values = None
    for index in range(batch.num_rows):
        location = f"{name}:row {rows_before + index + 1}"
        if values is not None:
            yield RawRow(location, values[index])
        else:
            yield _single_row(batch.slice(index, 1), location)


def _single_row(batch: _Batch, location: str) -> RawRow | Problem:
    try:
        return RawRow(location, batch.to_pylist()[0])
    except UnicodeDecodeError as error:
        reason = (
            f"byte {error.start + 1} of a text, 0x{error.object[error.start]:02x}, is not UTF-8; "
            "write it as UTF-8, or remove the row"
        )
        return Problem(location, "invalid_utf8", reason)
    except (ValueError, OverflowError) as error:
        reason = f"a value cannot be read: {error}; store it as text, or remove the column"
        return Problem(location, "wrong_type", reason)
